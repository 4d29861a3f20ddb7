"""What the power cuts rest on: the tape, what a disk keeps, and a judge who sees what is wrong."""

import ast
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cards import make_exfat_card
from tests.docks import DockIn, some_bytes
from tests.power import cuts, judge, recording, report, tape
from tests.power.campaign import drawn_cut
from tests.power.cuts import Cut
from tests.power.devices import copy_sparse
from tests.power.judge import Truth
from tests.power.medium import Disk
from tests.power.scene import Layout, chance, drawn
from tests.power.tape import Kind, Record

SECTOR = 512
CLIPS = {f"DCIM/C{number}.MP4": some_bytes(f"clip {number}", 3000 + number) for number in range(3)}
WRITES = st.builds(
    lambda at, data: Record(Kind.WRITE, 0, at * SECTOR, len(data), data),
    st.integers(0, 7),
    st.binary(min_size=SECTOR, max_size=SECTOR),
)
FLUSHES = st.just(Record(Kind.FLUSH, 0))
TOLD = st.binary(max_size=20).map(lambda data: Record(Kind.TOLD, 0, 0, len(data), data))
ZEROS = st.integers(0, 7).map(lambda at: Record(Kind.ZERO, 0, at * SECTOR, SECTOR))
RUNS = st.lists(st.one_of(WRITES, FLUSHES, TOLD, ZEROS), min_size=1, max_size=20)


@given(records=RUNS)
def test_a_tape_plays_what_was_put_on_it(
    records: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Writes, zeros, flushes and words come back in their order."""
    path = tmp_path_factory.mktemp("tape") / "tape"
    with path.open("wb") as file:
        for record in records:
            tape.put(file, record)
    assert list(tape.play(path)) == records


def kept(records: list[Record], image: Path, cut: Cut) -> bytes:
    """Return what a disk of eight sectors holds after a cut."""
    (handle,) = cuts.disks_after(records, [image], [SECTOR], cut)
    try:
        return os.pread(handle, 9 * SECTOR, 0)
    finally:
        os.close(handle)


@given(records=RUNS, keep=st.sampled_from([0.0, 0.5, 1.0]), torn=st.booleans(), data=st.data())
def test_a_disk_keeps_what_was_flushed(
    records: list[Record],
    keep: float,
    torn: bool,  # noqa: FBT001  drawn, not passed
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each sector holds what it held at the last flush, or one of the writes since then."""
    image = tmp_path_factory.mktemp("disk") / "disk"
    image.write_bytes(bytes(8 * SECTOR))
    place = data.draw(st.integers(1, len(records)))
    cut = Cut(0, (place,), keep, torn, data.draw(st.text(max_size=3)))
    found = kept(records, image, cut)
    assert found == kept(records, image, cut)
    may: list[set[bytes]] = [{bytes(SECTOR)} for _ in range(8)]
    sure = [bytes(SECTOR)] * 8
    for record in records[:place]:
        if record.kind is Kind.FLUSH:
            may = [{sector} for sector in sure]
        elif record.kind is not Kind.TOLD:
            sure[record.offset // SECTOR] = record.content
            may[record.offset // SECTOR].add(record.content)
    sectors = [found[at : at + SECTOR] for at in range(0, len(found), SECTOR)]
    assert all(sector in each for sector, each in zip(sectors, may, strict=True))
    if keep == 1.0 and not torn:
        assert sectors == sure


def test_a_kept_tape_is_what_it_was(tmp_path: Path) -> None:
    """Its scene, what was said on it and each of its cuts come back as they were."""
    scene = drawn(Layout("ext4", "ext4"), chance("kept"))
    scene.save(tmp_path / "scene.json")
    words = [b'{"state":"sealed","seq":2}', b'{"head":[3,"root"]}', b'{"state":"sealed","seq":3}']
    with (tmp_path / "tape").open("wb") as file:
        for word in words:
            tape.put(file, Record(Kind.TOLD, 0, 0, len(word), word))
            tape.put(file, Record(Kind.FLUSH, 1))
    again = recording.load(tmp_path)
    assert again.scene == scene
    assert again.acknowledged(4) == [{"state": "sealed", "seq": 2}]
    assert again.heads(3) == [(3, "root")]
    assert not again.acknowledged(0)
    assert not again.heads(2)
    drawn_here = [drawn_cut(again, number, "seed") for number in range(50)]
    assert drawn_here == [drawn_cut(recording.load(tmp_path), n, "seed") for n in range(50)]
    assert any(cut.store_is_behind for cut, _ in drawn_here)
    assert any(how.deep for _, how in drawn_here)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_on_the_cards_is_known_by_path(seed: int) -> None:
    """No two cards have a clip of one path: what was acknowledged is told from all others."""
    scene = drawn(Layout("ext4"), chance(str(seed)))
    assert len(scene.clips) == sum(map(len, (scene.before, *scene.cards)))


def test_holes_stay_holes(tmp_path: Path) -> None:
    """A copy of a disk holds the same, and takes no room for what is zero."""
    data = bytes(1 << 17) + b"here" + bytes(1 << 20)
    (tmp_path / "old").write_bytes(data)
    with (tmp_path / "old").open("rb") as old, (tmp_path / "new").open("wb") as new:
        copy_sparse(old.fileno(), new.fileno())
    assert (tmp_path / "new").read_bytes() == data
    assert (tmp_path / "new").stat().st_blocks * 512 < len(data) // 4


def test_a_torn_write_is_torn_at_a_sector(tmp_path: Path) -> None:
    """Of a write of many sectors each is whole or not there, and some are not."""
    image = tmp_path / "disk"
    image.write_bytes(bytes(8 * SECTOR))
    data = b"".join(bytes([number + 1]) * SECTOR for number in range(8))
    record = Record(Kind.WRITE, 0, 0, len(data), data)
    seen = set()
    for seed in range(200):
        found = kept([record], image, Cut(0, (1,), 1.0, torn=True, seed=str(seed)))
        sectors = [found[at : at + SECTOR] for at in range(0, len(found), SECTOR)]
        assert all(
            sector in {bytes(SECTOR), bytes([number + 1]) * SECTOR}
            for number, sector in enumerate(sectors)
        )
        seen.add(found)
    assert data in seen
    assert len(seen) > 2


def test_a_lying_disk_lies_once(tmp_path: Path) -> None:
    """What it was told to spoil it keeps otherwise; all else it keeps as it came."""
    image = tmp_path / "disk"
    image.write_bytes(bytes(8 * SECTOR))
    handle = os.open(image, os.O_RDWR)
    with (tmp_path / "tape").open("wb") as file:
        disk = Disk(0, handle, 8 * SECTOR, file, b"clip")
        for at in range(2):
            disk.write(at * SECTOR, b"a clip")
        assert disk.read(0, 6) == b"a blip"
        assert disk.read(SECTOR, 6) == b"a clip"
    os.close(handle)
    assert [record.data for record in tape.play(tmp_path / "tape")] == [b"a blip", b"a clip"]


def test_the_judge_shares_no_code_with_the_judged() -> None:
    """It imports the standard library and cryptography, nothing of ours."""
    imported = set()
    for node in ast.walk(ast.parse(Path(judge.__file__).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= {*sys.stdlib_module_names, "cryptography"}


@pytest.fixture
def docked(dock: DockIn, tmp_path: Path) -> tuple[DockIn, Truth]:
    """Return a dock after two dockings, at rest, and what is known of it."""
    card = make_exfat_card(tmp_path / "card.img", dict(list(CLIPS.items())[:1]), 4 << 20)
    first = dock.take_over(card)
    head = (dock.root / "log" / "checkpoint").read_text("utf-8")
    card = make_exfat_card(tmp_path / "card.img", CLIPS, 4 << 20)
    told = [*first.sealed.values(), *dock.take_over(card).sealed.values()]
    acknowledged = [{"path": clip.path, "seq": clip.seq, "sha256": clip.sha256} for clip in told]
    return dock, Truth(CLIPS, acknowledged, [judge.parse_head(head)])


def test_the_judge_lets_a_sound_dock_pass(docked: tuple[DockIn, Truth]) -> None:
    """Nothing is wrong with a dock that nobody disturbed."""
    dock, truth = docked
    assert judge.judge_state(dock.root, truth) == []
    assert judge.judge_complete(dock.root, truth, list(CLIPS)) == []


def clip_of(root: Path) -> Path:
    """Return a stored clip."""
    return next(path for path in (root / "store" / "clips").rglob("*") if path.is_file())


def spoil(path: Path, data: bytes) -> None:
    """Replace a file that may be read-only."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def edit(root: Path, sql: str) -> None:
    """Change the ledger behind the dock's back."""
    with sqlite3.connect(root / "ledger.db") as connection:
        assert connection.execute(sql).rowcount > 0
    connection.close()


def older_head(root: Path) -> None:
    """Publish the first head again."""
    connection = sqlite3.connect(root / "ledger.db")
    (note,) = connection.execute("SELECT note FROM checkpoint ORDER BY size LIMIT 1").fetchone()
    connection.close()
    spoil(root / "log" / "checkpoint", note)


def tile_of(root: Path, level: str) -> Path:
    """Return the widest published file of a level."""
    files = (root / "log" / "tile" / level).rglob("*")
    return max((path for path in files if path.is_file()), key=lambda path: path.stat().st_size)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a clip that is gone": ("I1", lambda root: clip_of(root).unlink()),
    "a clip of which nothing was written": ("I1", lambda root: spoil(clip_of(root), b"")),
    "a byte of a clip": ("I2", lambda root: spoil(clip_of(root), clip_of(root).read_bytes()[1:])),
    "a document that is gone": (
        "I2",
        lambda root: next((root / "store" / "documents").rglob("?" * 64)).unlink(),
    ),
    "a name that is no hash": ("I2", lambda root: spoil(root / "store/clips/00/half", b"")),
    "a half copy": ("I6", lambda root: spoil(root / "store/incoming/half", b"")),
    "an entry that was edited": (
        "I4",
        lambda root: edit(
            root, "UPDATE entry SET bytes = CAST(replace(bytes, 'media', 'other') AS BLOB)"
        ),
    ),
    "an entry that is gone": ("I4", lambda root: edit(root, "DELETE FROM entry WHERE seq = 2")),
    "the last entry gone": (
        "I4", lambda root: edit(root, "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)"),
    ),
    "an index without a clip": ("I2", lambda root: edit(root, "DELETE FROM clip WHERE seq > 0")),
    "a docking left open": ("I6", lambda root: edit(root, "UPDATE docking SET closed_ms = NULL")),
    "an older head": ("I4", older_head),
    "no head": ("I4", lambda root: (root / "log" / "checkpoint").unlink()),
    "an empty tile": ("I4", lambda root: spoil(tile_of(root, "0"), b"")),
    "an empty bundle": ("I4", lambda root: spoil(tile_of(root, "entries"), b"")),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_the_judge_sees(docked: tuple[DockIn, Truth], what: str) -> None:
    """Whatever is damaged is said, under the invariant that it breaks."""
    dock, truth = docked
    invariant, damage = DAMAGE[what]
    if what == "an older head":
        truth = Truth(truth.clips, truth.acknowledged, [*truth.heads, newest(dock)])
    damage(dock.root)
    assert any(found.startswith(invariant) for found in judge.judge_state(dock.root, truth))


def newest(dock: DockIn) -> tuple[int, str]:
    """Return the published head."""
    return judge.parse_head((dock.root / "log" / "checkpoint").read_text("utf-8"))


def test_the_judge_counts_what_is_sealed_twice(docked: tuple[DockIn, Truth]) -> None:
    """A clip that is on the cards once and sealed twice is one too many; so is one too few."""
    dock, truth = docked
    once = list(CLIPS)
    assert judge.judge_complete(dock.root, truth, [*once, once[0]]) != []
    more = Truth({**CLIPS, "DCIM/NEVER.MP4": b"never docked"}, truth.acknowledged, truth.heads)
    assert judge.judge_complete(dock.root, more, [*once, "DCIM/NEVER.MP4"]) != []


def test_the_root_is_that_of_rfc_6962() -> None:
    """The judge's own tree gives the root that the RFC's definition gives, by hand."""
    leaves = [bytes([number]) * 32 for number in range(3)]
    assert judge.root_of([]).hex().startswith("e3b0c442")
    assert judge.root_of(leaves[:1]) == leaves[0]
    left = judge.root_of(leaves[:2])
    assert judge.root_of(leaves) == judge.root_of([left, leaves[2]])


def test_a_table_stands_between_its_marks(tmp_path: Path) -> None:
    """Only what lies between the marks is written anew, as often as one likes."""
    page = tmp_path / "page.md"
    begin, end = "<!-- cuts: made by script/torture cuts --report -->", "<!-- end of cuts -->"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n", "utf-8")
    for _ in range(2):
        report.write(page, "cuts", ["new"])
    assert page.read_text("utf-8") == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        report.write(page, "teeth", [])
