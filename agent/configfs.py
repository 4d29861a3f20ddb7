"""A folder of the kernel's, in which making things makes objects: configfs, one gadget of it."""

from pathlib import Path
from typing import Protocol

from agent import durable
from agent.errors import GadgetError


class Configfs(Protocol):
    """One gadget's folder. Names are below it, with slashes; every change may raise GadgetError."""

    def names(self, folder: str) -> list[str]:
        """Return what is in a folder, sorted; nothing where there is none."""

    def is_link(self, name: str) -> bool:
        """Tell whether it is a link."""

    def read(self, name: str) -> str | None:
        """Return an attribute, None where there is none."""

    def write(self, name: str, value: str) -> None:
        """Set an attribute."""

    def make(self, folder: str) -> None:
        """Make a folder, and with it the kernel's object; one that is there stays."""

    def link(self, name: str, target: str) -> None:
        """Make a link to a folder; one that is there stays."""

    def unlink(self, name: str) -> None:
        """Take a link away."""

    def remove(self, folder: str) -> None:
        """Take a folder away, and with it the kernel's object."""


class KernelFolder:
    """The real one. The file system itself refuses what the kernel does not want."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, folder: str) -> list[str]:
        """Return what is in a folder, sorted."""
        try:
            return sorted(each.name for each in (self._root / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._refused(folder, error) from error

    def is_link(self, name: str) -> bool:
        """Tell whether it is a link."""
        return (self._root / name).is_symlink()

    def read(self, name: str) -> str | None:
        """Return an attribute, None where there is none."""
        return durable.read_text(self._root / name)

    def write(self, name: str, value: str) -> None:
        """Set an attribute: it takes one line in one write."""
        try:
            (self._root / name).write_text(f"{value}\n", encoding="utf-8")
        except OSError as error:
            raise self._refused(name, error) from error

    def make(self, folder: str) -> None:
        """Make a folder."""
        try:
            (self._root / folder).mkdir(exist_ok=True)
        except OSError as error:
            raise self._refused(folder, error) from error

    def link(self, name: str, target: str) -> None:
        """Make a link to a folder."""
        if self.is_link(name):
            return
        try:
            (self._root / name).symlink_to(self._root / target)
        except OSError as error:
            raise self._refused(name, error) from error

    def unlink(self, name: str) -> None:
        """Take a link away."""
        try:
            (self._root / name).unlink()
        except OSError as error:
            raise self._refused(name, error) from error

    def remove(self, folder: str) -> None:
        """Take a folder away."""
        try:
            (self._root / folder).rmdir()
        except OSError as error:
            raise self._refused(folder, error) from error

    def _refused(self, name: str, error: OSError) -> GadgetError:
        return GadgetError(path=str(self._root / name), reason=error.strerror or "?")
