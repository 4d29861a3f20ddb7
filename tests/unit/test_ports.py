"""Which port a disk hangs on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.bays.ports import port_of, port_of_sys_path, root_hub_of, with_revision
from dock_daemon.rehearsal.umockdev import sys_path_at

CHAINS = st.lists(st.integers(1, 255), min_size=1, max_size=6).map(
    lambda ports: ".".join(map(str, ports))
)
PCI = st.from_regex(r"pci-[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", fullmatch=True)
PLATFORMS = st.from_regex(r"platform-[a-z0-9]{1,10}\.(pcie|usb)", fullmatch=True)
CONTROLLERS = st.one_of(PCI, PLATFORMS, st.tuples(PLATFORMS, PCI).map("-".join))
PORTS = st.builds("{}-usb-0:{}".format, CONTROLLERS, CHAINS)


@pytest.mark.parametrize(
    ("id_path", "port"),
    [
        ("pci-0000:00:04.0-usb-0:3:1.0-scsi-0:0:0:0", "pci-0000:00:04.0-usb-0:3"),
        ("pci-0000:00:04.0-usb-0:3.2:1.0-scsi-0:0:0:1", "pci-0000:00:04.0-usb-0:3.2"),
        ("pci-0000:00:14.0-usbv2-0:3:1.0-scsi-0:0:0:0", "pci-0000:00:14.0-usbv2-0:3"),
        ("pci-0000:00:14.0-usbv3-0:1.4:1.0-scsi-0:0:0:0", "pci-0000:00:14.0-usbv3-0:1.4"),
        (
            "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2:1.0-scsi-0:0:0:0",
            "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2",
        ),
        ("platform-3f980000.usb-usb-0:1.3:1.0-scsi-0:0:0:0", "platform-3f980000.usb-usb-0:1.3"),
        ("platform-xhci-hcd.0-usb-0:2:1.0-scsi-0:0:0:0", "platform-xhci-hcd.0-usb-0:2"),
        ("pci-0000:00:04.0-usb-0:3", "pci-0000:00:04.0-usb-0:3"),
        ("pci-0000:00:17.0-ata-1.0", None),
        ("pci-0000:3d:00.0-nvme-1", None),
        ("usb-0:3:1.0-scsi-0:0:0:0", None),
        ("pci-0000:00:04.0-usb-0:0:1.0", None),
        ("pci-0000:00:04.0-usb-0:3:1.0-scsi-0:0:0:0\n", None),
        ("pci-0000:00:04.0-usb-0:1.2.3.4.5.6.7:1.0", None),
        ("", None),
    ],
)
def test_port_is_controller_and_chain(id_path: str, port: str | None) -> None:
    """What hangs on a USB port is named by controller and chain; all else has no port."""
    assert port_of(id_path) == port


@pytest.mark.parametrize(
    ("sys_path", "port"),
    [
        (
            (
                "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/1-2.3:1.0/host4/target4:0:0"
                "/4:0:0:0/block/sdb"
            ),
            "pci-0000:00:14.0-usb-0:2.3",
        ),
        (
            (
                "/sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb1"
                "/1-1/1-1.2/1-1.2:1.0/host0/target0:0:0/0:0:0:0/block/sda"
            ),
            "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2",
        ),
        (
            "/sys/devices/platform/soc/3f980000.usb/usb1/1-1/1-1.3/1-1.3:1.0/host0/block/sda",
            "platform-3f980000.usb-usb-0:1.3",
        ),
        (
            (
                "/sys/devices/platform/axi/1000120000.pcie/1f00200000.usb/xhci-hcd.0/usb1/1-2/1-2:1.0"
                "/host0/target0:0:0/0:0:0:0/block/sda"
            ),
            "platform-xhci-hcd.0-usb-0:2",
        ),
        ("/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda", None),
        ("/sys/devices/virtual/block/loop0", None),
        ("/sys/devices/pci0000:00/0000:00:14.0/usb1/block/sda", None),
        ("", None),
    ],
)
def test_place_in_sysfs_names_the_same_port(sys_path: str, port: str | None) -> None:
    """Where udev gave no ID_PATH, the device's parents spell out the same port."""
    assert port_of_sys_path(sys_path) == port


@given(port=PORTS, interface=st.integers(0, 31), lun=st.integers(0, 7))
def test_interface_and_unit_do_not_move_a_disk(port: str, interface: int, lun: int) -> None:
    """Whatever interface or unit of a device a disk is, it hangs on the device's port."""
    assert port_of(f"{port}:1.{interface}-scsi-0:0:0:{lun}") == port
    assert port_of(port) == port


@given(port=PORTS)
def test_sysfs_and_udev_agree(port: str) -> None:
    """A port and the place in sysfs of a disk there lead to each other."""
    assert port_of_sys_path(f"/sys{sys_path_at(port, 'sdb')}") == port


@given(port=PORTS)
def test_two_sides_of_a_controller_stay_distinct(port: str) -> None:
    """The root hub's protocol tells the USB 2 from the USB 3 side of equal chains."""
    slow, fast = with_revision(port, "01\n"), with_revision(port, "03\n")
    assert slow is not None
    assert fast is not None
    assert slow != fast
    assert {port_of(slow), port_of(fast)} == {slow, fast}
    assert root_hub_of(sys_path_at(fast, "sdb")) != root_hub_of(sys_path_at(slow, "sdb"))
    assert with_revision(port, "") is None


@given(first=CONTROLLERS, second=CONTROLLERS, chain=CHAINS)
def test_controllers_stay_distinct(first: str, second: str, chain: str) -> None:
    """Two controllers with equal chains below them never give one port."""
    one, other = (port_of(f"{name}-usb-0:{chain}:1.0-scsi-0:0:0:0") for name in (first, second))
    assert one is not None
    assert (one == other) == (first == second)


@given(text=st.text(max_size=80))
def test_any_text_has_a_port_or_none(text: str) -> None:
    """No text makes the parsers fail."""
    assert port_of(text) is None or "-usb" in text
    assert port_of_sys_path(text) is None or "usb" in text
