"""The USB gadget through configfs: a fake that refuses what the kernel refuses."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import gadget
from agent.configfs import KernelFolder
from agent.errors import GadgetError
from agent.settings import Gadget, load

Deed = Callable[[], None]

DEFAULT = {"": ("strings", "configs", "functions", "os_desc"), "configs": ("strings",)}
ATTRIBUTES = {
    "": ("UDC", "idVendor", "idProduct", "bcdUSB", "bDeviceClass", "bDeviceSubClass",
         "bDeviceProtocol"),
    "strings": ("serialnumber", "manufacturer", "product"),
    "configs": ("MaxPower", "bmAttributes"),
    "configuration": ("configuration",),
    "acm": ("port_num",),
    "mass_storage": ("stall",),
    "lun": ("file", "ro", "removable", "cdrom"),
}  # fmt: skip


class FakeConfigfs:
    """One gadget as libcomposite keeps it: objects come with attributes, and in an order."""

    def __init__(self) -> None:
        self.folders: set[str] = set()
        self.attributes: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.bound_times = 0
        self.breaks_at: int | None = None
        self._changes = 0

    def names(self, folder: str) -> list[str]:
        """Return what is in a folder, sorted."""
        at = f"{folder}/" if folder else ""
        everything = {*self.folders, *self.attributes, *self.links} - {""}
        return sorted({name[len(at) :].split("/")[0] for name in everything if name.startswith(at)})

    def is_link(self, name: str) -> bool:
        """Tell whether it is a link."""
        return name in self.links

    def read(self, name: str) -> str | None:
        """Return an attribute."""
        return self.attributes.get(name)

    def write(self, name: str, value: str) -> None:
        """Set an attribute; a gadget that is bound lets go only."""
        self._change(name)
        if name not in self.attributes:
            raise self._no(name, errno.ENOENT)
        if name == "UDC":
            if value and not any(link.startswith("configs/c.1/") for link in self.links):
                raise self._no(name, errno.EINVAL)
            self.bound_times += bool(value)
        elif self.attributes["UDC"] or any(name.startswith(f"{used}/") for used in self.in_use()):
            raise self._no(name, errno.EBUSY)
        # The kernel shows numbers in its own spelling.
        known = value.startswith("0x") or value.isdigit()
        self.attributes[name] = f"0x{int(value, 0):04x}" if known else value

    def in_use(self) -> set[str]:
        """Return the functions that a configuration has."""
        return set(self.links.values())

    def make(self, folder: str) -> None:
        """Make an object with all that belongs to it."""
        self._change(folder)
        if folder in self.folders:
            return
        parent = folder.rpartition("/")[0]
        if folder and parent not in self.folders:
            raise self._no(folder, errno.ENOENT)
        self.folders.add(folder)
        for inner in DEFAULT.get(parent if parent == "configs" else folder, ()):
            self.folders.add(f"{folder}/{inner}".lstrip("/"))
        kind = Path(folder).stem if parent == "functions" else parent
        if parent.endswith("/strings"):
            kind = "configuration"
        for name in ATTRIBUTES.get(kind, ()):
            self.attributes[f"{folder}/{name}".lstrip("/")] = ""
        if kind == "mass_storage":
            self.folders.add(f"{folder}/lun.0")
            for name in ATTRIBUTES["lun"]:
                self.attributes[f"{folder}/lun.0/{name}"] = ""

    def link(self, name: str, target: str) -> None:
        """Put a function into a configuration."""
        self._change(name)
        if target not in self.folders:
            raise self._no(name, errno.ENOENT)
        self.links.setdefault(name, target)

    def unlink(self, name: str) -> None:
        """Take it out again: not while it is on the wire."""
        self._change(name)
        if self.attributes["UDC"]:
            raise self._no(name, errno.EBUSY)
        del self.links[name]

    def remove(self, folder: str) -> None:
        """Take an object away: not while something that was made is in it, or links to it."""
        self._change(folder)
        own = {"strings", "configs", "functions", "os_desc", "lun.0"}
        if Path(folder).name in own:
            raise self._no(folder, errno.EPERM)
        if folder in self.links.values():
            raise self._no(folder, errno.EBUSY)
        at = f"{folder}/" if folder else ""
        inner = {name for name in self.folders if name.startswith(at) and name != folder}
        if any(Path(name).name not in own for name in inner):
            raise self._no(folder, errno.ENOTEMPTY)
        self.folders -= {folder, *inner}
        self.attributes = {n: v for n, v in self.attributes.items() if not n.startswith(at)}

    def _change(self, name: str) -> None:
        self._changes += 1
        if self._changes == self.breaks_at:
            raise self._no(name, errno.EIO)

    def _no(self, name: str, number: int) -> GadgetError:
        return GadgetError(path=name, reason=os.strerror(number))


@pytest.fixture
def told() -> Gadget:
    """Give the shipped settings of the gadget."""
    return load().gadget


@pytest.fixture
def controllers(tmp_path: Path) -> Path:
    """Give a system with one device controller."""
    (tmp_path / "udc" / "fe980000.usb").mkdir(parents=True)
    return tmp_path / "udc"


def test_it_comes_up_and_goes_away_without_a_trace(told: Gadget, controllers: Path) -> None:
    """Serial port and storage are bound together, and everything that was made goes again."""
    tree = FakeConfigfs()
    plan = gadget.wanted(told, "OPEN-7")
    assert gadget.up(tree, plan, controllers, "") == "fe980000.usb"
    assert tree.attributes["UDC"] == "fe980000.usb"
    assert tree.attributes["strings/0x409/serialnumber"] == "OPEN-7"
    assert tree.attributes["functions/mass_storage.0/lun.0/ro"] == "0x0001"
    assert tree.attributes["functions/mass_storage.0/lun.0/file"] == ""
    gadget.down(tree)
    assert (tree.folders, tree.attributes, tree.links) == (set(), {}, {})
    gadget.down(tree)


def test_one_that_is_up_stays_on_the_wire(told: Gadget, controllers: Path) -> None:
    """A second `up` changes nothing; one with another number lets go, and binds again."""
    tree = FakeConfigfs()
    gadget.up(tree, gadget.wanted(told, "OPEN-7"), controllers, "")
    gadget.up(tree, gadget.wanted(told, "OPEN-7"), controllers, "")
    assert tree.bound_times == 1
    gadget.up(tree, gadget.wanted(told, "OPEN-8"), controllers, "")
    assert tree.bound_times == 2
    assert tree.attributes["strings/0x409/serialnumber"] == "OPEN-8"


@given(st.integers(1, 40))
def test_whatever_breaks_up_is_put_right_by_the_next(
    tmp_path_factory: pytest.TempPathFactory, breaks_at: int
) -> None:
    """An `up` that was broken off anywhere is finished by another, or cleared by a `down`."""
    controllers = tmp_path_factory.mktemp("udc")
    (controllers / "udc0").mkdir()
    for finish in (True, False):
        tree, plan = FakeConfigfs(), gadget.wanted(load().gadget, "OPEN-7")
        tree.breaks_at = breaks_at
        try:
            gadget.up(tree, plan, controllers, "")
        except GadgetError:
            tree.breaks_at = None
        if finish:
            gadget.up(tree, plan, controllers, "")
            assert tree.attributes["UDC"] == "udc0"
        tree.breaks_at = None
        gadget.down(tree)
        assert (tree.folders, tree.links) == (set(), {})


def test_the_controller_is_named_where_there_are_several(controllers: Path) -> None:
    """One is taken; of several the settings must name one that is there; none is an error."""
    assert gadget.controller_of(controllers, "") == "fe980000.usb"
    (controllers / "dummy_udc.0").mkdir()
    assert gadget.controller_of(controllers, "dummy_udc.0") == "dummy_udc.0"
    for named in ("", "other"):
        with pytest.raises(GadgetError, match=r"dummy_udc\.0, fe980000\.usb"):
            gadget.controller_of(controllers, named)
    with pytest.raises(GadgetError, match="no USB device controller"):
        gadget.controller_of(controllers / "none", "")


def test_the_real_folder_takes_and_refuses(tmp_path: Path) -> None:
    """What goes to the kernel are folders, one write for each attribute, and links."""
    tree = KernelFolder(tmp_path / "gadget")
    assert tree.names("") == []
    tree.make("")
    tree.make("functions")
    tree.make("functions")
    tree.write("UDC", "udc0")
    tree.link("one", "functions")
    tree.link("one", "functions")
    assert tree.names("") == ["UDC", "functions", "one"]
    assert (tree.read("UDC"), tree.read("none")) == ("udc0", None)
    assert tree.is_link("one")
    tree.unlink("one")
    tree.remove("functions")
    deeds: tuple[Deed, ...] = (
        lambda: tree.make("no/where"),
        lambda: tree.write("no/where", ""),
        lambda: tree.link("no/where", "UDC"),
        lambda: tree.unlink("nothing"),
        lambda: tree.remove(""),
    )
    for refused in deeds:
        with pytest.raises(GadgetError):
            refused()
