"""The rules for disks at the bays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.bays.udev_rules import FILE_NAME, rules_for

EXAMPLE = Path(__file__).parents[2] / "systemd/udev" / f"{FILE_NAME}.example"
PORTS = (
    "pci-0000:00:14.0-usb-0:2",
    "pci-0000:00:14.0-usbv2-0:3",
    "pci-0000:00:14.0-usbv3-0:7",
    "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2",
)


def test_shipped_example_is_what_is_made() -> None:
    """The example in systemd/udev is the rules of its ports, to the byte."""
    assert EXAMPLE.read_text(encoding="ascii") == rules_for(PORTS)


def test_a_port_does_not_reach_beyond_itself() -> None:
    """The pattern of port 2 matches neither port 2.1 nor port 21."""
    assert '=="pci-0000:00:14.0-usb-0:2:*",' in rules_for(PORTS[:1])


def test_without_bays_nothing_is_touched() -> None:
    """A dock without bays has rules that leave every disk alone."""
    assert 'ENV{SEALDOCK_BAY}="1"' not in rules_for([])


def test_the_jump_comes_before_every_act() -> None:
    """Whatever changes a disk stands after the line that leaves all other disks alone."""
    before, _jump, after = rules_for(PORTS).partition('ENV{SEALDOCK_BAY}!="1", GOTO="sealdock_end"')
    for act in ("RUN", "MODE", "GROUP:", "UDISKS", "BLKID"):
        assert act not in before
        assert act in after


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
