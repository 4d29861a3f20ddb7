"""The recorder as a USB device: serial port and storage, set up through configfs.

Linux: Documentation/usb/gadget_configfs.rst; Documentation/ABI/testing/configfs-usb-gadget,
-acm and -mass-storage. Making a folder there makes the kernel's object with its attributes;
they vanish with the folder, and never by themselves. The order is the kernel's: everything is
there before the controller is named, and the controller is let go before anything goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent import settings
from agent.configfs import Configfs
from agent.errors import GadgetError

SERIAL: Final = "functions/acm.0"
STORAGE: Final = "functions/mass_storage.0"
CONFIGURATION: Final = "configs/c.1"
_ENGLISH: Final = "strings/0x409"
_CONTROLLER: Final = "UDC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be there: folders, attributes and links, each in the order of its making."""

    folders: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]


def wanted(told: settings.Gadget, number: str) -> Plan:
    """Return the gadget of the recorder `number`.

    The storage is read-only and without a medium, until the dock asks for one (volume.py). It
    is removable, so that a medium may come and go.
    """
    return Plan(
        folders=(
            "",
            _ENGLISH,
            SERIAL,
            STORAGE,
            CONFIGURATION,
            f"{CONFIGURATION}/{_ENGLISH}",
        ),
        attributes=(
            ("idVendor", f"0x{told.vendor_id:04x}"),
            ("idProduct", f"0x{told.product_id:04x}"),
            # Two functions, one of them of two interfaces: USB 2.0 ECN, interface association.
            ("bDeviceClass", "0xef"),
            ("bDeviceSubClass", "0x02"),
            ("bDeviceProtocol", "0x01"),
            (f"{_ENGLISH}/serialnumber", number),
            (f"{_ENGLISH}/manufacturer", told.manufacturer),
            (f"{_ENGLISH}/product", told.product),
            (f"{STORAGE}/stall", "1"),
            (f"{STORAGE}/lun.0/removable", "1"),
            (f"{STORAGE}/lun.0/ro", "1"),
            (f"{STORAGE}/lun.0/cdrom", "0"),
            (f"{CONFIGURATION}/MaxPower", str(told.max_power_ma)),
            (f"{CONFIGURATION}/{_ENGLISH}/configuration", "serial port and storage"),
        ),
        links=(
            (f"{CONFIGURATION}/acm.0", SERIAL),
            (f"{CONFIGURATION}/mass_storage.0", STORAGE),
        ),
    )


def up(tree: Configfs, plan: Plan, controllers: Path, named: str) -> str:
    """Set the gadget up and bind it; return the controller; raise GadgetError.

    One that is up as it should be stays on the wire. Any other is taken away first: of a
    function that is in use the kernel lets hardly anything be changed.
    """
    bound = tree.read(_CONTROLLER)
    if bound and _holds(tree, plan):
        return bound
    controller = controller_of(controllers, named)
    down(tree)
    for folder in plan.folders:
        tree.make(folder)
    for name, value in plan.attributes:
        tree.write(name, value)
    for name, target in plan.links:
        tree.link(name, target)
    tree.write(_CONTROLLER, controller)
    return controller


def down(tree: Configfs) -> None:
    """Take the gadget off the wire and away, whatever of it is there; raise GadgetError."""
    if not tree.names(""):
        return
    if tree.read(_CONTROLLER):
        tree.write(_CONTROLLER, "")
    configurations = [f"configs/{name}" for name in tree.names("configs")]
    for configuration in configurations:
        for name in tree.names(configuration):
            if tree.is_link(f"{configuration}/{name}"):
                tree.unlink(f"{configuration}/{name}")
    for folder in _made(tree, configurations):
        tree.remove(folder)


def controller_of(controllers: Path, named: str) -> str:
    """Return the controller to use; raise GadgetError where there is none, or no choice is made."""
    try:
        there = sorted(each.name for each in controllers.iterdir())
    except OSError:
        there = []
    if named in there or (len(there) == 1 and not named):
        return named or there[0]
    reason = f"there are {', '.join(there)}" if there else "there is no USB device controller"
    raise GadgetError(path=str(controllers), reason=reason)


def _holds(tree: Configfs, plan: Plan) -> bool:
    return all(tree.is_link(name) for name, _ in plan.links) and all(
        _same(tree.read(name), value) for name, value in plan.attributes
    )


def _same(found: str | None, value: str) -> bool:
    """Tell whether an attribute says `value`, be it in another spelling of the number."""
    if found == value or found is None:
        return found == value
    try:
        return int(found, 0) == int(value, 0)
    except ValueError:
        return False


def _made(tree: Configfs, configurations: list[str]) -> Iterator[str]:
    """Yield the folders that somebody made, the innermost first: the kernel's own go with them."""
    for configuration in configurations:
        for text in tree.names(f"{configuration}/strings"):
            yield f"{configuration}/strings/{text}"
        yield configuration
    for function in tree.names("functions"):
        yield f"functions/{function}"  # its lun.0 came with it, and goes with it
    for text in tree.names("strings"):
        yield f"strings/{text}"
    yield ""
