"""The rules for what hangs at the bays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.bays.udev_rules import CONTROL_GROUP, FILE_NAME, GROUP, rules_for

EXAMPLE = Path(__file__).parents[2] / "systemd/udev" / f"{FILE_NAME}.example"
PORTS = (
    "pci-0000:00:14.0-usb-0:2",
    "pci-0000:00:14.0-usbv2-0:3",
    "pci-0000:00:14.0-usbv3-0:7",
    "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2",
)
SCSI = ("DV16 DEVICE V1.00*",)
BAY = 'ENV{SEALDOCK_BAY}!="1", GOTO="sealdock_end"'


def test_shipped_example_is_what_is_made() -> None:
    """The example in systemd/udev is the rules of its ports, to the byte."""
    assert EXAMPLE.read_text(encoding="ascii") == rules_for(PORTS, scsi=SCSI)


def test_a_port_does_not_reach_beyond_itself() -> None:
    """The pattern of port 2 matches the device there and its parts, neither 2.1 nor 21."""
    port = "pci-0000:00:14.0-usb-0:2"
    assert f'ENV{{ID_PATH}}=="{port}|{port}:*",' in rules_for(PORTS[:1])


def test_without_bays_nothing_is_touched() -> None:
    """A dock without bays has rules that leave every device alone."""
    assert 'ENV{SEALDOCK_BAY}="1"' not in rules_for([])


def test_the_jump_comes_before_every_act() -> None:
    """Whatever changes a device stands after the line that leaves all others alone."""
    before, _jump, after = rules_for(PORTS, scsi=SCSI).partition(BAY)
    for act in ("RUN", "MODE", "GROUP:", "UDISKS", "BLKID", "ID_MM", "MTP"):
        assert act not in before
        assert act in after


def test_disks_and_channels_have_owners_of_their_own() -> None:
    """A disk is the reader's to read; serial port, USB device and SCSI node are the worker's."""
    channels, _label, disks = rules_for(PORTS, scsi=SCSI).partition('LABEL="sealdock_disk"')
    assert f'GROUP:="{CONTROL_GROUP}", MODE:="0660"' in channels
    assert f'GROUP:="{GROUP}", MODE:="0440"' in disks
    assert CONTROL_GROUP not in disks
    assert 'SUBSYSTEM=="block", GOTO="sealdock_disk"' in channels


def test_scsi_commands_are_for_makes_that_take_them() -> None:
    """Of the disks' SCSI nodes those alone are handed out whose INQUIRY a profile names."""
    closed = 'SUBSYSTEM=="scsi_generic", GOTO="sealdock_end"'
    assert closed in rules_for(PORTS)
    some = rules_for(PORTS, scsi=("DV16 DEVICE V1.00*", "ACME *"))
    assert closed not in some
    refused = 'ENV{SEALDOCK_INQUIRY}!="DV16 DEVICE V1.00*|ACME *", GOTO="sealdock_end"'
    assert f'SUBSYSTEM=="scsi_generic", {refused}' in some


@pytest.mark.parametrize("pattern", ["", 'x", RUN+="y', "a|b", "a\n", "[a-z]", "$attr{x}", "%k"])
def test_pattern_that_udev_would_read_otherwise_is_refused(pattern: str) -> None:
    """Quotation marks, alternatives, classes and substitutions never get into the rules."""
    with pytest.raises(ValueError, match="INQUIRY"):
        rules_for(PORTS, scsi=[pattern])


@given(port=st.text(max_size=60))
def test_no_text_but_a_port_gets_into_the_rules(port: str) -> None:
    """What is no port, a pattern or a quotation mark above all, is refused."""
    with pytest.raises(ValueError, match="no port"):
        rules_for([port])


@pytest.mark.parametrize(
    "port", ['a-usb-0:1", RUN+="x', "pci-*-usb-0:1", "pci-0000:00:14.0-usb-0:2\n"]
)
def test_a_pattern_is_no_port(port: str) -> None:
    """Neither jokers nor line breaks reach udev."""
    with pytest.raises(ValueError, match="no port"):
        rules_for([port])
