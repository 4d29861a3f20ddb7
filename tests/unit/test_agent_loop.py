"""The loop when a part of it breaks: the others go on, and the dock is told."""

import resource
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from agent import companion, settings
from agent.answers import Recorder
from agent.faults import Known
from agent.line import Lines, open_pty
from agent.loop import RESET, Loop
from firmware_bridge.control.host_clock import RealClock
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.errors import RefusedError
from firmware_bridge.transports.serial_port import open_serial
from firmware_bridge.wire.companion import Holder
from tests.agents import AgentIn

if TYPE_CHECKING:
    from agent.holder import HolderFile


class Broken:
    """A part with a bug."""

    def read(self) -> Holder:
        """Fail as no error of ours does."""
        raise ZeroDivisionError

    def write(self, holder: Holder) -> None:
        """Fail likewise."""
        raise ZeroDivisionError(holder)


@pytest.fixture
def recorder(memory_path: Path) -> Iterator[Recorder]:
    """Give a recorder that says each second that it is alive."""
    agent = AgentIn(memory_path / "recorder")
    with agent.config.open("a", encoding="utf-8") as file:
        file.write("\n[journal]\nalive_s = 1\n")
    with companion.opened(settings.load(agent.config), Known()) as recorder:
        yield recorder


def served(recorder: Recorder, talk: Callable[[OpenDriver], None]) -> list[BaseException]:
    """Run the loop while `talk` talks to it; return what went wrong there."""
    wrong: list[BaseException] = []
    place = Path(recorder.settings.serial.pty)

    def host() -> None:
        driver = OpenDriver(open_serial(str(place)), RealClock())
        try:
            talk(driver)
        except BaseException as error:  # noqa: BLE001  shown in the test's own thread
            wrong.append(error)
        finally:
            driver.reset()
            driver.close()

    thread = threading.Thread(target=host)
    lines = Lines(lambda: open_pty(place))
    assert Loop(recorder, lines).run(thread.start) == RESET
    thread.join()
    lines.close()
    return wrong


def test_a_bug_in_one_answer_ends_nothing_else(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """The question is refused, the log has the trace, a fault is told, and the next is answered."""
    broken = replace(recorder, holder=cast("HolderFile", Broken()))

    def talk(driver: OpenDriver) -> None:
        driver.identity()
        with pytest.raises(RefusedError):
            driver.holder()
        assert driver.battery().percent == 52
        assert [fault.code for fault in driver.faults()] == ["companion-failed"]

    assert served(broken, talk) == []
    assert "ZeroDivisionError" in caplog.text


def test_a_journal_that_has_no_room_is_told_while_it_has_none(recorder: Recorder) -> None:
    """Saying that it is alive fails: the dock hears of it, and is answered all the same."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def talk(driver: OpenDriver) -> None:
        driver.identity()
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        while not driver.faults():
            assert driver.battery().percent == 52
        assert [fault.code for fault in driver.faults()] == ["journal-failed"]
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    try:
        assert served(recorder, talk) == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_says_that_it_is_alive(recorder: Recorder) -> None:
    """While nothing else happens, the journal grows at its interval."""

    def talk(driver: OpenDriver) -> None:
        driver.identity()
        while b'"kind":"alive"' not in driver.journal(0).data:
            driver.battery()

    assert served(recorder, talk) == []
