"""What docks and companions say to each other, as values and as maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import WireError
from firmware_bridge.wire import cbor, companion, smp, smp_os

SAFE = 2**53 - 1
CLEAN = st.characters(exclude_categories=["Cc", "Cs"])
NAME = st.text(CLEAN, max_size=24)
LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"") + b"\n"))
PATHS = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/."), min_size=1),
    min_size=1,
    max_size=3,
)
FAULTS = st.builds(
    companion.Fault,
    code=st.from_regex(r"[a-z0-9-]{1,24}", fullmatch=True).filter(lambda code: code.strip("-")),
    detail=st.text(CLEAN, max_size=18),
    at_ms=st.none() | st.integers(0, SAFE),
)
JOURNALS = st.builds(
    lambda first, more, lines: companion.JournalAnswer(
        first=first, next=first + len(lines), size=first + len(lines) + more, data=b"".join(lines)
    ),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    LINES.filter(lambda lines: len(b"".join(lines)) <= companion.MAX_JOURNAL_BYTES),
)
PARTS: st.SearchStrategy[companion.Part] = st.one_of(
    st.builds(
        companion.Battery,
        percent=st.integers(0, 100),
        charging=st.none() | st.booleans(),
        health=st.none() | st.integers(0, 200),
        cycles=st.none() | st.integers(0, 10**6),
    ),
    st.integers(0, SAFE).flatmap(
        lambda total: st.builds(companion.Storage, total=st.just(total), free=st.integers(0, total))
    ),
    st.builds(companion.Faults, st.lists(FAULTS, max_size=32).map(tuple)),
    st.builds(
        companion.Holder,
        user_no=NAME,
        user_name=NAME,
        unit_no=NAME.map(lambda n: n[:16]),
        unit_name=NAME,
    ).filter(lambda holder: len(holder.user_no.encode()) <= 64 >= len(holder.unit_no.encode())),
    st.builds(
        companion.JournalQuestion, first=st.integers(0, SAFE), max_bytes=st.integers(1, 3900)
    ),
    JOURNALS,
    st.builds(
        companion.Erase,
        path=PATHS.map("/".join),
        sha256=st.binary(min_size=32, max_size=32),
        size=st.integers(0, SAFE),
    ).filter(lambda erase: len(erase.path.encode()) <= 1024),
    st.builds(
        companion.Identity,
        number=st.text(CLEAN, min_size=1, max_size=16),
        model=st.text(CLEAN, max_size=16),
        vkey=st.text(CLEAN, max_size=100),
        can=st.none() | st.lists(st.sampled_from(["battery", "journal"]), max_size=4).map(tuple),
    ),
    st.builds(companion.StorageMode, st.booleans()),
    st.builds(smp_os.EchoQuestion, NAME),
    st.builds(smp_os.EchoAnswer, NAME),
    st.builds(smp_os.DateTime, st.integers(-2_208_988_800_000_000, 7_258_118_399_999_999)),
    st.builds(smp_os.Parameters, st.integers(1, 2**32 - 1), st.integers(1, 255)),
    st.builds(smp_os.AppInfoQuestion, st.sampled_from(["", "a", "sv"])),
    st.builds(smp_os.AppInfoAnswer, NAME),
)


@given(part=PARTS)
def test_every_message_survives_the_wire(part: companion.Part) -> None:
    """What one side builds, the other reads as the same value, within one message's length."""
    message = smp.question(smp.Op.READ, 65, 0, 7, part.build())
    assert type(part).parse(smp.decode(message.encode()).members()) == part


KINDS: list[type[companion.Part]] = [
    companion.Battery, companion.Storage, companion.Faults, companion.Holder,
    companion.JournalQuestion, companion.JournalAnswer, companion.Erase, companion.Identity,
    companion.StorageMode, smp_os.EchoQuestion, smp_os.EchoAnswer, smp_os.DateTime,
    smp_os.Parameters, smp_os.AppInfoQuestion, smp_os.AppInfoAnswer,
]  # fmt: skip
NAMES = st.sampled_from(
    [
        "percent",
        "charging",
        "health",
        "cycles",
        "total",
        "free",
        "faults",
        "user_no",
        "user_name",
        "unit_no",
        "unit_name",
        "from",
        "max",
        "first",
        "next",
        "size",
        "data",
        "path",
        "sha256",
        "number",
        "model",
        "firmware",
        "vkey",
        "can",
        "export",
        "d",
        "r",
        "datetime",
        "buf_size",
        "buf_count",
        "format",
        "output",
        "code",
        "detail",
        "at",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.text(max_size=8) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(kind=st.sampled_from(KINDS), members=st.dictionaries(NAMES, ANYTHING, max_size=8))
def test_any_map_is_a_value_or_a_wire_error(
    kind: type[companion.Part], members: dict[str, cbor.Value]
) -> None:
    """Members of any type, too many or too few, raise nothing but WireError."""
    try:
        part = kind.parse(members)
    except WireError:
        return
    assert kind.parse(part.build()) == part


def test_longest_answers_fit_a_message() -> None:
    """The most faults, and the longest piece of a journal, go into one message each."""
    fault = companion.Fault(code="a" * 24, detail="长" * 24, at_ms=SAFE)
    faults = companion.Faults((fault,) * companion.MAX_FAULTS)
    piece = companion.JournalAnswer(
        first=SAFE - 1, next=SAFE, size=SAFE, data=b"x" * (companion.MAX_JOURNAL_BYTES - 1) + b"\n"
    )
    for part in (faults, piece):
        message = smp.question(smp.Op.READ, 65, 0, 0, part.build())
        assert len(message.encode()) <= smp.MAX_MESSAGE


@pytest.mark.parametrize(
    "part",
    [
        companion.Battery(percent=101),
        companion.Battery(percent=-1),
        companion.Storage(total=1, free=2),
        companion.Faults((companion.Fault(code="io"),) * 33),
        companion.Faults((companion.Fault(code="IO"),)),
        companion.Faults((companion.Fault(code="io", detail="长" * 25),)),
        companion.Holder(user_no="1\n2"),
        companion.Holder(user_no="1", user_name="\u0085"),
        companion.JournalQuestion(first=-1),
        companion.JournalQuestion(first=0, max_bytes=3901),
        companion.JournalAnswer(first=2, next=1, size=3, data=b""),
        companion.JournalAnswer(first=0, next=1, size=1, data=b"half"),
        companion.JournalAnswer(first=0, next=2, size=2, data=b"one\n"),
        companion.Erase(path="../x", sha256=bytes(32), size=0),
        companion.Erase(path="/x", sha256=bytes(32), size=0),
        companion.Erase(path="x", sha256=bytes(31), size=0),
        companion.Identity(number=""),
        smp_os.DateTime(10**18),
        smp_os.DateTime(7_258_118_400_000_000),
        smp_os.DateTime(-2_208_988_800_000_001),
        companion.Storage(total=2**53, free=0),
        smp_os.EchoAnswer("\n"),
    ],
)
def test_value_that_breaks_a_bound_is_not_sent(part: companion.Part) -> None:
    """What the other side would refuse is refused where it is made."""
    with pytest.raises(WireError):
        part.build()


@pytest.mark.parametrize(
    ("text", "utc_us", "resolution_us"),
    [
        ("2026-11-22T03:14:15.926535Z", 1_795_317_255_926_535, 1),
        ("2026-11-22T03:14:15.926535", 1_795_317_255_926_535, 1),
        ("2026-11-22T03:14:15.926", 1_795_317_255_926_000, 1_000),
        ("2026-11-22T03:14:15", 1_795_317_255_000_000, 1_000_000),
        ("2026-11-22T11:14:15.9+08:00", 1_795_317_255_900_000, 100_000),
        ("1969-12-31T23:59:59.999999Z", -1, 1),
        ("2000-02-29T00:00:00.000001Z", 951_782_400_000_001, 1),
    ],
)
def test_time_is_read_as_utc_to_its_last_digit(text: str, utc_us: int, resolution_us: int) -> None:
    """A time without a zone is UTC, and its digits say how finely it was told."""
    told = smp_os.DateTime.parse({"datetime": text})
    assert (told.utc_us, told.resolution_us) == (utc_us, resolution_us)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-22",
        "2026-11-22 03:14:15",
        "1899-12-31T23:59:59",
        "2200-01-01T00:00:00",
        "2026-13-01T00:00:00",
        "2026-02-29T00:00:00",
        "2026-11-22T24:00:01",
        "2026-12-31T23:59:60Z",
        "2026-11-22T03:14:15.1234567",
        "2026-11-22T03:14:15,5",
        "2026-11-22T03:14:15+15:00",
        "٢٠٢٦-11-22T03:14:15",
        "2026-11-22T03:14:15Z ",
    ],
)
def test_time_that_is_none_is_refused(text: str) -> None:
    """What no calendar has, and what is written otherwise, is never guessed at."""
    with pytest.raises(WireError):
        smp_os.DateTime.parse({"datetime": text})


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("group", [companion.GROUP, smp_os.GROUP, 8])
@pytest.mark.parametrize("rc", companion.Rc)
def test_refusal_keeps_its_reason(version: int, group: int, rc: companion.Rc) -> None:
    """Each reason for a no is understood, in either version, whatever group was asked."""
    question = smp.Message(op=smp.Op.WRITE, group=group, command=5, seq=9, version=version)
    answer = companion.refuse(question, rc)
    assert answer.answers(question)
    refusal = smp.refusal_in(answer.members())
    assert refusal is not None
    assert companion.reason_of(refusal) == rc
    assert (refusal.group == companion.GROUP) == (group == companion.GROUP and version == 2)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (smp.Refusal(None, 10), companion.Rc.NOT_NOW),
        (smp.Refusal(None, 99), None),
        (smp.Refusal(65, 99), None),
        (smp.Refusal(0, 5), None),
    ],
)
def test_reason_that_is_not_ours_is_not_guessed(
    refusal: smp.Refusal, reason: companion.Rc | None
) -> None:
    """A code of another group means something else, and is left as the number that it is."""
    assert companion.reason_of(refusal) == reason
