"""The clips' volume on its way out and back, with mounts and a gadget that misbehave."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import VolumeBusyError
from agent.settings import Export, load
from agent.volume import OwnVolume
from agent.volume_helper import AskedVolume, serve

RUNNER = """
import pathlib, sys
what, folder = sys.argv[1:]
flag = pathlib.Path(folder) / "mounted"
if (pathlib.Path(folder) / f"no-{what}").exists():
    sys.exit(f"umount: {folder}: target is busy.")
(flag.unlink if what == "out" else flag.touch)()
"""
"""What mounts and unmounts in these tests: a flag in the folder says how it stands."""


def export(folder: Path, **changed: object) -> Export:
    """Return the settings of a volume whose gadget is a plain file in `folder`."""
    program = folder / "mounts.py"
    program.write_text(RUNNER, encoding="utf-8")
    text = f"""
[export]
backing = "/dev/mmcblk0p3"
lun = "{folder}/file"
unmount = ["{sys.executable}", "{program}", "out"]
mount = ["{sys.executable}", "{program}", "in"]
helper = ""
mode = "{changed.pop("mode", "volume")}"
"""
    (folder / "agent.toml").write_text(text, encoding="utf-8")
    return load(folder / "agent.toml").export


def mounted(folder: Path) -> bool:
    """Tell how the flag stands."""
    return (folder / "mounted").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that counts as mounted."""
    (tmp_path / "mounted").touch()
    return tmp_path


@pytest.fixture
def volume(folder: Path) -> OwnVolume:
    """Give the volume in it."""
    return OwnVolume(export(folder), folder, is_mount=mounted)


def shown(folder: Path) -> str:
    """Return what the gadget shows."""
    return (folder / "file").read_text("utf-8").strip() if (folder / "file").exists() else ""


def test_out_and_back(folder: Path, volume: OwnVolume) -> None:
    """Out, the dock sees it and the recorder does not; back, the other way round."""
    assert not volume.is_out()
    volume.give_out()
    assert (volume.is_out(), mounted(folder), shown(folder)) == (True, False, "/dev/mmcblk0p3")
    volume.give_out()
    volume.take_back()
    assert (volume.is_out(), mounted(folder), shown(folder)) == (False, True, "")
    volume.take_back()
    assert mounted(folder)


def test_a_busy_volume_stays(folder: Path, volume: OwnVolume) -> None:
    """Where it can't be unmounted, nothing is shown, and the program's own words say why."""
    (folder / "no-out").touch()
    with pytest.raises(VolumeBusyError, match="target is busy"):
        volume.give_out()
    assert (volume.is_out(), mounted(folder), shown(folder)) == (False, True, "")


def test_what_the_gadget_refuses_is_mounted_again(folder: Path, volume: OwnVolume) -> None:
    """A medium that the kernel does not take is the recorder's again."""
    (folder / "file").mkdir()
    with pytest.raises(VolumeBusyError):
        volume.give_out()
    assert (volume.is_out(), mounted(folder)) == (False, True)


def test_an_image_is_shown_without_a_mount(folder: Path) -> None:
    """Where the clips lie in an image of their own, nothing is mounted or unmounted."""
    volume = OwnVolume(export(folder, mode="image"), folder, is_mount=mounted)
    volume.give_out()
    assert (mounted(folder), shown(folder)) == (True, "/dev/mmcblk0p3")
    volume.take_back()
    assert (mounted(folder), shown(folder)) == (True, "")


def test_another_life_sees_where_it_is(folder: Path, volume: OwnVolume) -> None:
    """Who starts after a crash asks the gadget, not its memory."""
    volume.give_out()
    again = OwnVolume(export(folder), folder, is_mount=mounted)
    assert again.is_out()
    again.take_back()
    assert mounted(folder)


def test_what_does_not_mount_again_is_said(folder: Path, volume: OwnVolume) -> None:
    """Taken from the dock, and not mounted: it is said, and the next try mounts it."""
    volume.give_out()
    (folder / "no-in").touch()
    with pytest.raises(VolumeBusyError):
        volume.take_back()
    assert (volume.is_out(), shown(folder)) == (False, "")
    (folder / "no-in").unlink()
    volume.take_back()
    assert mounted(folder)


def test_a_program_that_is_missing_is_said(folder: Path) -> None:
    """A system without umount leaves the volume where it is."""
    told = export(folder)
    broken = Export(
        **{name: getattr(told, name) for name in told.__struct_fields__ if name != "unmount"},
        unmount=(str(folder / "none"),),
    )
    with pytest.raises(VolumeBusyError, match="none"):
        OwnVolume(broken, folder, is_mount=mounted).give_out()


# -- through the helper -------------------------------------------------------------


@pytest.fixture
def asked(folder: Path, volume: OwnVolume) -> Iterator[AskedVolume]:
    """Give the same volume, behind a helper that systemd would start for each question."""
    place = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

        def helper() -> None:
            while True:
                try:
                    link, _ = listening.accept()
                except OSError:
                    return
                with link:
                    serve(link, volume)

        thread = threading.Thread(target=helper)
        thread.start()
        yield AskedVolume(place, folder / "file")
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_the_helper_does_what_it_is_asked(folder: Path, asked: AskedVolume) -> None:
    """Out and back through the helper are out and back."""
    asked.give_out()
    assert (asked.is_out(), mounted(folder)) == (True, False)
    asked.take_back()
    assert (asked.is_out(), mounted(folder)) == (False, True)


def test_the_helpers_no_comes_through(folder: Path, asked: AskedVolume) -> None:
    """Why the volume is busy is told to who asked."""
    (folder / "no-out").touch()
    with pytest.raises(VolumeBusyError, match="target is busy"):
        asked.give_out()


def test_a_helper_that_is_not_there_is_busy(tmp_path: Path) -> None:
    """Without its helper the volume stays where it is."""
    with pytest.raises(VolumeBusyError, match="No such file"):
        AskedVolume(tmp_path / "socket", tmp_path / "file").give_out()


@given(word=st.binary(max_size=40).filter(lambda word: word not in {b"out", b"back"}))
@settings(max_examples=50)
def test_the_helper_does_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, word: bytes
) -> None:
    """Any word but its two leaves everything as it is."""
    folder = tmp_path_factory.mktemp("volume")
    (folder / "mounted").touch()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(word)
        ours.shutdown(socket.SHUT_WR)
        serve(theirs, OwnVolume(export(folder), folder, is_mount=mounted))
        assert ours.recv(100).startswith(b"busy ")
    assert mounted(folder)
    assert not shown(folder)
