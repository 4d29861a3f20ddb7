"""Whatever bytes a recorder sends, every parser ends soon, and raises its own errors alone.

script/torture goes through a million frames of the same generator.
"""

import sys
import tracemalloc
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from tests.recorders.fuzzing import Parser, Run, inflated
from tests.recorders.parsers import PARSERS

if TYPE_CHECKING:
    from _typeshed import TraceFunction

SEED = 20_261_122
FRAMES = 20_000
SLICE = 2_000
EACH = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)

# A parser's work in lines of Python run, and what it may hold in memory at most; a driver hears
# a frame some thirty times. At 8 KiB anything worse than linear is far beyond.
SHORT, LONG = 1_024, 8_192
LINES, LINES_A_BYTE = 400_000, 400
BYTES, BYTES_A_BYTE = 1 << 20, 200


@pytest.mark.parametrize("first", range(0, FRAMES, SLICE))
def test_no_frame_brings_out_anything_but_the_parsers_own_errors(first: int) -> None:
    """Twenty thousand random and spoilt frames; a failure names its seed and number."""
    for shot in Run(PARSERS, SEED).shots(first, SLICE):
        error = shot.fire()
        assert error is None, f"{shot}: {shot.frame.hex()}"


@EACH
def test_sound_frames_are_read(parser: Parser) -> None:
    """What spoiling begins with is worth spoiling: most of it is taken as it is."""
    taken = 0
    for frame in parser.seeds:
        try:
            parser.read(frame)
        except parser.may_raise:
            continue
        taken += 1
    assert taken * 2 >= len(parser.seeds)


@EACH
def test_work_grows_no_faster_than_the_frame(parser: Parser) -> None:
    """Eight times as long a frame costs no more than in proportion, in steps and in memory."""
    seed = max(parser.seeds, key=len)
    for frame in (*inflated(seed, SHORT), *inflated(seed, LONG)):
        assert steps(parser, frame) <= LINES + LINES_A_BYTE * len(frame), frame[:100]
        assert peak(parser, frame) <= BYTES + BYTES_A_BYTE * len(frame), frame[:100]


def test_one_seed_gives_one_run() -> None:
    """A frame can be made again by seed and number, without those before it."""
    frames = [shot.frame for shot in Run(PARSERS, 7).shots(0, 50)]
    assert frames == [shot.frame for shot in Run(PARSERS, 7).shots(0, 50)]
    assert frames[49] == Run(PARSERS, 7).shot(49).frame
    assert frames != [shot.frame for shot in Run(PARSERS, 8).shots(0, 50)]


def test_parser_that_raises_something_else_is_found() -> None:
    """The generator does find what it looks for: an index beyond a short frame."""
    careless = Parser("careless", lambda frame: frame[3], (b"\0\1\2\3",), (ValueError,))
    errors = [shot.fire() for shot in Run([careless], 1).shots(0, 200)]
    assert {type(error) for error in errors} == {type(None), IndexError}


def steps(parser: Parser, frame: bytes) -> int:
    """Return how many lines of Python reading a frame takes."""
    count = 0

    def trace(_frame: FrameType, _event: str, _arg: object) -> "TraceFunction":
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parser.read(frame)
    except parser.may_raise:
        return count
    finally:
        sys.settrace(before)
    return count


def peak(parser: Parser, frame: bytes) -> int:
    """Return how much memory reading a frame holds at most, in bytes."""
    tracemalloc.start()
    try:
        parser.read(frame)
    except parser.may_raise:
        return tracemalloc.get_traced_memory()[1]
    else:
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
