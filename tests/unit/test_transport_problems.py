"""Problem documents: their members, and the language of their title."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport.problems import ProblemError, answer, language

OFFERED = ("zh-CN", "en")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "zh-CN"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("zh-TW", "zh-CN"),
        ("zh", "zh-CN"),
        ("*", "zh-CN"),
        ("de", "zh-CN"),
        ("de, en", "en"),
        ("en;q=0.2, zh-CN;q=0.9", "zh-CN"),
        ("zh-CN;q=0.2,en ; q=0.9", "en"),
        ("zh-CN;q=0, en;q=0.001", "en"),
        ("en;q=0", "zh-CN"),
        ("en;q=2", "zh-CN"),
        ("en;q=x", "zh-CN"),
        (",,en,,", "en"),
        ("de," * 30 + "en", "zh-CN"),
    ],
)
def test_the_language_that_is_liked_best_is_spoken(accepted: str, chosen: str) -> None:
    """RFC 9110 12.5.4: weights, prefixes, and what is no language counts for nothing."""
    assert language(accepted, OFFERED) == chosen


@given(accepted=st.text(max_size=200))
def test_some_language_is_always_spoken(accepted: str) -> None:
    """Whatever a client writes, it gets one of those that there are."""
    assert language(accepted, OFFERED) in OFFERED


def test_a_problem_has_the_members_of_the_rfc() -> None:
    """RFC 9457: type, title and status; our code and facts beside them; kept by nobody."""
    problem = ProblemError(404, "beyond", published=7, headers={"retry-after": "5"})
    told = answer(problem, "en", lambda code, lang, facts: f"{code} {lang} {facts['published']}")
    assert json.loads(bytes(told.body)) == {
        "type": "urn:sealdock:problem:beyond",
        "title": "beyond en 7",
        "status": 404,
        "code": "beyond",
        "published": 7,
    }
    assert told.status_code == 404
    assert told.headers["content-type"] == "application/problem+json"
    assert told.headers["cache-control"] == "no-store"
    assert told.headers["content-language"] == "en"
    assert told.headers["retry-after"] == "5"
    assert str(problem) == "404 beyond published=7"
