"""Long FAT names put together from their slots, of live and of deleted records.

A slot holds 13 UTF-16 units; slots stand before the short record in reverse
order, numbered from 1, the topmost marked 0x40, each with a checksum of the
short name ("FAT Long Directory Entries").
"""

from typing import Final

from firmware_bridge.volume import names
from firmware_bridge.volume.listing import Name, Problem

Slot = tuple[int, bytes]  # offset on the medium, 32 bytes

MOST_SLOTS: Final = 20
_DELETED: Final = 0xE5
_TOPMOST: Final = 0x40
_NUMBER: Final = 0x3F
_CHECKSUM_AT: Final = 13
_SPACE: Final = 0x20
_STANDS_FOR_E5: Final = 0x05
_NEVER_SHORT: Final = frozenset(b'"*+,./:;<=>?[\\]|')


def name_of(slots: list[Slot], record: bytes, *, encoding: str) -> tuple[Name, int, list[Problem]]:
    """Return the name of a record, how many of the nearest slots are its, and what is wrong."""
    short, erased = record[:11], record[0] == _DELETED
    used, problems = _own(slots, short, erased=erased)
    if not used:
        text = names.short_text(short, record[12], encoding=encoding, deleted=erased)
        name = Name(short, text, short)
        used = len(slots) if problems else 0
        return name, used, [*problems, *names.problems_of(text, None)]
    raw, hidden = _joined([slot for _at, slot in slots[: -used - 1 : -1]])
    if hidden:
        problems.append(Problem("name-nul"))
    text = names.long_text(raw)
    name = Name(raw, text, short)
    if problems:
        used = len(slots)
    return name, used, [*problems, *names.problems_of(text, raw)]


def _own(slots: list[Slot], short: bytes, *, erased: bool) -> tuple[int, list[Problem]]:
    """Return how many slots, nearest first, belong to a record; and what is wrong with them."""
    if not slots:
        return 0, []
    total = slots[-1][1][_CHECKSUM_AT]
    used, whole = 0, False
    for _at, slot in reversed(slots[-MOST_SLOTS:]):
        if slot[_CHECKSUM_AT] != total:
            break
        if slot[0] != _DELETED and slot[0] & _NUMBER != used + 1:
            break
        if slot[0] == _DELETED and not erased:
            break  # left over from an older, deleted name
        used += 1
        # The topmost slot is marked; once deleted, only its padding tells.
        whole = bool(slot[0] & _TOPMOST) if slot[0] != _DELETED else _padded(slot)
        if whole:
            break
    problems = []
    if used and not _fits(total, short, erased=erased):
        return 0, [Problem("lfn-checksum")]
    if not whole and not erased:
        used = 0
    live_left = any(slot[0] != _DELETED for _at, slot in slots[: len(slots) - used])
    if live_left or (erased and any(slot[0] != _DELETED for _at, slot in slots)):
        problems.append(Problem("lfn-orphan"))
    return used, problems


def _fits(total: int, short: bytes, *, erased: bool) -> bool:
    """Tell whether a slot's checksum is that of the short name.

    The first byte of a deleted name is lost, and for every checksum exactly one
    byte fits in its place: the test then is whether that one may start a name.
    """
    if not erased:
        return names.checksum(short) == total
    lost = names.first_byte(short, total)
    if lost == _STANDS_FOR_E5:
        return True
    return lost > _SPACE and lost not in _NEVER_SHORT


def _units(slot: bytes) -> bytes:
    return slot[1:11] + slot[14:26] + slot[28:32]


def _padded(slot: bytes) -> bool:
    units = _units(slot)
    return any(units[at : at + 2] == b"\0\0" for at in range(0, len(units), 2))


def _joined(slots: list[bytes]) -> tuple[bytes, bool]:
    """Return the name in `slots` (nearest first), and whether bytes hide behind its end."""
    units = b"".join(_units(slot) for slot in slots)
    for at in range(0, len(units), 2):
        if units[at : at + 2] == b"\0\0":
            return units[:at], units[at + 2 :].strip(b"\xff") != b""
    return units, False
