"""What to do with each file: decided on values alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.docking import plan
from dock_daemon.docking.plan import Keep, Skip, Take
from dock_daemon.evidence.records import Known
from firmware_bridge.volume.listing import Entry, Extent, Stamp
from tests.entries import DATE, TIME, record, volume

VOLUME = volume()


def known(entry: Entry, *, seq: int = 7) -> Known:
    """Return what the ledger knows once `entry` was sealed."""
    return Known(
        seq=seq,
        volume=VOLUME.key,
        path_key=plan.path_key(entry),
        path=entry.text,
        listed_size=plan.listed_size(entry),
        stamps=plan.stamps_of(entry),
        extents=plan.extents_of(entry),
        first_offset=plan.first_offset(entry),
        sha256="00" * 32,
        size=plan.content_size(entry),
        media_class="media",
    )


def step(entry: Entry, *before: Known) -> plan.Step:
    """Return the one step for a card with one file."""
    (found,) = plan.steps(VOLUME, [entry], {plan.path_key(entry): before})
    return found


def test_a_new_file_is_taken() -> None:
    """What the ledger does not know under its path is copied."""
    entry = record("DCIM/A.MP4")
    assert step(entry) == Take(VOLUME, entry)


def test_an_unchanged_file_is_kept() -> None:
    """Equal in all that is listed: it is looked at again, not copied."""
    entry = record("DCIM/A.MP4")
    assert step(entry, known(entry)) == Keep(VOLUME, entry, known(entry))


def test_the_access_date_says_nothing() -> None:
    """Looking at a card in a PC changes it, and no clip."""
    entry = record("DCIM/A.MP4")
    seen = replace(entry, accessed=Stamp(DATE + 1, 0))
    assert isinstance(step(seen, known(entry)), Keep)


def test_any_version_under_a_name_is_known_again() -> None:
    """A broken card may hold one name twice: each file is what it was sealed as."""
    entry, twin = record("DCIM/A.MP4"), record("DCIM/A.MP4", at=90_000)
    versions = known(twin, seq=8), known(entry, seq=7)
    assert step(entry, *versions) == Keep(VOLUME, entry, versions[1])
    assert step(twin, *versions) == Keep(VOLUME, twin, versions[0])


def test_an_odd_name_is_no_reason_for_not_reading() -> None:
    """The problem that keeps the content away is named, not the first one."""
    entry = record("A.MP4", size=10, reach=0, problems=("name-control", "cluster-out-of-range"))
    assert step(entry) == Skip(VOLUME, entry, "cluster-out-of-range")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"size": 999}, ("size",)),
        ({"modified": Stamp(DATE, TIME + 1)}, ("times",)),
        ({"modified": None}, ("times",)),
        ({"created": Stamp(DATE, TIME, 1)}, ("times",)),
        ({"modified": Stamp(DATE, TIME, 0, 0x80)}, ("times",)),
        ({"extents": (Extent(8192, 1000),)}, ("extents",)),
        ({"extents": (Extent(4096, 500), Extent(9000, 500))}, ("extents",)),
        ({"size": 5, "extents": (Extent(4096, 5),)}, ("size", "extents")),
    ],
)
def test_what_differs_is_named(change: dict[str, object], differs: tuple[str, ...]) -> None:
    """A known name with anything else about it is taken, with what is different."""
    entry = record("DCIM/A.MP4")
    other = replace(entry, **change)  # type: ignore[arg-type]  # fields of an Entry
    assert step(other, known(entry)) == Take(VOLUME, other, known(entry), differs)


def test_the_oldest_comes_first() -> None:
    """Its deadline is the nearest; what has no time cannot be less urgent."""
    files = [
        record("C", modified=Stamp(DATE + 1, 0)),
        record("B", modified=Stamp(DATE, TIME)),
        record("A", modified=None),
        record("D", modified=Stamp(DATE, TIME), record_offset=0),
    ]
    steps = plan.steps(VOLUME, files, {})
    assert [one.entry.text for one in steps] == ["A", "D", "B", "C"]


def test_folders_and_deleted_records_are_no_files() -> None:
    """They get no step."""
    files = [record("D", directory=True), record("A", deleted=True)]
    assert plan.steps(VOLUME, files, {}) == []


def test_a_file_without_anything_to_read_is_skipped() -> None:
    """A size without clusters is named by its first problem."""
    entry = record("A.MP4", size=10, reach=0, problems=("no-chain", "x"))
    assert step(entry) == Skip(VOLUME, entry, "no-chain")
    bare = record("A.MP4", size=10, reach=0)
    assert step(bare) == Skip(VOLUME, bare, "no-extents")


def test_an_empty_file_is_taken() -> None:
    """No bytes can be copied too."""
    assert isinstance(step(record("A.MP4", size=0)), Take)


def test_sizes_of_what_makes_no_sense() -> None:
    """Never more than the extents hold, never more than the record says, but for a lost size."""
    short = record("A", size=1000, reach=300)
    assert (plan.content_size(short), plan.is_incomplete(short)) == (300, True)
    long = record("A", size=1000, reach=4096)
    assert (plan.content_size(long), plan.is_incomplete(long)) == (1000, False)
    lost = record("A", size=0, reach=4096, problems=("size-zero-with-chain",))
    assert (plan.content_size(lost), plan.valid_size(lost)) == (4096, 4096)
    assert not plan.is_incomplete(lost)
    zeros = record("A", size=1000, valid=10)
    assert (plan.content_size(zeros), plan.valid_size(zeros)) == (1000, 10)


@given(
    size=st.integers(0, 2**64 - 1),
    valid=st.integers(0, 2**64 - 1),
    lengths=st.lists(st.integers(0, 2**40), max_size=4),
    lost=st.booleans(),
)
def test_sizes_stay_within_what_can_be_read(
    size: int, valid: int, lengths: list[int], *, lost: bool
) -> None:
    """Whatever a record claims, 0 <= valid <= content <= extents, and the ledger can hold it."""
    entry = replace(
        record("A"),
        size=size,
        valid_size=valid,
        extents=tuple(Extent(0, length) for length in lengths),
    )
    if lost:
        entry = replace(entry, problems=record("A", problems=("size-zero-with-chain",)).problems)
    assert 0 <= plan.valid_size(entry) <= plan.content_size(entry) <= sum(lengths)
    assert plan.listed_size(entry) < 2**53
    assert step(entry).entry == entry


def test_path_keys_tell_raw_names_apart() -> None:
    """Two names that look alike on a screen are two files."""
    one, two = record("e\u0301.mp4"), record("\u00e9.mp4")
    assert plan.path_key(one) != plan.path_key(two)
    assert plan.path_key(record("a/b")) != plan.path_key(record("a\u2044b"))
