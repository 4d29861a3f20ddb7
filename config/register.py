"""The register of recorders and their holders: who uses which recorder (R-ISSUE).

A CSV file with the columns recorder, user_no, name and unit, in any order, as a
spreadsheet writes it: UTF-8 with or without byte-order mark, or GB18030. The columns unit_no
and model may stand beside them. A row with "-" for its recorder is somebody without one: who
hands recorders out, or stands by an exception. What else must hold of a register that is
imported is judged in register_check.py.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.toml import read

COLUMNS: Final = ("recorder", "user_no", "name", "unit")
OPTIONAL: Final = ("unit_no", "model")
NO_RECORDER: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The person who is answerable for one recorder, or has none (NO_RECORDER)."""

    recorder: str
    user_no: str
    name: str
    unit: str
    unit_no: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """All registered recorders; `sha256` is that of the file (of nothing, if there is none).

    `others` are the people who have none.
    """

    holders: Mapping[str, Holder]
    sha256: str
    others: tuple[Holder, ...] = ()

    def find(self, recorder: str) -> Holder | None:
        """Return who holds the recorder of that number; None if it is not registered."""
        return self.holders.get(folded(recorder))

    def person(self, user_no: str) -> Holder | None:
        """Return who has that number, by the first of the rows; None where nobody has."""
        wanted = folded(user_no)
        people = (*self.holders.values(), *self.others)
        return next((one for one in people if wanted and folded(one.user_no) == wanted), None)


def load_register(path: Path) -> Register:
    """Return the register at `path`; no file is an empty register.

    Raises ConfigError naming the line of a malformed or repeated row.
    """
    data = read(path) if path.exists() else b""
    return parse_register(data, source=str(path))


def parse_register(data: bytes, *, source: str) -> Register:
    """Return the register that the bytes of a CSV file hold; raises as load_register."""
    holders: dict[str, Holder] = {}
    others: list[Holder] = []
    first_at: dict[str, int] = {}
    for line, holder in rows_of(data, source=source):
        if holder.recorder == NO_RECORDER:
            others.append(holder)
            continue
        key = folded(holder.recorder)
        if key in holders:
            raise ConfigError(
                "recorder-twice",
                source=source,
                where=f"line {line}",
                recorder=holder.recorder,
                first=first_at[key],
            )
        holders[key] = holder
        first_at[key] = line
    return Register(holders, hashlib.sha256(data).hexdigest(), tuple(others))


def rows_of(data: bytes, *, source: str) -> Iterator[tuple[int, Holder]]:
    """Yield each row with its line, also one whose recorder came before; raises as above."""
    return _rows(_text(data, source), source)


def folded(number: str) -> str:
    """Return a number as it is compared: without regard to letter case and outer blanks."""
    return number.strip().casefold()


def _text(data: bytes, source: str) -> str:
    """Return the text in whichever encoding holds to the end; GB18030 is a spreadsheet's own."""
    reached = 0
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            reached = max(reached, data.count(b"\n", 0, error.start))
    raise ConfigError("not-text", source=source, where=f"line {reached + 1}")


def _rows(text: str, source: str) -> Iterator[tuple[int, Holder]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if header is None:
                header = _header(cells, source, reader.line_num)
            else:
                yield reader.line_num, _holder(header, cells, source, reader.line_num)
    except csv.Error as error:
        where = f"line {reader.line_num}"
        raise ConfigError("not-csv", source=source, where=where, detail=str(error)) from error


def _header(cells: list[str], source: str, line: int) -> list[str]:
    given = [cell for cell in cells if cell not in OPTIONAL]
    if sorted(given) != sorted(COLUMNS) or len(set(cells)) < len(cells):
        raise ConfigError(
            "wrong-columns",
            source=source,
            where=f"line {line}",
            expected=",".join(COLUMNS),
            found=",".join(cells),
        )
    return cells


def _holder(header: list[str], cells: list[str], source: str, line: int) -> Holder:
    where = f"line {line}"
    if len(cells) != len(header):
        raise ConfigError(
            "wrong-row", source=source, where=where, expected=len(header), found=len(cells)
        )
    row = dict(zip(header, cells, strict=True))
    if not row["recorder"]:
        raise ConfigError("no-recorder", source=source, where=where)
    return Holder(**row)
