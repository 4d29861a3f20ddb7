"""Tables of partitions, sound and otherwise, and what stands behind them."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.volume import partitions
from firmware_bridge.volume.medium import Limits, Source
from firmware_bridge.volume.reader import read_medium
from tests.cards import make_exfat_card, make_fat_card
from tests.listed import Listed, codes, listed, read_bytes

MIB = 1 << 20
SLOT = struct.Struct("<B3sB3sII")


def mbr(*slots: tuple[int, int, int]) -> bytes:
    """Return a table sector with (type, first sector, how many) in each slot."""
    body = b"".join(SLOT.pack(0, b"\0\0\0", kind, b"\0\0\0", at, n) for kind, at, n in slots)
    return bytes(446) + body.ljust(64, b"\0") + b"\x55\xaa"


def gpt(image: bytearray, spans: list[tuple[int, int]], size: int = 512) -> None:
    """Write a protective table, and both copies of a GPT with (first, last) sectors."""
    last = len(image) // size - 1
    image[:512] = mbr((0xEE, 1, last))
    entries = b"".join(
        b"\xa2\xa0\xd0\xeb\xe5\xb9\x33\x44\x87\xc0\x68\xb6\xb7\x26\x99\xc7"
        + bytes(16)
        + struct.pack("<QQ", *span)
        + bytes(80)
        for span in spans
    ).ljust(128 * 128, b"\0")
    count = len(entries) // size
    for here, there, at in ((1, last, 2), (last, 1, last - count)):
        head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, there,
                           2 + count, last - count - 1, bytes(16), at, 128, 128,
                           zlib.crc32(entries))  # fmt: skip
        head = head[:16] + zlib.crc32(head).to_bytes(4, "little") + head[20:]
        image[here * size : here * size + 92] = head
        image[at * size : at * size + len(entries)] = entries


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a small FAT16 volume without a table."""
    path = tmp_path_factory.mktemp("v") / "card"
    return make_fat_card(path, {"A.MP4": b"a"}, 3 * MIB, fat=16, mbr=False).read_bytes()


@pytest.fixture(scope="module")
def exfat(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a small exFAT volume without a table."""
    path = tmp_path_factory.mktemp("x") / "card"
    return make_exfat_card(path, {"b.mp4": b"b"}, MIB, mbr=False).read_bytes()


def paths(found: Listed) -> list[tuple[int, str]]:
    """Return (volume number, path) of all entries."""
    return [(volume.index, e.text) for volume, entries in found.volumes for e in entries]


def test_gpt(volume: bytes, exfat: bytes) -> None:
    """Both partitions of a GPT are read, each at its place."""
    image = bytearray(8 * MIB)
    image[MIB : 4 * MIB] = volume
    image[5 * MIB : 6 * MIB] = exfat
    gpt(image, [(2048, 8191), (10240, 12287)])
    found = read_bytes(image)
    assert (found.medium.table, found.medium.problems, found.medium.refused) == ("gpt", (), ())
    assert paths(found) == [(0, "A.MP4"), (1, "b.mp4")]


def test_gpt_from_its_backup(volume: bytes) -> None:
    """A damaged first header or entry array is replaced by the copy at the end."""
    image = bytearray(8 * MIB)
    image[MIB : 4 * MIB] = volume
    gpt(image, [(2048, 8191)])
    for at in (512 + 30, 1024 + 33):
        damaged = image.copy()
        damaged[at] ^= 0xFF
        found = read_bytes(damaged)
        assert codes(found.medium) == {"gpt-backup-used"}
        assert paths(found) == [(0, "A.MP4")]


def test_gpt_whose_copies_are_both_wrong(volume: bytes) -> None:
    """Entries that fit no checksum are still looked at, since what they point to is asked."""
    image = bytearray(8 * MIB)
    image[MIB : 4 * MIB] = volume
    gpt(image, [(2048, 8191)])
    for at in (1024 + 128, 8 * MIB - 33 * 512 + 128):
        image[at] ^= 0xFF
    found = read_bytes(image)
    assert "gpt-entries-checksum" in codes(found.medium)
    assert paths(found) == [(0, "A.MP4")]


def test_gpt_of_large_sectors(volume: bytes) -> None:
    """A card image of a medium with 4096-byte sectors is read where 512 was said."""
    image = bytearray(8 * MIB)
    image[MIB : 4 * MIB] = volume
    gpt(image, [(256, 1023)], 4096)
    assert codes(read_bytes(image, sector_size=4096).medium) == set()
    found = read_bytes(image)
    assert codes(found.medium) == {"table-sector-size"}
    assert paths(found) == [(0, "A.MP4")]


def test_protective_table_without_a_gpt() -> None:
    """A protective entry alone leads nowhere, and that is said."""
    image = bytearray(MIB)
    image[:512] = mbr((0xEE, 1, 2047))
    assert "gpt-missing" in codes(read_bytes(image).medium)


def test_hybrid_table_reads_both(volume: bytes, exfat: bytes) -> None:
    """Partitions that only the MBR names beside a GPT are read too."""
    image = bytearray(8 * MIB)
    image[MIB : 4 * MIB] = volume
    image[5 * MIB : 6 * MIB] = exfat
    gpt(image, [(2048, 8191)])
    image[:512] = mbr((0xEE, 1, 2047), (0x07, 10240, 2048))
    found = read_bytes(image)
    assert codes(found.medium) == {"gpt-hybrid"}
    assert paths(found) == [(0, "A.MP4"), (1, "b.mp4")]


def test_logical_partitions(volume: bytes, exfat: bytes) -> None:
    """Logical partitions hang on a list of tables inside the extended one."""
    image = bytearray(12 * MIB)
    image[:512] = mbr((0x0F, 2048, 20480))
    image[MIB : MIB + 512] = mbr((0x06, 2048, 6144), (0x05, 10240, 4096))
    image[2 * MIB : 5 * MIB] = volume
    image[6 * MIB : 6 * MIB + 512] = mbr((0x83, 2048, 2048))
    image[7 * MIB : 8 * MIB] = exfat
    found = read_bytes(image)
    assert found.medium.problems == ()
    assert paths(found) == [(0, "A.MP4"), (1, "b.mp4")]


def test_logical_partitions_in_a_circle(volume: bytes) -> None:
    """A list of tables that comes back to itself ends, and is named."""
    image = bytearray(12 * MIB)
    image[:512] = mbr((0x0F, 2048, 20480))
    image[MIB : MIB + 512] = mbr((0x06, 2048, 6144), (0x05, 10240, 4096))
    image[2 * MIB : 5 * MIB] = volume
    image[6 * MIB : 6 * MIB + 512] = mbr((0x05, 10240, 4096))
    found = read_bytes(image)
    assert codes(found.medium) == {"table-loop"}
    assert paths(found) == [(0, "A.MP4")]


def test_type_byte_is_not_believed(exfat: bytes) -> None:
    """What a partition holds is asked of its first sector, whatever its type says."""
    image = bytearray(3 * MIB)
    image[MIB : 2 * MIB] = exfat
    for kind in (0x00, 0x83, 0xFF, 0x0C):
        image[:512] = mbr((kind, 2048, 2048))
        assert paths(read_bytes(image)) == [(0, "b.mp4")]


def test_partitions_that_collide_or_lie_outside(volume: bytes) -> None:
    """Overlaps, ends past the medium and starts past it are reported; the rest is read."""
    image = bytearray(5 * MIB)
    image[MIB : 4 * MIB] = volume
    image[:512] = mbr((6, 2048, 6144), (6, 4096, 1024), (6, 8192, 9999), (6, 999_999, 1))
    found = read_bytes(image)
    assert codes(found.medium) == {"partition-overlap", "partition-cut", "partition-outside"}
    assert paths(found) == [(0, "A.MP4")]
    assert [r.index for r in found.medium.refused] == [1, 2]


def test_volume_that_is_also_a_table(volume: bytes, exfat: bytes) -> None:
    """A volume whose boot sector hides a second one behind a table is read as both."""
    image = bytearray(6 * MIB)
    image[: 3 * MIB] = volume
    image[4 * MIB : 5 * MIB] = exfat
    image[446:510] = mbr((7, 8192, 2048))[446:510]
    found = read_bytes(image)
    assert "table-and-volume" in codes(found.medium)
    assert paths(found) == [(0, "A.MP4"), (1, "b.mp4")]


FOREIGN = {
    "NTFS": (3, b"NTFS    "),
    "BitLocker": (3, b"-FVE-FS-"),
    "LUKS": (0, b"LUKS\xba\xbe"),
    "XFS": (0, b"XFSB"),
    "Btrfs": (0x10040, b"_BHRfS_M"),
    "F2FS": (1024, b"\x10\x20\xf5\xf2"),
    "HFS+": (1024, b"H+\0\x04"),
    "APFS": (32, b"NXSB"),
    "ext2": (0x438, b"\x53\xef"),
    "squashfs": (0, b"hsqs"),
    "swap": (4086, b"SWAPSPACE2"),
    "ISO 9660": (0x8001, b"CD001"),
    "UDF": (0x8801, b"NSR03"),
    "unknown": (700, b"?"),
    "empty": (0, b""),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("start", [0, MIB], ids=["whole", "partition"])
def test_other_file_systems_are_refused_by_name(name: str, start: int) -> None:
    """A file system that is not walked is named, so that she knows which card it is."""
    image = bytearray(3 * MIB)
    if start:
        image[:512] = mbr((0x0C, start // 512, 2048))
    at, mark = FOREIGN[name]
    image[start + at : start + at + len(mark)] = mark
    found = read_bytes(image)
    (refused,) = found.medium.refused
    assert (refused.found, refused.offset, found.volumes) == (name, start, [])


def test_unreadable_medium_is_refused() -> None:
    """A medium that answers no read at all is there, and unreadable."""

    def pread(_offset: int, _length: int) -> bytes:
        raise OSError(5, "Input/output error")

    found = listed(read_medium(pread, MIB))
    assert [r.found for r in found.medium.refused] == ["unreadable"]
    assert codes(found.medium) == {"table-unreadable"}


@settings(max_examples=200, deadline=None)
@given(
    slots=st.lists(
        st.tuples(
            st.sampled_from([0, 5, 6, 7, 0x0F, 0x85, 0xEE]),
            st.integers(0, 2**32 - 1) | st.integers(0, 64),
            st.integers(0, 2**32 - 1) | st.integers(0, 64),
        ),
        max_size=4,
    ),
    inner=st.lists(
        st.tuples(st.sampled_from([0, 5, 6]), st.integers(0, 64), st.integers(0, 64)), max_size=4
    ),
    repeat=st.booleans(),
)
def test_any_table_gives_partitions_on_the_medium(
    slots: list[tuple[int, int, int]], inner: list[tuple[int, int, int]], *, repeat: bool
) -> None:
    """Whatever a table says, the partitions lie on the medium and their number is bounded."""
    image = bytearray(64 * 512)
    if repeat:
        for at in range(64):
            image[at * 512 : at * 512 + 512] = mbr(*inner)
    image[:512] = mbr(*slots)
    limits = Limits(partitions=16)
    source = Source(lambda at, n: bytes(image[at : at + n]), len(image), limits)
    found = partitions.find(source, 512)
    assert len(found.partitions) <= limits.partitions
    for part in found.partitions:
        assert 0 <= part.offset < part.offset + part.length <= len(image)
