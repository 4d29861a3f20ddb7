"""The reader against programs that others wrote: mtools, The Sleuth Kit, fsck and mkfs.

Cards are made by mkfs.vfat and mtools, or by tests/cards.py and judged by fsck;
then both sides list the same card, and must say the same.
"""

import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytsk3

from firmware_bridge.volume.listing import Entry
from tests.cards import RECORDED, Clip, make_exfat_card, make_fat_card
from tests.listed import codes, content, read_image
from tests.require import need

FAT_SIZES = {12: 4 << 20, 16: 24 << 20, 32: 48 << 20}
ENVIRONMENT = {"MTOOLS_SKIP_CHECK": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": os.defpath}
ENVIRONMENT["PATH"] += ":/usr/sbin:/sbin"


def run(*command: str, allowed: tuple[int, ...] = (0,)) -> str:
    """Run one of the judges, and return what it says."""
    tool = shutil.which(command[0], path=ENVIRONMENT["PATH"])
    need(tool, command[0])
    assert tool is not None
    done = subprocess.run(
        [tool, *command[1:]], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode in allowed, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Judged:
    """What The Sleuth Kit says of one file."""

    size: int
    modified: int
    data: bytes


def tsk_files(path: Path, offset: int = 0) -> dict[tuple[str, bool], Judged]:
    """Return all files by (path, deleted) as The Sleuth Kit sees them."""
    system = pytsk3.FS_Info(pytsk3.Img_Info(str(path)), offset=offset)
    found: dict[tuple[str, bool], Judged] = {}

    def walk(folder: Any, above: str) -> None:  # pytsk3 tells no types
        for entry in folder:
            name = entry.info.name.name.decode()
            if name in {".", ".."} or name[0] == "$" or entry.info.meta is None:
                continue
            if name.endswith("(Volume Label Entry)"):
                continue
            deleted = bool(int(entry.info.name.flags) & pytsk3.TSK_FS_NAME_FLAG_UNALLOC)
            is_folder = int(entry.info.meta.type) == pytsk3.TSK_FS_META_TYPE_DIR
            if is_folder and not deleted:
                walk(entry.as_directory(), f"{above}{name}/")
            elif not is_folder and int(entry.info.name.type) == pytsk3.TSK_FS_NAME_TYPE_REG:
                size = entry.info.meta.size
                data = entry.read_random(0, size) if size and not deleted else b""
                found[above + name, deleted] = Judged(size, entry.info.meta.mtime, data)

    walk(system.open_dir("/"), "")
    return found


def our_files(path: Path) -> dict[tuple[str, bool], tuple[Entry, bytes]]:
    """Return all files by (path, deleted) as the reader sees them, with their bytes."""
    image = path.read_bytes()
    return {
        (entry.text, entry.deleted): (entry, content(image, entry.extents))
        for entry in read_image(path).entries
        if not entry.directory
    }


def compare(path: Path, offset: int = 0) -> None:
    """Assert that the reader and The Sleuth Kit see the same files."""
    ours, theirs = our_files(path), tsk_files(path, offset)
    assert set(ours) == set(theirs)
    for key, judged in theirs.items():
        entry, data = ours[key]
        assert entry.size == judged.size, key
        if not entry.deleted:
            assert data == judged.data, key


@pytest.fixture(params=[12, 16, 32])
def mtools_card(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """Return a card filled, and partly emptied again, by mtools; and what is live on it."""
    kind: int = request.param
    path = tmp_path / "card"
    with path.open("wb") as card:
        card.truncate(FAT_SIZES[kind])
    run("mkfs.vfat", "-F", str(kind), "-n", "BODYCAM", "-i", "CAFE0001", str(path))
    noise = random.Random(kind)  # noqa: S311  test data, the same each time
    live: dict[str, bytes] = {}
    run("mmd", "-i", str(path), "::DCIM", "::DCIM/100MEDIA", "::log")
    for number in range(24):
        name = noise.choice(
            [f"{number:07}_000000_20160129{number:06}_0001.mp4", f"C{number}.MP4", f"c{number}.mp4"]
        )
        folder = noise.choice(["DCIM/100MEDIA", "DCIM", "log"])
        data = noise.randbytes(noise.choice([0, 1, 511, 512, 40_000]))
        source = tmp_path / "source"
        source.write_bytes(data)
        os.utime(source, (1_773_480_412, 1_773_480_412))
        run("mcopy", "-m", "-i", str(path), str(source), f"::{folder}/{name}")
        if noise.randrange(4):
            live[f"{folder}/{name}"] = data
        else:
            run("mdel", "-i", str(path), f"::{folder}/{name}")
    return path, live


def test_card_written_by_mtools(mtools_card: tuple[Path, dict[str, bytes]]) -> None:
    """What mtools wrote is read back: names, bytes, times; and its free space is ours."""
    path, live = mtools_card
    found = read_image(path)
    assert found.volume.sound
    assert (found.volume.label, found.volume.serial) == ("BODYCAM", 0xCAFE0001)
    image = path.read_bytes()
    files = {e.text: e for e in found.entries if not (e.directory or e.deleted)}
    assert {name: content(image, e.extents) for name, e in files.items()} == live
    for entry in files.values():
        assert entry.modified is not None
        assert entry.modified.local() == datetime(2026, 3, 14, 9, 26, 52)  # noqa: DTZ001  no zone
        assert codes(entry) == set()
    said = run("mdir", "-i", str(path), "::")
    free = said.strip().splitlines()[-1].removesuffix("bytes free").replace(" ", "")
    assert found.volume.free_bytes == int(free)


def test_card_written_by_mtools_as_the_sleuth_kit_sees_it(
    mtools_card: tuple[Path, dict[str, bytes]],
) -> None:
    """Live files agree in name, size and bytes; the deleted ones in number and size."""
    path, _live = mtools_card
    ours, theirs = our_files(path), tsk_files(path)
    assert {k for k in ours if not k[1]} == {k for k in theirs if not k[1]}
    assert all(ours[k][1] == judged.data for k, judged in theirs.items() if not k[1])
    # Both lose the first letter of a deleted short name, and write another in its place.
    gone = sorted((name[-3:], entry.size) for (name, dead), (entry, _d) in ours.items() if dead)
    assert gone == sorted(
        (name[-3:], judged.size) for (name, dead), judged in theirs.items() if dead
    )


FILES: dict[str, bytes | Clip] = {
    "DCIM/100MEDIA/8888888_000000_20160129205547_0001.mp4": b"one" * 30_000,
    "DCIM/100MEDIA/B.MP4": Clip(data=b"two" * 50_000, fragmented=True),
    "DCIM/100MEDIA/was here before.mp4": Clip(data=b"three" * 900, deleted=True),
    "执法记录/视频 一.mp4": b"five" * 100,
    "Param.ini": b"[ZFY]\r\n",
    "empty/": b"",
    "zero.mp4": b"",
}


@pytest.mark.parametrize("fat", [12, 16, 32])
def test_our_fat_cards_are_clean(tmp_path: Path, fat: int) -> None:
    """fsck.vfat finds nothing wrong, and The Sleuth Kit sees what the reader sees."""
    assert fat in {12, 16, 32}
    path = tmp_path / "card"
    make_fat_card(path, FILES, FAT_SIZES[fat], fat=fat, mbr=False)  # type: ignore[arg-type]  # one of the three, as asserted
    run("fsck.vfat", "-n", str(path))
    compare(path)
    assert read_image(path).volume.sound


@pytest.mark.parametrize("cluster_size", [512, 4096, 32768])
def test_our_exfat_cards_are_clean(tmp_path: Path, cluster_size: int) -> None:
    """fsck.exfat finds nothing wrong, and The Sleuth Kit sees what the reader sees."""
    path = make_exfat_card(tmp_path / "card", FILES, 8 << 20, cluster_size=cluster_size, mbr=False)
    run("fsck.exfat", "-n", str(path))
    compare(path)
    found = read_image(path)
    assert found.volume.sound
    assert found.volume.problems == ()
    assert all(codes(entry) == set() for entry in found.entries)


@pytest.mark.parametrize("cluster", ["512", "4K", "128K"])
def test_fresh_exfat_of_mkfs(tmp_path: Path, cluster: str) -> None:
    """A card as mkfs.exfat leaves it is sound, empty, and bears its label."""
    path = tmp_path / "card"
    with path.open("wb") as card:
        card.truncate(16 << 20)
    run("mkfs.exfat", "-c", cluster, "-L", "执法1", str(path))
    found = read_image(path)
    assert (found.volume.problems, found.volume.sound, found.entries) == ((), True, [])
    assert found.volume.label == "执法1"
    assert found.volume.cluster_size == int(cluster.replace("K", "")) << (10 * cluster.count("K"))
    assert tsk_files(path) == {}


def test_clip_of_six_gigabytes(tmp_path: Path) -> None:
    """A sparse clip past 4 GiB on exFAT is one extent, and fsck.exfat agrees with the card."""
    size = 6 << 30
    path = make_exfat_card(
        tmp_path / "card", {"DCIM/long.mp4": Clip(data=b"begin", size=size)}, 8 << 30, mbr=False
    )
    run("fsck.exfat", "-n", str(path))
    entry = read_image(path).live("DCIM/long.mp4")
    (extent,) = entry.extents
    assert (entry.size, entry.valid_size, extent.length) == (size, size, size)
    with path.open("rb") as card:
        card.seek(extent.offset)
        assert card.read(5) == b"begin"


def test_live_files_that_the_sleuth_kit_hides(tmp_path: Path) -> None:
    """Why records are walked here: a clip of size 0 with a chain has no bytes for others."""
    path = make_fat_card(
        tmp_path / "card",
        {"A.MP4": Clip(data=b"lost power" * 400, size_lost=True)},
        FAT_SIZES[32],
        mbr=False,
    )
    judged = tsk_files(path).get(("A.MP4", False))
    assert judged is None or judged.data == b""
    entry, data = our_files(path)["A.MP4", False]
    assert codes(entry) == {"size-zero-with-chain"}
    assert data[:4000] == b"lost power" * 400


def test_times_are_given_as_stored(tmp_path: Path) -> None:
    """FAT knows no zone: The Sleuth Kit applies one, the reader repeats the card's digits."""
    path = make_fat_card(tmp_path / "card", {"A.MP4": b"a"}, FAT_SIZES[16], fat=16, mbr=False)
    entry, _data = our_files(path)["A.MP4", False]
    assert entry.modified is not None
    assert entry.modified.local() == RECORDED
