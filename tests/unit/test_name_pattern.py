"""How makes name their clips, as lines of a profile: what they say, and what they cost."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.name_pattern import MAX_PATTERN, Named, NamePattern, PatternError


def pattern(text: str) -> NamePattern:
    """Return a pattern with the marks that makers use."""
    return NamePattern.parse(text, important=("IMP", "ZY"), encrypted=("_enc", "_encryption"))


def at(*parts: int) -> datetime:
    """Return a recorder's local time."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  as many as are given


def named(**told: object) -> Named:
    """Return what a name says, and nothing else."""
    nothing: dict[str, object] = {
        "recorder": "", "holder": "", "numbers": (), "at": None, "sequence": None,
        "important": False, "encrypted": False, "extension": "mp4",
    }  # fmt: skip
    return Named(**{**nothing, **told})  # type: ignore[arg-type]  # a test's shorthand


CASES = [
    (
        "{recorder:7}_{holder:6}_{date}{time}_{sequence:4}[{important}]",
        "8888888_000000_20160129205547_0001IMP.mp4",
        named(
            recorder="8888888", holder="000000", numbers=("8888888", "000000"),
            at=at(2016, 1, 29, 20, 55, 47), sequence=1, important=True,
        ),
    ),
    (
        "{date}_{time}[{millis}][_][{important}][{encrypted}]",
        "20160129_205547123_zy_ENCRYPTION.MP4",
        named(at=at(2016, 1, 29, 20, 55, 47, 123_000), important=True, encrypted=True),
    ),
    (
        "DCAM_{recorder}_{holder}_{date}_{time}[_{important}][{encrypted}]",
        "dcam_A-1_B2_20160129_205547.mp4",
        named(recorder="A-1", holder="B2", numbers=("A-1", "B2"), at=at(2016, 1, 29, 20, 55, 47)),
    ),
    (
        "{year}-{month}-{day} {hour}.{minute}.{second}",
        "2016-01-29 20.55.47.mp4",
        named(at=at(2016, 1, 29, 20, 55, 47)),
    ),
    ("MOV{sequence:4}", "MOV0042.mp4", named(sequence=42)),
    (
        "[{number:5-16}_][{number:5-16}_]{date}{time}_{sequence}[{important}]",
        "1234567_20160129205547_7.mp4",
        named(numbers=("1234567",), at=at(2016, 1, 29, 20, 55, 47), sequence=7),
    ),
    ("{text}-{text}", "证据-一.mp4", named()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "told"), CASES, ids=[case[0] for case in CASES])
def test_a_name_says_what_its_pattern_says(text: str, name: str, told: Named) -> None:
    """Each field comes out as it stands in the name, letter case left out of account."""
    assert pattern(text).match(name) == told


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{date}_{time}", "20160129_205547"),  # no ending
        ("{date}_{time}", "20160129_205547_1.mp4"),
        ("{date}_{time}", "20161329_205547.mp4"),  # the thirteenth month
        ("{date}", "20160129.mp4"),  # half a time is none
        ("{recorder:7}_{date}{time}", "888888_20160129205547.mp4"),
        ("MOV{sequence:4}", "MOV\u0664\u0664\u0664\u0664.mp4"),  # digits of another script
        ("{text}", "x" * 300 + ".mp4"),
    ],
)
def test_a_name_of_another_form_says_nothing(text: str, name: str) -> None:
    """It is held against the whole name, and a time must be one."""
    assert pattern(text).match(name) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "length"),
        ("x" * (MAX_PATTERN + 1), "length"),
        ("{colour}", "field"),
        ("{}", "field"),
        ("{date", "stray"),
        ("date}", "stray"),
        ("[{date}", "unclosed"),
        ("{date}]", "stray"),
        ("[[{date}]]", "nested"),
        ("[]", "stray"),
        ("{date}{date}", "twice"),
        ("{date:4}", "width"),
        ("{recorder:0}", "width"),
        ("{recorder:9-3}", "width"),
        ("{text:1-99}", "width"),
        ("{important:3}", "width"),
    ],
)
def test_a_pattern_that_says_nothing_is_refused(text: str, problem: str) -> None:
    """It is told apart what is wrong with it, and where."""
    with pytest.raises(PatternError) as caught:
        pattern(text)
    assert caught.value.problem == problem


def test_a_mark_needs_words() -> None:
    """{important} without any words for it could never be there."""
    with pytest.raises(PatternError) as caught:
        NamePattern.parse("{date}{time}[{important}]")
    assert caught.value.problem == "no-words"


# Each kind of pattern that costs a regular expression an eternity.
COSTLY = ["[{text}]" * 20, "{text}" * 28, "[{number}]" * 18, "[a]" * 60, "[{text:1-64}]" * 14]


@pytest.mark.parametrize("text", COSTLY)
def test_no_pattern_costs_an_eternity(text: str) -> None:
    """Parts that can share a name in astronomically many ways are tried once at each place."""
    assert pattern(f"{text}{{sequence:6}}").match("a" * 250 + ".mp4") is None


@given(text=st.text("{}[]:-adehimnopqrtuxy0123456789_", max_size=60), name=st.text(max_size=80))
def test_any_text_is_a_pattern_or_is_refused(text: str, name: str) -> None:
    """Nothing but its own error comes of parsing, and nothing at all of matching."""
    try:
        found = pattern(text)
    except PatternError:
        return
    found.match(name + ".mp4")


FIELDS = st.fixed_dictionaries(
    {
        "recorder": st.from_regex(r"\A[A-Z0-9]{1,16}\Z"),
        "holder": st.from_regex(r"\A[0-9]{1,16}\Z"),
        "at": st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001  local
        "sequence": st.integers(0, 999_999),
        "important": st.booleans(),
    }
)


@given(told=FIELDS)
def test_what_is_written_is_read(told: dict[str, object]) -> None:
    """A name that is made as the pattern says comes apart into what it was made of."""
    when = told["at"]
    assert isinstance(when, datetime)
    when = when.replace(microsecond=0)
    name = (
        f"{told['recorder']}_{told['holder']}_{when:%Y%m%d}_{when:%H%M%S}"
        f"_{told['sequence']}{'IMP' if told['important'] else ''}.mp4"
    )
    found = pattern("{recorder}_{holder}_{date}_{time}_{sequence}[{important}]").match(name)
    assert found is not None
    assert (found.recorder, found.holder) == (told["recorder"], told["holder"])
    assert (found.at, found.sequence) == (when, told["sequence"])
    assert found.important == told["important"]
