"""What core and reader say to each other, as bytes and back."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import (
    BridgeError,
    MediumGoneError,
    MediumReadError,
    NotOpenedError,
    ReaderFailedError,
    UnknownFilesystemError,
)
from firmware_bridge.volume import codec, wire
from firmware_bridge.volume.listing import (
    Entry,
    Extent,
    Medium,
    Name,
    Problem,
    Refused,
    Stamp,
    Volume,
)
from firmware_bridge.volume.problems import CODES

ROOT = Path(__file__).parents[2]
U16 = st.integers(0, 2**16 - 1)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CODE = st.sampled_from(sorted(CODES))
PROBLEMS = st.lists(st.builds(Problem, CODE, TEXT), max_size=3).map(tuple)
EXTENTS = st.lists(st.builds(Extent, U64, st.integers(1, 2**64 - 1)), max_size=5).map(tuple)
NAMES = st.builds(Name, st.binary(max_size=40), TEXT, st.binary(max_size=11))
STAMPS = st.none() | st.builds(
    Stamp, U16, U16, st.integers(0, 255), st.none() | st.integers(0, 255)
)
ENTRIES = st.builds(
    Entry,
    path=st.lists(NAMES, min_size=1, max_size=4).map(tuple),
    deleted=st.booleans(),
    directory=st.booleans(),
    size=U64,
    valid_size=U64,
    attributes=U16,
    created=STAMPS,
    modified=STAMPS,
    accessed=STAMPS,
    first_cluster=U32,
    extents=EXTENTS,
    unallocated=st.none() | st.booleans(),
    problems=PROBLEMS,
    record_offset=U64,
    record=st.binary(max_size=64),
)
VOLUMES = st.builds(
    Volume,
    index=st.integers(0, 256),
    offset=U64,
    length=U64,
    filesystem=st.sampled_from(sorted(codec.FILESYSTEMS)),
    serial=U32,
    label=TEXT,
    dirty=st.booleans(),
    cluster_size=st.integers(1, 2**32 - 1),
    total_bytes=U64,
    free_bytes=U64,
    problems=PROBLEMS,
    sound=st.booleans(),
)
REFUSED = st.builds(Refused, st.integers(0, 256), U64, U64, TEXT)
MEDIA = st.builds(
    Medium,
    size=U64,
    sector_size=st.integers(1, 2**16),
    table=st.sampled_from(sorted(codec.TABLES)),
    refused=st.lists(REFUSED, max_size=3).map(tuple),
    problems=PROBLEMS,
)
ANSWERS: st.SearchStrategy[wire.Answer] = st.one_of(
    st.builds(wire.Opened, U64, st.integers(1, 2**16), st.booleans()),
    st.builds(wire.MediumFound, MEDIA),
    st.builds(wire.ExtentsAhead, EXTENTS),
    st.builds(wire.Entries, st.lists(ENTRIES, max_size=3).map(tuple)),
    st.builds(wire.VolumeRead, VOLUMES),
    st.builds(wire.End, st.booleans()),
)
ERRORS: st.SearchStrategy[BridgeError] = st.one_of(
    st.builds(NotOpenedError, path=TEXT, reason=TEXT),
    st.builds(MediumGoneError, offset=U64, wanted=U64, got=U64),
    st.builds(MediumReadError, offset=U64, length=U64, reason=TEXT),
    st.builds(UnknownFilesystemError, found=TEXT),
)
PLAIN = Entry(
    path=(Name("A.MP4".encode("utf-16-le"), "A.MP4", b"A       MP4"),),
    deleted=False,
    directory=False,
    size=0,
    valid_size=0,
    attributes=0,
    created=None,
    modified=Stamp(23413, 26739),
    accessed=None,
    first_cluster=0,
    extents=(),
    unallocated=None,
    problems=(),
    record_offset=1024,
    record=b"",
)


def decode(data: bytes) -> list[wire.Answer]:
    """Read answers from `data` given at once."""
    return list(wire.Decoder().feed(data))


@given(answers=st.lists(ANSWERS, max_size=4), cuts=st.lists(st.integers(0, 4000), max_size=5))
@settings(max_examples=60)
def test_answers_survive_the_wire_however_it_is_sliced(
    answers: list[wire.Answer], cuts: list[int]
) -> None:
    """What the worker sends is what the core reads, wherever the stream is cut."""
    stream = b"".join(map(wire.encode, answers))
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    decoder = wire.Decoder()
    slices = [stream[first:last] for first, last in pairwise(at)]
    assert [answer for part in slices for answer in decoder.feed(part)] == answers


@given(error=ERRORS)
def test_errors_keep_their_facts(error: BridgeError) -> None:
    """An error of the worker is raised in the core as the same kind with the same facts."""
    match decode(wire.encode(wire.Failed(error))):
        case [wire.Failed(received)]:
            assert (type(received), vars(received)) == (type(error), vars(error))
        case other:
            pytest.fail(f"{other}")


@given(path=st.binary(max_size=200))
def test_any_path_can_be_asked_for(path: bytes) -> None:
    """A path is bytes: no spelling of a file name is out of reach."""
    buffer = bytearray(wire.encode(wire.Open(path)))
    payload = wire.next_frame(buffer)
    assert payload is not None
    assert wire.read_open(payload) == wire.Open(path)
    assert buffer == b""


@given(garbage=st.binary(max_size=200), framed=st.booleans())
def test_garbage_is_refused_or_waited_on(garbage: bytes, *, framed: bool) -> None:
    """Random bytes make no answer: they are a broken protocol or the start of a frame."""
    stream = len(garbage).to_bytes(4, "big") + garbage if framed else garbage
    try:
        assert decode(stream) == []
    except ReaderFailedError:
        return
    assert len(stream) < 4 or len(stream) < 4 + int.from_bytes(stream[:4], "big")


@given(answer=ANSWERS, data=st.data())
@settings(max_examples=200)
def test_damaged_answers_raise_nothing_else(answer: wire.Answer, data: st.DataObject) -> None:
    """Any byte changed gives another valid answer or ReaderFailedError, never another error."""
    stream = bytearray(wire.encode(answer))
    at = data.draw(st.integers(4, len(stream) - 1))
    stream[at] = data.draw(st.integers(0, 255))
    try:
        answers = decode(bytes(stream))
    except ReaderFailedError:
        return
    assert len(answers) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"kind":"stop"}',
        '{"kind":["end"],"present":true}',
        '{"kind":"end"}',
        '{"kind":"end","present":1}',
        '{"kind":"end","present":null}',
        '{"kind":"end","present":true,"more":1}',
        '{"kind":"end","present":false,"present":true}',
        '{"kind":"opened","size":1.0,"sector_size":512,"block_device":false}',
        '{"kind":"opened","size":1e3,"sector_size":512,"block_device":false}',
        '{"kind":"opened","size":NaN,"sector_size":512,"block_device":false}',
        '{"kind":"opened","size":-1,"sector_size":512,"block_device":false}',
        '{"kind":"opened","size":18446744073709551616,"sector_size":512,"block_device":false}',
        '{"kind":"opened","size":true,"sector_size":512,"block_device":false}',
        '{"kind":"opened","size":1,"sector_size":0,"block_device":false}',
        '{"kind":"opened","size":' + "9" * 5000 + ',"sector_size":512,"block_device":false}',
        '{"kind":"extents","extents":[[0,0]]}',
        '{"kind":"extents","extents":[[0]]}',
        '{"kind":"extents","extents":{"0":1}}',
        '{"kind":"extents","extents":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"kind":"failed","code":"unknown-filesystem","found":"\\ud800"}',
        '{"kind":"failed","code":"not-opened","path":"AB","reason":""}',
        '{"kind":"failed","code":"not-opened","path":"a b","reason":""}',
        '{"kind":"failed","code":"other"}',
    ],
)
def test_what_the_format_does_not_allow_is_refused(text: str) -> None:
    """Each shape outside docs/formats/reader-wire.md is a broken protocol."""
    with pytest.raises(ReaderFailedError):
        decode(len(text).to_bytes(4, "big") + text.encode())


def test_huge_frame_is_refused_before_it_is_read() -> None:
    """The announced length alone is enough to give up."""
    with pytest.raises(ReaderFailedError, match="announced"):
        decode((wire.MAX_FRAME + 1).to_bytes(4, "big"))


def test_frames_of_large_listings_stay_small() -> None:
    """Many entries, long paths and a shredded file all fit, and come back as they were."""
    folder = Name("长".encode("utf-16-le") * 255, "长" * 255, b"CHANG~1    ")
    deep = replace(PLAIN, path=(folder,) * 60)
    shredded = replace(
        PLAIN,
        size=2**40,
        extents=tuple(Extent(at << 16, 4096) for at in range(3 * codec.MAX_EXTENTS + 5)),
    )
    listing = [PLAIN, shredded, *[deep] * 10, *[PLAIN] * 3000]
    answers = list(wire.frames(listing))
    stream = b"".join(map(wire.encode, answers))
    received: list[Entry] = []
    ahead: list[Extent] = []
    for answer in decode(stream):
        match answer:
            case wire.ExtentsAhead(extents):
                ahead += extents
            case wire.Entries(entries):
                first = replace(entries[0], extents=(*ahead, *entries[0].extents))
                received += [first, *entries[1:]]
                ahead = []
            case other:
                pytest.fail(f"{other}")
    assert received == listing


def test_one_folder_name_is_kept_once() -> None:
    """Ten thousand paths below one folder share the folder's name in memory."""
    stream = wire.encode(wire.Entries((PLAIN,))) * 2
    first, second = decode(stream)
    assert isinstance(first, wire.Entries)
    assert isinstance(second, wire.Entries)
    assert first.entries[0].path[0] is second.entries[0].path[0]


def test_bytes_of_a_frame_never_change() -> None:
    """The example of docs/formats/reader-wire.md, section 2."""
    frame = wire.encode(wire.Open(b"/dev/sdb"))
    assert frame == (b"\x00\x00\x00\x35" + b'{"kind":"open","version":1,"path":"2f6465762f736462"}')


def test_a_problem_has_a_code_that_is_written_down() -> None:
    """A reader that was taken over gets no word of its own into the log."""
    with pytest.raises(ReaderFailedError):
        codec.problem_from(["officer 012345 was here", ""])


def test_the_codes_are_those_of_the_format() -> None:
    """Section 5 of the format and the code list the same words."""
    text = (ROOT / "docs/formats/volume-listing.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    told = {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}
    assert told >= CODES
