"""The clip folder under watch, with a real inotify: what is closed is journalled, once."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clip_hash import CHUNK
from agent.watch import Wanted, Watch
from hashing.journal_bodies import read_path
from tests.journals import ToldClock, opened, records

ENDINGS = (".mp4", ".wav")


class Camera:
    """A clip folder with its journal, and the watch over it."""

    def __init__(self, folder: Path) -> None:
        self.clips = folder / "clips"
        self.clips.mkdir()
        self.clock = ToldClock()
        self.journal = opened(folder / "journal", clock=self.clock)
        self.troubles: list[str] = []
        self.now_s = 0.0
        self.watch = self.watching()
        self.watch.flush()
        self.seen = self.journal.size

    def watching(self, overwrites_below: float = 0.0) -> Watch:
        """Return a watch that begins now."""
        watch = Watch(
            self.clips,
            self.journal,
            Wanted(endings=ENDINGS, overwrites_below=overwrites_below),
            trouble=self.troubles.append,
            monotonic_s=lambda: self.now_s,
        )
        watch.resume("start")
        return watch

    def record(self, path: str, content: bytes = b"clip") -> Path:
        """Write a clip as a camera does."""
        file = self.clips / path
        file.write_bytes(content)
        return file

    def turn(self) -> None:
        """Do what a loop does until nothing is left to do."""
        self.watch.read()
        while self.watch.wait_s() == 0.0:
            self.watch.step()
            self.watch.read()

    def settle(self) -> None:
        """Let a minute pass, and do what falls due."""
        self.turn()
        self.now_s += 60
        self.turn()

    def told(self) -> list[tuple[str, str]]:
        """Return kind and path of what was journalled since this was asked last."""
        fresh = records(self.journal)[self.seen :]
        self.seen = self.journal.size
        return [
            (one.kind, read_path(one.body["path"]).text if "path" in one.body else "")
            for one in fresh
        ]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Camera]:
    """Yield a camera whose folder was gone through."""
    one = Camera(tmp_path)
    yield one
    one.watch.suspend()
    one.journal.close()


def test_closed_clip_is_journalled_with_its_content(camera: Camera) -> None:
    """Digest, size, start and end stand in the record of a clip that was closed."""
    with (camera.clips / "a.mp4").open("wb") as file:
        file.write(b"x" * (CHUNK + 1))
        camera.watch.read()
        camera.clock.ahead_us += 90_000_000
    camera.settle()
    *_, clip = [one for one in records(camera.journal) if one.kind == "clip"]
    assert clip.body["sha256"] == hashlib.sha256(b"x" * (CHUNK + 1)).hexdigest()
    assert clip.body["size"] == CHUNK + 1
    assert clip.body["late"] is False
    started, ended = clip.body["start_ms"], clip.body["end_ms"]
    assert isinstance(started, int)
    assert isinstance(ended, int)
    assert 90_000 <= ended - started < 150_000
    assert [kind for kind, _ in camera.told()] == ["opened", "clock", "clip"]


def test_clip_that_is_closed_twice_is_one_record(camera: Camera) -> None:
    """A program that opens its clip again to finish it makes no second record."""
    file = camera.record("a.mp4")
    camera.turn()
    camera.now_s += 1
    with file.open("ab") as again:
        again.write(b"its index")
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("clip", "a.mp4")]


def test_clip_that_is_written_again_is_two_records(camera: Camera) -> None:
    """A clip that gets other content later is journalled with that, too."""
    file = camera.record("a.mp4")
    camera.settle()
    file.write_bytes(b"other")
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("clip", "a.mp4"), ("clip", "a.mp4")]


def test_clip_that_is_touched_and_stays_is_no_second_record(camera: Camera) -> None:
    """Closing a clip again that holds the same says nothing new."""
    file = camera.record("a.mp4")
    camera.settle()
    file.open("ab").close()
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("clip", "a.mp4")]


def test_clip_that_is_open_for_writing_is_waited_for(camera: Camera) -> None:
    """What somebody still writes to is hashed once it is closed, not before."""
    file = camera.record("a.mp4")
    with file.open("ab") as again:
        camera.settle()
        assert camera.told() == [("opened", "a.mp4")]
        again.write(b"more")
    camera.settle()
    assert camera.told() == [("clip", "a.mp4")]


def test_other_names_are_let_be(camera: Camera) -> None:
    """Only names that end as they should are journalled, in any case of their letters."""
    camera.record("recorder.log")
    camera.record("B.MP4")
    (camera.clips / "link.mp4").symlink_to(camera.clips / "recorder.log")
    camera.settle()
    assert camera.told() == [("opened", "B.MP4"), ("clip", "B.MP4")]


def test_clip_that_gets_its_name_when_it_is_whole(camera: Camera) -> None:
    """A clip written under a name that does not count is journalled under the one that does."""
    file = camera.record("a.tmp")
    file.rename(camera.clips / "a.mp4")
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("clip", "a.mp4")]


def test_renamed_clip_is_not_hashed_again(camera: Camera) -> None:
    """A clip that gets a mark into its name is the same clip."""
    file = camera.record("a.mp4")
    camera.settle()
    file.rename(camera.clips / "aIMP.mp4")
    camera.settle()
    assert camera.told()[2:] == [("renamed", "a.mp4")]
    (camera.clips / "aIMP.mp4").unlink()
    camera.settle()
    assert camera.told() == [("removed", "aIMP.mp4")]


def test_clip_renamed_before_it_was_hashed(camera: Camera) -> None:
    """The new name's record holds what was closed under the old one."""
    file = camera.record("a.mp4")
    camera.turn()
    file.rename(camera.clips / "b.mp4")
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("renamed", "a.mp4"), ("clip", "b.mp4")]


def test_clips_in_new_folders_are_found(camera: Camera) -> None:
    """A folder that is made is watched, with what was written before it was."""
    deep = camera.clips / "DCIM" / "100"
    deep.mkdir(parents=True)
    camera.record("DCIM/100/a.mp4")
    camera.settle()
    camera.record("DCIM/100/b.mp4")
    camera.settle()
    assert [one for one in camera.told() if one[0] == "clip"] == [
        ("clip", "DCIM/100/a.mp4"),
        ("clip", "DCIM/100/b.mp4"),
    ]


def test_folder_that_is_moved_is_gone_through_again(camera: Camera) -> None:
    """Clips whose folder got another name are known under their new paths."""
    (camera.clips / "DCIM").mkdir()
    camera.settle()
    camera.record("DCIM/a.mp4")
    camera.settle()
    (camera.clips / "DCIM").rename(camera.clips / "OLD")
    camera.settle()
    assert [one for one in camera.told() if one[0] in {"clip", "removed"}] == [
        ("clip", "DCIM/a.mp4"),
        ("removed", "DCIM/a.mp4"),
        ("clip", "OLD/a.mp4"),
    ]


def test_removed_clip_is_journalled(camera: Camera) -> None:
    """That a clip went away is a record; a file that never was one makes none."""
    camera.record("a.mp4")
    camera.record("x.txt").unlink()
    camera.settle()
    (camera.clips / "a.mp4").unlink()
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("clip", "a.mp4"), ("removed", "a.mp4")]


def test_clip_moved_out_of_the_folder_is_removed(camera: Camera, tmp_path: Path) -> None:
    """Out of the folder is gone."""
    camera.record("a.mp4")
    camera.settle()
    (camera.clips / "a.mp4").rename(tmp_path / "a.mp4")
    camera.settle()
    assert camera.told()[2:] == [("removed", "a.mp4")]


def test_clip_erased_by_order_is_not_said_twice(camera: Camera) -> None:
    """What the journal says is erased is not also said to be removed."""
    file = camera.record("a.mp4")
    camera.settle()
    camera.watch.forget(b"a.mp4")
    file.unlink()
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("clip", "a.mp4")]


def test_oldest_clip_of_a_full_volume_is_overwritten(camera: Camera) -> None:
    """Where the recorder records in a loop, the oldest clip makes room; another one is removed."""
    for name in ("a.mp4", "a.wav", "b.mp4", "c.mp4"):
        camera.record(name)
        camera.settle()
    camera.watch.suspend()
    camera.watch = camera.watching(overwrites_below=1.01)
    camera.settle()
    camera.told()
    for name in ("c.mp4", "a.wav", "a.mp4"):
        (camera.clips / name).unlink()
        camera.settle()
    assert camera.told() == [
        ("removed", "c.mp4"),
        ("overwritten", "a.wav"),
        ("overwritten", "a.mp4"),
    ]


def test_start_finds_what_happened_meanwhile(camera: Camera) -> None:
    """Clips closed, changed and removed while nobody looked are journalled as late, or gone."""
    for name in ("kept.mp4", "changed.mp4", "gone.mp4"):
        camera.record(name)
    camera.settle()
    camera.watch.suspend()
    camera.told()
    camera.record("new.mp4")
    camera.record("changed.mp4", b"changed")
    (camera.clips / "gone.mp4").unlink()
    camera.watch = camera.watching()
    camera.settle()
    fresh = [one for one in records(camera.journal)[camera.seen :] if one.kind == "clip"]
    assert all(one.body["late"] is True for one in fresh)
    assert sorted(camera.told()) == [
        ("clip", "changed.mp4"),
        ("clip", "new.mp4"),
        ("opened", "changed.mp4"),
        ("opened", "new.mp4"),
        ("removed", "gone.mp4"),
        ("rescanned", ""),
    ]


def test_clip_that_only_looks_changed_is_told_again(camera: Camera) -> None:
    """A clip whose stamp is another one is hashed again; what is said to be open gets its clip."""
    file = camera.record("a.mp4")
    camera.settle()
    camera.watch.suspend()
    os.utime(file, (0, 0))
    camera.told()
    for expected in ([("opened", "a.mp4"), ("rescanned", ""), ("clip", "a.mp4")], []):
        camera.watch = camera.watching()
        camera.settle()
        assert [one for one in camera.told() if one[0] != "rescanned" or expected] == expected
        camera.watch.suspend()


def test_late_clip_ends_when_it_was_last_written(camera: Camera) -> None:
    """The file's own stamp, moved to the journal's clock, is when a late clip ended."""
    camera.watch.suspend()
    file = camera.record("a.mp4")
    os.utime(file, ns=(0, file.stat().st_mtime_ns - 3_600_000_000_000))
    camera.watch = camera.watching()
    camera.settle()
    (clip,) = [one for one in records(camera.journal) if one.kind == "clip"]
    ended = clip.body["end_ms"]
    assert isinstance(ended, int)
    assert abs(camera.clock.now_us() // 1000 - ended - 3_600_000) < 60_000
    assert clip.body["start_ms"] is None


def test_clip_opened_in_an_earlier_life_keeps_its_start(camera: Camera) -> None:
    """The recorder lost its power while recording: the start is known, the end is the stamp."""
    with (camera.clips / "a.mp4").open("wb"):
        camera.turn()
        camera.watch.suspend()
    camera.watch = camera.watching()
    camera.settle()
    begun, clip = [one for one in records(camera.journal) if one.kind in {"opened", "clip"}]
    assert clip.body["start_ms"] == begun.at.utc_ms
    assert clip.body["late"] is True


def test_volume_that_comes_back_is_gone_through(camera: Camera) -> None:
    """While its volume is out the folder makes no news; then all of it is looked at."""
    camera.record("a.mp4")
    camera.settle()
    camera.watch.suspend()
    assert not camera.watch.watches
    assert camera.watch.wait_s() is None
    (camera.clips / "a.mp4").unlink()
    camera.watch.read()
    camera.told()
    camera.watch.resume("returned")
    camera.settle()
    assert camera.told() == [("removed", "a.mp4"), ("rescanned", "")]


def test_folder_that_is_not_there_removes_nothing(camera: Camera) -> None:
    """A clip folder that has not come back proves no clip gone; that is told."""
    camera.record("a.mp4")
    camera.settle()
    camera.watch.suspend()
    camera.told()
    camera.clips.rename(camera.clips.with_name("elsewhere"))
    camera.watch.resume("returned")
    camera.settle()
    assert camera.told() == [("rescanned", "")]
    assert camera.troubles


def test_lost_news_are_made_up_for(camera: Camera) -> None:
    """When the kernel's queue ran over, all of the folder is gone through."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    noise = camera.clips / "noise.txt"
    for _ in range(most // 3 + 1):  # made, closed, removed: three pieces of news
        noise.write_bytes(b"x")
        noise.unlink()
    camera.record("a.mp4")
    camera.settle()
    assert camera.told() == [("opened", "a.mp4"), ("rescanned", ""), ("clip", "a.mp4")]


def test_flush_waits_for_nothing_but_the_hash(camera: Camera) -> None:
    """Before the volume is handed out, all that is closed is journalled at once."""
    camera.record("a.mp4")
    camera.record("b.mp4", b"b" * (3 * CHUNK))
    camera.watch.flush()
    assert sorted(one for one in camera.told() if one[0] == "clip") == [
        ("clip", "a.mp4"),
        ("clip", "b.mp4"),
    ]


def test_a_step_reads_one_chunk_at_most(camera: Camera) -> None:
    """However large a clip is, whoever asks the recorder something waits for one chunk."""
    camera.record("a.mp4", bytes(5 * CHUNK))
    camera.turn()
    camera.now_s += 60
    steps = 0
    while camera.watch.step():
        steps += 1
    assert steps >= 6


def test_name_that_is_no_text_is_kept(camera: Camera) -> None:
    """A path that is not UTF-8 stands in the journal by its bytes."""
    (Path(os.fsdecode(os.fsencode(camera.clips) + b"/\xb2\xe2.mp4"))).write_bytes(b"x")
    camera.settle()
    clip = records(camera.journal)[-1]
    assert read_path(clip.body["path"]).raw == b"\xb2\xe2.mp4"


def test_clip_that_can_not_be_read_is_told(camera: Camera) -> None:
    """A clip that goes before it is hashed is nothing; one that can't be opened is a trouble."""
    camera.record("gone.mp4")
    camera.turn()
    (camera.clips / "gone.mp4").unlink()
    camera.settle()
    assert camera.troubles == []
    assert camera.told() == [("opened", "gone.mp4"), ("removed", "gone.mp4")]
