"""`sealdock key`: what is shown, and what is refused beside a dock that runs."""

import asyncio
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon import control
from dock_daemon.answering import Answering
from tests.cards import make_fat_card
from tests.commanded import command, verify
from tests.docks import DockIn
from tests.witnessed import NOW_S, Witness, running


@pytest.fixture
def begun(dock: DockIn) -> DockIn:
    """Return a dock that was started once."""
    dock.settings()
    dock.open().close()
    return dock


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ["signs, to be retired", "from entry 1 on", "has not ended"]),
     ("zh-CN", ["签名中，待停用", "自第 1 条起", "尚未完成"])],
)  # fmt: skip
def test_keys_are_shown_with_what_they_sign(begun: DockIn, lang: str, words: list[str]) -> None:
    """Each key that the log ever had, from which entry on, and whether a change is open."""
    first = (begun.root / "log" / "vkey").read_text().strip()
    assert command(begun, "key", "show", "--json").json == {
        "schema": 1,
        "origin": "dock.example/0001",
        "keys": [{"vkey": first, "since": 0, "until": None, "state": "signing"}],
        "open": False,
    }
    assert command(begun, "key", "change", lang=lang).code == ExitCode.OK
    page = command(begun, "key", "show", lang=lang).out
    assert [word for word in words if word not in page] == []
    told = command(begun, "key", "retire", "--json").json
    assert (told["left"], len(told["signing"]), told["unpublished"]) == (first, 1, 0)
    states = [row["state"] for row in command(begun, "key", "show", "--json").json["keys"]]
    assert states == ["retired", "signing"]
    for key in (first, *told["signing"]):
        assert verify(str(begun.root / "log"), "--key", key).code == ExitCode.OK


def test_beside_a_dock_that_runs_keys_are_shown_and_not_changed(begun: DockIn) -> None:
    """Changing them needs the dock to be stopped, and says so."""
    command(begun, "key", "change")
    with begun.open():
        assert len(command(begun, "key", "show", "--json").json["keys"]) == 2
        for what in ("change", "retire"):
            ended = command(begun, "key", what, "--json")
            assert (ended.code, ended.error["code"]) == (ExitCode.BUSY, "state-busy")
    assert command(begun, "key", "retire").code == ExitCode.OK


@pytest.mark.parametrize(
    ("before", "what", "code"),
    [([], "retire", "no-key-change"), (["change"], "change", "key-change-open")],
)
def test_what_cannot_be_done_is_said(
    begun: DockIn, before: list[str], what: str, code: str
) -> None:
    """With the fault's code, its sentence and what to do."""
    for step in before:
        command(begun, "key", step)
    ended = command(begun, "key", what, "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.FAILED, code)
    assert "sealdock key" in ended.error["remedy"]


@pytest.mark.parametrize(
    "what",
    [["key", "show"], ["key", "change"], ["key", "retire"],
     ["signing", "dismiss", "--reason", "a mistake"]],
)  # fmt: skip
def test_where_there_is_no_dock(dock: DockIn, tmp_path: Path, what: list[str]) -> None:
    """A mistyped --state makes no second dock with a key of its own."""
    ended = command(dock, *what, "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.NOT_FOUND, "state-missing")
    assert not (tmp_path / "state").exists()


def used_and_vouched(dock: DockIn, witness: Witness, folder: Path) -> None:
    """Take clips over, and let a witness cosign: the next life has to ask before it signs."""
    card = make_fat_card(folder / "card", {"DCIM/A.MP4": b"a clip"}, 40 << 20, fat=32)
    dock.take_over(card, settings=witness.settings())
    with running(dock, witness) as core:
        core.vouched(witness)


async def test_a_running_dock_tells_all_its_keys(begun: DockIn, tmp_path: Path) -> None:
    """Also one that joined under no published checkpoint yet."""
    witness = Witness()
    used_and_vouched(begun, witness, tmp_path)
    assert command(begun, "key", "change").code == ExitCode.OK
    with running(begun, witness) as core:
        answering = Answering(core.state)

        async def answer(request: control.Request) -> object:
            return await asyncio.to_thread(answering.answer, request)

        async with control.serving(begun.root, answer):
            told = await asyncio.to_thread(command, begun, "key", "show", "--json")
    assert [row["state"] for row in told.json["keys"]] == ["outgoing", "signing"]
    assert told.json["open"]


def assert_all_verifies(dock: DockIn, folder: Path, *keys: str) -> None:
    """Assert that log, manifest and proof verify, with these keys and with those they come with."""
    log = str(dock.root / "log")
    for key in (*keys, f"{log}/vkey"):
        done = verify(log, "--key", key, "--store", str(dock.root / "store"))
        assert done.code == ExitCode.OK, done.out
    out = str(folder / f"{len(list(folder.iterdir()))}.out")
    told = command(dock, "manifest", "1", "-o", f"{out}.manifest", "--json").json
    for key in (*keys, told["vkey"]):
        assert verify("--manifest", f"{out}.manifest", "--key", key).code == ExitCode.OK
    seq = str(dock.parsed("clip")[0].seq)
    (proof,) = command(dock, "prove", seq, "-o", f"{out}.tlog-proof", "--json").json["proofs"]
    asked = ("--proof", proof["proof"], "--entry", proof["entry"], "--key", proof["vkey"])
    assert verify(*asked).code == ExitCode.OK
    for key in keys:
        done = verify(*asked[:-1], key, "--log", log)
        assert done.code == ExitCode.OK, done.out


def test_a_change_that_is_not_published_accuses_nobody(begun: DockIn, tmp_path: Path) -> None:
    """While the witnesses are out of reach, and at every step after, all that is there verifies."""
    witness, vkey = Witness(), begun.root / "log" / "vkey"
    first = vkey.read_text().strip()
    used_and_vouched(begun, witness, tmp_path)
    head = (begun.root / "log" / "checkpoint").read_bytes()
    told = command(begun, "key", "change", "--json").json
    assert (told["unpublished"] > 0, told["signing"][0]) == (True, first)
    for _ in range(2):  # however often it starts
        assert (begun.root / "log" / "checkpoint").read_bytes() == head
        assert vkey.read_text().strip() == first
        assert_all_verifies(begun, tmp_path, first)
        begun.open(witness.settings()).close()

    with running(begun, witness) as core:
        assert core.vouched(witness, NOW_S + 1) == "granted"
    assert vkey.read_text().strip() == told["signing"][1]
    # The newest cosigned head is one that the first key signed alone.
    assert_all_verifies(begun, tmp_path, first)

    with running(begun, witness) as core:
        core.vouched(witness, NOW_S + 2)
    assert_all_verifies(begun, tmp_path, first)
    ended = command(begun, "key", "retire", "--json")
    assert ended.code == ExitCode.OK
    begun.settings("")
    begun.open().close()
    assert_all_verifies(begun, tmp_path, first)


def test_a_key_that_was_stated_too_early_is_taken_back(begun: DockIn, tmp_path: Path) -> None:
    """What an older sealdock, or a crash, left in `vkey` is put right by the next start."""
    witness, vkey = Witness(), begun.root / "log" / "vkey"
    first = vkey.read_text()
    used_and_vouched(begun, witness, tmp_path)
    joined = command(begun, "key", "change", "--json").json["signing"][1]
    vkey.write_text(f"{joined}\n")
    begun.open(witness.settings()).close()
    assert vkey.read_text() == first
    begun.settings("")
    begun.open().close()  # asks nobody, and signs what waits
    assert vkey.read_text() == f"{joined}\n"
    vkey.write_text(first)
    assert verify(str(begun.root / "log"), "--key", joined).code == ExitCode.OK
    begun.open().close()
    assert vkey.read_text() == f"{joined}\n"
