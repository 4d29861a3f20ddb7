"""Entries on their way to a mirror: C2SP tlog-mirror, docs/formats/witness.md section 4.

    u16 length, origin; u64 start; u64 end; u16 length, ticket;
    then packages: entries, each after its length (u16); u8 count, as many hashes

A package reaches to the next multiple of 256, so it is one entry bundle; its
proof is of the whole bundle as the tree of `end` has it. All numbers are big-endian.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hashing.checkpoint import MAX_SIZE
from hashing.errors import KeyFormatError, SubmissionError
from hashing.keys import check_name
from hashing.merkle import HASH_SIZE
from hashing.tiles import MAX_BUNDLE, MAX_ENTRY, WIDTH

MAX_PROOF: Final = 63  # hashes
MAX_TEXT: Final = 65_535  # bytes of an origin or a ticket
PACKAGES_A_REQUEST: Final = 32
MAX_HEAD: Final = 2 + MAX_TEXT + 8 + 8 + 2 + MAX_TEXT
MAX_PACKAGE: Final = MAX_BUNDLE + 1 + MAX_PROOF * HASH_SIZE
MAX_UPLOAD: Final = MAX_HEAD + PACKAGES_A_REQUEST * MAX_PACKAGE  # bytes, unpacked


@dataclass(frozen=True, slots=True)
class UploadHead:
    """What an upload begins with. Making one raises SubmissionError if none can."""

    origin: str
    start: int
    end: int
    ticket: bytes = b""

    def __post_init__(self) -> None:
        try:
            check_name(self.origin)
        except KeyFormatError as error:
            raise SubmissionError(f"origin: {error}") from None
        if len(self.origin.encode()) > MAX_TEXT or len(self.ticket) > MAX_TEXT:
            raise SubmissionError(f"an origin or a ticket is longer than {MAX_TEXT} bytes")
        _demand_span(self.start, self.end)

    def encode(self) -> bytes:
        """Return the bytes that come before the packages."""
        numbers = self.start.to_bytes(8, "big") + self.end.to_bytes(8, "big")
        return _text(self.origin.encode()) + numbers + _text(self.ticket)

    @classmethod
    def read(cls, data: bytes) -> "tuple[UploadHead, int] | None":
        """Return the head that `data` begins with and its length; None: more bytes are needed.

        Raises SubmissionError as soon as it is known that there is none. At most
        MAX_HEAD bytes are ever needed.
        """
        origin = _read_text(data, 0)
        if origin is None:
            return None
        numbers = 2 + len(origin)
        ticket = _read_text(data, numbers + 16)
        if ticket is None:
            return None
        start = int.from_bytes(data[numbers : numbers + 8], "big")
        end = int.from_bytes(data[numbers + 8 : numbers + 16], "big")
        try:
            name = origin.decode("utf-8")
        except UnicodeDecodeError:
            raise SubmissionError("the origin is not UTF-8") from None
        return cls(name, start, end, ticket), numbers + 18 + len(ticket)


@dataclass(frozen=True, slots=True)
class Package:
    """Which entries a package holds, [start, end); it is proved for [subtree_start, end)."""

    subtree_start: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package that has arrived whole. Nothing in it has been checked against a tree."""

    package: Package
    entries: tuple[bytes, ...]
    proof: tuple[bytes, ...]


def packages(start: int, end: int) -> list[Package]:
    """Return the canonical sequence for [start, end); raise SubmissionError if it is none."""
    _demand_span(start, end)
    return list(_sequence(start, end))


def pack_package(entries: Sequence[bytes], proof: Sequence[bytes]) -> bytes:
    """Return the bytes of one package; raise SubmissionError if no package holds these."""
    if not 1 <= len(entries) <= WIDTH:
        raise SubmissionError(f"a package holds 1 to {WIDTH} entries, not {len(entries)}")
    if any(not 1 <= len(entry) <= MAX_ENTRY for entry in entries):
        raise SubmissionError(f"an entry is 1 to {MAX_ENTRY} bytes")
    _demand_proof(proof)
    cut = b"".join(part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry))
    return cut + bytes([len(proof)]) + b"".join(proof)


class PackageReader:
    """Cuts the bytes after an upload's head into packages, however the stream is sliced.

    Holds what is left of one package and the slice at hand, never more.
    """

    def __init__(self, start: int, end: int) -> None:
        """Expect the canonical sequence for [start, end), or its beginning."""
        _demand_span(start, end)
        self._expected = _sequence(start, end)
        self._package = next(self._expected, None)
        self._entries: list[bytes] = []
        self._rest = bytearray()

    @property
    def awaits(self) -> Package | None:
        """The package that comes next; None: all have come."""
        return self._package

    def feed(self, data: bytes) -> Iterator[Parcel]:
        """Take the next bytes; return the packages that they complete, to be iterated to the end.

        The iterator raises SubmissionError where the bytes are no package or
        follow the last one; what came out before that stands.
        """
        self._rest += data
        return self._cut()

    def finish(self) -> None:
        """Raise SubmissionError if the bytes ended within a package."""
        if self._rest or self._entries:
            raise SubmissionError("the upload ends within a package")

    def _cut(self) -> Iterator[Parcel]:
        at = 0
        try:
            while self._package is not None:
                at = self._cut_entries(self._package, at)
                proof = self._proof(self._package, at)
                if proof is None:
                    return
                at += 1 + HASH_SIZE * len(proof)
                parcel = Parcel(self._package, tuple(self._entries), proof)
                self._entries = []
                self._package = next(self._expected, None)
                yield parcel
            if len(self._rest) > at:
                raise SubmissionError("bytes follow the last package")
        finally:
            del self._rest[:at]

    def _cut_entries(self, package: Package, at: int) -> int:
        wanted = package.end - package.start
        while len(self._entries) < wanted and len(self._rest) >= at + 2:
            length = int.from_bytes(self._rest[at : at + 2], "big")
            if length == 0:
                raise SubmissionError("an entry is empty")
            if len(self._rest) < at + 2 + length:
                break
            self._entries.append(bytes(self._rest[at + 2 : at + 2 + length]))
            at += 2 + length
        return at

    def _proof(self, package: Package, at: int) -> tuple[bytes, ...] | None:
        """Return the hashes of a proof at `at`; None: more bytes are needed."""
        if len(self._entries) < package.end - package.start or len(self._rest) == at:
            return None
        count = self._rest[at]
        if count > MAX_PROOF:
            raise SubmissionError(f"a proof holds at most {MAX_PROOF} hashes, not {count}")
        start, stop = at + 1, at + 1 + HASH_SIZE * count
        if len(self._rest) < stop:
            return None
        return tuple(bytes(self._rest[i : i + HASH_SIZE]) for i in range(start, stop, HASH_SIZE))


def _sequence(start: int, end: int) -> Iterator[Package]:
    while start < end:
        aligned = start - start % WIDTH
        stop = min(end, aligned + WIDTH)
        yield Package(aligned, start, stop)
        start = stop


def _demand_span(start: int, end: int) -> None:
    if not 0 <= start <= end <= MAX_SIZE:
        raise SubmissionError(f"no entries [{start}, {end})")


def _demand_proof(proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_PROOF:
        raise SubmissionError(f"a proof holds at most {MAX_PROOF} hashes, not {len(proof)}")
    if any(len(each) != HASH_SIZE for each in proof):
        raise SubmissionError(f"a hash of a proof is not {HASH_SIZE} bytes")


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _read_text(data: bytes, at: int) -> bytes | None:
    if len(data) < at + 2:
        return None
    stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
    return data[at + 2 : stop] if len(data) >= stop else None
