"""Every sentence that people read, in each language, by key.

The sentences stand in `config/data/messages/<language>/*.toml`, a file for each part of the
house; a key is the dotted path of its table, `bay.empty`, and stands in one file only. Facts
are put in by name. A fact may come from a hostile recorder (a file name), so what would steer
a terminal or reorder a line is made visible first.
"""

import functools
import tomllib
import unicodedata
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("zh-CN", "en")
DEFAULT_LANGUAGE: Final = "zh-CN"

_FOLDER: Final = Path(__file__).parent / "data" / "messages"
# Control, format (bidirectional overrides among them), surrogate, line and paragraph
# separator: none of them belongs into a name or a number.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def say(key: str, lang: str, **facts: object) -> str:
    """Return the sentence `key` in `lang` with `facts` put in.

    An unknown language is answered in the dock's default one. Raises KeyError for an
    unknown key or a missing fact: both are faults of the program, found by its tests.
    """
    sentence = catalogue(lang if lang in LANGUAGES else DEFAULT_LANGUAGE)[key]
    return sentence.format_map({name: printable(str(fact)) for name, fact in facts.items()})


def term(family: str, word: str, lang: str) -> str:
    """Return what people call a stable word, e.g. "chain-loop" of "problem"; else the word."""
    known = f"{family}.{word}" in catalogue(DEFAULT_LANGUAGE)
    return say(f"{family}.{word}", lang) if known else printable(word)


def printable(text: str) -> str:
    """Return `text` as one line that says exactly what it holds: U+202E becomes <U+202E>."""
    return "".join(
        f"<U+{ord(char):04X}>" if unicodedata.category(char) in _UNPRINTABLE else char
        for char in text
    )


@functools.cache
def catalogue(lang: str) -> dict[str, str]:
    """Return every sentence of one language by its dotted key."""
    found: dict[str, str] = {}
    for file in sorted((_FOLDER / lang).glob("*.toml")):
        found.update(_flat(tomllib.loads(file.read_text(encoding="utf-8")), ""))
    return found


def _flat(table: dict[str, object], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, str(value)))
    return found
