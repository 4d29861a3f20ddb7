"""The record in which a recorder keeps its number and its holder: fixed fields of GB18030 text.

Raw bytes are kept verbatim beside what they show. docs/formats/vendor-recorders.md, section 1,
fixes the bytes; makers differ in the widths of the fields only. Parsing raises BadAnswerError;
building TextTooLongError and UnwritableTextError; nothing else is raised.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firmware_bridge.capabilities import Holder
from firmware_bridge.errors import BadAnswerError, TextTooLongError, UnwritableTextError

ENCODING: Final = "gb18030"
# Section 1.3: what a factory leaves where nothing was set.
_UNSET: Final = re.compile(r"0+|DSJ-0+-0+|ABCDE", re.IGNORECASE)
# Erased flash, and what pads. Neither is a part of a longer character in GB18030.
_PADDING: Final = b" \xff"
# Controls, direction marks and other invisible ones, surrogates, line and paragraph separators.
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_UNKNOWN: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Layout:
    """How many bytes each field takes, in the order of the record."""

    serial: int
    user_no: int
    user_name: int
    unit_no: int
    unit_name: int

    @property
    def fields(self) -> tuple[tuple[str, int], ...]:
        """Each field's name and width."""
        return (
            ("serial", self.serial),
            ("user_no", self.user_no),
            ("user_name", self.user_name),
            ("unit_no", self.unit_no),
            ("unit_name", self.unit_name),
        )

    @property
    def size(self) -> int:
        """How many bytes the whole record takes."""
        return sum(width for _name, width in self.fields)

    def cut(self, raw: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield each field's name and bytes."""
        offset = 0
        for name, width in self.fields:
            yield name, raw[offset : offset + width]
            offset += width


# Section 1.1: ZFY_INFO as it goes over the wire, 89 bytes.
ZFY_INFO: Final = Layout(serial=7, user_no=6, user_name=32, unit_no=12, unit_name=32)
# Section 1.4: two fields that a recorder does not take empty, and what stands for "not set".
_NOT_EMPTY: Final = ("serial", "user_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a record shows. A field that is not set is empty; `raw` is the record itself."""

    serial: str
    user_no: str
    user_name: str
    unit_no: str
    unit_name: str
    raw: bytes

    @property
    def holder(self) -> Holder:
        """Whom the record names."""
        return Holder(
            user_no=self.user_no,
            user_name=self.user_name,
            unit_no=self.unit_no,
            unit_name=self.unit_name,
            raw=self.raw,
        )


def parse(raw: bytes, layout: Layout, *, command: str) -> Record:
    """Read a record; BadAnswerError, naming `command`, if it has another size."""
    if len(raw) != layout.size:
        raise BadAnswerError(command=command, reason=f"{len(raw)} bytes, not {layout.size}")
    shown = {name: decode(data) for name, data in layout.cut(raw)}
    return Record(**shown, raw=raw)


def build(serial: str, holder: Holder, layout: Layout) -> bytes:
    """Return the record that reads back as these; NUL fills each field.

    Raises TextTooLongError for a text that does not fit, UnwritableTextError for one that
    would be read back as another.
    """
    texts = (serial, holder.user_no, holder.user_name, holder.unit_no, holder.unit_name)
    pairs = zip(layout.fields, texts, strict=True)
    return b"".join(_field(name, text, width) for (name, width), text in pairs)


def _field(name: str, text: str, width: int) -> bytes:
    if not text:
        return b"0" * width if name in _NOT_EMPTY else bytes(width)
    return encode(name, text, limit=width).ljust(width, b"\0")


def encode(name: str, text: str, *, limit: int) -> bytes:
    """Return `text` in at most `limit` bytes that decode to it again; raises as `build`."""
    try:
        data = text.encode(ENCODING)
    except UnicodeEncodeError:
        raise UnwritableTextError(name) from None
    if len(data) > limit:
        raise TextTooLongError(field=name, limit=limit, got=len(data))
    if decode(data) != text:
        raise UnwritableTextError(name)
    return data


def decode(data: bytes) -> str:
    """Return what a field shows: up to its first NUL, trimmed, nothing invisible in it."""
    text = data.partition(b"\0")[0].strip(_PADDING).decode(ENCODING, "replace")
    return shown(text)


def shown(text: str) -> str:
    """Return `text` fit to be shown; empty where it says that nothing is set (section 1.3)."""
    seen = visible(text.strip(" "))
    return "" if unset(text) else seen


def unset(text: str) -> bool:
    """Tell whether a value is what a factory leaves: blanks of any kind, or as section 1.3 has it.

    Every driver takes such a number for none: else all that were never numbered were one recorder.
    """
    return not text.strip() or _UNSET.fullmatch(text.strip()) is not None


def visible(text: str) -> str:
    """Return `text` with U+FFFD in the place of all that is not seen, or steers what is."""
    return "".join(_UNKNOWN if unicodedata.category(point) in _UNSHOWN else point for point in text)
