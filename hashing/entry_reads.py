"""Some entries of a log of a given size, as whoever holds the log can give them."""

import itertools
from collections.abc import Iterable, Iterator

from hashing.errors import BundleError, EvidenceError
from hashing.growth import Read
from hashing.tiles import WIDTH, entries_path, shape, unpack_bundle


def read_entries(seqs: Iterable[int], size: int, read: Read) -> Iterator[bytes]:
    """Yield the entries at `seqs`, ascending and below `size`; one bundle is held at a time.

    A partial bundle may have gone once the full one is there (docs/formats/log.md section
    4.5). Raises BundleError, or what `read` raised for the first path where neither is there.
    """
    full, partial = shape(size, 0)
    for index, here in itertools.groupby(seqs, lambda seq: seq // WIDTH):
        entries = _bundle(index, WIDTH if index < full else partial, read)
        for seq in here:
            yield entries[seq % WIDTH]


def _bundle(index: int, width: int, read: Read) -> list[bytes]:
    try:
        return unpack_bundle(read(entries_path(index, width)), width)
    except BundleError:
        raise
    except (OSError, LookupError, EvidenceError) as absent:
        if width == WIDTH:
            raise
        try:
            return unpack_bundle(read(entries_path(index)), WIDTH)
        except BundleError:
            raise
        except (OSError, LookupError, EvidenceError):
            raise absent from None
