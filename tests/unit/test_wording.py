"""What people read of findings: codes come out as words, details stay."""

from datetime import UTC

import pytest

from dock_daemon.wording import finding_fact, problem_words


@pytest.mark.parametrize(
    ("problem", "chinese", "english"),
    [
        ("chain-loop", "簇链成环", "chain runs in a circle"),
        ("bound: depth", "达到读取上限 (depth)", "a bound of the reader was reached (depth)"),
        ("it hung up: x", "it hung up: x", "it hung up: x"),
    ],
)
def test_a_problem_is_said_in_words(problem: str, chinese: str, english: str) -> None:
    """A code becomes words, with its detail behind it; a sentence is left as it is."""
    assert problem_words(problem, "zh-CN") == chinese
    assert problem_words(problem, "en") == english


def test_a_finding_names_what_differs_in_words() -> None:
    """What changed under a known name is said in the reader's language."""
    fact = finding_fact(
        "changed",
        volume="fat32-1A2B3C4D",
        path="DCIM/a.mp4",
        facts={"differs": ["size", "content"], "sealed_size": 5},
        lang="zh-CN",
        zone=UTC,
    )
    assert "DCIM/a.mp4" in fact
    assert "（大小、内容）" in fact


def test_a_deleted_record_says_whether_its_space_is_in_use_again() -> None:
    """That the space of a deleted clip is unallocated is a fact of its own."""
    facts = {"size": 2_000_000, "modified": "2026-11-21 16:30:00", "unallocated": True}
    fact = finding_fact(
        "deleted-unseen", volume="v", path="?LIP.MP4", facts=facts, lang="en", zone=UTC
    )
    assert "Size 2.0 MB, stored time 2026-11-21 16:30:00." in fact
    assert "16:30:00. " in fact
    assert "has not been used again" in fact
    chinese = finding_fact(
        "deleted-unseen", volume="v", path="a", facts=facts, lang="zh-CN", zone=UTC
    )
    assert "。它占用过的空间" in chinese
