"""The clips' volume: on the recorder, or out, shown to the dock. Never both.

Out: unmounted here - named to the gadget's storage function. Back: taken from the gadget -
mounted here. Each half-way house is left by the way it was entered, and a crash in any of them
leaves the volume where at most one side has it; what the gadget shows is the truth of it.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from agent import durable, settings
from agent.errors import VolumeBusyError

_WITHIN_S: Final = 60
_NOTHING: Final = "\n"
_MOST_REASON: Final = 200


class Volume(Protocol):
    """Where the clips' volume is, and its way out and back."""

    def is_out(self) -> bool:
        """Tell whether it is shown to the dock."""

    def give_out(self) -> None:
        """Show it to the dock; raise VolumeBusyError, with all as it was."""

    def take_back(self) -> None:
        """Have it on the recorder again; raise VolumeBusyError. What is back stays back."""


def place(export: settings.Export) -> Path | None:
    """Return the gadget's file that names what it shows."""
    return Path(export.lun) if export.lun else None


def shown(lun: Path) -> bool:
    """Tell whether the gadget shows anything; without a gadget, nothing."""
    return bool(durable.read_text(lun))


class OwnVolume:
    """A volume that this process hands out itself."""

    def __init__(
        self,
        export: settings.Export,
        folder: Path,
        *,
        is_mount: Callable[[Path], bool] = os.path.ismount,
    ) -> None:
        self._export = export
        self._folder = folder
        self._lun = place(export)
        self._is_mount = is_mount
        self._out = False  # where no gadget knows

    def is_out(self) -> bool:
        """Tell whether it is shown to the dock."""
        return self._out if self._lun is None else shown(self._lun)

    def give_out(self) -> None:
        """Unmount it, then show it."""
        if self.is_out():
            return
        if self._mounts() and self._is_mount(self._folder):
            _run(self._export.unmount, self._folder)
        try:
            # What an image holds is only as new as what reached the file system below.
            os.sync()
            self._show(self._export.backing)
        except VolumeBusyError:
            self._mount()
            raise
        self._out = True

    def take_back(self) -> None:
        """Take it from the gadget, then mount it."""
        if self._lun is not None and shown(self._lun):
            try:
                self._show(_NOTHING)
            except VolumeBusyError:
                # The host forbade its removal, as hosts do (SCSI: PREVENT MEDIUM REMOVAL).
                _write(self._lun.with_name("forced_eject"), "1")
        self._out = False
        self._mount()

    def _mounts(self) -> bool:
        return self._export.mode == "volume"

    def _mount(self) -> None:
        if self._mounts() and not self._is_mount(self._folder):
            _run(self._export.mount, self._folder)

    def _show(self, backing: str) -> None:
        if self._lun is not None:
            _write(self._lun, backing)


def _write(path: Path, text: str) -> None:
    """Write an attribute of the kernel's: it takes one write as one value."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise VolumeBusyError(f"{path}: {error.strerror or '?'}") from error


def _run(command: Sequence[str], folder: Path) -> None:
    """Run what mounts or unmounts; raise VolumeBusyError with its own words when it fails."""
    try:
        done = subprocess.run(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VolumeBusyError(f"{command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise VolumeBusyError(said[:_MOST_REASON] or f"{command[0]} ended with {done.returncode}")
