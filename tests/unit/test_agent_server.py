"""The server's manners: repetitions, version 1, long answers, noise; and what falls due."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LineNotOpenedError
from agent.line import Line, LineLostError, Lines, open_node, open_pty
from agent.server import REPEATED_WITHIN_S, Server
from agent.timers import Timers
from firmware_bridge.wire import companion, smp, smp_lines, smp_os
from firmware_bridge.wire.smp import Message, Op

Opening = Callable[[], Line]

ECHO = smp.question(Op.WRITE, 0, 0, 7, smp_os.EchoQuestion("x").build())
TIME = smp.question(Op.READ, 0, 4, 7)


class Answering:
    """Answers each question with how many there were."""

    def __init__(self) -> None:
        self.asked: list[Message] = []

    def __call__(self, question: Message) -> Message | None:
        """Take a question."""
        self.asked.append(question)
        if question.op not in {Op.READ, Op.WRITE}:
            return None
        return smp.answer(question, {"n": len(self.asked)})


def said(server: Server, *questions: Message) -> list[Message]:
    """Return the answers to questions that come in one go."""
    data = server.take(b"".join(smp_lines.encode(each.encode()) for each in questions))
    return [smp.decode(item) for item in smp_lines.Deframer().feed(data) if isinstance(item, bytes)]


def test_a_repeated_write_is_answered_and_not_done_again() -> None:
    """The very same bytes get the very same answer, until something else was asked."""
    answering = Answering()
    server = Server(answering)
    first, again, other, late = said(server, ECHO, ECHO, TIME, ECHO)
    assert first == again
    assert len(answering.asked) == 3
    assert late.members() == {"n": 3}
    assert other.members() == {"n": 2}


def test_a_repeated_read_is_read_again() -> None:
    """Who asks for the time twice under one number is told the time twice."""
    answering = Answering()
    assert [each.members()["n"] for each in said(Server(answering), TIME, TIME)] == [1, 2]


def test_what_is_old_is_no_repetition() -> None:
    """When the numbers have come round, the same bytes are a new order."""
    answering, now_s = Answering(), [0.0]
    server = Server(answering, monotonic_s=lambda: now_s[0])
    said(server, ECHO)
    now_s[0] = REPEATED_WITHIN_S + 1
    assert said(server, ECHO)[0].members() == {"n": 2}


def test_an_answer_that_is_too_long_is_a_refusal() -> None:
    """What fits into no message is refused rather than left unanswered."""
    long = Server(lambda question: Message(op=Op.READ_ANSWER, group=65, command=2,
                                           seq=question.seq, payload=bytes(5000)))  # fmt: skip
    (answer,) = said(long, smp.question(Op.READ, companion.GROUP, 2, 9))
    assert smp.refusal_in(answer.members()) == smp.Refusal(65, companion.Rc.NOT_NOW)


def test_answers_are_no_questions() -> None:
    """A host that echoes what we say starts no conversation with itself."""
    echoed = Message(op=Op.WRITE_ANSWER, group=0, command=0, seq=1)
    assert said(Server(Answering()), echoed) == []


@given(st.lists(st.binary(max_size=200)))
def test_noise_is_never_answered_and_never_lasts(noise: list[bytes]) -> None:
    """Whatever comes before it, however sliced, a whole question on a line of its own counts."""
    answering = Answering()
    server = Server(answering)
    for piece in noise:
        server.take(piece)
    before = len(answering.asked)
    server.take(b"\n")
    assert said(server, TIME)
    assert len(answering.asked) == before + 1


# -- lines -------------------------------------------------------------------------------


def test_a_pseudo_terminal_is_made_and_taken_away(tmp_path: Path) -> None:
    """What an earlier life left is replaced; every byte passes; closing leaves nothing behind."""
    place = tmp_path / "tty"
    place.symlink_to("/dev/pts/gone")
    line = open_pty(place)
    host = os.open(place, os.O_RDWR | os.O_NOCTTY)
    os.write(host, b"\x03\x04\x06\t\n\r")
    assert line.read() == b"\x03\x04\x06\t\n\r"
    assert line.read() == b""
    assert line.write(b"\r\n") == 2
    assert os.read(host, 10) == b"\r\n"
    os.close(host)
    assert line.read() == b""  # a host that hangs up is no end: we hold the other side
    line.close()
    assert not place.is_symlink()


def test_a_host_that_never_reads_takes_no_more(tmp_path: Path) -> None:
    """A line that is full says so at once."""
    line = open_pty(tmp_path / "tty")
    while line.write(bytes(4096)):
        assert line.read() == b""
    line.close()


def test_what_is_no_terminal_is_refused(tmp_path: Path) -> None:
    """A file, a missing node, a place that is taken: each is named."""
    (tmp_path / "file").touch()
    opened: tuple[Opening, ...] = (
        lambda: open_node(tmp_path / "file"),
        lambda: open_node(tmp_path / "none"),
        lambda: open_pty(tmp_path / "file"),
        lambda: open_pty(tmp_path / "no" / "where"),
    )
    for each in opened:
        with pytest.raises(LineNotOpenedError, match=str(tmp_path)):
            each()


def test_a_node_whose_host_is_gone_is_lost() -> None:
    """The other end away, reading and writing say so."""
    ours, theirs = os.openpty()
    line = open_node(Path(os.ttyname(theirs)))
    os.close(theirs)
    os.close(ours)
    with pytest.raises(LineLostError):
        line.read()
    with pytest.raises(LineLostError):
        line.write(b"x")
    line.close()


def test_a_line_is_kept_over_a_new_start(tmp_path: Path) -> None:
    """What was kept is given again, once; what nobody takes is closed."""
    lines = Lines(lambda: open_pty(tmp_path / "tty"))
    line = lines.open()
    lines.keep(line)
    assert lines.open() is line
    lines.keep(line)
    lines.close()
    assert not (tmp_path / "tty").is_symlink()


# -- timers ------------------------------------------------------------------------------


def test_what_falls_due_comes_in_its_time() -> None:
    """Each action comes once per look, however long nobody looked, until it is stopped."""
    now_s, done = [0.0], list[str]()

    def one() -> None:
        done.append("one")

    def two() -> None:
        done.append("two")
        timers.stop(one)

    timers = Timers(lambda: now_s[0])
    assert timers.wait_s() is None
    timers.every(2, one)
    timers.every(5, two)
    assert (timers.wait_s(), timers.has(one)) == (2, True)
    timers.fire()
    assert done == []
    now_s[0] = 20
    assert timers.wait_s() == 0
    timers.fire()
    assert done == ["one", "two"]
    timers.fire()
    assert (done, timers.has(one), timers.wait_s()) == (["one", "two"], False, 5)
