"""`sealdock sync` and `sealdock replicate` as people run them: words, codes, and the loop."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.messages import LANGUAGES, say
from config.settings import Cosigner
from dock_daemon import control
from dock_daemon.commands.replicate import replicate
from dock_daemon.commands.sync import LOCK, sync
from dock_daemon.errors import CoreAwayError
from dock_daemon.sync import holding
from dock_daemon.sync.core import Core
from dock_daemon.sync.rounds import Rounds, rounds_of
from dock_daemon.sync.standing import lines, standing
from dock_daemon.sync.told import Code, Told
from tests import sealed
from tests.cosigners import Reply, Served, Witness, always, signer
from tests.docks import DockIn
from tests.syncing import Stage, quiet, stage

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stage_(tmp_path: Path) -> Iterator[Stage]:
    """Return a dock with 30 published entries."""
    (tmp_path / "state").mkdir()
    yield from stage(tmp_path / "state", 30)


def settings_of(*cosigners: Cosigner, more: str = "") -> str:
    """Return settings that name these cosigners."""
    blocks = [more]
    for one in cosigners:
        blocks += ["[[cosigners]]", f'name = "{one.name}"', f'role = "{one.role}"']
        blocks += [f'keys = ["{one.keys[0]}"]', f'url = "{one.url}"']
    return "\n".join([*blocks, ""])


@contextmanager
def answering(stage_: Stage) -> Iterator[None]:
    """Answer on the stage's socket, from a loop in another thread, while the block runs."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def answer(request: control.Request) -> object:
        return stage_.core(stage_.root, request)

    async def serve() -> None:
        async with control.serving(stage_.root, answer):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def run(stage_: Stage, *arguments: str, settings: str = "", lang: str = "en") -> Result:
    """Run `sealdock sync` in this process."""
    config = stage_.root.parent / "etc"
    config.mkdir(exist_ok=True)
    (config / "sealdock.toml").write_text(settings, encoding="utf-8")
    where = ("--state", str(stage_.root), "--config", str(config), "--lang", lang)
    return CliRunner().invoke(sync, [*arguments, *where])


@contextmanager
def witness(stage_: Stage, name: str = "w") -> Iterator[Served]:
    """Serve a witness that knows the dock's key, and that the core knows."""
    with Served(Witness(signer(name), {stage_.log.origin: stage_.log.key.verifier()})) as one:
        stage_.core.keys[one.witness.key.name] = str(one.witness.key.verifier())
        yield one


def test_all_reached_is_zero(stage_: Stage) -> None:
    """Each cosigner is told with what it holds now."""
    with answering(stage_), witness(stage_) as one:
        done = run(stage_, "--once", settings=settings_of(one.settings()))
    assert done.exit_code == 0, done.output
    assert "central.example/w: cosigned, 30 entries" in done.output
    shown = run(stage_, "--status")
    assert "cosigned, 30 entries" in shown.output


def test_some_is_four_and_none_is_one(stage_: Stage) -> None:
    """A script can tell the three apart."""
    with answering(stage_), witness(stage_) as good, witness(stage_, "bad") as bad:
        bad.spoil = always(Reply(500, b"sorry"))
        both = settings_of(good.settings(), bad.settings())
        assert run(stage_, "--once", settings=both).exit_code == 4
        assert run(stage_, "--once", settings=settings_of(bad.settings())).exit_code == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_stranger_is_told_how_to_enrol(stage_: Stage, lang: str) -> None:
    """The line that enrols this dock is printed, to be copied."""
    with answering(stage_), witness(stage_) as one:
        one.witness.logs.clear()
        done = run(stage_, "--once", settings=settings_of(one.settings()), lang=lang)
    vkey = stage_.log.key.verifier()
    assert f"sealdock-central dock add {stage_.log.origin} --key {vkey}" in done.output
    assert done.exit_code == 1


def test_json_is_one_object(stage_: Stage) -> None:
    """Programs read who was asked, what came of it, and how signing stands."""
    with answering(stage_), witness(stage_) as one:
        done = run(stage_, "--once", "--json", settings=settings_of(one.settings()))
    told = json.loads(done.stdout)
    assert told["signing"] == {"state": "granted", "why": ""}
    row = told["cosigners"][0]
    assert (row["name"], row["role"], row["code"], row["size"]) == (
        "central.example/w", "witness", "cosigned", 30,
    )  # fmt: skip
    shown = json.loads(run(stage_, "--status", "--json").stdout)
    assert shown["sync"] == told
    assert shown["replica"] is None


def test_nobody_to_ask(stage_: Stage) -> None:
    """Without a cosigner it is said what is missing, and that is no failure."""
    with answering(stage_):
        done = run(stage_, "--once")
    assert done.exit_code == 0
    assert "[[cosigners]]" in done.output


def test_nothing_was_ever_brought(stage_: Stage) -> None:
    """A status before the first round says how to begin."""
    assert "sealdock sync" in run(stage_, "--status").output


def test_the_dock_does_not_run(stage_: Stage) -> None:
    """It is told what to start."""
    with witness(stage_) as one:
        done = run(stage_, "--once", settings=settings_of(one.settings()))
    assert done.exit_code == 9
    assert "systemctl start sealdock" in done.output
    assert one.asked == []


def test_there_is_no_dock(tmp_path: Path) -> None:
    """A state directory that is not there is not made."""
    gone = tmp_path / "gone"
    done = CliRunner().invoke(sync, ["--once", "--state", str(gone), "--lang", "en"])
    assert done.exit_code == 3
    assert not gone.exists()


def test_a_key_that_is_none(stage_: Stage) -> None:
    """A cosigner's key that cannot be read is told before anything is brought."""
    with answering(stage_), witness(stage_) as one:
        spoilt = one.settings(keys=("central.example/w+00000000+AAAA",))
        done = run(stage_, "--once", settings=settings_of(spoilt))
    assert done.exit_code != 0
    assert one.asked == []


def test_one_at_a_time(stage_: Stage) -> None:
    """A second messenger says who is at it."""
    with holding.alone(stage_.root, LOCK):
        done = run(stage_, "--once")
    assert done.exit_code == 7
    assert str(os.getpid()) in done.output


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", list(Code))
def test_every_end_of_a_visit_is_said(code: Code, lang: str) -> None:
    """Each code has its sentence and, where somebody has to act, its remedy."""
    row: dict[str, Any] = {"name": "w", "host": "h:1", "code": code.value, "facts": {}}
    said = list(lines([row], origin="o", vkey="o+k", lang=lang))
    assert "{" not in "".join(said)
    assert said[0].startswith(("w", "ALARM w", "警报 w"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", ["free", "asking", "granted", "held", "stopped"])
def test_every_state_of_signing_is_said(state: str, lang: str) -> None:
    """Whatever the core says of signing, people read a sentence."""
    assert say(f"sync.signing.{state}", lang)


def loop_of(stage_: Stage, *cosigners: Cosigner) -> Rounds:
    """Return the rounds as the settings make them, with the stage's core."""
    dock = DockIn(stage_.root.parent)
    loaded = dock.settings(settings_of(*cosigners))
    return rounds_of(loaded.settings, Core(stage_.root, stage_.core))


class Gate:
    """Holds a witness's answers back until it is opened, and tells when one is asked."""

    def __init__(self, served: Served) -> None:
        self._opened = threading.Event()
        self._asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        served.spoil = self._hold

    async def until_asked(self) -> None:
        """Wait until the witness has been asked."""
        async with asyncio.timeout(30):
            await self._asked.wait()

    def open(self) -> None:
        """Let answers through."""
        self._opened.set()

    def _hold(self, _path: str, reply: Reply) -> Reply:
        self._loop.call_soon_threadsafe(self._asked.set)
        assert self._opened.wait(30)
        return reply


async def test_a_round_goes_to_who_is_due_and_to_nobody_twice(stage_: Stage) -> None:
    """A courier that is still away is not sent again; one that has nothing to bring rests."""
    with witness(stage_) as one:
        gate = Gate(one)
        rounds = loop_of(stage_, one.settings())
        async with asyncio.TaskGroup() as group:
            await rounds.turn(group)
            await rounds.turn(group)
            await gate.until_asked()
            gate.open()
        async with asyncio.TaskGroup() as group:
            await rounds.turn(group)
        assert len(one.asked) == 1
        stage_.publish(more=1)
        async with asyncio.TaskGroup() as group:
            await rounds.turn(group)
        assert len(one.asked) == 2
        await rounds.close()
    assert stage_.core.kept[-1][1] == 31


async def test_a_core_that_goes_and_comes_is_waited_for(stage_: Stage) -> None:
    """Rounds that cannot begin say why, and the next one that can goes on."""
    with witness(stage_) as one:
        rounds = loop_of(stage_, one.settings())
        stage_.core.running = False
        async with asyncio.TaskGroup() as group:
            await rounds.turn(group)
        assert "nobody listens" in rounds.trouble
        assert one.asked == []
        with pytest.raises(CoreAwayError):
            await rounds.once()
        stage_.core.running = True
        async with asyncio.TaskGroup() as group:
            await rounds.turn(group)
        assert (rounds.trouble, len(one.asked)) == ("", 1)
        await rounds.close()


async def test_the_loop_ends_when_told_and_leaves_nobody_waiting(stage_: Stage) -> None:
    """A visit that hangs is broken off; the manager has heard that the loop turns."""
    alive: list[bool] = []
    with witness(stage_) as one:
        gate = Gate(one)
        rounds = loop_of(stage_, one.settings())
        stop = asyncio.Event()
        running = asyncio.create_task(rounds.run(lambda: alive.append(True), stop))
        await gate.until_asked()
        stop.set()
        await running
        await rounds.close()
        gate.open()
    assert alive
    assert rounds.couriers[0].record.told is None


def test_a_standing_holds_only_what_json_holds(stage_: Stage) -> None:
    """Before the first visit there is little to tell, and it is told."""
    with witness(stage_) as one:
        rounds = loop_of(stage_, one.settings())
        told = standing(rounds, 1.5)
        asyncio.run(rounds.close())
    assert json.loads(json.dumps(told)) == told
    rows = told["cosigners"]
    assert isinstance(rows, list)
    assert [row["code"] for row in rows] == [None]
    assert list(lines(rows, origin="o", vkey="v", lang="en")) == [
        "central.example/w: not visited yet"
    ]
    assert Told(Code.BUSY).facts == {}


def test_the_service_brings_heads_and_copies_until_it_is_ended(stage_: Stage) -> None:
    """`sealdock sync` as systemd runs it: a witness hears, a copy appears, SIGTERM ends it."""
    config = stage_.root.parent / "etc"
    config.mkdir()
    copy = stage_.root.parent / "copy"
    copy.mkdir()
    for room in ("clips", "documents"):
        (stage_.root / "store" / room).mkdir()
    with answering(stage_), witness(stage_) as one:
        more = f'[replica]\ntarget = "{copy}"\n'
        text = settings_of(one.settings(), more=more)
        (config / "sealdock.toml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "dock_daemon.commands.root", "sync", "--json"]
        where = ["--state", str(stage_.root), "--config", str(config)]
        with subprocess.Popen(
            [*command, *where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as child:
            assert child.stdout is not None
            told = next(
                row
                for row in map(json.loads, child.stdout)
                if [one["code"] for one in row["cosigners"]] == ["cosigned"]
            )
            while not (copy / "log" / "checkpoint").exists():
                assert child.poll() is None
            child.send_signal(signal.SIGTERM)
            _, said = child.communicate(timeout=30)
    assert child.returncode == 0, said
    assert told["message_type"] == "sync"
    assert stage_.core.kept
    written = holding.read(stage_.root, holding.REPLICA)
    assert written is not None
    assert written["report"]["complete"] is True


def copied(disk: sealed.Disk, *arguments: str, lang: str = "en") -> Result:
    """Run `sealdock replicate` in this process."""
    where = ("--state", str(disk.root), "--lang", lang)
    return CliRunner().invoke(replicate, [*arguments, *where])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_copy_in_words(tmp_path: Path, lang: str) -> None:
    """What was copied, what was repaired, what is lost: each by its exit code."""
    disk = sealed.small().write(tmp_path / "state")
    place = tmp_path / "copy"
    place.mkdir()
    assert copied(disk, "--to", str(place), lang=lang).exit_code == 0
    clips = sorted(path for path in place.glob("store/clips/*/*") if path.stat().st_size)
    clips[0].chmod(0o600)
    clips[0].write_bytes(clips[0].read_bytes()[:-1] + b"?")
    repaired = copied(disk, "--to", str(place), "--check", lang=lang)
    assert (repaired.exit_code, clips[0].name in repaired.output) == (5, True)
    (disk.root / clips[1].relative_to(place)).write_bytes(b"lost")
    clips[1].unlink()
    lost = copied(disk, "--to", str(place), lang=lang)
    assert (lost.exit_code, clips[1].name in lost.output) == (6, True)


def test_a_copy_in_json(tmp_path: Path) -> None:
    """Progress lines, then one summary."""
    disk = sealed.small().write(tmp_path / "state")
    (tmp_path / "copy").mkdir()
    done = copied(disk, "--to", str(tmp_path / "copy"), "--json")
    *steps, last = map(json.loads, done.stdout.splitlines())
    assert {step["message_type"] for step in steps} == {"progress"}
    assert (last["message_type"], last["complete"], last["entries"]) == ("summary", True, 7)


def test_a_copy_to_nowhere_in_particular(tmp_path: Path) -> None:
    """Nobody said where: the remedy names setting and option."""
    disk = sealed.Disk(quiet(3).write(tmp_path / "state").root)
    done = copied(disk)
    assert done.exit_code == 2
    assert "replica.target" in done.output
