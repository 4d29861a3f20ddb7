"""Heads that others show: same, behind, ahead or another log; fresh or from before."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.evidence import alarms, heads
from dock_daemon.evidence.alarms import Alarm, Head
from dock_daemon.evidence.heads import FRESH_S, Verdict
from hashing import note
from hashing.checkpoint import Checkpoint
from hashing.errors import NoteError
from hashing.keys import SignerKey
from tests.witnessed import Witness

KEY = SignerKey.generate("dock.example/0001", bytes(range(32)))


def root(size: int, fork: int = 0) -> bytes:
    """Return the root of an imagined log, or of one that forked from it before entry `fork`."""
    return sha256(b"%d %d" % (size, fork if 0 < fork <= size else 0)).digest()


def head(size: int, fork: int = 0) -> Checkpoint:
    """Return the head of such a log."""
    return Checkpoint(KEY.name, size, root(size, fork))


@given(ours=st.integers(1, 50), theirs=st.integers(1, 80), fork=st.integers(0, 90))
def test_every_head_has_one_verdict(ours: int, theirs: int, fork: int) -> None:
    """Longer is ahead, whatever it holds; else another root is a fork."""
    verdict = heads.judge(head(theirs, fork), head(ours), root)
    if theirs > ours:
        assert verdict is Verdict.AHEAD
    elif 0 < fork <= theirs:
        assert verdict is Verdict.FORK
    else:
        assert verdict is (Verdict.SAME if theirs == ours else Verdict.BEHIND)
    assert heads.judge(head(theirs), None, root) is Verdict.AHEAD


@given(
    time_s=st.integers(1, 5000),
    started_s=st.integers(1000, 2000),
    lived_s=st.integers(0, 2000),
    before_s=st.none() | st.integers(1, 5000),
    synchronized=st.booleans(),
)
def test_what_an_earlier_life_had_is_never_fresh(
    time_s: int, started_s: int, lived_s: int, before_s: int | None, *, synchronized: bool
) -> None:
    """Nor, by a clock that can be believed, what was made long before the start or later."""
    now_s = started_s + lived_s
    fresh = heads.is_fresh(
        time_s, now_s=now_s, started_s=started_s, synchronized=synchronized, before_s=before_s
    )
    slack = 0 if synchronized else FRESH_S
    ran_ahead = before_s is not None and before_s > now_s + slack
    if before_s is not None and time_s <= before_s and not ran_ahead:
        assert not fresh
    if ran_ahead and started_s <= time_s <= now_s:
        assert fresh
    if synchronized and not started_s - FRESH_S <= time_s <= now_s + FRESH_S:
        assert not fresh
    if before_s is None and started_s <= time_s <= now_s:
        assert fresh


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_nonsense_is_no_head(data: bytes) -> None:
    """Whatever is shown, it is a note or a NoteError."""
    with pytest.raises(NoteError):
        heads.is_signed(data, [KEY.verifier()])
    with pytest.raises(NoteError):
        heads.cosignatures(data, {}, frozenset())


def test_lines_are_judged_one_by_one() -> None:
    """Our own are passed over, a strange one spoils none of the others."""
    witness, stranger = Witness(), Witness("stranger")
    signed = note.sign(head(5).encode(), [KEY]).decode()
    data = stranger.cosign(witness.cosign(signed)).encode()
    key = witness.key.verifier()
    own = KEY.verifier()
    judged = heads.cosignatures(
        data, {(key.name, key.key_id): key}, frozenset({(own.name, own.key_id)})
    )
    assert [one.name for one, _line, _time_s in judged.good] == [key.name]
    assert judged.bad == ((stranger.key.name, "unknown-key"),)
    assert heads.is_signed(data, [own])
    assert not heads.is_signed(data, [SignerKey.generate("x", bytes(32)).verifier()])


def alarm(size: int) -> Alarm:
    """Return what a claim of so many entries makes."""
    return Alarm(
        why="claimed-longer", witness="w", ours=None, theirs=Head(size=size, root=None),
        seen_ms=1_773_480_600_123, where="",
    )  # fmt: skip


def test_alarms_are_kept_once_and_bounded(tmp_path: Path) -> None:
    """The same again is the same; very many say nothing that the first did not."""
    first = alarms.keep(tmp_path, KEY.name, alarm(1), {"ours.note": b"o"})
    assert alarms.keep(tmp_path, KEY.name, alarm(1), {"ours.note": b"o"}) == first
    assert Path(first.where).name == "20260314T093000.123Z-836cb91c"
    for size in range(2, 200):
        alarms.keep(tmp_path, KEY.name, alarm(size), {})
    standing = alarms.load(tmp_path)
    assert len(standing) == 64
    assert first in standing
    alarms.resolve(first, "a test", 1)
    assert len(alarms.load(tmp_path)) == 63
    assert alarms.theirs(first) is None
