"""Faults that the kernel tells of: its log, record by record, for what befell the storage.

The parser is pure and takes any bytes. A record of /dev/kmsg (Documentation/ABI/testing/
dev-kmsg) is `priority,sequence,microseconds since boot,flags[,…];message`, with lines of
` KEY=value` behind it.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

MOST_FAULTS: Final = 24
"""Kinds of trouble that are remembered; the dock is told 32 faults at most, others among them."""

_MOST_RECORD: Final = 8192
_MOST_DETAIL: Final = 160
_MOST_HEAD: Final = 80
_HEAD: Final = re.compile(rb"(?P<level>\d{1,10}),(?P<seq>\d{1,20}),(?P<us>\d{1,18}),[^;]{0,64}")

# What the kernel's own sources print (6.1 to 6.12): block/blk-core.c, fs/buffer.c,
# drivers/mmc, fs/{ext4,fat,exfat,f2fs}, drivers/hwmon/raspberrypi-hwmon.c. The group is the
# device; one fault stands for all of its kind on one device.
_SIGNS: Final = tuple(
    (code, re.compile(pattern))
    for code, pattern in (
        ("storage-io-error", r"(?:critical )?\w+ error, dev (?P<on>[\w-]{1,32}), sector \d+"),
        ("storage-io-error", r"Buffer I/O error on dev(?:ice)? (?P<on>[\w-]{1,32}),"),
        ("storage-io-error", r"I/O error, dev (?P<on>[\w-]{1,32}), sector \d+"),
        ("card-error", r"(?P<on>mmc(?:blk)?\d{1,3}): .*\b(?:error -?\d+|[Tt]ime(?:d )?out)"),
        ("filesystem-dirty", r"(?:ex)?FAT-fs \((?P<on>[\w-]{1,32})\): .*not properly unmounted"),
        ("filesystem-error", r"(?:ex)?FAT-fs \((?P<on>[\w-]{1,32})\): error"),
        ("filesystem-error", r"EXT4-fs error \(device (?P<on>[\w-]{1,32})\)"),
        ("filesystem-read-only", r"\w{3,5}-fs \((?P<on>[\w-]{1,32})\): .*[Rr]ead-only"),
        ("filesystem-dirty", r"EXT4-fs \((?P<on>[\w-]{1,32})\): (?:warning: )?mounting.*errors"),
        ("power-low", r"(?:hwmon (?P<on>hwmon\d{1,3}): )?Under-?voltage detected"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One kind of trouble on one device: how often, and when last (microseconds since boot)."""

    code: str
    device: str
    detail: str
    last_us: int
    times: int = 1


def trouble(record: bytes) -> Trouble | None:
    """Return the trouble that one record tells of; None where it tells of none, or is none."""
    head, semicolon, rest = record[:_MOST_RECORD].partition(b";")
    found = _HEAD.fullmatch(head) if len(head) <= _MOST_HEAD else None
    if found is None or not semicolon:
        return None
    # The lower three bits of the priority are the level, the others who speaks: 0 is the
    # kernel. What a program wrote into its log is no news of a device.
    if int(found["level"]) >> 3:
        return None
    text = rest.partition(b"\n")[0].decode("utf-8", "replace")
    for code, sign in _SIGNS:
        seen = sign.search(text[: 2 * _MOST_DETAIL])
        if seen is not None:
            detail = "".join(char if char.isprintable() else "?" for char in text[:_MOST_DETAIL])
            return Trouble(
                code=code, device=seen["on"] or "", detail=detail, last_us=int(found["us"])
            )
    return None


class Troubles:
    """What the log has told since the boot, one for each kind and device; bounded."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Trouble] = {}

    def take(self, record: bytes) -> None:
        """Take one record of the log."""
        seen = trouble(record)
        if seen is None:
            return
        key = (seen.code, seen.device)
        before = self._known.get(key)
        if before is not None:
            self._known[key] = replace(seen, times=before.times + 1)
        elif len(self._known) < MOST_FAULTS:
            self._known[key] = seen

    def all(self) -> tuple[Trouble, ...]:
        """Return them, the newest first."""
        return tuple(sorted(self._known.values(), key=lambda each: -each.last_us))
