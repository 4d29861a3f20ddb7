"""What a card no longer shows, as facts on values alone."""

from dataclasses import replace

import pytest

from dock_daemon.docking import findings, plan
from dock_daemon.docking.findings import Finding
from dock_daemon.docking.plan import Take
from dock_daemon.evidence.records import Known
from firmware_bridge.volume.listing import Entry, Extent, Refused, Stamp
from hashing import canonical
from tests.entries import DATE, TIME, record, volume

VOLUME = volume()


def known(entry: Entry, *, seq: int = 7, media_class: str = "media") -> Known:
    """Return what the ledger knows once `entry` was sealed."""
    return Known(
        seq=seq, volume=VOLUME.key, path_key=plan.path_key(entry), path=entry.text,
        listed_size=entry.size, stamps=plan.stamps_of(entry), extents=plan.extents_of(entry),
        first_offset=plan.first_offset(entry), sha256=f"{seq:064x}", size=entry.size,
        media_class=media_class,
    )  # fmt: skip


def found(entries: list[Entry], *clips: Known, sound: bool = True) -> list[Finding]:
    """Return what is found on a volume with these entries, against these clips."""
    return list(
        findings.of_volume(
            volume(sound=sound),
            entries,
            {clip.path_key: (clip,) for clip in clips},
            looks_like_clip=lambda entry: entry.text.upper().endswith("MP4"),
            judged=lambda clip: clip.media_class != "record",
        )
    )


A, B = record("DCIM/A.MP4"), record("DCIM/B.MP4", at=9000)


def test_nothing_is_found_where_all_is_as_it_was() -> None:
    """Live and unchanged is no finding, nor is a new file."""
    assert found([A, B], known(A)) == []


def test_missing_without_a_trace() -> None:
    """It names the clip and what was sealed."""
    (one,) = found([B], known(A), known(B, seq=8))
    assert (one.finding, one.path, one.clip) == ("missing", "DCIM/A.MP4", 7)
    assert one.facts == {"sealed_sha256": f"{7:064x}", "sealed_size": 1000}


def test_nothing_is_missing_from_half_a_listing() -> None:
    """Only a sound listing proves that something is not there."""
    assert found([], known(A), sound=False) == []


def test_a_record_of_the_recorders_own_is_not_judged() -> None:
    """A log file that goes is no finding."""
    assert found([], known(record("RUN.LOG"), media_class="record")) == []


@pytest.mark.parametrize(
    "trace",
    [
        record("DCIM/A.MP4", deleted=True),
        record("DCIM/A.MP4", deleted=True, at=777),
        record("DCIM/\u00e5.MP4", deleted=True),
        record("OTHER.MP4", deleted=True, size=0, reach=10),
    ],
)
def test_deleted_with_a_trace(trace: Entry) -> None:
    """The record that was left is recognised by its place, or by its name."""
    (one,) = found([trace], known(A))
    assert (one.finding, one.clip, one.facts["unallocated"]) == ("deleted", 7, True)
    assert one.facts["record_offset"] == trace.record_offset


def test_the_first_letter_of_a_short_name_is_lost() -> None:
    """`?LIP.MP4` may be what is left of `CLIP.MP4`, and is not what is left of `CLAP.MP4`."""
    clip = known(record("CLIP.MP4", short=True))
    left = record("\u00e5LIP.MP4", short=True, deleted=True, at=1 << 20)
    assert [one.finding for one in found([left], clip)] == ["deleted"]
    other = record("\u00e5LAP.MP4", short=True, deleted=True, at=1 << 20)
    assert [one.finding for one in found([other], clip)] == ["missing", "deleted-unseen"]


def test_a_deleted_record_that_nobody_has_seen() -> None:
    """It is told, unless its content is on the card under another name or in the store."""
    ghost = record("GHOST.MP4", deleted=True, at=50_000)
    (one,) = found([A, ghost], known(A))
    assert (one.finding, one.path, one.clip) == ("deleted-unseen", "GHOST.MP4", None)
    renamed = record("OLDNAME.MP4", deleted=True)
    assert found([A, renamed]) == []
    assert found([renamed, replace(A, path=B.path)], known(B)) == []


def test_a_deleted_folder_or_text_is_nothing() -> None:
    """Only what looks like a clip is told."""
    assert found([record("X.TXT", deleted=True), record("D", deleted=True, directory=True)]) == []


def test_the_key_of_a_fact_stays_the_same() -> None:
    """Seen again the same fact has the same key, and another fact another."""
    trace = record("DCIM/A.MP4", deleted=True)
    looked = replace(trace, accessed=Stamp(DATE + 9, 0))
    assert found([trace], known(A))[0].key == found([], known(A))[0].key
    assert found([trace])[0].key == found([looked])[0].key
    other = replace(trace, modified=Stamp(DATE, TIME + 1))
    assert found([trace])[0].key != found([other])[0].key
    assert found([], known(A))[0].key != found([], known(A, seq=8))[0].key


def test_many_deleted_and_many_missing() -> None:
    """A card that was wiped is judged in one pass, each clip with its own trace."""
    clips = [record(f"DCIM/{n:05d}.MP4", at=4096 * (n + 1)) for n in range(3000)]
    wiped = [replace(clip, deleted=True) for clip in clips]
    told = found(wiped, *(known(clip, seq=n) for n, clip in enumerate(clips)))
    assert {one.finding for one in told} == {"deleted"}
    assert [one.facts["record_offset"] for one in told] == [one.record_offset for one in wiped]


def test_changed_names_what_differs() -> None:
    """Equal content under other times is told; equal in all is not."""
    clip = known(A)
    times = Take(VOLUME, A, clip, ("times",))
    one = findings.changed(times, clip, sha256=clip.sha256, size=1000)
    assert one is not None
    assert one.facts["differs"] == ["times"]
    content = findings.changed(Take(VOLUME, A, clip), clip, sha256="ff" * 32, size=1000)
    assert content is not None
    assert content.facts["differs"] == ["content"]
    assert findings.changed(Take(VOLUME, A, clip), clip, sha256=clip.sha256, size=1000) is None


def test_volume_replaced_only_where_no_volume_is_left() -> None:
    """A second card beside the known one is no replacement, nor is a first docking."""
    assert findings.volume_replaced("R", [], ["a"]) is None
    assert findings.volume_replaced("R", ["a"], []) is None
    assert findings.volume_replaced("R", ["a", "b"], ["b", "c"]) is None
    one = findings.volume_replaced("R", ["a"], ["b"])
    assert one is not None
    assert (one.finding, one.volume) == ("volume-replaced", "b")


def test_equal_partitions_of_two_cards_are_two_facts() -> None:
    """The volumes beside it tell one card's refused partition from another's."""
    part = Refused(1, 512, 1024, "ext4")
    assert findings.refused(part, ["a"]).key != findings.refused(part, ["b"]).key
    assert findings.refused(part, ["a"]).key == findings.refused(part, ["a"]).key


def test_every_fact_can_be_written_down() -> None:
    """Facts are canonical JSON, whatever numbers a broken record holds."""
    huge = replace(
        record("X.MP4", deleted=True), size=2**64 - 1, extents=(Extent(0, 10),), record=b"\xff" * 96
    )
    for one in (
        *found([huge]),
        findings.unread(VOLUME, huge, "x"),
        findings.doubtful(VOLUME, huge),
    ):
        facts = dict(one.facts)
        assert canonical.decode(canonical.encode(facts)) == facts


def test_a_stored_time_that_names_no_date() -> None:
    """It is told as no time at all."""
    assert findings.stored_time(None) == ""
    assert findings.stored_time(Stamp(0, 0)) == ""
    assert findings.stored_time(Stamp(DATE, TIME)) == "2026-03-14 09:26:52"
