"""Cards that lie: each lie is named at its entry, and the rest is still read."""

import struct
from pathlib import Path

import pytest

from firmware_bridge.volume.listing import Extent
from firmware_bridge.volume.medium import Limits
from firmware_bridge.volume.names import short_text
from firmware_bridge.volume.reader import read_medium
from tests.cards import Clip, make_exfat_card, make_fat_card
from tests.listed import codes, content, listed, read_bytes

CLUSTER = 512


class Card:
    """A FAT32 card with 512-byte clusters whose bytes a test may change."""

    def __init__(self, path: Path, files: dict[str, bytes | Clip]) -> None:
        make_fat_card(path, files, 34 << 20, mbr=False)
        self.image = bytearray(path.read_bytes())
        self.fat_at = 32 * 512
        sectors = struct.unpack_from("<I", self.image, 36)[0]
        self.heap_at = self.fat_at + 2 * sectors * 512
        self.sectors = sectors

    def link(self, cluster: int, value: int) -> None:
        """Write one link of both tables."""
        for copy in range(2):
            at = self.fat_at + copy * self.sectors * 512 + cluster * 4
            struct.pack_into("<I", self.image, at, value)

    def links(self, cluster: int) -> int:
        """Return one link."""
        return int(struct.unpack_from("<I", self.image, self.fat_at + cluster * 4)[0])

    def record(self, short: bytes) -> int:
        """Return where the record with this short name stands."""
        at = self.image.index(short, self.heap_at)
        while at % 32:
            at = self.image.index(short, at + 1)
        return at

    def first(self, short: bytes) -> int:
        """Return the first cluster of a record."""
        at = self.record(short)
        high, low = self.image[at + 20 : at + 22], self.image[at + 26 : at + 28]
        return int.from_bytes(low + high, "little")

    def patch(self, short: bytes, at: int, value: bytes) -> None:
        """Overwrite bytes of a record."""
        start = self.record(short) + at
        self.image[start : start + len(value)] = value


BODY = bytes(range(256)) * 8  # four clusters


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """Return a card with two clips of four clusters each, in a folder."""
    return Card(tmp_path / "card", {"DCIM/A.MP4": BODY, "DCIM/B.MP4": BODY[::-1]})


A, B, DCIM = b"A       MP4", b"B       MP4", b"DCIM       "


def test_sound_card_has_no_problems(card: Card) -> None:
    """Nothing is made up: the card as it was made is sound, and its clips read back."""
    found = read_bytes(card.image)
    assert found.volume.sound
    assert [codes(e) for e in found.entries] == [set(), set(), set()]
    assert content(card.image, found.live("DCIM/A.MP4").extents) == BODY
    assert found.live("DCIM/A.MP4").record == b""


def test_chain_that_comes_back_to_itself(card: Card) -> None:
    """A cyclic chain is cut before the first cluster that comes again."""
    first = card.first(A)
    card.link(first + 2, first + 1)
    found = read_bytes(card.image)
    entry = found.live("DCIM/A.MP4")
    assert {"chain-loop", "chain-short"} <= codes(entry)
    assert content(card.image, entry.extents) == BODY[: 3 * CLUSTER]
    assert entry.record[:11] == A
    assert codes(found.live("DCIM/B.MP4")) == set()


def test_cluster_that_leads_to_itself(card: Card) -> None:
    """The shortest loop is a loop too."""
    first = card.first(A)
    card.link(first, first)
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert "chain-loop" in codes(entry)
    assert content(card.image, entry.extents) == BODY[:CLUSTER]


@pytest.mark.parametrize(
    ("link", "code", "kept"),
    [
        (0x0FFFFFFF, "chain-short", 2),
        (0, "free-cluster-in-chain", 2),
        (0x0FFFFFF7, "bad-cluster", 1),
        (0x00FFFFFF, "cluster-out-of-range", 2),
        (1, "cluster-out-of-range", 2),
    ],
)
def test_chain_that_ends_early(card: Card, link: int, code: str, kept: int) -> None:
    """Whatever ends a chain before its size does is named; what it held is kept."""
    card.link(card.first(A) + 1, link)
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert {code, "chain-short"} <= codes(entry)
    assert content(card.image, entry.extents) == BODY[: kept * CLUSTER]


def test_reserved_bits_of_a_link_say_nothing(card: Card) -> None:
    """The upper four bits of a FAT32 link are masked, in chains and in the count of free ones."""
    before = read_bytes(card.image)
    first = card.first(A)
    for cluster in range(first, first + 4):
        card.link(cluster, card.links(cluster) | 0xA0000000)
    card.link(card.first(B) + 100, 0x50000000)
    found = read_bytes(card.image)
    assert found.live("DCIM/A.MP4") == before.live("DCIM/A.MP4")
    assert found.volume == before.volume


def test_size_smaller_than_the_chain(card: Card) -> None:
    """A chain that goes on past the size is named; only the size is read."""
    card.patch(A, 28, (700).to_bytes(4, "little"))
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert codes(entry) == {"chain-long"}
    assert content(card.image, entry.extents) == BODY[:700]


def test_size_zero_with_a_chain_is_taken_whole(card: Card) -> None:
    """Power lost while recording: size 0, and the whole chain is where the clip lies."""
    card.patch(A, 28, bytes(4))
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert codes(entry) == {"size-zero-with-chain"}
    assert (entry.size, content(card.image, entry.extents)) == (0, BODY)


def test_largest_size(card: Card) -> None:
    """A size of 2^32-1 on a small card is beyond the medium; the chain is still read."""
    card.patch(A, 28, b"\xff" * 4)
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert {"size-beyond-medium", "chain-short"} <= codes(entry)
    assert entry.size == 2**32 - 1
    assert content(card.image, entry.extents) == BODY


def test_size_without_a_cluster(card: Card) -> None:
    """A size with no first cluster has no bytes to read."""
    card.patch(A, 26, bytes(2))
    card.patch(A, 20, bytes(2))
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert (codes(entry), entry.extents) == ({"no-chain"}, ())


def test_shared_clusters_are_named_at_both(card: Card) -> None:
    """Two live files that share a cluster are both marked, and both still read."""
    card.patch(A, 26, card.first(B).to_bytes(2, "little"))
    found = read_bytes(card.image)
    for path, other in (("DCIM/A.MP4", "DCIM/B.MP4"), ("DCIM/B.MP4", "DCIM/A.MP4")):
        (problem,) = found.live(path).problems
        assert (problem.code, problem.detail) == ("cross-linked", other)
        assert content(card.image, found.live(path).extents) == BODY[::-1]


def test_twenty_thousand_claims_on_one_cluster(tmp_path: Path) -> None:
    """However many files share clusters, the listing ends, and each of them is marked."""
    card = Card(tmp_path / "c", {"D/A.MP4": Clip(size=20_000 * 32), "D/B.MP4": BODY})
    body = card.heap_at + (card.first(A) - 2) * CLUSTER
    record = card.record(B)
    claim = bytes(card.image[record : record + 32])
    card.image[body : body + 20_000 * 32] = claim * 20_000
    card.patch(A, 11, b"\x10")
    found = read_bytes(card.image)
    shared = [entry for entry in found.entries if entry.path[-1].short == B]
    assert len(shared) == 20_001
    assert all("cross-linked" in codes(entry) for entry in shared)
    assert max(len(entry.problems) for entry in shared) <= 17


def test_deleted_records_as_long_as_the_card(tmp_path: Path) -> None:
    """Deleted records that claim all of a card cost steps, and steps are bounded."""
    card = Card(tmp_path / "c", {"D/A.MP4": Clip(size=4_000 * 32), "D/B.MP4": BODY})
    body = card.heap_at + (card.first(A) - 2) * CLUSTER
    claim = b"\xe5LAIM   MP4\x20" + bytes(8) + b"\0\0" + bytes(4)
    claim += (10_000).to_bytes(2, "little") + (20 << 20).to_bytes(4, "little")
    card.image[body : body + 4_000 * 32] = claim * 4_000
    card.patch(A, 11, b"\x10")
    found = read_bytes(card.image, Limits(chain_steps=100_000))
    assert "bound" in codes(found.volume)
    assert not found.volume.sound
    assert 400 < len(found.entries) < 4_000


def test_file_that_claims_the_root_directory(card: Card) -> None:
    """A file whose cluster is the root directory's is cross-linked with it."""
    card.patch(A, 26, (2).to_bytes(2, "little"))
    entry = read_bytes(card.image).live("DCIM/A.MP4")
    assert "cross-linked" in codes(entry)


def test_folder_inside_itself_is_not_entered_again(card: Card) -> None:
    """A folder record that leads back to a folder already read is named, and unsound."""
    card.patch(A, 26, card.first(DCIM).to_bytes(2, "little"))
    card.patch(A, 28, bytes(4))
    card.patch(A, 11, b"\x10")
    found = read_bytes(card.image)
    assert "directory-loop" in codes(found.live("DCIM/A.MP4"))
    assert not found.volume.sound
    assert content(card.image, found.live("DCIM/B.MP4").extents) == BODY[::-1]


def test_folder_with_a_size(card: Card) -> None:
    """A folder has no size on FAT; one that has is named, and read all the same."""
    card.patch(DCIM, 28, b"\x01")
    found = read_bytes(card.image)
    assert codes(found.live("DCIM")) == {"directory-with-size"}
    assert found.live("DCIM/A.MP4").size == len(BODY)


def test_folder_whose_chain_breaks_makes_the_listing_unsound(card: Card) -> None:
    """No clip may be called missing from a folder that could not be read to its end."""
    card.link(card.first(DCIM), 0x00FFFFFF)
    found = read_bytes(card.image)
    assert "cluster-out-of-range" in codes(found.live("DCIM"))
    assert not found.volume.sound


def test_live_file_behind_the_end_mark_is_not_hidden(card: Card) -> None:
    """A record behind a 0x00 is listed as deleted, and why is said."""
    card.image[card.record(A)] = 0
    found = read_bytes(card.image)
    entry = found.gone("DCIM/B.MP4")
    assert codes(entry) == {"after-end"}
    assert content(card.image, entry.extents) == BODY[::-1]
    assert entry.unallocated is False


def test_file_that_poses_as_a_label_is_not_hidden(card: Card) -> None:
    """A label record that has clusters is a file, and is listed as one."""
    card.patch(A, 11, b"\x08")
    found = read_bytes(card.image)
    assert "label-with-data" in codes(found.live("DCIM/A.MP4"))
    assert found.volume.label == "RECORDER"


def test_dots_that_lead_elsewhere_are_named(card: Card) -> None:
    """The first two records of a folder must lead to it and to its parent."""
    at = card.heap_at + (card.first(DCIM) - 2) * CLUSTER
    card.image[at + 26] ^= 1
    found = read_bytes(card.image)
    assert codes(found.live("DCIM")) == {"dot-mismatch"}
    assert found.volume.sound


NAMES = {
    "../../etc/pass": {"name-traversal", "name-separator"},
    "a\\..\\b": {"name-traversal", "name-separator"},
    "a/b": {"name-separator"},
    "..": {"name-traversal"},
    ".. ": {"name-traversal"},
    "   ": {"name-empty"},
    "bell\x07": {"name-control"},
    "\x9b31m": {"name-control"},
    "video\u202e4pm.exe": {"name-bidi"},
    "\u2066x": {"name-bidi"},
    "half\ud83d": {"name-surrogate"},
    "\udc00half": {"name-surrogate"},
    "执法记录.mp4": set[str](),
    "a clip (1) é ü.mp4": set[str](),
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_mislead_on_fat(tmp_path: Path, name: str) -> None:
    """Each trick a long FAT name can play is named, its bytes kept, and the clip listed."""
    card = Card(tmp_path / "c", {"x" * len(name): BODY})
    image = card.image
    new = name.encode("utf-16-le", "surrogatepass")
    for at in range(card.heap_at, card.heap_at + CLUSTER, 32):  # the root; 13 units a slot
        if image[at + 11] == 0x0F:
            part = new[((image[at] & 0x3F) - 1) * 26 :][:26]
            part = part if len(part) == 26 else (part + b"\0\0").ljust(26, b"\xff")
            image[at + 1 : at + 11] = part[:10]
            image[at + 14 : at + 26] = part[10:22]
            image[at + 28 : at + 32] = part[22:]
    (entry,) = read_bytes(image).entries
    assert codes(entry) == NAMES[name]
    assert entry.path[-1].raw == new
    assert content(image, entry.extents) == BODY


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_mislead_on_exfat(tmp_path: Path, name: str) -> None:
    """Each trick an exFAT name can play is named, its bytes kept, and the clip listed."""
    files: dict[str, bytes | Clip] = {name.replace("/", "\u0001"): BODY}
    image = bytearray(make_exfat_card(tmp_path / "c", files, 2 << 20).read_bytes())
    if "/" in name:
        at = image.index(name.replace("/", "\u0001").encode("utf-16-le"))
        for index in range(at, at + len(name) * 2, 2):
            if image[index] == 1:
                image[index] = ord("/")
    (entry,) = read_bytes(image).entries
    expected = NAMES[name] | ({"set-checksum", "name-hash"} if "/" in name else set())
    # The test's own up-case table knows ASCII only, and so does the reader that read it.
    assert codes(entry) == expected
    assert entry.path[-1].raw == name.encode("utf-16-le", "surrogatepass")
    assert content(image, entry.extents) == BODY


def test_name_that_goes_on_behind_its_end(card: Card, tmp_path: Path) -> None:
    """Text behind the NUL of a long name is hidden from every driver, but not from us."""
    path = make_fat_card(tmp_path / "c", {"short one": BODY}, 34 << 20, mbr=False)
    image = bytearray(path.read_bytes())
    at = image.index("one\0".encode("utf-16-le")[4:], card.heap_at) // 32 * 32
    image[at + 28 : at + 32] = "xy".encode("utf-16-le")
    (entry,) = read_bytes(image).entries
    assert codes(entry) == {"name-nul"}
    assert entry.text == "short one"


def test_long_name_of_another_record_is_not_taken(tmp_path: Path) -> None:
    """A long name whose checksum fits no record is reported beside the short name."""
    card = Card(tmp_path / "c", {"long name.mp4": BODY})
    short = card.record(b"R00000~1MP4")
    card.image[short : short + 8] = b"OTHER   "
    (entry,) = read_bytes(card.image).entries
    assert (entry.text, codes(entry)) == ("OTHER.MP4", {"lfn-checksum"})
    assert len(entry.record) == 64


def test_slots_that_nobody_owns(tmp_path: Path) -> None:
    """Live slots before a record that are not its name are reported with it."""
    card = Card(tmp_path / "c", {"a long clip name.mp4": BODY, "B.MP4": BODY})
    short = card.record(b"R00000~1MP4")
    card.image[short] = 0xE5  # the record is gone, its two slots are not
    found = read_bytes(card.image)
    gone = next(e for e in found.entries if e.deleted)
    assert gone.text == "a long clip name.mp4"
    assert "lfn-orphan" in codes(gone)
    assert codes(found.live("B.MP4")) == set()


def test_depth_is_bounded(tmp_path: Path) -> None:
    """Folders inside folders are read to the bound, which is reported and unsound."""
    path = make_fat_card(tmp_path / "c", {"/".join(["D"] * 12) + "/A.MP4": BODY}, 34 << 20)
    found = read_bytes(path.read_bytes(), Limits(depth=5))
    assert max(len(e.path) for e in found.entries) == 5
    assert "bound" in codes(found.entries[-1])
    assert not found.volume.sound


def test_entries_are_bounded(tmp_path: Path) -> None:
    """More entries than the bound end the walk; what was read stands, and is unsound."""
    path = make_fat_card(tmp_path / "c", {f"{n}.MP4": b"" for n in range(50)}, 34 << 20)
    found = read_bytes(path.read_bytes(), Limits(entries=20))
    assert len(found.entries) == 20
    assert "bound" in codes(found.volume)
    assert not found.volume.sound


def test_a_million_records_end_within_bounds(tmp_path: Path) -> None:
    """A folder of 2^20 records is read to the bounds and no further."""
    card = Card(tmp_path / "c", {"DCIM/A.MP4": Clip(size=32 << 20), "DCIM/B.MP4": b""})
    first = card.first(A)
    body = card.heap_at + (first - 2) * CLUSTER
    record = b"FILE    MP4\x20" + bytes(20)
    card.image[body : body + (32 << 20)] = record * (1 << 20)
    card.patch(A, 11, b"\x10")
    card.patch(A, 28, bytes(4))
    found = read_bytes(card.image, Limits(entries=30_000))
    assert len(found.entries) == 30_000
    assert not found.volume.sound
    found = read_bytes(card.image, Limits(directory_bytes=64 << 10))
    assert len(found.entries) == 3 + (64 << 10) // 32
    assert not found.volume.sound


def test_volume_longer_than_its_medium_is_unsound(card: Card) -> None:
    """A volume that claims more than the medium holds is read as far as it goes."""
    found = read_bytes(bytes(card.image[: -8 << 20]))
    assert "volume-beyond-medium" in codes(found.volume)
    assert not found.volume.sound
    assert content(card.image, found.live("DCIM/A.MP4").extents) == BODY


def test_free_space_that_is_claimed_but_not_there(card: Card) -> None:
    """Free space is counted; where FSInfo says otherwise, that is reported."""
    before = read_bytes(card.image).volume
    struct.pack_into("<I", card.image, 512 + 488, 7)
    after = read_bytes(card.image).volume
    assert after.free_bytes == before.free_bytes
    assert "free-disagrees" in codes(after)


def test_bad_sector_in_the_table_is_mended_from_its_copy(card: Card) -> None:
    """A link that can't be read is taken from the second table, and that is said."""
    image = card.image

    bad = card.fat_at + card.first(A) * 4 // 512 * 512

    def pread(offset: int, length: int) -> bytes:
        if offset <= bad < offset + length:
            raise OSError(5, "Input/output error")
        return bytes(image[offset : offset + length])

    found = listed(read_medium(pread, len(image)))
    assert content(image, found.live("DCIM/A.MP4").extents) == BODY
    assert codes(found.volume) == {"table-mended"}
    assert found.volume.sound


def test_bad_sector_in_a_folder_costs_only_its_records(card: Card) -> None:
    """A folder with an unreadable sector is unsound, and all others are read."""
    image = card.image
    bad = card.heap_at + (card.first(DCIM) - 2) * CLUSTER

    def pread(offset: int, length: int) -> bytes:
        if offset <= bad < offset + length:
            raise OSError(5, "Input/output error")
        return bytes(image[offset : offset + length])

    found = listed(read_medium(pread, len(image)))
    assert [e.text for e in found.entries] == ["DCIM"]
    assert codes(found.live("DCIM")) == {"directory-unreadable"}
    assert not found.volume.sound


def test_deleted_folder_is_entered_while_its_cluster_is_free(tmp_path: Path) -> None:
    """What a deleted folder held is listed as deleted, for as long as nothing overwrote it."""
    card = Card(tmp_path / "c", {"DCIM/100/A.MP4": BODY})
    folder = card.record(b"100        ")
    for short in (b"100        ", A):
        for cluster in range(card.first(short), card.first(short) + 4):
            card.link(cluster, 0)
    card.image[card.record(A)] = 0xE5
    card.image[folder] = 0xE5
    found = read_bytes(card.image)
    gone = found.gone("DCIM/?00/?.MP4")
    assert (gone.unallocated, content(card.image, gone.extents)) == (True, BODY)
    assert found.volume.sound


def test_dirty_marks(card: Card) -> None:
    """The mark in the table and the mark in the boot sector each make a volume dirty."""
    assert not read_bytes(card.image).volume.dirty
    card.image[0x41] |= 1
    assert read_bytes(card.image).volume.dirty
    card.image[0x41] = 0
    card.link(1, card.links(1) & ~(1 << 27))
    assert read_bytes(card.image).volume.dirty


def test_boot_sector_destroyed_is_read_from_its_copy(card: Card) -> None:
    """FAT32 keeps a second boot sector: a card without its first is read by it."""
    before = read_bytes(card.image)
    card.image[:512] = bytes(512)
    after = read_bytes(card.image)
    assert codes(after.volume) == {"boot-backup-used"}
    assert after.entries == before.entries


def test_short_name_first_byte_e5() -> None:
    """A first byte of 0x05 stands for 0xE5, and the case bits of Windows NT are honoured."""
    kanji = b"\x05\xab     " + b" TXT"
    first = b"\xe5\xab".decode("gb18030")
    assert short_text(kanji, 0, encoding="gb18030", deleted=False) == f"{first}.TXT"
    assert short_text(b"CLIP    MP4", 0x18, encoding="gb18030", deleted=False) == "clip.mp4"
    assert short_text(b"CLIP    MP4", 0x10, encoding="gb18030", deleted=False) == "CLIP.mp4"
    assert short_text(b"\xe5LIP    MP4", 0, encoding="gb18030", deleted=True) == "?LIP.MP4"


def test_extents_lie_where_the_boot_sector_says(card: Card) -> None:
    """An extent is bytes from the start of the medium, whole runs merged."""
    (extent,) = read_bytes(card.image).live("DCIM/A.MP4").extents
    assert extent == Extent(card.heap_at + (card.first(A) - 2) * CLUSTER, len(BODY))
