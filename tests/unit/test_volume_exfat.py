"""exFAT: what a sound card says, and what each kind of lie or loss does to it."""

import struct
from pathlib import Path

import pytest

from firmware_bridge.volume import exfat
from firmware_bridge.volume.exfat_sets import Set, Stray, sets
from firmware_bridge.volume.listing import Stamp
from tests.cards import Clip, make_exfat_card
from tests.listed import codes, content, read_bytes

CLUSTER = 512
BODY = bytes(range(256)) * 8  # four clusters
OTHER = BODY[::-1]


class Card:
    """An exFAT card with 512-byte clusters whose bytes a test may change."""

    def __init__(self, path: Path, files: dict[str, bytes | Clip]) -> None:
        make_exfat_card(path, files, 1 << 20, cluster_size=CLUSTER, mbr=False)
        self.image = bytearray(path.read_bytes())
        self.fat_at = int.from_bytes(self.image[80:84], "little") * 512
        self.heap_at = int.from_bytes(self.image[88:92], "little") * 512

    def set_of(self, name: str) -> int:
        """Return where the record set of a file stands."""
        at: int = self.image.index(name.encode("utf-16-le"), self.heap_at)
        return at // 32 * 32 - 64

    def first(self, name: str) -> int:
        """Return the first cluster of a file."""
        at = self.set_of(name) + 32 + 20
        return int.from_bytes(self.image[at : at + 4], "little")

    def place(self, cluster: int) -> int:
        """Return where a cluster begins."""
        return self.heap_at + (cluster - 2) * CLUSTER

    def patch(self, name: str, at: int, value: bytes, *, seal: bool = True) -> None:
        """Overwrite bytes of a set, and make its checksum right again."""
        start = self.set_of(name)
        self.image[start + at : start + at + len(value)] = value
        if seal:
            length = 32 * (self.image[start + 1] + 1)
            whole = bytes(self.image[start : start + length])
            total = 0
            for index, byte in enumerate(whole):
                if index not in {2, 3}:
                    total = ((total << 15 | total >> 1) + byte) & 0xFFFF
            self.image[start + 2 : start + 4] = total.to_bytes(2, "little")

    def delete(self, name: str) -> None:
        """Delete a file as a driver does: clear the top bit of each record's type."""
        start = self.set_of(name)
        for index in range(self.image[start + 1] + 1):
            self.image[start + index * 32] &= 0x7F

    def link(self, cluster: int, value: int) -> None:
        """Write one link of the table."""
        struct.pack_into("<I", self.image, self.fat_at + cluster * 4, value)

    def use(self, cluster: int, *, used: bool) -> None:
        """Write one bit of the allocation bitmap, which lies in cluster 2."""
        at, bit = self.heap_at + (cluster - 2) // 8, 1 << (cluster - 2) % 8
        self.image[at] = self.image[at] | bit if used else self.image[at] & ~bit


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """Return a card with a contiguous and a chained clip in a folder."""
    files: dict[str, bytes | Clip] = {
        "DCIM/a.mp4": BODY,
        "DCIM/b.mp4": Clip(data=OTHER, fragmented=True),
    }
    return Card(tmp_path / "card", files)


FIRST_CLUSTER = 32 + 20
DATA_LENGTH = 32 + 24
VALID_LENGTH = 32 + 8
FLAGS = 32 + 1


def test_sound_card(card: Card) -> None:
    """A card as it was made is sound, its clips read back, and its times are as stored."""
    found = read_bytes(card.image)
    assert found.volume.sound
    assert [codes(e) for e in found.entries] == [set(), set(), set()]
    assert content(card.image, found.live("DCIM/a.mp4").extents) == BODY
    entry = found.live("DCIM/b.mp4")
    assert content(card.image, entry.extents) == OTHER
    assert len(entry.extents) == 4
    assert entry.modified == Stamp(23662, 19290, 0, 0xA0)
    assert (found.volume.label, found.volume.key) == ("RECORDER", "exfat-5EA1D0C7")


def test_valid_size_below_the_size(tmp_path: Path) -> None:
    """A preallocated clip keeps both lengths: what it may hold, and what was written."""
    files: dict[str, bytes | Clip] = {"a.mp4": Clip(data=BODY, size=10_000, valid_size=2048)}
    entry = read_bytes(Card(tmp_path / "c", files).image).live("a.mp4")
    assert (entry.size, entry.valid_size, codes(entry)) == (10_000, 2048, set())


def test_valid_size_beyond_the_size(card: Card) -> None:
    """A valid length past the length is named, and cut to it."""
    card.patch("a.mp4", VALID_LENGTH, (99_999).to_bytes(8, "little"))
    entry = read_bytes(card.image).live("DCIM/a.mp4")
    assert (entry.valid_size, codes(entry)) == (len(BODY), {"valid-beyond-size"})


def test_largest_length(card: Card) -> None:
    """A length of 2^64-1 is beyond the medium; what lies on the medium is still named."""
    card.patch("a.mp4", DATA_LENGTH, b"\xff" * 8)
    entry = read_bytes(card.image).live("DCIM/a.mp4")
    assert {"size-beyond-medium", "chain-short", "free-cluster-in-chain"} <= codes(entry)
    assert entry.size == 2**64 - 1
    assert content(card.image, entry.extents).startswith(BODY)


def test_set_with_a_wrong_checksum_is_not_hidden(card: Card) -> None:
    """Drivers may refuse such a file; it is listed, and why it is in doubt is said."""
    card.patch("a.mp4", 4, b"\x21", seal=False)
    entry = read_bytes(card.image).live("DCIM/a.mp4")
    assert codes(entry) == {"set-checksum"}
    assert content(card.image, entry.extents) == BODY
    assert len(entry.record) == 96


def test_name_hash_that_does_not_fit(card: Card) -> None:
    """A name whose hash is another name's is named: lookups by name would miss it."""
    card.patch("a.mp4", 32 + 4, b"\x01\x02")
    assert codes(read_bytes(card.image).live("DCIM/a.mp4")) == {"name-hash"}


def test_set_cut_short(card: Card) -> None:
    """A live file record whose name records are gone is listed without a name."""
    card.image[card.set_of("a.mp4") + 64] = 0x41
    found = read_bytes(card.image)
    entry = next(e for e in found.entries if "set-incomplete" in codes(e))
    assert (entry.path[-1].raw, entry.deleted) == (b"", False)
    assert content(card.image, entry.extents) == BODY


def test_deleted_set_keeps_all_it_said(card: Card) -> None:
    """A deleted file is listed with name, size, times and its contiguous run."""
    first = card.first("a.mp4")
    before = read_bytes(card.image).live("DCIM/a.mp4")
    card.delete("a.mp4")
    still = read_bytes(card.image).gone("DCIM/a.mp4")
    assert (still.unallocated, codes(still)) == (False, set())
    for cluster in range(first, first + 4):
        card.use(cluster, used=False)
    gone = read_bytes(card.image).gone("DCIM/a.mp4")
    assert gone.unallocated is True
    assert (gone.extents, gone.modified, gone.size) == (before.extents, before.modified, 2048)
    assert content(card.image, gone.extents) == BODY


def test_deleted_stream_without_its_file_record(card: Card) -> None:
    """Where the file record was used again, the stream still tells size and place."""
    at = card.set_of("a.mp4")
    card.delete("a.mp4")
    card.image[at : at + 32] = b"\x41" + bytes(31)
    gone = read_bytes(card.image).gone("DCIM/a.mp4")
    assert codes(gone) == {"set-incomplete"}
    assert (gone.size, gone.created, gone.record_offset) == (2048, None, at + 32)
    assert content(card.image, gone.extents) == BODY


def test_live_set_behind_the_end_mark(tmp_path: Path) -> None:
    """A whole set behind the end mark is listed as deleted, and why is said."""
    card = Card(tmp_path / "c", {"DCIM/a.mp4": BODY, "DCIM/b.mp4": OTHER})
    start = card.set_of("a.mp4")
    card.image[start : start + 96] = bytes(96)
    gone = read_bytes(card.image).gone("DCIM/b.mp4")
    assert codes(gone) == {"after-end"}
    assert content(card.image, gone.extents) == OTHER


def test_size_zero_with_a_chain(card: Card) -> None:
    """Power lost while recording into a chain: all of the chain is the clip."""
    card.patch("b.mp4", DATA_LENGTH, bytes(8))
    card.patch("b.mp4", VALID_LENGTH, bytes(8))
    entry = read_bytes(card.image).live("DCIM/b.mp4")
    assert codes(entry) == {"size-zero-with-chain"}
    assert content(card.image, entry.extents) == OTHER


def test_size_zero_with_a_contiguous_run(card: Card) -> None:
    """Without a chain the clip reaches over what is in use, up to the next file."""
    card.patch("a.mp4", DATA_LENGTH, bytes(8))
    card.patch("a.mp4", VALID_LENGTH, bytes(8))
    found = read_bytes(card.image)
    entry = found.live("DCIM/a.mp4")
    assert codes(entry) == {"size-zero-with-chain"}
    assert content(card.image, entry.extents) == BODY
    assert codes(found.live("DCIM/b.mp4")) == set()


def test_chain_loop(card: Card) -> None:
    """A cyclic chain is cut before the first cluster that comes again."""
    first = card.first("b.mp4")
    card.link(first + 2, first)
    entry = read_bytes(card.image).live("DCIM/b.mp4")
    assert {"chain-loop", "chain-short"} <= codes(entry)
    assert content(card.image, entry.extents) == OTHER[: 2 * CLUSTER]


def test_shared_clusters(card: Card) -> None:
    """Two live files that share clusters are both marked; so is one in the bitmap's place."""
    card.patch("a.mp4", FIRST_CLUSTER, card.first("b.mp4").to_bytes(4, "little"))
    found = read_bytes(card.image)
    assert "cross-linked" in codes(found.live("DCIM/a.mp4"))
    assert codes(found.live("DCIM/b.mp4")) == {"cross-linked"}
    card.patch("a.mp4", FIRST_CLUSTER, (2).to_bytes(4, "little"))
    problems = read_bytes(card.image).live("DCIM/a.mp4").problems
    assert {p.code for p in problems} == {"cross-linked"}
    assert {p.detail for p in problems} >= {"allocation bitmap", "up-case table"}


def test_live_file_in_free_clusters(card: Card) -> None:
    """A live file whose clusters the bitmap calls free is named: they may be used again."""
    card.use(card.first("a.mp4") + 1, used=False)
    entry = read_bytes(card.image).live("DCIM/a.mp4")
    assert codes(entry) == {"free-cluster-in-chain"}
    assert content(card.image, entry.extents) == BODY


def test_folder_inside_itself(card: Card) -> None:
    """A folder that holds itself is named, not entered again, and unsound."""
    card.patch("a.mp4", FIRST_CLUSTER, card.first("DCIM").to_bytes(4, "little"))
    card.patch("a.mp4", 4, b"\x10")
    card.patch("a.mp4", DATA_LENGTH, (512).to_bytes(8, "little"))
    found = read_bytes(card.image)
    assert "directory-loop" in codes(found.live("DCIM/a.mp4"))
    assert not found.volume.sound


def test_boot_checksum_and_backup(card: Card) -> None:
    """A damaged boot region is a problem, a destroyed one is read from its backup."""
    before = read_bytes(card.image)
    card.image[300] ^= 0xFF
    assert codes(read_bytes(card.image).volume) == {"boot-checksum"}
    card.image[:512] = bytes(512)
    after = read_bytes(card.image)
    assert codes(after.volume) == {"boot-backup-used"}
    assert after.entries == before.entries


def test_dirty_and_failing_flags(card: Card) -> None:
    """Bit 1 of the volume flags is dirty, bit 2 says that the medium has failed before."""
    card.image[106] = 0x02
    assert read_bytes(card.image).volume.dirty
    card.image[106] = 0x04
    found = read_bytes(card.image)
    assert (found.volume.dirty, codes(found.volume)) == (False, {"media-failure"})


def test_bitmap_gone(card: Card) -> None:
    """Without a bitmap, free space and deleted clusters are unknown; the clips are read."""
    at = card.place(struct.unpack_from("<I", card.image, 96)[0]) + 32
    assert card.image[at] == 0x81
    card.image[at] = 0x01
    card.delete("b.mp4")
    found = read_bytes(card.image)
    assert {"bitmap-missing", "free-not-counted"} == codes(found.volume)
    assert found.gone("DCIM/b.mp4").unallocated is None
    assert content(card.image, found.live("DCIM/a.mp4").extents) == BODY


def test_benign_records_beside_the_name_are_passed_over() -> None:
    """A vendor's extension belongs to its set; an unknown critical record is named."""
    primary = b"\x85\x03" + bytes(30)
    stream = b"\xc0\x01\0\x01" + bytes(28)
    name = b"\xc1\0a\0" + bytes(28)
    vendor, unknown = b"\xe0" + bytes(31), b"\xc2" + bytes(31)
    for extra, expected in ((vendor, []), (unknown, [0xC2])):
        records = [(at * 32, r) for at, r in enumerate([primary, stream, name, extra])]
        (found,) = sets(records)
        assert isinstance(found, Set)
        assert (found.whole, found.raw_name, found.unknown) == (True, b"a\0", expected)


def test_live_record_that_nobody_owns() -> None:
    """A live name record alone, or a primary record of no known kind, is no file."""
    alone = [(0, b"\xc1" + bytes(31)), (32, b"\x8f" + bytes(31)), (64, b"\xa0" + bytes(31))]
    assert list(sets(alone)) == [Stray(0xC1), Stray(0x8F)]


def test_upcase_table_unpacks_runs() -> None:
    """0xFFFF and a count stand for letters that map to themselves; the rest is implied."""
    table = exfat.upcase_table(b"\xff\xff\x61\x00A\0B\0")
    assert (table[0x60], table[0x61], table[0x62], table[0x63]) == (0x60, 0x41, 0x42, 0x63)
    assert len(table) == 65536
