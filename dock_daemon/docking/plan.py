"""What to do with each file on a volume: take it over, or know it again.

Pure: the listing and what the ledger knows come in, steps come out.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from dock_daemon.evidence.records import Known
from firmware_bridge.volume.listing import Entry, Stamp, Volume

# Power was lost before the size was written, so the whole chain is taken over.
_SIZE_LOST: Final = "size-zero-with-chain"
# Problems of a folder that keep its files out of sight.
_KEEPS_OUT: Final = frozenset(
    {
        "bad-cluster",
        "bound",
        "chain-loop",
        "chain-short",
        "cluster-out-of-range",
        "directory-loop",
        "directory-unreadable",
        "free-cluster-in-chain",
        "no-chain",
        "size-beyond-medium",
        "table-unreadable",
    }
)
_LARGEST: Final = 2**53 - 1  # docs/formats/entry.md section 2.3


@dataclass(frozen=True, slots=True)
class Take:
    """Copy this file. `known` is the clip that stood under its name before, if any."""

    volume: Volume
    entry: Entry
    known: Known | None = None
    differs: tuple[str, ...] = ()
    # The clip is listed as it was sealed, yet the store no longer has it: "missing" or
    # "damaged". If the card's copy proves to be what was sealed, that is a finding.
    store: str = ""

    @property
    def as_sealed(self) -> bool:
        """Tell whether the file is listed as it was when `known` was sealed."""
        return self.known is not None and not self.differs


@dataclass(frozen=True, slots=True)
class Keep:
    """Everything listed about this file is as it was sealed."""

    volume: Volume
    entry: Entry
    known: Known


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing of this file can be read; `reason` is the code of the problem that says why."""

    volume: Volume
    entry: Entry
    reason: str


Step: TypeAlias = Take | Keep | Skip
# What was sealed under each path of a volume, the newest first.
Versions: TypeAlias = Mapping[str, Sequence[Known]]


def path_key(entry: Entry) -> str:
    """Return the path as the volume stores it: raw names in hex, joined by "/"."""
    return "/".join(name.raw.hex() for name in entry.path)


def stamps_of(entry: Entry) -> str:
    """Return created and modified exactly as stored, as text to compare.

    The access date is left out: looking at a card in a PC changes it.
    """
    return f"c={_words(entry.created)} m={_words(entry.modified)}"


def extents_of(entry: Entry) -> str:
    """Return one short text that differs whenever the extents do."""
    runs = ",".join(f"{extent.offset}+{extent.length}" for extent in entry.extents)
    return hashlib.sha256(runs.encode("ascii")).hexdigest()[:32]


def first_offset(entry: Entry) -> int:
    """Return where the file's first byte lies on the medium, -1 if nowhere."""
    return entry.extents[0].offset if entry.extents else -1


def listed_size(entry: Entry) -> int:
    """Return the size that the record states, as far as entries and documents can hold it.

    A broken exFAT record may state up to 2^64 - 1; its bytes are kept beside it.
    """
    return min(entry.size, _LARGEST)


def content_size(entry: Entry) -> int:
    """Return how many bytes can come over: the extents, never more than the listed size."""
    runs = entry.extents
    reach = runs[0].length if len(runs) == 1 else sum([run.length for run in runs])
    return reach if size_was_lost(entry) else min(reach, entry.size)


def valid_size(entry: Entry) -> int:
    """Return from where on the content reads as zeros (exFAT's valid data length)."""
    whole = content_size(entry)
    return whole if size_was_lost(entry) else min(entry.valid_size, whole)


def size_was_lost(entry: Entry) -> bool:
    """Tell whether the record says size 0 while it owns clusters."""
    return bool(entry.problems) and any(one.code == _SIZE_LOST for one in entry.problems)


def is_incomplete(entry: Entry) -> bool:
    """Tell whether less can come over than the directory record promises."""
    return content_size(entry) < entry.size


def why_not_entered(entry: Entry) -> str | None:
    """Return why a live folder was not read to its end; None for any other entry."""
    if not entry.directory or entry.deleted:
        return None
    codes = (problem.code for problem in entry.problems)
    return next((code for code in codes if code in _KEEPS_OUT), None)


def differences(entry: Entry, known: Known) -> tuple[str, ...]:
    """Name what is listed otherwise than when the clip was sealed."""
    pairs = {
        "size": (listed_size(entry), known.listed_size),
        "times": (stamps_of(entry), known.stamps),
        "extents": (extents_of(entry), known.extents),
    }
    return tuple(name for name, (now, then) in pairs.items() if now != then)


def steps(volume: Volume, entries: Iterable[Entry], known: Versions) -> list[Step]:
    """Return what to do with each live file, the oldest first: its deadline is the nearest."""
    files = [entry for entry in entries if not entry.deleted and not entry.directory]
    files.sort(key=lambda entry: (_order(entry.modified), entry.record_offset))
    return [_step(volume, entry, known.get(path_key(entry), ())) for entry in files]


def _step(volume: Volume, entry: Entry, versions: Sequence[Known]) -> Step:
    if entry.size > 0 and content_size(entry) == 0:
        return Skip(volume, entry, _why_unreadable(entry))
    # A broken card may hold one name twice, so every version sealed under it counts.
    for known in versions:
        if not differences(entry, known):
            # What could not be read whole is tried again.
            return Take(volume, entry, known) if known.holes else Keep(volume, entry, known)
    # What was erased because the dock said so has left its name to whatever comes next.
    if not versions or versions[0].erased:
        return Take(volume, entry)
    return Take(volume, entry, versions[0], differences(entry, versions[0]))


def _why_unreadable(entry: Entry) -> str:
    """Return the problem that keeps the content away; an odd name keeps nothing away."""
    codes = [problem.code for problem in entry.problems if not problem.code.startswith("name-")]
    return codes[0] if codes else "no-extents"


def _words(stamp: Stamp | None) -> str:
    if stamp is None:
        return "-"
    zone = "" if stamp.zone is None else f"{stamp.zone:02x}"
    return f"{stamp.date:04x}.{stamp.time:04x}.{stamp.tens_ms:02x}.{zone}"


def _order(stamp: Stamp | None) -> tuple[int, int]:
    return (0, 0) if stamp is None else (stamp.date, stamp.time)
