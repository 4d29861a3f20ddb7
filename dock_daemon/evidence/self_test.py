"""SHA-256 against answers that are known: a processor that errs must be noticed, not trusted.

Every promise of the dock rests on one hash, computed by instructions of the processor. Cores are
known that give wrong answers now and then, and give the same wrong answer twice: a clip would be
sealed under a name that is not its own, and no reading back would tell. So the hash is tested at
each start, and then again before whatever is next committed once so many bytes or so much time
have passed. Where the system lets us, every core is asked.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from dock_daemon.errors import HashDoubtError

_EVERY_BYTES: Final = 16 << 30
_EVERY_S: Final = 3600.0
_LETTERS: Final = b"abcdefghijklmnopqrstu"
# What FIPS 180-4's examples give, and NIST's million of "a"; the last is long enough for the
# paths that take many blocks at a time.
_KNOWN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        b"".join(_LETTERS[at : at + 8] for at in range(14)),
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
    (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
)
_PIECES: Final = 4093  # bytes: no multiple of a block, so that each piece ends within one


class Hash(Protocol):
    """What hashlib's constructors give."""

    def update(self, data: memoryview, /) -> None:
        """Take in more."""

    def hexdigest(self) -> str:
        """Return the digest in hexadecimal."""


class HashWatch:
    """Tests the hash again and again. One thread uses it.

    `new` makes a hash; `monotonic_s` is a clock in seconds.
    """

    def __init__(
        self,
        new: Callable[[], Hash] = hashlib.sha256,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new = new
        self._monotonic_s = monotonic_s
        self._bytes = 0
        self._tested_s = 0.0

    def test(self) -> None:
        """Ask every core that we may run on; raise HashDoubtError where one answers wrongly."""
        for core in _each_core():
            for message, answer in _KNOWN:
                self._ask(message, answer, core)
        self._bytes, self._tested_s = 0, self._monotonic_s()

    def hashed(self, count: int) -> None:
        """Hear of bytes that were hashed; test if it is time, and raise as `test` does."""
        self._bytes += count
        if self._bytes >= _EVERY_BYTES or self._monotonic_s() - self._tested_s >= _EVERY_S:
            self.test()

    def _ask(self, message: bytes, answer: str, core: int | None) -> None:
        whole, pieces = self._new(), self._new()
        whole.update(memoryview(message))
        for at in range(0, len(message), _PIECES):
            pieces.update(memoryview(message)[at : at + _PIECES])
        for found in (whole.hexdigest(), pieces.hexdigest()):
            if found != answer:
                raise HashDoubtError(core=core, expected=answer, found=found)


def _each_core() -> Iterator[int | None]:
    """Run what follows on one core after the other; None where the system does not let us."""
    allowed = os.sched_getaffinity(0)
    try:
        for core in sorted(allowed):
            os.sched_setaffinity(0, {core})
            yield core
    except PermissionError:
        yield None
    finally:
        with contextlib.suppress(PermissionError):
            os.sched_setaffinity(0, allowed)
