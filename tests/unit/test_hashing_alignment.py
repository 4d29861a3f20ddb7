"""Which entry is gone, new, changed or moved: found whatever the bundles look like."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from hashing.alignment import Alignment, Fault, Found

SEALED = st.integers(1, 900)


def line_up(sealed: Sequence[int], found: Sequence[int | None], width: int = 256) -> list[Fault]:
    """Line up what was sealed with what is found; None is an entry that nobody sealed."""

    def leaf(number: int) -> bytes:
        return b"%d" % number

    alignment = Alignment()
    faults: list[Fault] = []
    entries = [
        Found(b"?%d" % at if number is None else leaf(number), number, f"bundle {at // width}")
        for at, number in enumerate(found)
    ]
    for first in range(0, max(len(sealed), len(found)), width):
        part = [(number, leaf(number)) for number in sealed[first : first + width]]
        faults += alignment.feed(part, entries[first : first + width], f"bundle {first // width}")
    return [*faults, *alignment.finish()]


def said(faults: Sequence[Fault]) -> list[tuple[str, int]]:
    """Return code and entry of each fault."""
    return [(fault.code, fault.seq) for fault in faults]


@given(SEALED)
def test_what_was_sealed_has_no_fault(size: int) -> None:
    """Entries that are all there, in order, have no fault."""
    assert line_up(range(size), range(size)) == []


@given(SEALED, st.data())
def test_one_deleted_entry(size: int, data: st.DataObject) -> None:
    """Wherever one entry is taken out, and the others moved up, exactly it is named."""
    victim = data.draw(st.integers(0, size - 1))
    left = [number for number in range(size) if number != victim]
    assert said(line_up(range(size), left)) == [("entry-deleted", victim)]


@given(SEALED, st.data())
def test_one_inserted_entry(size: int, data: st.DataObject) -> None:
    """Wherever one entry is slipped in, and the others moved down, its place is named."""
    place = data.draw(st.integers(0, size))
    found = [*range(place), None, *range(place, size)]
    assert said(line_up(range(size), found)) == [("entry-inserted", place)]


@given(SEALED, st.data())
def test_one_edited_entry(size: int, data: st.DataObject) -> None:
    """Wherever one entry is edited, exactly it is named."""
    victim = data.draw(st.integers(0, size - 1))
    found = [None if number == victim else number for number in range(size)]
    assert said(line_up(range(size), found)) == [("entry-edited", victim)]


@given(st.integers(2, 900), st.data())
def test_two_exchanged_entries(size: int, data: st.DataObject) -> None:
    """Two exchanged entries are named, in one fault if they are near, and no other entry is."""
    one = data.draw(st.integers(0, size - 2))
    other = data.draw(st.integers(one + 1, size - 1))
    found = list(range(size))
    found[one], found[other] = found[other], found[one]
    faults = line_up(range(size), found)
    assert {fault.code for fault in faults} == {"entry-reordered"}
    assert {seq for fault in faults for seq in fault.concerns} == {one, other}
    assert len(faults) == 1 or other - one >= 256


@given(st.integers(1, 300), st.lists(st.none() | st.integers(0, 299), max_size=320))
def test_anything_at_all_ends(size: int, found: list[int | None]) -> None:
    """Whatever is found, the walk ends, and says nothing only of what was sealed."""
    faults = line_up(range(size), found)
    assert (faults == []) == (found == list(range(size)))
