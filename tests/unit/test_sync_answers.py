"""Whatever a cosigner answers, it means something, and only a true cosignature means one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.sync import answers
from dock_daemon.sync.answers import Absent, Knows, Lines, Shown, Taken
from dock_daemon.sync.published import head_of
from dock_daemon.sync.told import ALARMS, REACHED, WANT_A_PERSON, Code, Told, Wait
from hashing import note
from hashing.errors import EvidenceError
from hashing.submission import MIRROR_INFO_TYPE, SIZE_TYPE, MirrorInfo
from tests import sealed
from tests.cosigners import NOW_S, signer
from tests.syncing import quiet
from transport.client import Answer

HEAD = head_of(quiet(3).checkpoint(3))
SIGNER = signer("w")
KEYS = [SIGNER.verifier()]
LINE = SIGNER.cosign(HEAD.text, NOW_S)
GOOD = f"{LINE}\n".encode()

STATUS = st.integers(100, 599) | st.sampled_from([200, 202, 403, 404, 409, 422, 429, 503])
TYPES = st.sampled_from([SIZE_TYPE, MIRROR_INFO_TYPE, "text/plain", "application/problem+json", ""])
BODIES = st.binary(max_size=200) | st.sampled_from([GOOD, b"3\n", b"3\n0\n\n", b"{}", b"null"])
ANSWERS = st.builds(
    lambda status, kind, wait, body: Answer(
        status, {"content-type": kind, "retry-after": wait}, body
    ),
    STATUS, TYPES, st.text(max_size=20), BODIES,
)  # fmt: skip


def of_submission(answer: Answer, *, sent: int = 0, pending: bool = False) -> answers.Submitted:
    """Judge an answer to add-checkpoint."""
    return answers.of_submission(
        answer, text=HEAD.text, sent=sent, keys=KEYS, pending=pending, utc_s=NOW_S
    )


@given(answer=ANSWERS, sent=st.integers(0, 3), pending=st.booleans())
def test_every_answer_to_a_head_means_something(
    answer: Answer, sent: int, *, pending: bool
) -> None:
    """No answer raises, and lines are believed only where each is the witness's own."""
    match of_submission(answer, sent=sent, pending=pending):
        case Lines(lines):
            assert (answer.status, lines) == (200, (LINE,))
        case Knows(size):
            assert (answer.status, answer.content_type) == (409, SIZE_TYPE)
            assert size != sent
        case Taken():
            assert (answer.status, pending) == (200, True)
        case Told(code):
            assert code not in REACHED


@given(answer=ANSWERS)
def test_every_answer_to_entries_means_something(answer: Answer) -> None:
    """No answer raises; what resumes an upload is what the protocol says and no more."""
    found = answers.of_upload(answer, text=HEAD.text, keys=KEYS, utc_s=NOW_S)
    if isinstance(found, MirrorInfo):
        assert answer.status in {202, 409}
        assert answer.content_type == MIRROR_INFO_TYPE
    elif isinstance(found, Lines):
        assert (answer.status, found.lines) == (200, (LINE,))


@given(answer=ANSWERS)
def test_every_answer_about_our_log_means_something(answer: Answer) -> None:
    """No answer raises, and a head that is shown is one under our name."""
    found = answers.of_monitoring(answer, origin=HEAD.origin, utc_s=NOW_S)
    if isinstance(found, Shown):
        assert note.parse(found.note)[0].startswith(f"{HEAD.origin}\n")
    elif isinstance(found, Absent):
        assert answer.status == 404


@given(at=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_cosignature_can_be_changed(at: int, bit: int) -> None:
    """Any flipped bit makes it another's line, nonsense, or a lie."""
    body = bytearray(GOOD)
    body[at] ^= 1 << bit
    found = of_submission(Answer(200, {}, bytes(body)))
    assert isinstance(found, Told)
    assert found.code in {Code.BAD_SIGNATURE, Code.BAD_ANSWER}


def test_lines_of_strangers_are_passed_over() -> None:
    """Beside the witness's own line others may stand; they are not believed, and do no harm."""
    stranger = signer("stranger").cosign(HEAD.text, NOW_S)
    body = f"{stranger}\n{LINE}\n".encode()
    assert of_submission(Answer(200, {}, body)) == Lines((LINE,))


def test_a_head_of_another_log_is_not_shown_to_the_core() -> None:
    """Also where our name is only how its name begins."""
    other = replace(HEAD.checkpoint, origin=f"{HEAD.origin}0").encode()
    body = note.with_lines(f"{other}\n{LINE}\n".encode(), [])
    found = answers.of_monitoring(Answer(200, {}, body), origin=HEAD.origin, utc_s=NOW_S)
    assert isinstance(found, Told)


def test_a_published_head_is_brought_without_its_cosignatures() -> None:
    """A witness is shown the log's own lines, whoever else has signed."""
    signed = note.with_lines(HEAD.note, [LINE])
    assert head_of(signed) == HEAD
    assert [line.name for line in note.parse(HEAD.note)[1]] == [sealed.ORIGIN]


@given(data=st.binary(max_size=300))
def test_what_is_no_head_is_refused_as_evidence(data: bytes) -> None:
    """Whatever lies where the checkpoint should, it is a head or an error of evidence."""
    with pytest.raises(EvidenceError):
        head_of(data)


def test_each_end_of_a_visit_has_its_time() -> None:
    """What a person must change rests; what goes by itself is retried; alarms want a person."""
    assert ALARMS <= WANT_A_PERSON
    for code in Code:
        wait = Told(code).wait
        assert (wait is Wait.REST) == (code in WANT_A_PERSON), code
        assert (code not in REACHED) or wait in {Wait.NEWS, Wait.SOON}, code
