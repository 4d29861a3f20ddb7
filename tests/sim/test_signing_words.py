"""What people and programs are told of signing: alarms first, and that publishing waits."""

import json
from pathlib import Path

import pytest
from click import BadParameter
from click.testing import CliRunner, Result

from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon.commands.root import sealdock
from dock_daemon.commands.signing_lines import signing_lines
from tests.cards import make_exfat_card
from tests.docks import ORIGIN, DockIn, some_bytes
from tests.witnessed import Witness, begun, forged, grow, running

FILES = {"DCIM/A.MP4": some_bytes("a", 9000)}


@pytest.fixture
def witness() -> Witness:
    """Return the one witness that all of these docks have."""
    return Witness()


@pytest.fixture
def used(dock: DockIn, witness: Witness) -> DockIn:
    """Return a dock after its first life, in which the witness vouched for it."""
    begun(dock, witness)
    dock.settings(witness.settings())
    return dock


def call(dock: DockIn, *words: str, lang: str = "en") -> Result:
    """Run a command on the dock's state."""
    at = ["--state", str(dock.root), "--config", str(dock.config), "--lang", lang]
    env = {"SEALDOCK_DOCK_ORIGIN": ORIGIN}
    return CliRunner().invoke(sealdock, [*words, *at], env=env, standalone_mode=False)


def code(result: Result) -> object:
    """Return the exit code that a command ended with."""
    return result.return_value or ExitCode.OK


def told(result: Result) -> dict[str, object]:
    """Return the JSON that a command ended with."""
    value = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(value, dict)
    return value


def test_status_names_who_vouches_and_for_how_much(used: DockIn) -> None:
    """The newest cosignature of each with its age, and the window that nobody vouches for."""
    result = call(used, "status")
    assert code(result) == ExitCode.OK
    assert "witness central: 2 entries cosigned" in result.stdout
    assert "entries that only this dock vouches for so far: 0" in result.stdout
    signing = told(call(used, "status", "--json"))["signing"]
    assert isinstance(signing, dict)
    assert (signing["state"], signing["window"], signing["alarm"]) == ("at-rest", 0, None)
    assert "见证方 central" in call(used, "status", lang="zh-CN").stdout


def test_pull_says_that_publishing_waits(used: DockIn, tmp_path: Path) -> None:
    """The clips are safe, nothing was signed, and the exit code is no success."""
    before = (used.root / "log" / "checkpoint").read_bytes()
    result = call(used, "pull", str(make_exfat_card(tmp_path / "card", FILES)), "--json")
    assert code(result) == ExitCode.WARNINGS
    assert "signing-waits" in result.output
    assert len(used.parsed("clip")) == 1
    assert (used.root / "log" / "checkpoint").read_bytes() == before
    assert "waiting" in call(used, "status").stdout


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_an_alarm_comes_before_all_else(
    used: DockIn, witness: Witness, tmp_path: Path, lang: str
) -> None:
    """Sizes, roots, who showed it and where the evidence lies; also of `pull`."""
    with running(used, witness) as core:
        core.tell("witness", name="central", answer="head", note=forged(used, 70))
    (folder,) = (used.root / "alarms").iterdir()
    for words in (("status",), ("signing", "show")):
        result = call(used, *words, lang=lang)
        assert code(result) == ExitCode.WARNINGS
        first, ours, theirs, where = result.stdout.splitlines()[:4]
        assert first.startswith("!!")
        assert "2" in ours
        assert "70" in theirs
        assert (b"f" * 32).hex() in theirs
        assert "central" in theirs
        assert str(folder) in where
    result = call(used, "pull", str(make_exfat_card(tmp_path / "card", FILES)), lang=lang)
    assert code(result) == ExitCode.WARNINGS
    assert len(used.parsed("clip")) == 1
    result = call(used, "signing", "dismiss", "--reason", "no", "--json")
    assert "alarm-proved" in result.stderr


def test_a_claim_is_dismissed_by_a_command(used: DockIn, witness: Witness) -> None:
    """It tells which entry says so; afterwards no alarm is shown."""
    with running(used, witness) as core:
        core.tell("witness", name="central", answer="size", size=70)
        result = call(used, "signing", "dismiss", "--reason", "a mistake", "--json")
        assert code(result) == ExitCode.BUSY
        assert "Stop the dock (systemctl stop sealdock), then dismiss." in result.stderr
    result = call(used, "signing", "dismiss", "--reason", "a mistake", "--json")
    done = told(result)
    assert done["alarms"] == [str(next((used.root / "alarms").iterdir()))]
    assert used.parsed("recovery")[-1].seq == done["seq"]
    assert not call(used, "status").stdout.startswith("!!")
    again = call(used, "signing", "dismiss", "--reason", "again", "--json")
    assert code(again) == ExitCode.NOT_FOUND
    assert "no-alarm" in again.stderr
    assert isinstance(call(used, "signing", "dismiss", "--reason", " ").exception, BadParameter)


def test_a_dock_without_witnesses_is_not_told_about_any(dock: DockIn) -> None:
    """No line that means nothing to it."""
    with running(dock) as core:
        grow(core)
    dock.settings()
    result = call(dock, "status")
    assert "witness" not in result.stdout
    assert "vouches" not in result.stdout
    assert "no witness is configured" in call(dock, "signing", "show").stdout


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize(("state", "why"), [("held", "copy-unknown-key"), ("free", "copy-absent")])
def test_a_copy_that_could_not_agree_is_told_without_any_witness(
    lang: str, state: str, why: str
) -> None:
    """What is so, and what to do; where all is well nothing is said."""
    line, remedy = signing_lines({"state": state, "why": why, "cosigners": []}, lang, 0)
    assert say(f"signing-why.{why}", lang) in line
    assert "head_copy" in remedy or why == "copy-unknown-key"
    assert signing_lines({"state": "free", "why": "no-witness", "cosigners": []}, lang, 0) == []
