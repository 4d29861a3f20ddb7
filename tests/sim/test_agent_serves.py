"""The companion as a real process on a real pseudo-terminal, asked by a foreign client and ours."""

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.os_management import (
    DateTimeRead,
    DateTimeWrite,
    EchoWrite,
    MCUMgrParametersRead,
    ResetWrite,
)
from smpclient.transport.serial import SMPSerialTransport

from firmware_bridge.capabilities import Capability, Holder
from firmware_bridge.control.host_clock import RealClock
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.errors import RecorderBusyError
from firmware_bridge.transports.ports import ByteLink
from firmware_bridge.transports.serial_port import open_serial
from firmware_bridge.wire import companion, smp_lines, smp_os
from firmware_bridge.wire import smp as ours
from hashing import journal
from hashing.keys import VerifierKey
from tests import foreign_companion as foreign
from tests.agents import NUMBER, AgentIn, Plug, asked

CLIP = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 64
MOST_KIB = 48 << 10
"""More than the 35 MiB that are promised: what other builds of the same libraries take."""


@pytest.fixture
def agent(memory_path: Path) -> Iterator[AgentIn]:
    """Give a companion that has not been started yet."""
    agent = AgentIn(memory_path / "recorder")
    yield agent
    agent.close()


@pytest.fixture
def link(agent: AgentIn) -> Iterator[ByteLink]:
    """Give the dock's end of the line of a companion that runs."""
    agent.start()
    link = open_serial(str(agent.line))
    yield link
    link.close()


@pytest.fixture
def served(link: ByteLink) -> OpenDriver:
    """Give our driver on that line."""
    return OpenDriver(link, RealClock())


def refusal(answer: object) -> foreign.Rc:
    """Return why a question of the companion's group was refused."""
    assert isinstance(answer, foreign.RefusalV2), answer
    assert answer.err.group == foreign.GROUP
    return answer.err.rc


def erase(name: str, content: bytes = CLIP) -> foreign.Erase:
    """Return the order to erase a clip of this content."""
    return foreign.Erase(path=name, sha256=hashlib.sha256(content).digest(), size=len(content))


# -- a foreign client ----------------------------------------------------------------


async def test_a_foreign_client_talks_to_the_agent(agent: AgentIn) -> None:
    """Another's client gets clock, identity, battery, room and journal, and sets the holder."""
    agent.start()
    async with SMPClient(SMPSerialTransport(), str(agent.line)) as client:
        echo = await client.request(EchoWrite(d="hello"))
        assert success(echo)
        assert echo.r == "hello"
        assert success(await client.request(MCUMgrParametersRead()))
        done = await client.request(DateTimeWrite(datetime="2031-05-06T07:08:09.250000"))
        assert success(done)
        told = await client.request(DateTimeRead())
        assert success(told)
        assert told.datetime.startswith("2031-05-06T07:08:")
        assert told.datetime.endswith("Z")
        who = await client.request(foreign.IdentityRead())
        assert success(who)
        assert (who.number, who.model, who.firmware) == (NUMBER, "Pi Zero 2", "camera 4.2")
        battery = await client.request(foreign.BatteryRead())
        assert success(battery)
        assert (battery.percent, battery.charging, battery.health) == (52, False, 90)
        assert battery.cycles == 33
        room = await client.request(foreign.StorageRead())
        assert success(room)
        assert 0 < room.free <= room.total
        faults = await client.request(foreign.FaultsRead())
        assert success(faults)
        assert faults.faults == []
        named = await client.request(
            foreign.HolderWrite(
                user_no="013456", user_name="王小明", unit_no="44", unit_name="大队"
            )
        )
        assert success(named)
        held = await client.request(foreign.HolderRead())
        assert success(held)
        assert (held.user_no, held.user_name, held.unit_name) == ("013456", "王小明", "大队")
        piece = await client.request(foreign.JournalRead(**{"from": 0, "max": 3900}))
        assert success(piece)
        walk = journal.walk(journal.split(piece.data), vkey=VerifierKey.parse(who.vkey))
        assert walk.broken is None
        assert [record.kind for record in walk.records][:2] == ["begun", "start"]


async def test_erasing_is_refused_for_all_but_the_very_clip(agent: AgentIn) -> None:
    """Not there, other content, other size, out of the volume, a link, out with the volume: no."""
    (agent.clips / "DCIM").mkdir()
    (agent.clips / "DCIM" / "a.mp4").write_bytes(CLIP)
    (agent.clips / "link.mp4").symlink_to("DCIM/a.mp4")
    (agent.clips / "over").symlink_to(agent.folder)
    agent.start()
    async with SMPClient(SMPSerialTransport(), str(agent.line)) as client:
        for order, rc in (
            (erase("b.mp4"), foreign.Rc.NOT_FOUND),
            (erase("DCIM"), foreign.Rc.NOT_FOUND),
            (erase("DCIM/a.mp4/deeper"), foreign.Rc.NOT_FOUND),
            (erase("link.mp4"), foreign.Rc.NOT_FOUND),
            (erase("over/agent.toml"), foreign.Rc.NOT_FOUND),
            (erase("DCIM/a.mp4", CLIP[:-1]), foreign.Rc.DIFFERS),
            (erase("DCIM/a.mp4", CLIP[:-1] + b"!"), foreign.Rc.DIFFERS),
            (erase("../agent.toml"), foreign.Rc.BAD_REQUEST),
            (erase("/etc/passwd"), foreign.Rc.BAD_REQUEST),
        ):
            assert refusal(await client.request(order)) is rc, order.path
        assert success(await client.request(foreign.StorageMode(export=True)))
        assert refusal(await client.request(erase("DCIM/a.mp4"))) is foreign.Rc.NOT_NOW
        assert success(await client.request(foreign.StorageMode(export=False)))
        assert success(await client.request(erase("DCIM/a.mp4")))
        assert refusal(await client.request(erase("DCIM/a.mp4"))) is foreign.Rc.NOT_FOUND
    assert not (agent.clips / "DCIM" / "a.mp4").exists()
    assert agent.kinds().count("erased") == 1
    assert "removed" not in agent.kinds()


# -- our own driver --------------------------------------------------------------------


def test_our_driver_gets_all_that_it_can_do(agent: AgentIn, served: OpenDriver) -> None:
    """Every capability that the identity names is there, and none besides."""
    who = served.identity()
    assert who.number == NUMBER
    assert {Capability.JOURNAL, Capability.ERASE, Capability.SWITCH_TO_STORAGE} <= (
        served.capabilities
    )
    assert served.battery().percent == 52
    assert served.storage().total_bytes > 0
    assert served.faults() == ()
    served.write_holder(Holder(user_no="1", user_name="李"))
    assert served.holder().user_name == "李"
    setting = served.set_clock()
    after = served.read_clock()
    # The offset that is kept is right to what the question took to get there.
    assert abs(after.recorder_us - after.sent_us) < setting.round_trip_us + after.round_trip_us
    piece = served.journal(0)
    assert piece.data == b"".join(agent.lines()[piece.first : piece.next])


def test_what_is_shown_is_journalled_before(agent: AgentIn, served: OpenDriver) -> None:
    """A clip that was just closed stands in the journal before its volume goes out."""
    (agent.clips / "a.mp4").write_bytes(CLIP)
    served.identity()
    served.switch_to_storage()
    assert agent.lun.endswith("card.img")
    with pytest.raises(RecorderBusyError):
        served.storage()
    kinds = agent.kinds()
    assert kinds.index("clip") < kinds.index("exported")
    clip = next(record for record in agent.records() if record.kind == "clip")
    assert clip.body["sha256"] == hashlib.sha256(CLIP).hexdigest()


def test_a_clip_that_goes_is_told(agent: AgentIn, link: ByteLink, served: OpenDriver) -> None:
    """Who deletes a clip on the recorder leaves its record, and one of its going."""
    (agent.clips / "a.mp4").write_bytes(CLIP)
    served.identity()
    served.switch_to_storage()
    ask_back(link)
    assert agent.lun == ""
    (agent.clips / "a.mp4").unlink()
    served.switch_to_storage()
    kinds = agent.kinds()
    assert kinds.index("clip") < kinds.index("returned") < kinds.index("removed")


def ask_back(link: ByteLink) -> None:
    """Let the recorder have its volume again."""
    mode = companion.StorageMode(export=False).build()
    answer = asked(
        link, ours.question(ours.Op.WRITE, 65, companion.Command.STORAGE_MODE, 200, mode)
    )
    assert ours.refusal_in(answer.members()) is None


# -- bad wires -------------------------------------------------------------------------


def test_nothing_on_the_line_ends_it(agent: AgentIn, link: ByteLink) -> None:
    """Noise, half frames, nonsense in CBOR and unknown questions leave it answering."""
    echo = ours.question(ours.Op.WRITE, 0, 0, 7, smp_os.EchoQuestion("still here").build())
    frame = smp_lines.encode(echo.encode())
    rude = (
        os.urandom(4096),
        b"\n" * 100,
        frame[:-9],
        frame[:3],
        smp_lines.encode(echo.encode()[:-1]),
        smp_lines.encode(b"\0" * 8),
        smp_lines.encode(ours.Message(op=ours.Op.READ, group=65, command=4, seq=1).encode()),
        b"\x06\x09" + b"A" * 5000,
    )
    for noise in rude:
        link.send(noise, within_ms=5_000)
        answer = asked(link, echo)
        assert answer.members() == {"r": "still here"}
    for group, command in ((0, 3), (1, 0), (65, 99), (64, 0)):
        for op in (ours.Op.READ, ours.Op.WRITE):
            unknown = asked(link, ours.question(op, group, command, 9))
            assert ours.refusal_in(unknown.members()) is not None
    assert agent.process is not None
    assert agent.process.poll() is None
    assert agent.resident_kib() < MOST_KIB


def test_a_repeated_write_is_done_once(agent: AgentIn, link: ByteLink) -> None:
    """The same bytes again, as after a lost answer, get the same answer and no second deed."""
    (agent.clips / "a.mp4").write_bytes(CLIP)
    sha256 = hashlib.sha256(CLIP).digest()
    order = companion.Erase(path="a.mp4", sha256=sha256, size=len(CLIP)).build()
    question = ours.question(ours.Op.WRITE, 65, companion.Command.ERASE, 3, order)
    assert asked(link, question).members() == {}
    assert asked(link, question).members() == {}
    again = ours.question(ours.Op.WRITE, 65, companion.Command.ERASE, 4, order)
    assert ours.refusal_in(asked(link, again).members()) == ours.Refusal(65, 2)
    assert agent.kinds().count("erased") == 1


def test_a_cable_that_is_pulled_and_put_in_again_is_served(agent: AgentIn) -> None:
    """The node vanishes amid a question and comes back as another: it is opened again."""
    plug = Plug(agent.folder / "ttyGS0")
    agent.node = plug.place
    agent.settle()
    plug.put_in()
    agent.start()
    assert OpenDriver(plug, RealClock()).identity().number == NUMBER
    plug.send(smp_lines.encode(bytes(20))[:9], within_ms=1_000)
    plug.pull()
    plug.put_in()
    assert OpenDriver(plug, RealClock()).identity().number == NUMBER
    plug.close()


def test_an_agent_without_a_line_keeps_its_journal(agent: AgentIn) -> None:
    """Where the gadget is not up yet, clips are journalled all the same."""
    agent.node = agent.folder / "ttyGS0"
    agent.settle()
    (agent.clips / "a.mp4").write_bytes(CLIP)
    agent.start()
    assert agent.stop() == 0
    assert agent.kinds()[-1] == "stop"


# -- ends, and beginnings -----------------------------------------------------------------


def test_a_killed_agent_goes_on_with_its_journal(agent: AgentIn) -> None:
    """After kill -9 every record that was told is there, and the next ones follow it."""
    (agent.clips / "a.mp4").write_bytes(CLIP)
    agent.start()
    driver = OpenDriver(open_serial(str(agent.line)), RealClock())
    driver.identity()
    driver.set_clock()
    driver.switch_to_storage()
    told = driver.journal(0)
    driver.close()
    assert agent.stop(signal.SIGKILL) == -signal.SIGKILL
    agent.start()
    assert agent.stop() == 0
    assert b"".join(agent.lines()).startswith(told.data)
    kinds = agent.kinds()
    assert kinds.count("begun") == 1
    assert kinds.count("start") == 2
    # The host may be looking at the volume still: it stays out.
    assert "returned" not in kinds
    assert agent.lun.endswith("card.img")


def test_the_clock_that_was_set_is_kept(agent: AgentIn) -> None:
    """A time that was set holds over a restart, and the journal says what it was before."""
    agent.start()
    link = open_serial(str(agent.line))
    wanted = 2_000_000_000_000_000
    members = smp_os.DateTime(wanted).build()
    assert asked(link, ours.question(ours.Op.WRITE, 0, 4, 1, members)).members() == {}
    link.close()
    agent.stop()
    agent.start()
    link = open_serial(str(agent.line))
    told = smp_os.DateTime.parse(asked(link, ours.question(ours.Op.READ, 0, 4, 2)).members())
    link.close()
    assert 0 <= told.utc_us - wanted < 600_000_000
    clock = next(record for record in agent.records() if record.kind == "clock")
    assert clock.body["by"] == "dock"
    assert 0 <= int(str(clock.body["after_ms"])) - wanted // 1000 < 600_000


async def test_a_reset_begins_anew(agent: AgentIn) -> None:
    """The answer to a reset goes out, then the companion starts again, in order."""
    agent.start()
    async with SMPClient(SMPSerialTransport(), str(agent.line)) as client:
        assert success(await client.request(ResetWrite()))
    assert agent.process is not None
    assert agent.process.stdout is not None
    agent.process.stdout.readline()  # ready again
    assert agent.stop() == 0
    kinds = agent.kinds()
    assert kinds.count("stop") == kinds.count("start") == 2


def test_a_second_agent_is_refused(agent: AgentIn) -> None:
    """Two companions never write one journal."""
    agent.start()
    second = agent.run("run", "--lang", "en")
    assert second.returncode == 1
    assert "another process writes this journal" in second.stderr


def test_a_volume_that_is_out_comes_back_with_the_cable(agent: AgentIn) -> None:
    """Once the controller has said for a while that no host is there, the recorder has it again."""
    state = agent.folder / "udc" / "fe980000.usb" / "state"
    state.parent.mkdir(parents=True)
    state.write_text("configured\n", encoding="ascii")
    agent.config.write_text(
        agent.config.read_text("utf-8").replace("[export]", "[export]\nback_after_s = 1"),
        encoding="utf-8",
    )
    agent.start()
    driver = OpenDriver(open_serial(str(agent.line)), RealClock())
    driver.identity()
    driver.switch_to_storage()
    state.write_text("suspended\n", encoding="ascii")
    while "returned" not in agent.kinds():
        driver.faults()
    assert agent.lun == ""
    driver.close()
