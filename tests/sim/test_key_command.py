"""`sealdock key`: what is shown, and what is refused beside a dock that runs."""

from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from tests.commanded import command, verify
from tests.docks import DockIn


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


def test_where_there_is_no_dock(dock: DockIn, tmp_path: Path) -> None:
    """Showing makes nothing."""
    assert command(dock, "key", "show").code == ExitCode.NOT_FOUND
    assert not (tmp_path / "state").exists()
