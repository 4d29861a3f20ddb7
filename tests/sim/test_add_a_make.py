"""A technician adds a make from the manual alone: its code blocks, followed to the letter."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from config.exit_codes import ExitCode
from dock_daemon.docking.events import ClipSealed, Identified
from dock_daemon.recorders.matching import Seen
from tests.cards import make_fat_card
from tests.commanded import command
from tests.docks import DockIn, some_bytes
from tests.sim.test_dock import PORTS, SETTINGS, medium, serving

MANUAL = Path(__file__).parents[2] / "docs" / "recorders.md"
ETC = "/etc/sealdock/"


@dataclass(frozen=True)
class Manual:
    """What the section says to write, and what is on the recorder's card."""

    profile: str
    settings: str
    register: str
    card: tuple[str, ...]
    typed: str
    said: tuple[str, ...]


@pytest.fixture(scope="module")
def manual() -> Manual:
    """Return the code blocks of the manual's section."""
    section = MANUAL.read_text("utf-8").partition("## Adding a make\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    profile, settings = (text for kind, text in blocks if kind == "toml")
    (register,) = (text for kind, text in blocks if kind == "csv")
    (card,) = (text for kind, text in blocks if kind == "text")
    (tried,) = (text for kind, text in blocks if "check-profile" in text and kind == "console")
    typed, *said = tried.splitlines()
    return Manual(
        profile, settings, register, tuple(card.splitlines()), typed.removeprefix("$ "), tuple(said)
    )


@pytest.fixture
def followed(dock: DockIn, manual: Manual) -> DockIn:
    """Return a dock on which all of it was done."""
    dock.settings(manual.settings + SETTINGS)
    (dock.config / "recorders").mkdir()
    first, _, _ = manual.profile.partition("\n")
    target = dock.config / first.removeprefix("# ").removeprefix(ETC)
    target.write_text(manual.profile, encoding="utf-8")
    (dock.config / "register.csv").write_text(manual.register, encoding="utf-8")
    return dock


def card(folder: Path, manual: Manual) -> Path:
    """Make the card that the manual describes."""
    number = manual.register.splitlines()[1].partition(",")[0]
    content = {path: some_bytes(path, 900) for path in manual.card}
    (settings,) = (path for path in manual.card if path.endswith(".INI"))
    content[settings] = f"[ZFY]\r\nDevNo={number}\r\n".encode()
    return make_fat_card(folder / "card.img", content)


def test_what_is_typed_says_what_the_manual_shows(
    followed: DockIn, manual: Manual, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command that tries the profile prints these very lines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ht-9.toml").write_text(manual.profile, encoding="utf-8")
    done = command(followed, *manual.typed.split()[1:])
    assert done.code == ExitCode.OK
    shown = done.out.replace(f"{followed.config}/", ETC)
    assert tuple(shown.splitlines()) == manual.said


def test_its_card_is_taken_over_by_the_new_profile(
    followed: DockIn, manual: Manual, tmp_path: Path
) -> None:
    """Recorder, holder, clips, marks and what is only a record: as the one file says."""
    told = followed.take_over(card(tmp_path, manual), settings=manual.settings)
    (identified,) = [event for event in told.events if isinstance(event, Identified)]
    assert (identified.recorder, identified.holder) == ("HT9-0042", "张䶮")
    sealed = {event.path: event for event in told.events if isinstance(event, ClipSealed)}
    assert {path: one.media_class for path, one in sealed.items()} == {
        path: _class(path) for path in manual.card
    }
    assert not any(one.quarantine for one in sealed.values())
    important = {path for path, one in sealed.items() if "important" in one.marks}
    assert important == {path for path in manual.card if path.endswith("K.MP4")}
    (docked,) = followed.parsed("docked")
    assert cast("dict[str, Any]", docked.body)["profile"] == "ht-9"
    followed.assert_holds("HT9-0042", "880317", "张䶮")


def _class(path: str) -> str:
    if path.startswith(("MISC/", "CLIP/LOOP/")):
        return "record"
    return "sidecar" if path.endswith(".GPS") else "media"


@pytest.mark.parametrize(
    ("usb", "profile"), [(("f055", "0009"), "ht-9"), (("f055", "0010"), "fs-only")]
)
async def test_in_a_bay_its_usb_id_must_fit_too(
    followed: DockIn, manual: Manual, tmp_path: Path, usb: tuple[str, str], profile: str
) -> None:
    """The same card in a device of another id is read by the plain profile."""
    seen = Seen(kind="disk", vendor_id=usb[0], product_id=usb[1], product="HT-9")
    settings = manual.settings + SETTINGS
    async with serving(followed, {"/dev/test1": card(tmp_path, manual)}, settings) as running:
        running.hotplug.plug(replace(medium(1, PORTS["1"]), seen=seen))
        await running.until_shown("1", "done")
    (docked,) = followed.parsed("docked")
    assert cast("dict[str, Any]", docked.body)["profile"] == profile
