"""Names as recorders and their enemies write them.

The raw bytes of a name are the truth. The text made here is for people and for
matching; what in it could mislead either is reported, never repaired.
"""

import re
from typing import Final

from firmware_bridge.volume.listing import Problem

# FAT stores short names in the code page of the system that wrote them: for
# recorders sold in China that is GBK, of which GB 18030 is the superset.
CODE_PAGE: Final = "gb18030"
LONGEST_NAME: Final = 255  # UTF-16 units (FAT specification 7, exFAT 7.6.4)

_BASE_LOWER: Final = 0x08
_EXTENSION_LOWER: Final = 0x10
# A first byte of 0x05 stands for 0xE5, which alone would mean "deleted".
_KANJI_E5: Final = 0x05
_TO_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

_SEPARATOR: Final = re.compile(r"[/\\]")
_CONTROL: Final = re.compile("[\x01-\x1f\x7f-\x9f\u200b\u2028\u2029\u2060\ufeff]")
_BIDI: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HARMLESS: Final = re.compile(r"[\w \-$%'`@{}~!#()&+,;=\[\].?]*[\w\-]")


def long_text(raw: bytes) -> str:
    """Return the text of a UTF-16LE name; an unpaired surrogate becomes U+FFFD."""
    return raw.decode("utf-16-le", errors="replace")


def short_text(short: bytes, case: int, *, encoding: str, deleted: bool) -> str:
    """Return a short name as `BASE.EXT`, in the case that byte 12 of its record asks for.

    The first byte of a deleted name is lost: "?", which no FAT name may hold,
    stands in its place.
    """
    first = b"?" if deleted else short[:1]
    if not deleted and short[0] == _KANJI_E5:
        first = b"\xe5"
    base = (first + short[1:8]).rstrip(b" ").decode(encoding, errors="replace")
    extension = short[8:11].rstrip(b" ").decode(encoding, errors="replace")
    if case & _BASE_LOWER:
        base = base.translate(_TO_LOWER)
    if case & _EXTENSION_LOWER:
        extension = extension.translate(_TO_LOWER)
    return f"{base}.{extension}" if extension else base


def checksum(short: bytes) -> int:
    """Return the sum that ties long-name slots to a short name (FAT specification 7.2)."""
    total = 0
    for byte in short:
        total = (((total & 1) << 7) + (total >> 1) + byte) & 0xFF
    return total


def first_byte(short: bytes, total: int) -> int:
    """Return the one first byte with which `short` has this checksum: the sum run backwards."""
    for byte in reversed(short[1:]):
        rotated = (total - byte) & 0xFF
        total = ((rotated << 1) | (rotated >> 7)) & 0xFF
    return total


def problems_of(text: str, raw_utf16: bytes | None) -> list[Problem]:
    """Return what is wrong with one name; `raw_utf16` when it is a long one."""
    if _HARMLESS.fullmatch(text) and len(text) <= LONGEST_NAME // 2:
        return []
    found = []
    if not text.strip(" "):
        found.append("name-empty")
    if any(part.strip(" ") in {".", ".."} for part in _SEPARATOR.split(text)):
        found.append("name-traversal")
    if _SEPARATOR.search(text):
        found.append("name-separator")
    if "\0" in text:
        found.append("name-nul")
    if _CONTROL.search(text):
        found.append("name-control")
    if _BIDI.search(text):
        found.append("name-bidi")
    if raw_utf16 is not None:
        found.extend(_wrong_utf16(raw_utf16))
    return [Problem(code) for code in found]


def _wrong_utf16(raw: bytes) -> list[str]:
    wrong = []
    if len(raw) > 2 * LONGEST_NAME:
        wrong.append("name-too-long")
    try:
        raw.decode("utf-16-le")
    except UnicodeDecodeError:
        wrong.append("name-surrogate")
    return wrong
