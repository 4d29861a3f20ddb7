"""A medium that leaves: what is said of it, and what is not."""

import os
from pathlib import Path

import pytest

from dock_daemon.docking.sources import MediumSource
from firmware_bridge.errors import MediumGoneError
from firmware_bridge.volume.client import Reading
from firmware_bridge.volume.listing import Medium

SIZE = 64 << 10


def reading(image: Path, *, present: bool) -> Reading:
    """Return a reading of an image without volumes."""
    descriptor = os.open(image, os.O_RDONLY)
    medium = Medium(size=SIZE, sector_size=512, table="none")
    return Reading(descriptor=descriptor, medium=medium, volumes=(), present=present)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image of SIZE bytes."""
    path = tmp_path / "card.img"
    path.write_bytes(os.urandom(SIZE))
    return path


def test_a_medium_that_left_while_it_was_listed_is_gone(image: Path) -> None:
    """Such a listing may be short and look whole, so nothing is made of it."""
    with reading(image, present=False) as gone, pytest.raises(MediumGoneError):
        MediumSource(gone, kind="image", place="card.img", chunk_bytes=4096)


def test_a_medium_is_there_while_its_first_bytes_are(image: Path) -> None:
    """Cut short or begun otherwise, it is no longer the medium that was listed."""
    with reading(image, present=True) as there:
        source = MediumSource(there, kind="image", place="card.img", chunk_bytes=4096)
        assert source.still_there()
        os.truncate(image, SIZE // 2)
        assert source.still_there()
        first = image.read_bytes()
        image.write_bytes(bytes(len(first)))
        assert not source.still_there()
        image.write_bytes(first)
        assert source.still_there()
        os.truncate(image, 100)
        assert not source.still_there()
