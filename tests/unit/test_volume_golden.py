"""Golden exFAT images, made by mkfs.exfat (tests/golden/exfat/make.py), and their listings."""

import hashlib
import json
import lzma
from pathlib import Path

import pytest

from firmware_bridge.volume.listing import Entry, Stamp, Volume
from tests.listed import Listed, content, read_bytes

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "exfat"


def plain(found: Listed) -> dict[str, object]:
    """Return a listing as JSON values that any language can compare."""
    return {"volume": _volume(found.volume), "entries": [_entry(e) for e in found.entries]}


def _volume(volume: Volume) -> dict[str, object]:
    return {
        "key": volume.key,
        "label": volume.label,
        "dirty": volume.dirty,
        "cluster_size": volume.cluster_size,
        "free_bytes": volume.free_bytes,
        "sound": volume.sound,
        "problems": [problem.code for problem in volume.problems],
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "path": entry.text,
        "name": entry.path[-1].raw.hex(),
        "deleted": entry.deleted,
        "directory": entry.directory,
        "size": entry.size,
        "attributes": entry.attributes,
        "stamps": [_stamp(s) for s in (entry.created, entry.modified, entry.accessed)],
        "first_cluster": entry.first_cluster,
        "extents": [[extent.offset, extent.length] for extent in entry.extents],
        "unallocated": entry.unallocated,
        "problems": [problem.code for problem in entry.problems],
        "record_offset": entry.record_offset,
        "record": entry.record.hex(),
    }


def _stamp(stamp: Stamp | None) -> list[int | None] | None:
    if stamp is None:
        return None
    return [stamp.date, stamp.time, stamp.tens_ms, stamp.zone]


@pytest.mark.parametrize("name", ["sound", "damaged"])
def test_listing_of_a_golden_image_never_changes(name: str) -> None:
    """Both images are listed as their JSON beside them says, byte for byte of each record."""
    image = lzma.decompress((GOLDEN / f"{name}.img.xz").read_bytes())
    assert plain(read_bytes(image)) == json.loads((GOLDEN / f"{name}.json").read_text())


def test_bytes_of_the_golden_clips() -> None:
    """The extents lead to what make.py put there."""
    image = lzma.decompress((GOLDEN / "sound.img.xz").read_bytes())
    found = read_bytes(image)
    run = bytes(range(256)) * 40
    live = found.live("DCIM/8888888_000000_20260314092652_0001.mp4")
    assert content(image, live.extents) == run
    assert content(image, found.live("DCIM/执法记录é.mp4").extents) == run[::-1]
    gone = content(image, found.gone("DCIM/deleted.mp4").extents)
    assert hashlib.sha256(gone).digest() == hashlib.sha256(b"gone" * 1500).digest()
