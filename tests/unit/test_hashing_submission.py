"""What a dock says to witnesses and mirrors: one spelling, bounded, and never a surprise."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import checkpoint, note, submission
from hashing.checkpoint import MAX_SIZE
from hashing.errors import NoteError, SubmissionError
from hashing.submission import (
    MAX_INFO,
    MAX_PROOF,
    MAX_SUBMISSION,
    MAX_TEXT,
    MirrorInfo,
    Submission,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "hashing"
NOTE = "log.example/1\n0\nroot\n\n— log.example/1 AAAAAAAA\n".encode()
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_PROOF).map(tuple)
COUNTS = st.one_of(st.integers(0, 600), st.integers(0, MAX_SIZE))
FEW = settings(max_examples=60, deadline=None)

SUBMISSIONS = st.builds(
    Submission, old=COUNTS, proof=HASHES, note=st.binary(min_size=1, max_size=200)
)
INFOS = st.builds(MirrorInfo, pending=COUNTS, next_entry=COUNTS, ticket=st.binary(max_size=80))


def mutated(data: bytes, draw: st.DataObject) -> bytes:
    """Return `data` with something cut out, put in or changed."""
    at = draw.draw(st.integers(0, len(data)))
    stop = min(len(data), at + draw.draw(st.integers(0, 4)))
    piece = draw.draw(
        st.one_of(st.binary(max_size=4), st.sampled_from([b"\n", b"\n\n", b"0", b"="]))
    )
    return data[:at] + piece + data[stop:]


# add-checkpoint --------------------------------------------------------------------------------


def dialogues() -> list[pytest.param]:  # type: ignore[valid-type]  # pytest names no type for it
    """Return the bodies that other implementations publish."""
    found = json.loads((GOLDEN / "submissions.json").read_text("utf-8"))
    return [pytest.param(each, id=each["name"]) for each in found["bodies"]]


@pytest.mark.parametrize("case", dialogues())
def test_published_bodies_are_read(case: dict[str, object]) -> None:
    """The specification's example and another witness's test bodies are read and written alike."""
    body = str(case["body"]).encode()
    read = Submission.parse(body)
    assert read.encode() == body
    assert (read.old, len(read.proof)) == (case["old"], case["hashes"])
    if not case["sound"]:
        with pytest.raises(NoteError):
            note.parse(read.note)
        return
    text, lines = note.parse(read.note)
    assert len(lines) == case["lines"]
    head = checkpoint.parse(text)
    assert (head.origin, head.size) == (case["origin"], case["size"])


@given(SUBMISSIONS)
@FEW
def test_a_submission_is_read_as_it_was_written(made: Submission) -> None:
    """Whatever a submission holds, its bytes spell it; the checkpoint is carried verbatim."""
    assert Submission.parse(made.encode()) == made
    assert len(made.encode()) <= MAX_SUBMISSION


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"old 0",
        b"old 0\n",
        b"old 0\n\n",
        b"old 0\n" + NOTE[:15],
        b"OLD 0\n\n" + NOTE,
        b"old  0\n\n" + NOTE,
        b" old 0\n\n" + NOTE,
        b"old 0 \n\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old 01\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old 1_0\n\n" + NOTE,
        b"old \n\n" + NOTE,
        "old ٣\n\n".encode() + NOTE,
        b"old 9223372036854775808\n\n" + NOTE,
        b"old 99999999999999999999\n\n" + NOTE,
        b"old 0\r\n\r\n" + NOTE,
        b"old 1\nAAAA\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(33)) + b"\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(32))[:-1] + b"\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(32))[:-2] + b"B=\n\n" + NOTE,
        b"old 1\n " + base64.b64encode(bytes(32)) + b"\n\n" + NOTE,
        b"old 1\n" + base64.urlsafe_b64encode(b"\xff" * 32) + b"\n\n" + NOTE,
        b"old 1\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + NOTE,
    ],
)
def test_what_is_no_submission(body: bytes) -> None:
    """Any other spelling, count or length is refused."""
    with pytest.raises(SubmissionError):
        Submission.parse(body)


def test_the_bounds_of_a_submission() -> None:
    """63 proof lines are taken; a longer body than any submission's is refused unread."""
    most = Submission(MAX_SIZE, (bytes(32),) * MAX_PROOF, b"n" * note.MAX_NOTE)
    assert len(most.encode()) == MAX_SUBMISSION
    assert Submission.parse(most.encode()) == most
    with pytest.raises(SubmissionError, match="more than a submission"):
        Submission.parse(most.encode() + b"n")
    with pytest.raises(SubmissionError, match="no checkpoint"):
        Submission.parse(b"old 0\n\n" + b"n" * (note.MAX_NOTE + 1))


@pytest.mark.parametrize(
    ("old", "proof", "text"),
    [
        (-1, (), NOTE),
        (MAX_SIZE + 1, (), NOTE),
        (1, (bytes(32),) * 64, NOTE),
        (1, (bytes(31),), NOTE),
        (1, (), b""),
    ],
)
def test_what_nobody_could_read_is_not_made(
    old: int, proof: tuple[bytes, ...], text: bytes
) -> None:
    """What its reader would refuse is not written in the first place."""
    with pytest.raises(SubmissionError):
        Submission(old, proof, text)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda tail: b"old " + tail)))
@FEW
def test_garbage_is_refused_as_such(data: bytes) -> None:
    """Any bytes are either what a submission spells, or SubmissionError; so for every format."""
    for parse in (Submission.parse, MirrorInfo.parse, submission.parse_size):
        try:
            read = parse(data)
        except SubmissionError:
            continue
        again = submission.encode_size(read) if isinstance(read, int) else read.encode()
        assert again == data


@given(st.one_of(SUBMISSIONS, INFOS), st.data())
@FEW
def test_nearly_right_is_right_or_refused(
    made: Submission | MirrorInfo, data: st.DataObject
) -> None:
    """A mutated body is refused, or spells exactly what it says."""
    changed = mutated(made.encode(), data)
    try:
        assert type(made).parse(changed).encode() == changed
    except SubmissionError:
        return


# Answers ---------------------------------------------------------------------------------------


@given(INFOS)
@FEW
def test_a_mirrors_answer_is_read_as_it_was_written(made: MirrorInfo) -> None:
    """Whatever a mirror answers, its bytes spell it."""
    assert MirrorInfo.parse(made.encode()) == made


def test_the_bytes_of_a_mirrors_answer() -> None:
    """Three lines: size, next entry, ticket in base 64, which may be empty."""
    assert MirrorInfo(300, 256, b"t").encode() == b"300\n256\ndA==\n"
    assert MirrorInfo(300, 256).encode() == b"300\n256\n\n"
    most = MirrorInfo(MAX_SIZE, MAX_SIZE, bytes(MAX_TEXT))
    assert MirrorInfo.parse(most.encode()) == most
    assert len(most.encode()) == MAX_INFO


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1\n2\n",
        b"1\n2\ndA==",
        b"1\n2\ndA==\n\n",
        b"1\n2\ndA\n",
        b"01\n2\n\n",
        b"1\n-2\n\n",
        b"1\r\n2\r\n\r\n",
        b"9223372036854775808\n2\n\n",
        b"1\n2\n" + b"A" * MAX_INFO,
    ],
)
def test_what_is_no_mirrors_answer(body: bytes) -> None:
    """Any other spelling is refused."""
    with pytest.raises(SubmissionError):
        MirrorInfo.parse(body)


@pytest.mark.parametrize("made", [(-1, 0, b""), (0, MAX_SIZE + 1, b""), (0, 0, bytes(65_536))])
def test_what_no_mirror_answers(made: tuple[int, int, bytes]) -> None:
    """Sizes and tickets keep to their bounds when they are written too."""
    with pytest.raises(SubmissionError):
        MirrorInfo(*made)


@given(COUNTS)
def test_a_witness_names_its_size(size: int) -> None:
    """The size in a conflict is decimal and a newline."""
    assert submission.encode_size(size) == f"{size}\n".encode()
    assert submission.parse_size(submission.encode_size(size)) == size


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"7", b"07\n", b"7\n\n", b" 7\n", b"7\r\n", b"-1\n", "٣\n".encode()]
)
def test_what_is_no_size(body: bytes) -> None:
    """Any other spelling is refused, and a size out of range is not written."""
    with pytest.raises(SubmissionError):
        submission.parse_size(body)
    for size in (-1, MAX_SIZE + 1):
        with pytest.raises(SubmissionError):
            submission.encode_size(size)


def test_a_logs_name_in_paths() -> None:
    """A log is found by the SHA-256 of its origin."""
    wanted = "836cb91c4efd7e5e0e1defd4c7fdf00a1e573fad4e0f734ee2d3601cde451009"
    assert submission.origin_hash("dock.example/0001") == wanted
    with pytest.raises(SubmissionError):
        submission.origin_hash("\ud800")
