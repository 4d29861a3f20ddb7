"""What the companion keeps in small files, and who it says it is."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import durable, settings
from agent.clock import KeptClock, SystemClock
from agent.errors import ClockNotSetError, NumberUnknownError, StateUnusableError
from agent.holder import NAME, NOBODY, HolderFile
from agent.identity import named, plain
from config.errors import ConfigError
from firmware_bridge.wire.companion import Holder


def recorder(**told: str) -> settings.Recorder:
    """Return the settings of a recorder, empty where not told."""
    given_ = {"number": "", "model": "", "firmware": "", "state": "/s", **told}
    return settings.Recorder(language="en", **given_)


def test_an_offset_is_kept_over_a_restart(tmp_path: Path) -> None:
    """A time that was set runs on with the system's clock, in this life and the next."""
    clock = KeptClock(tmp_path / "clock.json")
    assert abs(clock.now_us() - time.time_ns() // 1000) < 60_000_000
    clock.set(2_000_000_000_000_000)
    for again in (clock, KeptClock(tmp_path / "clock.json")):
        assert 0 <= again.now_us() - 2_000_000_000_000_000 < 60_000_000
    assert (tmp_path / "clock.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"7", b"{}", b'{"offset_us": "7"}', b'{"offset_us": 1e400}', b"\xff", b"[" * 99],
)
def test_an_offset_that_is_none_stops_the_start(tmp_path: Path, content: bytes) -> None:
    """A spoilt file is named, not taken for no offset: all times would be wrong in silence."""
    (tmp_path / "clock.json").write_bytes(content)
    with pytest.raises(StateUnusableError):
        KeptClock(tmp_path / "clock.json")


def test_a_time_that_can_not_be_kept_is_not_taken(tmp_path: Path) -> None:
    """Where the file can't be written, or the time makes no sense, the clock stays as it was."""
    clock = KeptClock(tmp_path / "gone" / "clock.json")
    for wanted in (1_000_000_000_000_000, 10**17):
        with pytest.raises(ClockNotSetError):
            clock.set(wanted)
    assert abs(clock.now_us() - time.time_ns() // 1000) < 60_000_000


def test_the_systems_clock_is_asked(tmp_path: Path) -> None:
    """The plain clock tells the system's time, whether or not there is one with a battery."""
    clock = SystemClock(tmp_path / "rtc0")
    assert abs(clock.now_us() - time.time_ns() // 1000) < 60_000_000


def test_a_holder_is_kept_for_its_owners_eyes_only(tmp_path: Path) -> None:
    """Whom the dock named is told again later; nobody before that; others can't read it."""
    holder = HolderFile(tmp_path)
    assert holder.read() == NOBODY
    holder.write(Holder(user_no="013456", user_name="王小明"))
    assert HolderFile(tmp_path).read().user_name == "王小明"
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


@given(st.binary(max_size=200))
def test_a_spoilt_holder_is_named_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Whatever bytes the file holds, they are refused by its name."""
    folder = tmp_path_factory.mktemp("holder")
    (folder / NAME).write_bytes(content)
    with pytest.raises(StateUnusableError, match=NAME):
        HolderFile(folder).read()


def test_a_file_is_old_or_new(tmp_path: Path) -> None:
    """A write that can't be finished leaves what was there."""
    durable.replace(tmp_path / "a", b"old")
    (tmp_path / ".a.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        durable.replace(tmp_path / "a", b"new")
    assert durable.read(tmp_path / "a") == b"old"


def test_the_settings_name_the_recorder_else_the_computer_does(tmp_path: Path) -> None:
    """The number on the case wins; without it the computer's own; without both it is an error."""
    assert named(recorder(number="A-7"), tmp_path).number == "A-7"
    (tmp_path / "serial-number").write_bytes(b"10000000abcdef01\0")
    (tmp_path / "model").write_bytes(b"Raspberry Pi Zero 2 W Rev 1.0\0")
    told = named(recorder(), tmp_path)
    assert (told.number, told.model) == ("10000000abcdef01", "Raspberry Pi Zero 2 W Rev 1.0")
    assert "sealdock-agent" in told.firmware
    with pytest.raises(NumberUnknownError):
        named(recorder(), tmp_path / "none")


@given(st.text(), st.integers(1, 80))
def test_a_name_fits_the_wire(text: str, longest: int) -> None:
    """However it is written, a name becomes one printable line within its bytes."""
    shown = plain(text, longest)
    assert len(shown.encode()) <= longest
    assert shown.isprintable()


def test_every_setting_has_its_default(tmp_path: Path) -> None:
    """What is shipped is complete, and a file overrides single values of it."""
    (tmp_path / "agent.toml").write_text('[recorder]\nnumber = "7"\n', encoding="ascii")
    told = settings.load(tmp_path / "agent.toml")
    assert told.recorder.number == "7"
    assert told.serial.node == "/dev/ttyGS0"


@pytest.mark.parametrize(
    ("text", "problem", "where"),
    [
        ("[recorder]\nnumbr = 1\n", "unknown-field", "$.recorder"),
        ("[recorder]\nnumber = 1\n", "wrong-type", "$.recorder.number"),
        ('[recorder]\nstate = "s"\n', "not-absolute", "$.recorder.state"),
        ('[recorder]\nstate = "/clips/state"\n', "state-on-clips", "$.recorder.state"),
        ('[export]\nbacking = ""\n', "no-backing", "$.export.backing"),
        ('[export]\nlun = ""\n', "no-lun", "$.export.lun"),
        ("[clips]\nwatched = ['mp4']\n", "bad-value", "$.clips.watched[0]"),
        ("[gadget]\nvendor_id = 0\n", "bad-value", "$.gadget.vendor_id"),
        ("not toml", "not-toml", "line 1"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, problem: str, where: str) -> None:
    """What can't be used is said with its place, before anything is started."""
    (tmp_path / "agent.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        settings.load(tmp_path / "agent.toml")
    assert (caught.value.problem, caught.value.where) == (problem, where)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """A misspelt --config is an error, not the defaults."""
    with pytest.raises(ConfigError) as caught:
        settings.load(tmp_path / "none.toml")
    assert caught.value.problem == "unreadable"
