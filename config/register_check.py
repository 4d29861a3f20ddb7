"""What must hold of a register before it is taken for the one in force. Pure.

A spreadsheet spoils numbers: 8800317 becomes 8.8E+06, 000317 becomes 317, and nobody notices
until a recorder is not found. So each number is looked at, also against the register in force.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from config.register import NO_RECORDER, Holder, Register, folded, parse_register, rows_of

_LONGEST: Final = 120
# 8.8E+06, 8,8E+06; 317.0; #N/A, #REF!; 1,234,567
_DAMAGED: Final = re.compile(
    r"[-+]?\d+([.,]\d+)?[eE][+-]?\d+|\d+[.,]0+|#\S*|\d{1,3}(,\d{3})+", re.ASCII
)
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about one line: an error keeps the register out, a warning is worth a word."""

    severity: Literal["error", "warning"]
    code: str
    line: int
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a register would change: rows that are new, rows before and after, rows that go."""

    new: tuple[Holder, ...]
    changed: tuple[tuple[Holder, Holder], ...]
    gone: tuple[Holder, ...]

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        return not (self.new or self.changed or self.gone)


def check(data: bytes, *, source: str, in_force: Register) -> list[Problem]:
    """Return everything that is wrong or odd, by line.

    Raises ConfigError where the file is no table of the register's columns at all, or a row has
    no recorder.
    """
    rows = list(rows_of(data, source=source))
    if not rows:  # a copy that failed, or a disk that was full: never meant
        return [Problem("error", "no-rows", 1)]
    found = [
        *_of_cells(rows),
        *_of_numbers(rows, in_force),
        *_repeated(rows),
        *_of_people(rows),
    ]
    return sorted(found, key=lambda problem: (problem.line, problem.severity, problem.code))


def errors(problems: Sequence[Problem]) -> list[Problem]:
    """Return what keeps a register out."""
    return [one for one in problems if one.severity == "error"]


def difference(data: bytes, *, source: str, in_force: Register) -> Difference:
    """Return what the register in `data`, which was checked, would change."""
    now = parse_register(data, source=source)
    before_by, now_by = _by_key(in_force), _by_key(now)
    both = before_by.keys() & now_by.keys()
    return Difference(
        new=tuple(now_by[key] for key in sorted(now_by.keys() - both)),
        changed=tuple(
            (before_by[key], now_by[key]) for key in sorted(both) if before_by[key] != now_by[key]
        ),
        gone=tuple(before_by[key] for key in sorted(before_by.keys() - both)),
    )


def _by_key(register: Register) -> dict[tuple[str, str], Holder]:
    """Return the rows by recorder, and those of people without one by their own number."""
    rows = {("recorder", key): holder for key, holder in register.holders.items()}
    return rows | {("person", folded(one.user_no)): one for one in register.others}


def _of_cells(rows: Sequence[tuple[int, Holder]]) -> Iterator[Problem]:
    for line, holder in rows:
        for column in fields(holder):
            value = str(getattr(holder, column.name))
            if any(unicodedata.category(char) in _UNPRINTABLE for char in value):
                yield Problem("error", "unprintable", line, {"column": column.name})
            if len(value) > _LONGEST:
                yield Problem("error", "too-long", line, {"column": column.name, "most": _LONGEST})
        for name in ("user_no", "name", "unit"):
            if not getattr(holder, name):
                severity: Literal["error", "warning"] = "error" if name != "unit" else "warning"
                yield Problem(severity, "empty", line, {"column": name})


def _of_numbers(rows: Sequence[tuple[int, Holder]], in_force: Register) -> Iterator[Problem]:
    people = (*in_force.holders.values(), *in_force.others)
    for name in ("recorder", "user_no"):
        known = {folded(str(getattr(one, name))) for one in people}
        without_zeros = {number.lstrip("0"): number for number in known if number.startswith("0")}
        for line, holder in rows:
            number = str(getattr(holder, name))
            facts: dict[str, str | int] = {"column": name, "number": number}
            if _DAMAGED.fullmatch(number):
                yield Problem("error", "damaged", line, facts)
            elif unicodedata.normalize("NFKC", number) != number:
                yield Problem("error", "full-width", line, facts)
            elif folded(number) not in known and folded(number) in without_zeros:
                before = without_zeros[folded(number)]
                yield Problem("error", "zeros-lost", line, {**facts, "before": before})


def _repeated(rows: Sequence[tuple[int, Holder]]) -> Iterator[Problem]:
    first_at: dict[tuple[str, str], int] = {}
    for line, holder in rows:
        kind, number = ("recorder", holder.recorder)
        if holder.recorder == NO_RECORDER:
            kind, number = ("person", holder.user_no)
        first = first_at.setdefault((kind, folded(number)), line)
        if first != line:
            yield Problem("error", f"{kind}-twice", line, {"number": number, "first": first})


def _of_people(rows: Sequence[tuple[int, Holder]]) -> Iterator[Problem]:
    """Yield people with two recorders, which R-ISSUE does not want, and numbers of two people."""
    first: dict[str, tuple[int, Holder]] = {}
    with_recorder: dict[str, Holder] = {}
    for line, holder in rows:
        key = folded(holder.user_no)
        if not key:
            continue
        at, one = first.setdefault(key, (line, holder))
        if one.name != holder.name:
            facts: dict[str, str | int] = {"user_no": holder.user_no, "name": one.name, "first": at}
            yield Problem("error", "number-of-two", line, facts)
        if holder.recorder == NO_RECORDER:
            continue
        other = with_recorder.setdefault(key, holder)
        if other is not holder:
            told: dict[str, str | int] = {"user_no": holder.user_no, "recorder": other.recorder}
            yield Problem("warning", "two-recorders", line, told)
