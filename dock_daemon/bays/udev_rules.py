"""The udev rules of a dock: what happens to whatever is plugged into one of its bays. Pure.

Only bays are touched; a keyboard's card reader or the system's own USB disk stays
as it was. Order is the point: the rules stand at 59, before 60-persistent-storage
would let blkid read the medium as root, and after 50-udev-default has given the
node to the group `disk`. udev's own ID_PATH is made at 60, so it is made here first.
"""

import re
from collections.abc import Iterable
from typing import Final

from dock_daemon.bays.ports import port_of

FILE_NAME: Final = "59-sealdock.rules"
GROUP: Final = "sealdock-reader"
CONTROL_GROUP: Final = "sealdock-control"
_SIDE: Final = re.compile(r"-usb(v[23])-")
# The root hub's protocol: 03 is the SuperSpeed side of a USB 3 controller.
_PROTOCOLS: Final = {"v2": "00|01|02", "v3": "03"}

# What a pattern of an INQUIRY may hold: nothing that ends a quotation or an alternative.
_INQUIRY: Final = re.compile(r"[A-Za-z0-9 ._*?:+-]{1,120}", re.ASCII)

_HEAD: Final = f"""\
# What hangs at the bays of this dock, and nothing else. Made from its configuration; do not edit.
# Install as /etc/udev/rules.d/{FILE_NAME}, then: udevadm control --reload

ACTION=="remove", GOTO="sealdock_end"
SUBSYSTEM!="block|tty|scsi_generic|usb", GOTO="sealdock_end"
SUBSYSTEM=="usb", ENV{{DEVTYPE}}!="usb_device", GOTO="sealdock_end"

# The physical port, which udev itself asks for only after these rules.
ENV{{DEVTYPE}}!="partition", SUBSYSTEMS=="usb", IMPORT{{builtin}}="path_id"
ENV{{DEVTYPE}}=="partition", IMPORT{{parent}}="ID_PATH"

"""
_BAY: Final = """\

ENV{SEALDOCK_BAY}!="1", GOTO="sealdock_end"
SUBSYSTEM=="block", GOTO="sealdock_disk"
"""
_CONTROL: Final = f"""\

# The ways to ask a recorder: serial port, USB device, SCSI commands. They are the control
# worker's alone; nobody dials with it, and no desktop looks what it might be.
GROUP:="{CONTROL_GROUP}", MODE:="0660"
ENV{{ID_MM_DEVICE_IGNORE}}="1", ENV{{ID_MM_PORT_IGNORE}}="1", ENV{{MTP_NO_PROBE}}="1"
GOTO="sealdock_end"
"""
_DISK: Final = f"""\

LABEL="sealdock_disk"

# The recorder is hostile: no prober of file systems, RAID or desktop reads it as root.
ENV{{UDEV_DISABLE_PERSISTENT_STORAGE_BLKID_FLAG}}="1"
ENV{{UDISKS_IGNORE}}="1", ENV{{UDISKS_AUTO}}="0", ENV{{SYSTEMD_READY}}="0"

# Nobody writes to it: not by the node's mode, and the kernel refuses even root. udev tells
# the dock of the disk only when these programs are done.
GROUP:="{GROUP}", MODE:="0440"
RUN+="/usr/sbin/blockdev --setro $devnode"

LABEL="sealdock_end"
"""


def rules_for(ports: Iterable[str], *, scsi: Iterable[str] = ()) -> str:
    """Return the rules for the bays at `ports`; raise ValueError for what is no port.

    `scsi` are the patterns of the INQUIRY (vendor, model and revision, one blank between) of
    recorders that take commands over SCSI: a disk of any other kind keeps its SCSI node closed,
    for whoever can send commands there could write.
    """
    return _HEAD + "".join(map(_mark, ports)) + _BAY + _scsi(tuple(scsi)) + _CONTROL + _DISK


def _scsi(patterns: tuple[str, ...]) -> str:
    if bad := [one for one in patterns if not _INQUIRY.fullmatch(one)]:
        raise ValueError(f"no pattern of an INQUIRY: {bad[0]!r}")
    told = (
        'SUBSYSTEM=="scsi_generic", SUBSYSTEMS=="scsi", '
        'ENV{SEALDOCK_INQUIRY}="$attr{vendor} $attr{model} $attr{rev}"\n'
    )
    known = f'ENV{{SEALDOCK_INQUIRY}}!="{"|".join(patterns)}", ' if patterns else ""
    return (
        "\n# Of disks, those alone whose make is asked over SCSI: commands could also write.\n"
        + (told if patterns else "")
        + f'SUBSYSTEM=="scsi_generic", {known}GOTO="sealdock_end"\n'
    )


def _mark(port: str) -> str:
    if port_of(port) != port:  # nothing that udev would take for a pattern passes here
        raise ValueError(f"no port: {port!r}")
    side = _SIDE.search(port)
    hub = (
        ""
        if side is None
        else f'KERNELS=="usb[0-9]*", ATTRS{{bDeviceProtocol}}=="{_PROTOCOLS[side[1]]}", '
    )
    path = _SIDE.sub("-usb-", port)
    # The device at the port itself, or what is behind a colon, which ends the chain of ports:
    # port 3 is neither 3.2 nor 31.
    return f'{hub}ENV{{ID_PATH}}=="{path}|{path}:*", ENV{{SEALDOCK_BAY}}="1"\n'
