"""Passwords: where they are found, and that a wrong one is tried once."""

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dock_daemon.recorders.passwords import FILE, MOST_UNSETTLED, Key, PasswordMemory
from dock_daemon.recorders.session import Session
from firmware_bridge.capabilities import Driver, HostClock, PasswordSource
from firmware_bridge.control.passwords import OncePassword, digest_of, find
from firmware_bridge.control.wire import Channel, Open
from firmware_bridge.drivers.cammpro_ctrl import CammproCtrl
from firmware_bridge.errors import (
    NoPasswordError,
    RecorderError,
    WrongPasswordError,
)
from tests.recorders import control_thread
from tests.recorders.cammpro_fake import CammproFake
from tests.recorders.mischief import SHANGHAI, FakeClock, Mischief, Recorder, Trouble
from tests.require import need

NAME = "cammpro"
KEY = Key(NAME, "SN1")
DIGEST = bytes(32)
OTHER = bytes([1]) * 32


def keep(folder: Path, word: str, *, name: str = "cammpro", mode: int = 0o600) -> Path:
    """Put a password where the worker finds it."""
    path = folder / name
    path.write_text(word, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def memory(tmp_path: Path) -> PasswordMemory:
    """Return the memory of a dock that has never tried anything, its salt made."""
    made = PasswordMemory(tmp_path, wait_s=0.0)
    made.salt()
    return made


def again(tmp_path: Path) -> PasswordMemory:
    """Return the same memory as the next life of the dock finds it."""
    return PasswordMemory(tmp_path, wait_s=0.0)


def test_what_was_refused_is_never_tried_again(memory: PasswordMemory, tmp_path: Path) -> None:
    """A refusal holds, for that recorder and password, over every restart."""
    assert memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=False)
    assert not memory.may_try(KEY, DIGEST)
    assert not again(tmp_path).may_try(KEY, DIGEST)


def test_another_password_or_recorder_is_tried(memory: PasswordMemory) -> None:
    """A refusal says nothing about a changed password, nor about another recorder."""
    assert memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=False)
    assert memory.may_try(Key("cammpro", "SN2"), DIGEST)
    assert memory.may_try(KEY, OTHER)


def test_accepted_one_is_tried_at_every_docking(memory: PasswordMemory, tmp_path: Path) -> None:
    """A password that was right once survives tries whose answers were lost."""
    assert memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=True)
    for _ in range(5):
        assert again(tmp_path).may_try(KEY, DIGEST)


def test_accepted_one_that_is_refused_later_is_spent(memory: PasswordMemory) -> None:
    """A recorder whose password was changed is asked once with the old one."""
    assert memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=True)
    assert memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=False)
    assert not memory.may_try(KEY, DIGEST)


def test_power_cut_in_the_middle_counts_as_a_try(memory: PasswordMemory, tmp_path: Path) -> None:
    """A try is on disk before it is made: two whose end nobody knows are the last."""
    assert memory.may_try(KEY, DIGEST)
    assert again(tmp_path).may_try(KEY, DIGEST)
    assert not again(tmp_path).may_try(KEY, DIGEST)


def test_two_bays_do_not_try_the_same_at_once(memory: PasswordMemory) -> None:
    """While one recorder has not answered, its like is not tried; then its answer counts."""
    shared = Key("cammpro")
    assert memory.may_try(shared, DIGEST)
    assert not memory.may_try(shared, DIGEST)
    memory.settle(shared, accepted=False)
    assert not memory.may_try(shared, DIGEST)


def test_second_bay_waits_for_the_first_ones_answer(tmp_path: Path) -> None:
    """Of two recorders that nothing tells apart, the second is tried once the first agreed."""
    memory = PasswordMemory(tmp_path)
    memory.salt()
    shared = Key("cammpro")
    assert memory.may_try(shared, DIGEST)
    granted: list[bool] = []
    second = threading.Thread(target=lambda: granted.append(memory.may_try(shared, DIGEST)))
    second.start()
    memory.settle(shared, accepted=True)
    second.join()
    assert granted == [True]


def test_technician_lets_it_be_tried_again(memory: PasswordMemory, tmp_path: Path) -> None:
    """What was refused is listed by name and serial number, and forgotten on demand."""
    for serial in ("SN1", "SN2"):
        assert memory.may_try(Key("cammpro", serial), DIGEST)
        memory.settle(Key("cammpro", serial), accepted=False)
    command = again(tmp_path)
    assert [mark.key for mark in command.spent()] == [KEY, Key("cammpro", "SN2")]
    assert [mark.key for mark in command.forget(serial="SN1")] == [KEY]
    assert memory.may_try(KEY, DIGEST)
    assert not memory.may_try(Key("cammpro", "SN2"), DIGEST)
    assert command.forget("zzx") == ()


def test_roots_command_leaves_the_memory_to_the_dock(tmp_path: Path) -> None:
    """What root's command writes is the dock's own user's afterwards, the lock as well."""
    need(os.geteuid() == 0, "root, to give a folder away")
    os.chown(tmp_path, 12_345, 12_346)
    memory = PasswordMemory(tmp_path)
    memory.salt()
    assert memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=False)
    assert memory.forget() != ()
    files = [path.stat() for path in tmp_path.iterdir()]
    assert [(file.st_uid, file.st_gid) for file in files] == [(12_345, 12_346)] * 2


def test_memory_is_private_and_holds_no_password(memory: PasswordMemory, tmp_path: Path) -> None:
    """The file is for the dock alone; what stands in it are digests."""
    assert memory.may_try(KEY, digest_of("123456", memory.salt()))
    path = tmp_path / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert "123456" not in path.read_text(encoding="ascii")
    assert set(json.loads(path.read_bytes())) == {"salt", "marks"}


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"salt":"zz","marks":[]}'])
def test_damaged_memory_tries_nothing(tmp_path: Path, damage: bytes) -> None:
    """Where nobody knows what was refused, nothing is tried."""
    (tmp_path / FILE).write_bytes(damage)
    memory = again(tmp_path)
    assert len(memory.salt()) == 16
    assert not memory.may_try(KEY, DIGEST)
    memory.settle(KEY, accepted=False)


def test_lost_memory_tries_nothing_with_the_old_salt(tmp_path: Path) -> None:
    """A digest is compared under its own salt only: without the file there is none."""
    assert not again(tmp_path).may_try(KEY, DIGEST)


def test_salt_is_made_once(memory: PasswordMemory, tmp_path: Path) -> None:
    """Every life of a dock has the same salt, and each dock another one."""
    assert again(tmp_path).salt() == memory.salt()
    (tmp_path / "other").mkdir()
    assert PasswordMemory(tmp_path / "other").salt() != memory.salt()


# Where the worker finds a password.


def test_file_of_ones_own_is_read(tmp_path: Path) -> None:
    """One line, with or without its end, is the password."""
    for word in ("s3cret 密码", "s3cret 密码\n", "s3cret 密码\r\n"):
        keep(tmp_path, word)
        assert find("cammpro", str(tmp_path)) == "s3cret 密码"


def test_credential_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What systemd gave the unit counts before a file; what it did not give is a file's."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    keep(credentials, "from systemd", mode=0o440)
    keep(tmp_path, "from a file")
    keep(tmp_path, "only a file", name="zzx")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert find("cammpro", str(tmp_path)) == "from systemd"
    assert find("zzx", str(tmp_path)) == "only a file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o601])
def test_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """A password that group or others can reach is none, and its mode is named."""
    keep(tmp_path, "123456", mode=mode)
    with pytest.raises(NoPasswordError, match="0600"):
        find("cammpro", str(tmp_path))


def test_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """What another user may change is not taken for the dock's own."""
    need(os.geteuid() == 0, "root, to give a file away")
    os.chown(keep(tmp_path, "123456"), 12_345, 12_345)
    with pytest.raises(NoPasswordError, match="another user"):
        find("cammpro", str(tmp_path))


def test_only_a_plain_file_is_a_password(tmp_path: Path) -> None:
    """Links, pipes, folders and what is not there are named, and never waited for."""
    keep(tmp_path, "123456", name="real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("link", "fifo", "folder", "missing"):
        with pytest.raises(NoPasswordError):
            find(name, str(tmp_path))


@pytest.mark.parametrize("name", ["", ".", "..", "../etc/passwd", "a/b", "a\0b", "ü", "x" * 65])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    """What a profile calls its password leads to no other folder."""
    with pytest.raises(NoPasswordError):
        find(name, str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"\n", b"a\nb", b"\xff", b"a\0b", b"x" * 257])
def test_file_without_one_line_is_refused(tmp_path: Path, data: bytes) -> None:
    """Neither nothing nor several lines nor noise is a password."""
    path = keep(tmp_path, "")
    path.write_bytes(data)
    with pytest.raises(NoPasswordError) as caught:
        find("cammpro", str(tmp_path))
    assert "xxx" not in str(caught.value)


@dataclass
class Tries:
    """A core that grants what it is told to."""

    grants: bool = True
    asked: list[bytes] = field(default_factory=list)

    def may_try(self, digest: bytes) -> bool:
        """Remember the question."""
        self.asked.append(digest)
        return self.grants

    def refused(self) -> None:
        """Remember that, too."""
        self.asked.append(b"refused")


def test_password_is_handed_out_once(tmp_path: Path) -> None:
    """A driver gets it once, after the core was asked; a second time it gets none."""
    keep(tmp_path, "123456")
    tries = Tries()
    source = OncePassword("cammpro", str(tmp_path), b"salt", tries)
    assert source.take() == "123456"
    with pytest.raises(NoPasswordError, match="already"):
        source.take()
    source.refused()
    assert tries.asked == [digest_of("123456", b"salt"), b"refused"]


def test_core_has_the_last_word(tmp_path: Path) -> None:
    """What the core does not grant is not handed out."""
    keep(tmp_path, "123456")
    with pytest.raises(NoPasswordError, match="refused by this recorder"):
        OncePassword("cammpro", str(tmp_path), b"salt", Tries(grants=False)).take()


# The whole way: dock, wire, worker, driver and a recorder that counts.


@dataclass
class Bench:
    """A recorder that keeps its state over dockings, and a dock that is started anew each time."""

    state: Path
    trouble: Trouble | None = None
    recorder: Recorder = field(default_factory=lambda: Recorder(FakeClock()))

    def dock(self, serial: str = "SN1") -> str:
        """Plug it in once; return the code of what came of asking for its holder."""

        def make(_request: Open, clock: HostClock, password: PasswordSource) -> Driver:
            fake = CammproFake(self.recorder, self.trouble)
            return CammproCtrl(fake, clock, zone=SHANGHAI, password=password)

        request = Open(
            driver="cammpro-ctrl",
            channel=Channel(kind="usb", node="/dev/bus/usb/001/002", serial=serial),
            zone="Asia/Shanghai",
            password=NAME,
            passwords=str(self.state),
        )
        session = Session(
            request,
            workers=control_thread.workers(make, self.recorder.clock),
            stop=threading.Event(),
            memory=PasswordMemory(self.state),
            clock=self.recorder.clock,
        )
        with session:
            codes = [_code(ask) for ask in (session.holder, session.holder, session.battery)]
        return codes[0]


def _code(ask: object) -> str:
    assert callable(ask)
    try:
        ask()
    except RecorderError as error:
        return error.code
    return "ok"


def test_recorder_sees_a_wrong_password_once(tmp_path: Path) -> None:
    """Over many dockings and restarts a recorder is shown a wrong password a single time."""
    keep(tmp_path, "000000")
    bench = Bench(tmp_path)
    codes = [bench.dock() for _ in range(4)]
    assert codes == [WrongPasswordError.code, *[NoPasswordError.code] * 3]
    assert len(bench.recorder.presented) == 1


def test_changed_password_is_tried_anew(tmp_path: Path) -> None:
    """Once the technician has put the right one there, the next docking takes it."""
    keep(tmp_path, "000000")
    bench = Bench(tmp_path)
    assert bench.dock() == WrongPasswordError.code
    keep(tmp_path, "123456")
    assert [bench.dock() for _ in range(3)] == ["ok"] * 3


def test_right_password_goes_on_being_used(tmp_path: Path) -> None:
    """A recorder that takes it is asked with it at every docking."""
    keep(tmp_path, "123456")
    bench = Bench(tmp_path)
    assert [bench.dock() for _ in range(3)] == ["ok"] * 3
    assert set(bench.recorder.presented) == {"123456"}


def test_recorder_whose_answers_are_lost_is_tried_twice_at_most(tmp_path: Path) -> None:
    """Wherever the way breaks down, four dockings show the recorder the password twice or less."""
    shown = []
    for at in range(8):
        state = tmp_path / str(at)
        state.mkdir()
        keep(state, "000000")
        bench = Bench(state, trouble=Trouble(Mischief.SILENCE, at=at))
        assert "ok" not in [bench.dock() for _ in range(4)]
        shown.append(len(bench.recorder.presented))
    assert max(shown) == MOST_UNSETTLED
