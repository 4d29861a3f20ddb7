"""What a sight of a disk means, given what was seen before."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.bays.hotplug import HotplugEvent, Present
from dock_daemon.bays.media import (
    Appeared,
    ChannelAppeared,
    ChannelGone,
    MediumAppeared,
    MediumGone,
)
from dock_daemon.recorders.matching import Seen
from dock_daemon.rehearsal.scripted import ScriptedHotplug

CARD = MediumAppeared(
    sys_path="/sys/devices/a",
    node="/dev/sdb",
    port="pci-0000:00:14.0-usb-0:2",
    major=8,
    minor=16,
    size_bytes=1 << 30,
    sequence="7",
)
OTHER = replace(CARD, sys_path="/sys/devices/b", node="/dev/sdc", minor=32)
GONE = MediumGone(CARD.sys_path)

PLACES = st.sampled_from(["/sys/a", "/sys/b", "/sys/c"])
MEDIA = st.builds(
    lambda place, size, sequence: replace(
        CARD, sys_path=place, size_bytes=size, sequence=str(sequence)
    ),
    PLACES,
    st.sampled_from([0, 512, 1024]),
    st.integers(1, 3),
)
TTY = ChannelAppeared(
    sys_path="/sys/devices/a/tty/ttyACM0",
    node="/dev/ttyACM0",
    port=CARD.port,
    seen=Seen(kind="serial", vendor_id="1d6b", product_id="0104"),
)
CHANNELS = st.builds(lambda place: replace(TTY, sys_path=place), PLACES)
THINGS: st.SearchStrategy[Appeared] = st.one_of(MEDIA, CHANNELS)
SIGHTS = st.lists(
    st.one_of(THINGS, PLACES, st.lists(THINGS, max_size=3, unique_by=lambda one: one.sys_path))
)


def test_disk_seen_twice_is_told_once() -> None:
    """A disk that comes between listening and looking is one medium."""
    present = Present()
    assert present.saw(CARD) == [CARD]
    assert present.looked([CARD]) == []


def test_other_properties_do_not_make_another_medium() -> None:
    """A change event that only alters properties is no news."""
    present = Present()
    present.saw(CARD)
    assert present.saw(replace(CARD, properties={"ID_SERIAL": "x"})) == []


def test_disk_missed_by_the_monitor_is_found_by_looking() -> None:
    """A full look tells what left and what came while messages were lost."""
    present = Present()
    present.saw(CARD)
    assert present.looked([OTHER]) == [GONE, OTHER]


def test_card_taken_out_of_its_reader_is_gone() -> None:
    """A disk of size 0 is a reader without a card; with a card again it is news."""
    present = Present()
    assert present.saw(replace(CARD, size_bytes=0)) == []
    assert present.looked([replace(CARD, size_bytes=0)]) == []
    present.saw(CARD)
    assert present.saw(replace(CARD, size_bytes=0)) == [GONE]
    assert present.saw(replace(CARD, size_bytes=0)) == []
    assert present.saw(CARD) == [CARD]


def test_swap_at_one_place_is_seen_by_the_kernels_count() -> None:
    """Equal size at the same place with another sequence is another medium."""
    present = Present()
    present.saw(CARD)
    swapped = replace(CARD, sequence="8")
    assert present.saw(swapped) == [GONE, swapped]


@given(sights=SIGHTS)
def test_appearing_and_leaving_alternate(
    sights: list[Appeared | str | list[Appeared]],
) -> None:
    """Whatever is seen in whatever order, each place is told in turn to appear and to leave."""
    present = Present()
    occupied: set[str] = set()
    for sight in sights:
        for event in news(present, sight):
            match event:
                case MediumAppeared(sys_path=place, size_bytes=size):
                    assert place not in occupied
                    assert size > 0
                    occupied.add(place)
                case ChannelAppeared(sys_path=place):
                    assert place not in occupied
                    occupied.add(place)
                case MediumGone(place) | ChannelGone(place):
                    occupied.remove(place)
        if isinstance(sight, list):
            assert occupied == {one.sys_path for one in sight if not is_without_medium(one)}


def is_without_medium(sight: Appeared) -> bool:
    """Return whether this is a disk whose medium is out."""
    return isinstance(sight, MediumAppeared) and sight.size_bytes == 0


def test_a_channel_that_shows_other_strings_is_another() -> None:
    """At the same place, with the same node: a second recorder of the kind is told apart."""
    present = Present()
    assert present.saw(TTY) == [TTY]
    assert present.saw(replace(TTY, properties={"ID_BUS": "usb"})) == []
    other = replace(TTY, seen=replace(TTY.seen, serial="2"))
    assert present.saw(other) == [ChannelGone(TTY.sys_path), other]


def news(present: Present, sight: Appeared | str | list[Appeared]) -> list[HotplugEvent]:
    """Show `sight` to `present`."""
    match sight:
        case MediumAppeared() | ChannelAppeared():
            return present.saw(sight)
        case str():
            return present.lost(sight)
        case _:
            return present.looked(sight)


async def test_script_tells_in_order() -> None:
    """The scripted source tells plug, swap and pull as udev would."""
    source = ScriptedHotplug()
    told: asyncio.Queue[HotplugEvent] = asyncio.Queue()
    swapped = replace(CARD, sequence="8")
    source.plug(CARD)
    source.plug(CARD)
    source.plug(swapped)
    source.pull(CARD.sys_path)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(source.run(told.put_nowait))
        assert [await told.get() for _ in range(4)] == [CARD, GONE, swapped, GONE]
        task.cancel()
