"""How a make names its clips, as a line that a technician can write.

    {recorder:7}_{holder:6}_{date}{time}_{sequence:4}[{important}]

Literal text stands for itself in either case, `{field}` for a part, `[…]` for what may be
absent. A line is held against the whole name without its ending. Matching walks each part at
each place once at most, so no line and no name, however hostile, costs more than a moment:
that is why these are no regular expressions. docs/recorders.md lists the fields.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

MAX_NAME: Final = 255
MAX_PATTERN: Final = 200
_WIDEST: Final = 64

_DIGITS: Final = frozenset("0123456789")
_WORD: Final = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyz-")
# Field → what its characters may be (None: any), and how many of them where none says so.
_FIELDS: Final[Mapping[str, tuple[frozenset[str] | None, int, int]]] = {
    "recorder": (_WORD, 1, 16),
    "holder": (_WORD, 1, 16),
    "number": (_WORD, 1, 16),
    "date": (_DIGITS, 8, 8),
    "time": (_DIGITS, 6, 6),
    "year": (_DIGITS, 4, 4),
    "month": (_DIGITS, 2, 2),
    "day": (_DIGITS, 2, 2),
    "hour": (_DIGITS, 2, 2),
    "minute": (_DIGITS, 2, 2),
    "second": (_DIGITS, 2, 2),
    "millis": (_DIGITS, 3, 3),
    "sequence": (_DIGITS, 1, 6),
    "text": (None, 1, 32),
}
# Fields of which one name may hold several, and those that stand for fixed words.
_REPEATED: Final = frozenset({"number", "text"})
_MARKS: Final = frozenset({"important", "encrypted"})
_PLAIN_TIME: Final = ("year", "month", "day", "hour", "minute", "second")

_PART: Final = re.compile(
    r"\{(?P<field>[a-z]*)(?::(?P<least>\d{1,2})(?:-(?P<most>\d{1,2}))?)?\}"
    r"|(?P<open>\[)|(?P<close>\])|(?P<literal>[^\[\]{}]+)|(?P<stray>[{}])"
)


class PatternError(Exception):
    """A name pattern says nothing that could be matched. `part` is where, `problem` a word."""

    def __init__(self, problem: str, part: str) -> None:
        super().__init__(f"{problem}: {part}")
        self.problem = problem
        self.part = part


@dataclass(frozen=True, slots=True)
class _Span:
    """So many characters of a kind; they are the value of `field`, if it has one."""

    characters: frozenset[str] | None
    least: int
    most: int
    field: str


@dataclass(frozen=True, slots=True)
class _Words:
    """One of these words, folded; no field where it is literal text."""

    words: tuple[str, ...]
    field: str


@dataclass(frozen=True, slots=True)
class _Maybe:
    """What follows, up to `past`, may be absent."""

    past: int


_Step: TypeAlias = _Span | _Words | _Maybe


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a file name says. `at` is the recorder's local time, without a zone, if it tells one."""

    recorder: str
    holder: str
    numbers: tuple[str, ...]
    at: datetime | None
    sequence: int | None
    important: bool
    encrypted: bool
    extension: str

    @property
    def known(self) -> bool:
        """Tell whether the name, or its folder, says anything."""
        return bool(self.numbers or self.at or self.sequence is not None) or (
            self.important or self.encrypted
        )


@dataclass(frozen=True, slots=True)
class NamePattern:
    """One line, ready to be held against names."""

    text: str
    _steps: tuple[_Step, ...]

    @classmethod
    def parse(
        cls, text: str, *, important: tuple[str, ...] = (), encrypted: tuple[str, ...] = ()
    ) -> "NamePattern":
        """Return the pattern that `text` writes; raise PatternError.

        `important` and `encrypted` are the words that {important} and {encrypted} stand for.
        """
        if not text or len(text) > MAX_PATTERN:
            raise PatternError("length", text[:MAX_PATTERN])
        return cls(text, tuple(_steps(text, {"important": important, "encrypted": encrypted})))

    def match(self, name: str) -> Named | None:
        """Return what the last part of a path says, or None where it is not named so."""
        stem, dot, extension = name.rpartition(".")
        if not dot or len(name) > MAX_NAME:
            return None
        found = _Walk(self._steps, stem).run()
        return None if found is None else _named(found, extension.lower())


class _Walk:
    """One attempt to lay the steps along a name; what failed once is not tried again."""

    def __init__(self, steps: tuple[_Step, ...], stem: str) -> None:
        self._steps = steps
        self._stem = stem
        self._folded = stem.lower()
        self._failed: set[tuple[int, int]] = set()

    def run(self) -> list[tuple[str, str]] | None:
        """Return field and value of each part in order, or None."""
        return self._from(0, 0)

    def _from(self, step: int, at: int) -> list[tuple[str, str]] | None:
        if step == len(self._steps):
            return [] if at == len(self._stem) else None
        if (step, at) in self._failed:
            return None
        for next_step, end in self._ways(step, at):
            rest = self._from(next_step, end)
            if rest is not None:
                field = getattr(self._steps[step], "field", "")
                return [(field, self._stem[at:end]), *rest] if field else rest
        self._failed.add((step, at))
        return None

    def _ways(self, step: int, at: int) -> Iterator[tuple[int, int]]:
        """Yield where to go on, the longest first."""
        match self._steps[step]:
            case _Maybe(past):
                yield step + 1, at
                yield past, at
            case _Words(words):
                for word in words:
                    if self._folded.startswith(word, at):
                        yield step + 1, at + len(word)
            case _Span(characters, least, most):
                end = at
                while end < min(len(self._stem), at + most) and (
                    characters is None or self._folded[end] in characters
                ):
                    end += 1
                for stop in range(end, at + least - 1, -1):
                    yield step + 1, stop


def _steps(text: str, marks: Mapping[str, tuple[str, ...]]) -> Iterator[_Step]:
    steps: list[_Step] = []
    opened: int | None = None
    seen: set[str] = set()
    for part in _PART.finditer(text):
        if part["open"]:
            if opened is not None:
                raise PatternError("nested", text[part.start() :])
            opened = len(steps)
            steps.append(_Maybe(0))
        elif part["close"]:
            if opened is None or opened == len(steps) - 1:
                raise PatternError("stray", text[: part.end()])
            steps[opened] = _Maybe(len(steps))
            opened = None
        elif part["literal"]:
            steps.append(_Words((part["literal"].lower(),), ""))
        else:
            steps.append(_field(part, marks, seen))
    if opened is not None:
        raise PatternError("unclosed", text)
    return iter(steps)


def _field(part: re.Match[str], marks: Mapping[str, tuple[str, ...]], seen: set[str]) -> _Step:
    name, whole = part["field"], part[0]
    if part["stray"]:
        raise PatternError("stray", part.string[part.start() :])
    if name in seen and name not in _REPEATED:
        raise PatternError("twice", whole)
    seen.add(name)
    if name in _MARKS:
        if part["least"] or not marks[name]:
            raise PatternError("width" if part["least"] else "no-words", whole)
        longest_first = sorted({word.lower() for word in marks[name]}, key=len, reverse=True)
        return _Words(tuple(longest_first), name)
    if name not in _FIELDS:
        raise PatternError("field", whole)
    characters, least, most = _FIELDS[name]
    if part["least"]:
        if least == most:
            raise PatternError("width", whole)
        least = int(part["least"])
        most = int(part["most"] or least)
    if not 1 <= least <= most <= _WIDEST:
        raise PatternError("width", whole)
    return _Span(characters, least, most, name)


def _named(found: list[tuple[str, str]], extension: str) -> Named | None:
    values = dict(found)
    at = _time(values)
    if at is None and {"date", "time", *_PLAIN_TIME} & values.keys():
        return None  # the thirteenth month: the digits mean something else
    sequence = values.get("sequence")
    return Named(
        recorder=values.get("recorder", ""),
        holder=values.get("holder", ""),
        numbers=tuple(value for field, value in found if field in {"recorder", "holder", "number"}),
        at=at,
        sequence=None if sequence is None else int(sequence),
        important="important" in values,
        encrypted="encrypted" in values,
        extension=extension,
    )


def _time(values: Mapping[str, str]) -> datetime | None:
    date = values.get("date") or "".join(values.get(field, "") for field in _PLAIN_TIME[:3])
    time = values.get("time") or "".join(values.get(field, "") for field in _PLAIN_TIME[3:])
    try:
        at = datetime.strptime(date + time, "%Y%m%d%H%M%S")  # noqa: DTZ007  a name has no zone
    except ValueError:
        return None
    return at.replace(microsecond=1000 * int(values.get("millis", 0)))
