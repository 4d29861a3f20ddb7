"""The recorder that is nothing but a disk: who it is stands in a file on it.

Pure: a look-up of files goes in, what they say comes out. The files are hostile
text; they are shown as they were meant, as far as that can be told, and kept
verbatim beside it. docs/formats/fs-only.md fixes what is read, and how.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from firmware_bridge.wire.holder_text import unset, visible

# Section 1: a path from the root to the file's bytes, or None where it is not there.
LookUp: TypeAlias = Callable[[str], bytes | None]

SETTINGS_FILES: Final = ("Param.ini", "PARAM.INI", "param.ini")
INFO_FILE: Final = "DCIM/100MEDIA/Info.dat"
FILES: Final = (*SETTINGS_FILES, INFO_FILE)
MAX_FILE: Final = 64 * 1024
MAX_VALUE: Final = 128

_SECTION: Final = "zfy"
_PADDING: Final = " \t\r\n\0\x1a\ufeff"
# A code point from here on takes three bytes of UTF-8, as every Chinese character does.
_THREE_BYTES: Final = "\u0800"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a recorder says it is. A field that is not set is empty; `raw` is the whole file."""

    dev_no: str
    user_no: str
    user_name: str
    department: str
    source_file: str
    raw: bytes


def identify(look_up: LookUp, files: Sequence[str] = FILES) -> Identity | None:
    """Return what the recorder's files say of it, or None where none says anything.

    The first of `files` that names the recorder wins; else the first that is there at
    all, so that its bytes are kept.
    """
    found = list(_identities(look_up, files))
    return next((one for one in found if one.dev_no), found[0] if found else None)


def _identities(look_up: LookUp, files: Sequence[str]) -> Iterator[Identity]:
    seen: set[str] = set()  # one file under three spellings, where the look-up ignores case
    for path in files:
        data = None if path.casefold() in seen else look_up(path)
        if data is None:
            continue
        # Section 1: the ending says which form it has.
        read = from_settings if path.casefold().endswith(".ini") else from_info
        identity = read(data, path)
        if identity is not None:
            seen.add(path.casefold())
            yield identity


def from_settings(data: bytes, source_file: str) -> Identity | None:
    """Read a Param.ini (section 2); None if it is too long or has no section ZFY."""
    if len(data) > MAX_FILE:
        return None
    fields = _section(decode(data))
    if fields is None:
        return None
    return Identity(
        dev_no=_value(fields.get("devno", "")),
        user_no=_value(fields.get("polno", "")),
        user_name=_value(fields.get("username", "")),
        department=_value(fields.get("department", "")),
        source_file=source_file,
        raw=data,
    )


def from_info(data: bytes, source_file: str) -> Identity | None:
    """Read an Info.dat (section 3); None if it is too long or its first line is not fields."""
    if len(data) > MAX_FILE:
        return None
    first, *_rest = re.split(r"[\r\n]", decode(data), maxsplit=1)
    fields = first.split(";")
    if len(fields) < 2:  # noqa: PLR2004  a device and a user
        return None
    return Identity(
        dev_no=_value(fields[0]),
        user_no=_value(fields[1]),
        user_name="",
        department="",
        source_file=source_file,
        raw=data,
    )


def decode(data: bytes) -> str:
    """Return `data` as text (section 5); what fits no encoding becomes U+FFFD.

    By its mark, else UTF-8 where all that is not ASCII is of three bytes or more, else
    GB18030. Short Chinese text in GB18030 is now and then valid UTF-8 of two bytes each.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")
    if all(point.isascii() or point >= _THREE_BYTES for point in text):
        return text
    return data.decode("gb18030", "replace")


def _section(text: str) -> dict[str, str] | None:
    """Return the fields of every section ZFY, the first of a name; None if there is none."""
    fields: dict[str, str] | None = None
    inside = False
    for line in re.split(r"[\r\n]+", text):
        stripped = line.strip(_PADDING)
        if stripped.startswith("[") and stripped.endswith("]"):
            inside = stripped[1:-1].strip(_PADDING).casefold() == _SECTION
            fields = {} if inside and fields is None else fields
        elif inside and fields is not None and not stripped.startswith((";", "#")):
            name, equals, value = stripped.partition("=")
            if equals:
                fields.setdefault(name.strip(_PADDING).casefold(), value)
    return fields


def _value(text: str) -> str:
    """Return a value fit to be shown: trimmed, cut, nothing invisible; empty if not set."""
    shown = visible(text.strip(_PADDING)[:MAX_VALUE])
    return "" if unset(shown) else shown
