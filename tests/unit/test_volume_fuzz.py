"""Whatever bytes a card holds, the reader ends, within its bounds, and says something."""

import functools
import random
import tempfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import MediumGoneError
from firmware_bridge.volume.medium import Limits
from firmware_bridge.volume.reader import read_medium
from tests.cards import Clip, make_exfat_card, make_fat_card
from tests.listed import Listed, listed, read_bytes

Kind = Literal["fat12", "fat16", "fat32", "exfat"]
KINDS: tuple[Kind, ...] = ("fat12", "fat16", "fat32", "exfat")
LIMITS = Limits(
    entries=2_000,
    extents=20_000,
    depth=8,
    directory_bytes=1 << 20,
    chain_steps=100_000,
    read_bytes=64 << 20,
    problems=50,
)
FILES: dict[str, bytes | Clip] = {
    "DCIM/100MEDIA/8888888_000000_20160129205547_0001.mp4": b"one" * 3000,
    "DCIM/100MEDIA/B.MP4": Clip(data=b"two" * 5000, fragmented=True),
    "DCIM/100MEDIA/was here.mp4": Clip(data=b"three" * 900, deleted=True),
    "DCIM/101/lost power.mp4": Clip(data=b"four" * 2000, size_lost=True),
    "执法记录/视频.mp4": b"five",
    "Param.ini": b"[ZFY]\r\n",
}
SIZES: dict[Kind, int] = {"fat12": 512 << 10, "fat16": 3 << 20, "fat32": 34 << 20, "exfat": 1 << 20}


@functools.cache
def card(kind: Kind) -> tuple[bytes, tuple[int, ...]]:
    """Return a small valid card and the places where it is not zero, in units of 16 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card"
        match kind:
            case "fat12":
                make_fat_card(path, FILES, SIZES[kind], fat=12, mbr=False)
            case "fat16":
                make_fat_card(path, FILES, SIZES[kind], fat=16, mbr=False)
            case "fat32":
                make_fat_card(path, FILES, SIZES[kind], fat=32, mbr=False)
            case "exfat":
                make_exfat_card(path, FILES, SIZES[kind], cluster_size=512, mbr=False)
        image = path.read_bytes()
    used = tuple(at for at in range(0, len(image), 16) if image[at : at + 16].strip(b"\0"))
    return image, used


def check_bounds(found: Listed, size: int, limits: Limits) -> None:
    """Assert what holds for every listing whatsoever."""
    entries = found.entries
    assert len(entries) <= limits.entries
    assert sum(len(entry.extents) for entry in entries) <= limits.extents
    for entry in entries:
        assert len(entry.path) <= limits.depth + 1
        assert entry.valid_size <= entry.size
        for extent in entry.extents:
            assert extent.length > 0
            assert 0 <= extent.offset <= size - extent.length
        assert sum(extent.length for extent in entry.extents) <= size
        assert len(entry.record) % 32 == 0
        entry.text.encode()  # raises where an unpaired surrogate is left
        assert entry.record or not (entry.problems or entry.deleted)
    for volume, _entries in found.volumes:
        assert 0 <= volume.free_bytes <= size
        assert len(volume.problems) <= limits.problems


class Patchwork:
    """An image with some places overwritten, without copying all of it."""

    def __init__(self, image: bytes, patches: list[tuple[int, bytes]]) -> None:
        self._image = image
        self._patches = patches

    def pread(self, offset: int, length: int) -> bytes:
        """Return bytes as a medium does."""
        data = bytearray(self._image[offset : offset + length])
        for at, new in self._patches:
            for index, byte in enumerate(new, at - offset):
                if 0 <= index < len(data):
                    data[index] = byte
        return bytes(data)


@st.composite
def damage(draw: st.DrawFn, kind: Kind) -> list[tuple[int, bytes]]:
    """Draw some overwritten places, most of them where the card holds something."""
    image, used = card(kind)
    patches = []
    for _ in range(draw(st.integers(1, 6))):
        where = draw(
            st.one_of(
                st.sampled_from(used).flatmap(lambda at: st.integers(at, at + 15)),
                st.integers(0, len(image) - 1),
            )
        )
        what = draw(
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x02\0\0\0", b"\xe5", b"\x0f", b"\x10"]),
                st.integers(0, 1 << 17).map(lambda n: n.to_bytes(4, "little")),
            )
        )
        patches.append((where, what))
    return patches


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_card_is_listed_within_bounds(kind: Kind, data: st.DataObject) -> None:
    """Any few bytes of a card may be wrong: the listing ends and stays inside the medium."""
    image, _used = card(kind)
    patched = Patchwork(image, data.draw(damage(kind)))
    found = listed(read_medium(patched.pread, len(image), 512, LIMITS))
    check_bounds(found, len(image), LIMITS)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 32), share=st.sampled_from([1, 10, 100]))
def test_card_of_noise_is_listed_within_bounds(kind: Kind, seed: int, share: int) -> None:
    """Sectors full of noise, many or few, behind a sound boot sector."""
    image, used = card(kind)
    noise = random.Random(seed)  # noqa: S311  noise for a test, repeatable by its seed
    sectors = sorted({at // 512 for at in used if at >= 512})
    hit = [at for at in sectors if noise.randrange(100) < share]
    patched = Patchwork(image, [(at * 512, noise.randbytes(512)) for at in hit[:64]])
    found = listed(read_medium(patched.pread, len(image), 512, LIMITS))
    check_bounds(found, len(image), LIMITS)


@settings(max_examples=150, deadline=None)
@given(boot=st.binary(min_size=512, max_size=512), kind=st.sampled_from(KINDS), data=st.data())
def test_boot_sector_garbage(boot: bytes, kind: Kind, data: st.DataObject) -> None:
    """A boot sector with a random stretch of garbage is refused by name, or read in bounds."""
    image, _used = card(kind)
    start = data.draw(st.integers(0, 511))
    stop = data.draw(st.integers(start, 512))
    patched = Patchwork(image, [(start, boot[start:stop])])
    found = listed(read_medium(patched.pread, len(image), 512, LIMITS))
    check_bounds(found, len(image), LIMITS)
    assert found.volumes or found.medium.refused or found.medium.problems


@settings(max_examples=100, deadline=None)
@given(image=st.binary(max_size=4096), sector_size=st.sampled_from([512, 1024, 2048, 4096]))
def test_noise_is_no_volume(image: bytes, sector_size: int) -> None:
    """Bytes that are no card at all are refused, never walked into."""
    found = read_bytes(image, LIMITS, sector_size)
    check_bounds(found, len(image), LIMITS)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_medium_pulled_out_at_any_byte_is_gone(kind: Kind, data: st.DataObject) -> None:
    """A medium that answers with less than it holds is gone: no listing calls itself sound."""
    image, used = card(kind)
    cut = data.draw(st.one_of(st.integers(0, len(image) - 1), st.sampled_from(used)))
    try:
        found = listed(read_medium(lambda at, n: image[: min(cut, at + n)][at:], len(image), 512))
    except MediumGoneError:
        return
    # Nothing past the cut was asked for: then nothing is missing either.
    assert found == read_bytes(image)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_bad_sectors_cost_only_what_they_hold(kind: Kind, data: st.DataObject) -> None:
    """Sectors that can't be read are reported; all other entries are still listed."""
    image, used = card(kind)
    bad = set(data.draw(st.lists(st.sampled_from(used).map(lambda at: at // 512), max_size=4)))

    def pread(offset: int, length: int) -> bytes:
        if any(offset <= sector * 512 < offset + length for sector in bad):
            raise OSError(5, "Input/output error")
        return image[offset : offset + length]

    found = listed(read_medium(pread, len(image), 512, LIMITS))
    check_bounds(found, len(image), LIMITS)
    if not bad:
        assert found.volume.sound
