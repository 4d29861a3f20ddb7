"""Which findings keep a clip: those on itself, its path, its volume, and lately its recorder."""

from dataclasses import replace

import pytest

from dock_daemon.erasing.doubts import Found, Place, concerning

PLACE = Place(seq=40, docked=30, recorder="ZF-0007", volume="fat-1", path="DCIM/A.MP4")
NONE = Found(seq=50, finding="changed", recorder="X", volume="fat-9", path="B.MP4", clip=None)


@pytest.mark.parametrize(
    "found",
    [
        replace(NONE, clip=40),
        replace(NONE, volume="fat-1", path="DCIM/A.MP4"),
        replace(NONE, volume="fat-1", path="/dcim/a.mp4"),
        replace(NONE, volume="fat-1", path="", finding="recorder-changed", seq=1),
        replace(NONE, volume="", path="DCIM/A.MP4", recorder="zf-0007", finding="journal-differs"),
        replace(NONE, volume="", path="", recorder="ZF-0007", finding="journal-broken", seq=31),
    ],
)
def test_it_concerns_the_clip(found: Found) -> None:
    """The clip, its path, its volume, or its recorder."""
    assert concerning(PLACE, [NONE, found]) == {found.finding}


@pytest.mark.parametrize(
    "found",
    [
        NONE,
        replace(NONE, clip=41),
        replace(NONE, path="DCIM/A.MP4"),
        replace(NONE, volume="fat-1"),
        replace(NONE, path="DCIM/A.MP4", recorder="ZF-0007"),
        replace(NONE, volume="fat-1", path="xDCIM/A.MP4"),
        replace(NONE, volume="", path="DCIM/A.MP4"),
        replace(NONE, volume="", path="DCIM/B.MP4", recorder="ZF-0007"),
        replace(NONE, volume="", path="", recorder="ZF-0007", seq=30),
        replace(NONE, volume="", path=""),
        replace(NONE, volume="fat-1", path="", finding="calendar-unknown", clip=40),
    ],
)
def test_it_concerns_another(found: Found) -> None:
    """Another clip, another volume, another recorder, or its time before this clip."""
    assert concerning(PLACE, [found]) == frozenset()
