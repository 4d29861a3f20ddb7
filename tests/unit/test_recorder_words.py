"""What people are told of a recorder that could not be asked."""

from collections.abc import Iterator

import pytest

from config.messages import LANGUAGES
from dock_daemon.recorders.wording import trouble
from firmware_bridge.errors import RecorderError


def codes(kind: type[RecorderError] = RecorderError) -> Iterator[str]:
    """Yield the code of every kind of trouble."""
    yield kind.code
    for below in kind.__subclasses__():
        yield from codes(below)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_trouble_says_what_to_do(lang: str) -> None:
    """Each code has words of its own, with a remedy after the colon, in both languages."""
    found = {code: trouble(code, lang) for code in codes()}
    assert len(set(found.values())) == len(found)
    for code, words in found.items():
        assert words != code
        what, colon, remedy = words.partition("：" if lang == "zh-CN" else ": ")
        assert what
        assert colon
        assert remedy


def test_code_of_a_later_version_is_shown_as_it_is() -> None:
    """A code without words is printed itself, made harmless."""
    assert trouble("new-trouble", "en") == "new-trouble"
