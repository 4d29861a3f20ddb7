"""What the other processes of a dock ask the core: manifests, clips, the inventory, accesses."""

import hashlib
from pathlib import Path

import pytest

from dock_daemon.answering import Answering
from dock_daemon.asking import ask
from dock_daemon.errors import UnsayableError
from dock_daemon.evidence.store import DOCUMENTS
from hashing import checkpoint, document, note
from tests.cards import make_exfat_card
from tests.docks import DockIn, some_bytes
from tests.witnessed import Core, Witness, grow

FILES = {f"DCIM/{name}.MP4": some_bytes(name, 9000) for name in ("A", "B", "C")}
A = hashlib.sha256(FILES["DCIM/A.MP4"]).hexdigest()
ACCESS = {
    "tell": "access", "sha256": A, "who": "王芳", "fingerprint": "ab12", "roles": ["auditor"],
    "reason": "复核",
}  # fmt: skip


@pytest.fixture
def used(dock: DockIn, tmp_path: Path) -> DockIn:
    """Return a dock after two dockings of one card."""
    card = make_exfat_card(tmp_path / "card", FILES, 4 << 20)
    dock.take_over(card)
    dock.take_over(card, reread=True)
    return dock


def size_of(text: str) -> int:
    """Return how many entries a checkpoint's note covers."""
    return checkpoint.parse(note.parse(text.encode())[0]).size


def test_closed_dockings_are_told_in_the_order_of_their_closing(used: DockIn) -> None:
    """Page by page, each once; `after` is the seq of the last one known."""
    released = [(one.body["docking"], one.seq) for one in used.parsed("released")]
    with used.open() as state:
        core = Core(state)
        rows = core.ask("manifests")
        assert [(row["docking"], row["seq"]) for row in rows] == released
        assert [row["clips"] for row in rows] == [3, 0]
        assert {"opened_ms", "closed_ms", "result", "findings", "unread"} <= rows[0].keys()
        (first,) = core.ask("manifests", limit=1)
        assert core.ask("manifests", after=first["seq"]) == rows[1:]
        assert core.ask("manifests", after=rows[-1]["seq"]) == []


def test_a_manifest_names_its_entries_and_the_heads_over_them(used: DockIn) -> None:
    """The first head over it never changes; the newest has the cosignatures."""
    witness = Witness()
    with used.open() as state:
        before = Core(state).ask("manifest", docking=1)
    with used.open(witness.settings()) as state:
        core = Core(state)
        core.vouched(witness)
        after = core.ask("manifest", docking=1)
        assert after["note"] == before["note"]
        assert len(note.parse(after["note"].encode())[1]) == 1
        assert size_of(after["note"]) > after["seq"]
        assert after["cosigned"] == after["newest"] == core.head
        grow(core)
        later = core.ask("manifest", docking=1)
        assert (later["note"], later["newest"]) == (before["note"], core.head)
        assert size_of(later["cosigned"]) < size_of(later["newest"])
        assert core.ask("manifest", docking=7) is None
    named = [seq for first, last in after["ranges"] for seq in range(first, last + 1)]
    assert named == [one.seq for one in used.parsed() if one.body.get("docking") == 1]
    assert named[-1] == after["seq"]


def test_what_is_not_published_is_not_told(used: DockIn, tmp_path: Path) -> None:
    """A manifest nobody could prove is none yet."""
    witness = Witness()
    card = make_exfat_card(tmp_path / "more", {"DCIM/D.MP4": b"d" * 9000}, 4 << 20)
    used.take_over(card, settings=witness.settings())
    with used.open(witness.settings()) as state:
        core = Core(state)
        assert [row["docking"] for row in core.ask("manifests")] == [1, 2]
        assert core.ask("manifest", docking=3) is None
        core.vouched(witness)
        grow(core)
        assert [row["docking"] for row in core.ask("manifests")] == [1, 2, 3]
        assert core.ask("manifest", docking=3)["docking"] == 3


def test_the_same_without_a_daemon(used: DockIn) -> None:
    """What was signed is what the next start publishes."""
    rows, running = ask(used.settings(), {"ask": "manifests"})
    assert isinstance(rows, list)
    assert (len(rows), running) == (2, False)
    row, _ = ask(used.settings(), {"ask": "manifest", "docking": 1})
    assert isinstance(row, dict)
    assert row["ranges"]
    told, _ = ask(used.settings(Witness().settings()), {"ask": "signing"})
    assert isinstance(told, dict)
    assert (told["state"], told["window"]) == ("at-rest", told["entries"])


def test_a_content_is_found_by_its_digest(used: DockIn) -> None:
    """Every entry that seals it, its length and its class; None for what nobody sealed."""
    seqs = [one.seq for one in used.parsed("clip") if one.body["sha256"] == A]
    with used.open() as state:
        told = Core(state).ask("clip", sha256=A)
        assert told == {"seqs": seqs, "size": 9000, "class": "media"}
        assert Core(state).ask("clip", sha256="0" * 64) is None


def test_the_inventory_is_what_lies_there(used: DockIn) -> None:
    """By name, page by page; what is gone is gone from it."""
    names = sorted(hashlib.sha256(data).hexdigest() for data in FILES.values())
    with used.open() as state:
        core = Core(state)
        assert core.ask("inventory") == [{"sha256": name, "size": 9000} for name in names]
        assert [row["sha256"] for row in core.ask("inventory", after=names[0], limit=1)] == [
            names[1]
        ]
        used.stored(names[1]).unlink()
        assert [row["sha256"] for row in core.ask("inventory", after=names[0])] == names[2:]


def test_an_access_is_an_entry_before_a_byte_is_given(used: DockIn) -> None:
    """Who and why stand in the document; the entry names neither."""
    with used.open() as state:
        told = Answering(state).answer(ACCESS)
        store = state.store
    (entry,) = used.parsed("access")
    assert told == {"seq": entry.seq}
    assert (entry.body["sha256"], entry.body["roles"]) == (A, ["auditor"])
    digest = str(entry.body["document"])
    facts = document.parse(store.path_of(DOCUMENTS, digest).read_bytes())
    assert facts["who"] == "王芳"
    used.assert_holds("王芳", "复核", "ab12")


@pytest.mark.parametrize(
    "request_",
    [
        {**ACCESS, "sha256": "0" * 64},
        {**ACCESS, "sha256": A.upper()},
        {**ACCESS, "roles": ["Root!"]},
        {**ACCESS, "who": "\ud800"},
        {"tell": "access", "sha256": A},
        {"tell": "everything"},
        {"tell": "cosigned"},
        {"tell": ["cosigned"]},
        {"tell": "cosigned", "ask": "signing", "note": ""},
        {"ask": "inventory", "after": "x"},
        {"ask": "inventory", "limit": -1},
        {"ask": "manifests", "after": -2},
        {"ask": "manifest"},
        {"ask": "manifest", "docking": 2**60},
        {"ask": "clip", "sha256": f"{A}\n"},
        {"ask": "signing", "more": 1},
        {"ask": ["signing"]},
    ],
)
def test_nonsense_is_refused(used: DockIn, request_: dict[str, object]) -> None:
    """Whoever asks for what cannot be is told so, and nothing is written down."""
    with used.open() as state:
        with pytest.raises((ValueError, UnsayableError), match=r"\S"):
            Answering(state).answer(request_)
        assert Core(state).ask("clip", sha256=A) is not None
    assert used.parsed("access") == []
