"""Which make is at a port: marks choose who may ask; the most that one can say is how near."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import load
from config.profiles import recorder_profiles
from dock_daemon.recorders import matching
from dock_daemon.recorders.matching import Seen

NOWHERE = Path("/nonexistent/sealdock")
PROFILES = recorder_profiles(
    load(env={}, host="test").settings.recorders.profiles, NOWHERE, source=""
)
OPEN = Seen(
    kind="serial", vendor_id="1d6b", product_id="0104", manufacturer="sealdock",
    product="sealdock open recorder",
    interfaces=("020201", "0a0000", "080650"),
)  # fmt: skip
JIELI = Seen(kind="scsi", vendor_id="4c4a", product_id="4155", scsi="DV16 DEVICE V1.00 1.00")
CAMMPRO = Seen(kind="usb", vendor_id="4255", product_id="0001", product="Ambarella")
ZZX = Seen(kind="usb", vendor_id="0e8d", product_id="201c", interfaces=("ff4201",))
STICK = Seen(kind="disk", vendor_id="0781", product_id="5567", product="Cruzer")


def names(profiles: tuple[matching.Profile, ...]) -> list[str]:
    """Return the names of profiles."""
    return [one.name for one in profiles]


@pytest.mark.parametrize(
    ("seen", "name"),
    [(OPEN, "open"), (JIELI, "jieli-dv16"), (CAMMPRO, "cammpro"), (ZZX, "zzx")],
)
def test_each_make_is_known_by_its_marks(seen: Seen, name: str) -> None:
    """One driver may ask it, and it comes out nearest of all."""
    assert names(matching.of_channel(PROFILES, seen)) == [name]
    first = matching.nearest(PROFILES, seen)[0]
    assert (first.profile.name, first.fits) == (name, True)


@pytest.mark.parametrize(
    "seen",
    [
        replace(OPEN, product="Ethernet Gadget"),  # the id of every Linux gadget
        replace(OPEN, kind="usb"),  # the whole device is no serial line
        replace(JIELI, scsi="DV16 DEVICE V2.00"),
        replace(CAMMPRO, product_id="0002"),
        replace(ZZX, interfaces=("ff4200",)),  # no adb
        STICK,
    ],
)
def test_whoever_lacks_one_mark_is_not_asked(seen: Seen) -> None:
    """Ids and strings must all fit: a vendor command does harm to a stranger."""
    assert matching.of_channel(PROFILES, seen) == ()


def test_letter_case_and_padding_do_not_matter() -> None:
    """INQUIRY strings are padded with blanks, and nobody types those."""
    padded = replace(JIELI, scsi="dv16     device v1.00    1.00")
    assert names(matching.of_channel(PROFILES, padded)) == ["jieli-dv16"]


def test_a_disk_without_a_make_is_a_plain_one() -> None:
    """What nobody described is read all the same."""
    assert matching.of_medium(PROFILES, STICK, ["DCIM/A.MP4"]).name == "fs-only"
    assert matching.of_medium(PROFILES, None, []).name == "fs-only"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("DCIM/100ANDRO/8888888_000000_20160129205547_0001.mp4", "e12"),
        ("DCIM/DCAM_1_2_20160129_205547.mp4", "dcam"),
        ("Log/battery.txt", "dasbuddy"),
        ("DCIM/100ANDRO/holiday.mp4", "fs-only"),
    ],
)
def test_a_card_is_known_by_what_is_on_it(path: str, name: str) -> None:
    """In a reader, as an image or in a folder: its names and folders are its marks."""
    assert matching.of_medium(PROFILES, STICK, ["x.txt", path]).name == name
    assert matching.of_medium(PROFILES, None, ["x.txt", path]).name == name


def test_a_disk_of_a_make_that_was_not_asked_is_still_of_that_make() -> None:
    """Its worker may be down; what its files are is known from its marks."""
    disk = replace(JIELI, kind="disk")
    assert matching.of_medium(PROFILES, disk, []).name == "jieli-dv16"
    assert matching.expects_channel(PROFILES, disk)
    assert not matching.expects_channel(PROFILES, STICK)
    assert not matching.expects_channel(PROFILES, None)


def test_how_near_a_stranger_comes_is_said_with_reasons() -> None:
    """The nearest first, and for each mark whether it fits, what is wanted, what is there."""
    stranger = replace(CAMMPRO, product_id="0002")
    near = matching.nearest(PROFILES, stranger)
    assert near[0].profile.name == "cammpro"
    assert not near[0].fits
    told = {reason.mark: (reason.fits, reason.found) for reason in near[0].reasons}
    assert told == {"channel": (True, "usb"), "usb": (False, "4255:0002")}
    assert near[0].nearness > near[-1].nearness > 0


TEXT = st.text(max_size=20)
SEEN = st.builds(
    Seen,
    kind=st.sampled_from(["serial", "scsi", "usb", "disk"]),
    vendor_id=st.sampled_from(["", "4255", "1d6b", "0e8d", "ffff"]),
    product_id=st.sampled_from(["", "0001", "0104"]),
    manufacturer=TEXT,
    product=TEXT | st.sampled_from(["sealdock", "*", "["]),
    serial=TEXT,
    scsi=TEXT | st.just("DV16 DEVICE V1.00"),
    interfaces=st.lists(st.sampled_from(["ff4201", "080650"]), max_size=2).map(tuple),
)


@given(seen=SEEN, paths=st.lists(TEXT, max_size=4))
def test_whatever_a_device_says_has_an_answer(seen: Seen, paths: list[str]) -> None:
    """Every medium has a profile; who may ask is exactly who fits; the ranking never rises."""
    assert matching.of_medium(PROFILES, seen, paths) in PROFILES
    near = matching.nearest(PROFILES, seen)
    ranks = [(one.fits, one.nearness) for one in near]
    assert ranks == sorted(ranks, reverse=True)
    may_ask = {one.name for one in matching.of_channel(PROFILES, seen)}
    asking = {one.profile.name for one in near if one.profile.content.channel != "none"}
    assert may_ask == {one.profile.name for one in near if one.fits and one.profile.name in asking}
