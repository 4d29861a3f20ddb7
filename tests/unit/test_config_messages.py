"""Messages: complete in both languages, all used, and safe to print."""

import ast
import string
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import layers, text
from config.exit_codes import ExitCode
from config.messages import LANGUAGES, catalogue, printable, say, term

ROOT = Path(__file__).parents[2]
FOLDERS = ("agent", "central", "config", "dock_daemon", "firmware_bridge", "transport")
HERE = ROOT / "config" / "messages.py"  # where a key is made of a family and a word
HAN = ("\u4e00", "\u9fff")


@dataclass(frozen=True)
class Said:
    """One call of `say`: where, which keys it can mean, which facts it names."""

    path: Path
    keys: tuple[tuple[str, str], ...]
    facts: frozenset[str] | None
    """None where the facts, or the key, are made elsewhere and can't be read off the call."""


def calls() -> Iterator[Said]:
    """Yield every call of `say` in the product."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call):
                    continue
                if ast.unparse(node.func) in {"term", "messages.term"}:
                    family = ast.literal_eval(node.args[0])
                    yield Said(path, ((f"{family}.", ""),), None)
                elif ast.unparse(node.func) in {"say", "messages.say"} and path != HERE:
                    yield Said(path, tuple(alternatives(node.args[0], tree)), facts_of(node))


def facts_of(call: ast.Call) -> frozenset[str] | None:
    """Return the facts that a call names; None where it does not show them."""
    names = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    if isinstance(call.args[0], ast.Name) or len(names) < len(call.keywords):
        return None
    return frozenset(names)


def alternatives(key: ast.expr, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what a key expression can be, as (beginning, end); equal if it is one key."""
    if isinstance(key, ast.Constant):
        yield str(key.value), str(key.value)
    elif isinstance(key, ast.JoinedStr):
        first, *_, last = [*key.values, key.values[-1]]
        yield (
            str(first.value) if isinstance(first, ast.Constant) else "",
            str(last.value) if isinstance(last, ast.Constant) else "",
        )
    elif isinstance(key, ast.IfExp):
        yield from alternatives(key.body, tree)
        yield from alternatives(key.orelse, tree)
    elif isinstance(key, ast.Name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == key.id:
                yield from alternatives(node.value, tree)
    else:
        pytest.fail(f"a key that can't be followed: {ast.unparse(key)}")


def named(begin: str, end: str) -> set[str]:
    """Return the keys that a key expression can mean."""
    if begin == end:
        return {begin}
    assert begin, "a key must begin with the name of its family"
    return {key for key in catalogue("en") if key.startswith(begin) and key.endswith(end)}


def placeholders(sentence: str) -> set[str]:
    """Return the names of the facts that a sentence takes."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_say_the_same_things() -> None:
    """Every sentence exists in both languages and takes the same facts."""
    chinese, english = (catalogue(lang) for lang in LANGUAGES)
    assert chinese.keys() == english.keys()
    for key, sentence in chinese.items():
        assert placeholders(sentence) == placeholders(english[key]), key


def test_no_sentence_is_empty_or_left_in_the_wrong_language() -> None:
    """Chinese sentences are Chinese, English ones are not, and none is blank."""
    chinese, english = (catalogue(lang) for lang in LANGUAGES)
    for key, sentence in chinese.items():
        bare = "".join(part for part, _, _, _ in string.Formatter().parse(sentence))
        assert any(HAN[0] <= char <= HAN[1] for char in bare) or not any(
            char.isalpha() for char in bare
        ), key
        assert english[key].strip(), key
        assert not any(HAN[0] <= char <= HAN[1] for char in english[key]), key


def test_every_key_that_is_said_exists() -> None:
    """No command can ask for a sentence that nobody wrote."""
    for said in calls():
        assert said.keys, said.path
        for begin, end in said.keys:
            keys = named(begin, end)
            assert keys, f"{said.path}: {begin}…{end}"
            assert keys <= catalogue("en").keys(), f"{said.path}: {begin}"


def test_every_sentence_is_said_somewhere() -> None:
    """A sentence that nothing says is taken out of the catalogues."""
    used: set[str] = set()
    for said in calls():
        for begin, end in said.keys:
            used |= named(begin, end)
    assert catalogue("en").keys() - used == set()


def test_every_fact_that_a_sentence_takes_is_given() -> None:
    """Where a call names its sentence and the facts, it names all that the sentence takes."""
    for said in calls():
        for begin, end in said.keys:
            if begin == end and said.facts is not None:
                missing = placeholders(catalogue("en")[begin]) - said.facts
                assert not missing, f"{said.path}: {begin} lacks {missing}"


def test_an_unknown_language_is_answered_in_chinese() -> None:
    """The dock's own language is the one to fall back on."""
    assert say("bay.empty", "fr") == say("bay.empty", "zh-CN") == "空闲"


def test_a_hostile_name_can_not_steer_the_terminal() -> None:
    """Control and bidirectional characters in a fact are shown by their number."""
    line = say("pull.unread", "en", reason="", path="a\u202egpj.mp4\x1b[2J\n{x}")
    assert "a<U+202E>gpj.mp4<U+001B>[2J<U+000A>{x}" in line


def test_a_stable_word_is_said_in_words() -> None:
    """A problem's code is said in the reader's language; one that nobody named, as it is."""
    assert term("problem", "chain-loop", "zh-CN") == "簇链成环"
    assert term("problem", "chain-loop", "en") == "chain runs in a circle"
    assert term("problem", "never\nheard", "en") == "never<U+000A>heard"


def test_every_problem_of_a_listing_has_words() -> None:
    """Each problem that the reader or a source names outright is said in words."""
    codes = {
        str(node.args[0].value)
        for folder in ("firmware_bridge", "dock_daemon")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Problem"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert codes
    assert {code for code in codes if f"problem.{code}" not in catalogue("en")} == set()


@given(st.text())
def test_printable_text_holds_nothing_unprintable(given_text: str) -> None:
    """Whatever comes in, one plain line comes out, encodable and free of format characters."""
    shown = printable(given_text)
    shown.encode("utf-8")
    assert len(shown) >= len(given_text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_rare_characters_of_names_are_kept() -> None:
    """Names come through as written, whatever plane their characters are in."""
    assert printable("㛃䶮𬭎𫖯𬱖 é") == "㛃䶮𬭎𫖯𬱖 é"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (18_400_000_000, "18.4 GB"),
        (64 * 10**12, "64.0 TB"),
    ],
)
def test_sizes_are_decimal(count: int, shown: str) -> None:
    """A size reads as it does on a recorder or a PC: 1 GB is 10^9 bytes."""
    assert text.size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0, "0秒", "0 s"),
        (192, "3分12秒", "3 min 12 s"),
        (-192, "3分12秒", "3 min 12 s"),
        (3600, "1小时", "1 h"),
        (71_000, "19小时43分", "19 h 43 min"),
        (90_000, "1天1小时", "1 d 1 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: int, chinese: str, english: str) -> None:
    """A duration is said in its two largest units."""
    assert (text.duration(seconds, "zh-CN"), text.duration(seconds, "en")) == (chinese, english)


def test_times_are_local() -> None:
    """An instant is shown in the office's time, to the minute."""
    assert text.local_time(1_795_258_944_000, timezone(timedelta(hours=8))) == "2026-11-21 19:02"
    assert text.local_time(0, UTC) == "1970-01-01 00:00"


def test_exit_codes_never_change() -> None:
    """Scripts rely on these numbers."""
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "NOT_FOUND": 3,
        "PARTIAL": 4,
        "WARNINGS": 5,
        "VERIFICATION_FAILED": 6,
        "BUSY": 7,
        "NOT_PERMITTED": 8,
        "DAEMON_UNREACHABLE": 9,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_key_stands_in_two_files(lang: str) -> None:
    """What one part of the house says no other overwrites; the languages have the same files."""
    folder = ROOT / "config" / "data" / "messages"
    files = sorted(path.name for path in (folder / lang).glob("*.toml"))
    assert files == sorted(path.name for path in (folder / LANGUAGES[0]).glob("*.toml"))
    tables = [tomllib.loads((folder / lang / name).read_text("utf-8")) for name in files]
    keys = [key for table in tables for key in layers.leaves(table)]
    assert len(keys) == len(set(keys)) == len(catalogue(lang))
