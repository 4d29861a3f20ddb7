"""What a recorder writes into its file names: candidates, never facts. Pure.

Makers agree on the parts of a name, not on their order (docs/formats/fs-only.md,
section 6): so the numbers before the time are handed out as candidates, to be held
against the recorder's own number and its holder's.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_NAME: Final = 255

# [DCAM_][number_][number_]yyyyMMdd[_]HHmmss[SSS][_seq][_][IMP|ZY][_enc|_encryption].ext
_NAME: Final = re.compile(
    r"(?:DCAM_)?"
    r"(?:(?P<first>[A-Z0-9-]{5,16})_)?"
    r"(?:(?P<second>[A-Z0-9-]{5,16})_)?"
    r"(?P<date>20\d{6})_?(?P<time>\d{6})(?P<millis>\d{3})?"
    r"(?:_(?P<sequence>\d{1,6}))?"
    r"(?P<important>_?(?:IMP|ZY))?"
    r"(?P<encrypted>_enc(?:ryption)?)?"
    r"\.(?P<extension>[A-Z0-9]{1,8})",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a file name says. `at` is the recorder's local time, without a zone."""

    numbers: tuple[str, ...]
    at: datetime
    sequence: int | None
    important: bool
    encrypted: bool
    extension: str

    def names(self, number: str) -> bool:
        """Return whether `number`, a recorder's or a holder's, is among the candidates."""
        return bool(number) and number.casefold() in map(str.casefold, self.numbers)


def parse(name: str) -> Marks | None:
    """Return what the last part of a path says, or None where it follows no known maker.

    >>> parse("8888888_000000_20160129205547_0001IMP.mp4").numbers
    ('8888888', '000000')
    """
    match = _NAME.fullmatch(name) if len(name) <= MAX_NAME else None
    if match is None:
        return None
    at = _time(match["date"] + match["time"], match["millis"])
    if at is None:
        return None
    return Marks(
        numbers=tuple(number for number in match.group("first", "second") if number),
        at=at,
        sequence=None if match["sequence"] is None else int(match["sequence"]),
        important=match["important"] is not None,
        encrypted=match["encrypted"] is not None,
        extension=match["extension"].lower(),
    )


def _time(digits: str, millis: str | None) -> datetime | None:
    try:
        at = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007  the name has no zone
    except ValueError:
        return None
    return at.replace(microsecond=1000 * int(millis or 0))
