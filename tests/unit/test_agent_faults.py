"""What the recorder finds wrong with itself, and how errors are said to its installer."""

import inspect
import time
from pathlib import Path

import pytest

import agent.errors
from agent import cable
from agent.errors import AgentError, ClockNotKeptError, RefusedError
from agent.faults import Known, fault, gathered, room
from agent.kernel_log import Troubles
from agent.sentences import EXPECTED, TABLE, fault_of, remedy, sentence
from agent.settings import Settings, load
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import LANGUAGES, catalogue
from firmware_bridge.wire import cbor
from firmware_bridge.wire.companion import MAX_FAULTS
from firmware_bridge.wire.smp import MAX_PAYLOAD


def told(folder: Path, *, mode: str = "none", inodes: int = 0) -> Settings:
    """Return settings whose clips are in `folder`."""
    path = folder / "agent.toml"
    path.write_text(
        f'[clips]\nfolder = "{folder}/clips"\n[export]\nmode = "{mode}"\n'
        f'[faults]\nkernel_log = ""\ninodes_percent = {inodes}\n',
        encoding="utf-8",
    )
    return load(path)


def codes(settings: Settings, *, out: bool = False) -> list[str]:
    """Return the codes of what is wrong."""
    now_us = time.time_ns() // 1000
    found = gathered(settings, Known(), Troubles(), out=out, now_us=now_us)
    return [each.code for each in found.faults]


def test_a_folder_of_clips_must_be_there(tmp_path: Path) -> None:
    """No folder, or no mount where one belongs, is a fault, unless the dock has it just now."""
    assert codes(told(tmp_path)) == ["volume-missing"]
    (tmp_path / "clips").mkdir()
    assert codes(told(tmp_path)) == []
    assert codes(told(tmp_path, mode="volume")) == ["volume-missing"]
    assert codes(told(tmp_path, mode="volume"), out=True) == []


def test_few_free_inodes_are_told(tmp_path: Path) -> None:
    """Where files can no longer be made, though there is room, the dock hears of it."""
    (tmp_path / "clips").mkdir()
    free = room(tmp_path / "clips").free_inodes_percent
    few = free is not None and free < 100
    assert codes(told(tmp_path, inodes=100)) == (["inodes-low"] if few else [])


def test_all_faults_fit_one_message(tmp_path: Path) -> None:
    """However many and long, they stay within list and message; what is wrong now comes first."""
    known, troubles = Known(), Troubles()
    for count in range(60):
        known.remember(f"code-{count}", "汉" * 300, 2**53 - 1)
        troubles.take(b"3,1,999999999999999,-;I/O error, dev disk%d, sector 1" % count + b"x" * 300)
    faults = gathered(told(tmp_path), known, troubles, out=False, now_us=2**52)
    assert len(faults.faults) == MAX_FAULTS
    assert faults.faults[0].code == "volume-missing"
    assert len(cbor.encode(faults.build())) <= MAX_PAYLOAD


def test_the_kernels_times_become_the_recorders(tmp_path: Path) -> None:
    """A record's time since boot is told as a time of the recorder's own clock."""
    (tmp_path / "clips").mkdir()
    troubles = Troubles()
    since_boot_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    troubles.take(b"3,1,%d,-;mmc0: error -110 whilst initialising" % since_boot_us)
    now_us = 2_000_000_000_000_000
    (one,) = gathered(told(tmp_path), Known(), troubles, out=False, now_us=now_us).faults
    assert one.at_ms is not None
    assert 0 <= now_us // 1000 - one.at_ms < 60_000


def test_a_fault_that_is_over_is_forgotten() -> None:
    """Remembered by its code, the newest of each; forgetting one that is not there is nothing."""
    known = Known()
    known.remember("volume-busy", "one", 1)
    known.remember("volume-busy", "two", 2)
    assert known.faults == {"volume-busy": fault("volume-busy", "two", 2)}
    known.forget("volume-busy")
    known.forget("volume-busy")
    assert known.faults == {}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), None),
        (("configured",), True),
        (("suspended",), False),
        (("default", "configured"), True),
    ],
)
def test_the_controller_knows_of_the_cable(
    tmp_path: Path, states: tuple[str, ...], *, expected: bool | None
) -> None:
    """A host that took us is there; any other state is none; no controller knows nothing."""
    for number, state in enumerate(states):
        (tmp_path / f"udc{number}").mkdir()
        (tmp_path / f"udc{number}" / "state").write_text(f"{state}\n", encoding="ascii")
    assert cable.is_in(tmp_path) is expected
    assert cable.is_in(tmp_path / "none") is None


# -- what people are told ------------------------------------------------------------------


def kinds() -> list[type[AgentError]]:
    """Return every error of the companion that can end a command."""
    found = [kind for _, kind in inspect.getmembers(agent.errors, inspect.isclass)]
    return [kind for kind in found if issubclass(kind, AgentError) and kind is not RefusedError]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_is_said_with_its_remedy(kind: type[AgentError], lang: str) -> None:
    """Whatever goes wrong, who installs the recorder is told what, and what to do."""
    named = inspect.signature(kind).parameters.values() if kind is not AgentError else ()
    facts = {each.name: "x" for each in named if each.kind is each.KEYWORD_ONLY}
    error = kind(*["x" for each in named if each.name not in facts], **facts)
    assert isinstance(error, EXPECTED)
    assert "{" not in sentence(error, lang) + remedy(error, lang)
    assert kind in TABLE or kind is ClockNotKeptError
    assert fault_of(error).exit_code is not ExitCode.OK


def test_wrong_settings_are_said_with_their_place() -> None:
    """The file, the place in it and the problem stand in one sentence."""
    error = ConfigError("state-on-clips", source="a.toml", where="$.recorder.state", path="/clips")
    assert "a.toml: $.recorder.state" in sentence(error, "en")
    assert "sealdock-agent check" in remedy(error, "en")
    with pytest.raises(LookupError):
        fault_of(ZeroDivisionError())


def test_every_sentence_of_the_table_is_there() -> None:
    """Each row has its sentence and its remedy, and no sentence lacks a row."""
    said = {key.split(".")[1] for key in catalogue("en") if key.startswith("agent-fault.")}
    assert said == {row.code for row in TABLE.values()}
