"""What a reader sends, taken strictly: whatever is wrong with it is ReaderFailedError."""

from functools import partial
from typing import Final

from firmware_bridge import strict
from firmware_bridge.errors import ReaderFailedError
from firmware_bridge.strict import U16, U32, U64, Json

__all__ = [
    "U16",
    "U32",
    "U64",
    "Fields",
    "Json",
    "array",
    "broken",
    "integer",
    "load",
    "octets",
    "text",
]


def broken(reason: str) -> ReaderFailedError:
    """Return the error of a reader that broke its protocol."""
    return ReaderFailedError(f"protocol: {reason}")


load: Final = partial(strict.load, fail=broken)
integer: Final = partial(strict.integer, fail=broken)
text: Final = partial(strict.text, fail=broken)
octets: Final = partial(strict.octets, fail=broken)
array: Final = partial(strict.array, fail=broken)


class Fields(strict.Fields):
    """The members of one JSON object that a reader sent, each taken exactly once."""

    def __init__(self, value: Json, what: str) -> None:
        super().__init__(value, what, broken)
