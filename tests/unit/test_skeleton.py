"""A profile to begin with: sound as it comes, whatever a device says of itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import load
from config.presets import Preset
from config.profiles import parse_profile, recorder_profiles
from dock_daemon.recorders import matching
from dock_daemon.recorders.matching import Seen
from dock_daemon.recorders.skeleton import skeleton

PROFILES = recorder_profiles(
    load(env={}, host="test").settings.recorders.profiles, Path("/nowhere"), source=""
)
TEXT = st.text(max_size=120)
HEX = st.text("0123456789abcdef", min_size=4, max_size=4)
DISK = st.builds(
    Seen,
    kind=st.just("disk"),
    vendor_id=HEX,
    product_id=HEX,
    manufacturer=TEXT,
    product=TEXT | st.just("x" * 119 + "*"),
    scsi=TEXT,
)


@given(seen=DISK)
def test_it_is_sound_and_fits_its_device(seen: Seen) -> None:
    """Quotes, stars, controls and halves of characters: the file parses, and knows the device."""
    profile = parse_profile(skeleton([seen], None).encode(), source="skeleton")
    assert profile.match.usb == (seen.usb,)
    preset = Preset("made", "", profile)
    printable = all(char.isprintable() for char in seen.manufacturer + seen.product + seen.scsi)
    if printable:
        assert matching.of_medium([preset, *PROFILES], seen, []).name == "made"


@pytest.mark.parametrize("near", [one for one in PROFILES if one.content.channel != "none"])
def test_a_device_that_can_be_asked_begins_with_the_nearest_driver(
    near: matching.Profile,
) -> None:
    """What the nearest profile knows is taken over: driver, capabilities, password, quirks."""
    kind = matching.KIND_OF[near.content.channel]
    seen = Seen(kind=kind, vendor_id="f055", product_id="0009", product="X")
    profile = parse_profile(skeleton([seen], near).encode(), source="skeleton")
    assert (profile.driver, profile.quirks) == (near.content.driver, near.content.quirks)
    assert profile.capabilities == near.content.capabilities
    assert profile.storage.shown == near.content.storage.shown
    assert profile.password == near.content.password


def test_a_disk_is_a_disk_whatever_comes_near() -> None:
    """Without the channel that a driver speaks over, its driver would be of no use."""
    near = next(one for one in PROFILES if one.name == "cammpro")
    seen = Seen(kind="disk", vendor_id="4255", product_id="0002")
    profile = parse_profile(skeleton([seen], near).encode(), source="skeleton")
    assert profile.driver == "fs-only"
