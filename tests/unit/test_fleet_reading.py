"""What the centre reads out of a dock's entries, and what it makes of nonsense."""

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from central.fleet.reading import Broken, Closed, Said, read
from hashing.canonical import JSON
from hashing.entry import GENESIS_PREV, At, Entry, leaf_hash

ORIGIN = "dock.example/0001"
DIGEST = "ab" * 32
GENESIS: tuple[str, dict[str, JSON]] = (
    "genesis",
    {"origin": ORIGIN, "vkey": "k", "profile": 1, "software": "x"},
)


def clip(*, late: bool, size: int = 10) -> tuple[str, dict[str, JSON]]:
    """Return kind and body of a clip's entry."""
    deadline: dict[str, JSON] = {"due_ms": 5, "done_ms": 6, "late": late}
    body: dict[str, JSON] = {
        "docking": 1, "sha256": DIGEST, "size": size, "document": DIGEST, "deadline": deadline,
    }  # fmt: skip
    return "clip", body


RELEASED: dict[str, JSON] = {
    "docking": 1, "entries": 4, "digest": DIGEST, "result": "partial",
    "clips": 2, "findings": 1, "unread": 3, "late": 1, "remaining": 0,
}  # fmt: skip
DAY: tuple[tuple[str, dict[str, JSON]], ...] = (
    GENESIS,
    ("heartbeat", {"interval_s": 900}),
    ("docked", {"docking": 1, "document": DIGEST}),
    clip(late=False),
    clip(late=True, size=7),
    ("finding", {"docking": 1, "document": DIGEST, "finding": "deleted"}),
    ("released", RELEASED),
)


def log(*facts: tuple[str, dict[str, JSON]]) -> list[bytes]:
    """Return the entries of a sound log, a second between each."""
    leaves: list[bytes] = []
    prev = GENESIS_PREV
    for seq, (kind, body) in enumerate(facts):
        at = At(utc_ms=1000 * seq, sync="unknown", source="test", boot="b", boot_ms=seq)
        leaves.append(Entry(seq=seq, prev=prev, kind=kind, at=at, body=body).encode())
        prev = leaf_hash(leaves[-1])
    return leaves


def test_a_day_is_counted() -> None:
    """Clips, bytes, late ones, findings, unread files, dockings and the heartbeat are known."""
    leaves = log(*DAY)
    said, steps = read(Said(), leaves, ORIGIN)
    assert said == Said(
        entries=7, prev=leaf_hash(leaves[-1]), last_ms=6000, heartbeat_ms=1000, interval_s=900,
        dockings=1, clips=2, clip_bytes=17, late=1, late_ms=4000, unread=3,
        findings={"deleted": 1},
    )  # fmt: skip
    assert steps == [
        Closed(
            docking=1, seq=6, opened_ms=2000, at_ms=6000, result="partial",
            clips=2, findings=1, unread=3, late=1, remaining=0,
        ),
    ]  # fmt: skip


@given(cuts=st.lists(st.integers(0, len(DAY)), max_size=4))
def test_it_does_not_matter_in_how_many_parts_it_is_read(cuts: list[int]) -> None:
    """Whoever stops and goes on later knows as much as who read all at once."""
    leaves = log(*DAY)
    said, steps = Said(), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(leaves)], strict=True):
        said, more = read(said, leaves[start:end], ORIGIN)
        steps += more
    assert (said, steps) == read(Said(), leaves, ORIGIN)


def test_where_the_chain_breaks_is_kept() -> None:
    """The first contradiction is named, once, and what follows is read all the same."""
    leaves = log(*DAY)
    leaves[3] = log(GENESIS, GENESIS_LIKE, GENESIS_LIKE, clip(late=True))[3]
    said, _ = read(Said(), leaves, ORIGIN)
    assert said.broken == Broken(seq=3, why="chain-broken")
    assert (said.entries, said.clips, said.late) == (7, 2, 2)


GENESIS_LIKE: tuple[str, dict[str, JSON]] = ("heartbeat", {"other": True})


def test_each_contradiction_has_its_name() -> None:
    """Another log's genesis, one in the middle, a wrong place and bytes that are no entry."""
    first, second, *_ = log(*DAY)
    cases = {
        "genesis": read(Said(), [first], "dock.example/0002")[0],
        "entry-seq": read(Said(), [first, first], ORIGIN)[0],
        "entry-malformed": read(Said(), [b"garbage"], ORIGIN)[0],
        "chain-broken": read(Said(), [second], ORIGIN)[0],
    }
    moved = dataclasses.replace(cases["chain-broken"], broken=None, entries=1)
    cases["chain-broken"] = read(dataclasses.replace(moved, prev=bytes(32)), [second], ORIGIN)[0]
    said = {name: case.broken.why if case.broken else None for name, case in cases.items()}
    assert said == {
        "genesis": "genesis",
        "entry-seq": "entry-seq",
        "entry-malformed": "entry-malformed",
        "chain-broken": "chain-broken",
    }


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_nonsense_is_counted_and_stops_nothing(leaves: list[bytes]) -> None:
    """Whatever bytes a log holds, each is read past, and the log is called broken."""
    said, steps = read(Said(), leaves, ORIGIN)
    assert said.entries == len(leaves)
    assert steps == []
    assert (said.broken is None) == (not leaves)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("late"), inner),
    max_leaves=5,
)


OWN = ("deadline", "interval_s", "finding", "result", "clips", "unread")


@given(body=st.fixed_dictionaries({}, optional=dict.fromkeys(OWN, VALUES)))
def test_a_docks_own_words_are_taken_with_care(body: dict[str, Any]) -> None:
    """Members that no rule holds to may be anything: counts stay counts, words stay short."""
    digests: dict[str, JSON] = {"sha256": DIGEST, "document": DIGEST, "digest": DIGEST}
    base: dict[str, JSON] = {"docking": 1, "size": 1, "entries": 1, **digests}
    facts = [(kind, {**body, **base}) for kind in ("clip", "finding", "heartbeat", "released")]
    said, steps = read(Said(), log(GENESIS, *facts), ORIGIN)
    assert said.broken is None
    assert said.clips == 1
    assert said.unread >= 0
    assert all(len(kind) <= 64 and kind.isprintable() for kind in said.findings)
    assert all(len(step.result) <= 64 for step in steps)


def test_findings_of_endless_kinds_take_no_endless_room() -> None:
    """A dock that makes up kinds of findings fills one last drawer."""
    base: dict[str, JSON] = {"docking": 1, "document": DIGEST}
    made_up = [("finding", {**base, "finding": f"kind-{n}"}) for n in range(100)]
    said, _ = read(Said(), log(GENESIS, *made_up), ORIGIN)
    assert len(said.findings) == 65
    assert said.findings["other"] == 36


def test_dockings_without_end_take_no_endless_room() -> None:
    """A dock that opens dockings for ever is remembered with the newest ones."""
    opened: list[tuple[str, dict[str, JSON]]] = [
        ("docked", {"docking": n, "document": DIGEST}) for n in range(1, 301)
    ]
    said, _ = read(Said(), log(GENESIS, *opened), ORIGIN)
    assert said.dockings == 300
    assert sorted(said.open) == list(range(45, 301))
