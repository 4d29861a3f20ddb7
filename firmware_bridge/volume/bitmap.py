"""exFAT's allocation bitmap: one bit a cluster (exFAT specification, section 7.1.5)."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.clusters import FIRST_CLUSTER
from firmware_bridge.volume.listing import Extent
from firmware_bridge.volume.medium import Source

_WINDOW: Final = 1 << 16  # bytes
_WINDOWS_KEPT: Final = 16
# So many clusters, as a power of two, cost what one step along a chain costs.
_BITS_A_STEP: Final = 8


class Bitmap:
    """Which clusters are in use, read through a few cached windows."""

    def __init__(self, source: Source, extents: tuple[Extent, ...], clusters: int) -> None:
        self._source = source
        self.extents = extents
        self._clusters = clusters
        self._windows: OrderedDict[int, bytes] = OrderedDict()

    @property
    def whole(self) -> bool:
        """Tell whether the bitmap is long enough for all clusters."""
        return sum(extent.length for extent in self.extents) * 8 >= self._clusters

    def count_used(self) -> int:
        """Return how many clusters are in use. Raises MediumReadError."""
        return sum(bits.bit_count() for bits, _count in self._bits(0, self._clusters))

    def all_used(self, first: int, count: int) -> bool | None:
        """Tell whether each of these clusters is in use; None when that is unreadable."""
        try:
            spans = self._bits(first - FIRST_CLUSTER, count)
            return all(bits.bit_count() == width for bits, width in spans)
        except MediumReadError:
            return None

    def all_free(self, first: int, count: int) -> bool | None:
        """Tell whether none of these clusters is in use; None when that is unreadable."""
        try:
            return not any(bits for bits, _count in self._bits(first - FIRST_CLUSTER, count))
        except MediumReadError:
            return None

    def used_run(self, first: int, most: int) -> int:
        """Return how many clusters from `first` on are in use, `most` at most."""
        run = 0
        try:
            for bits, count in self._bits(first - FIRST_CLUSTER, most):
                # The lowest clear bit ends the run.
                straight = (~bits & (bits + 1)).bit_length() - 1
                run += min(straight, count)
                if straight < count:
                    break
        except MediumReadError:
            return run
        return run

    def _bits(self, start: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield (bits, how many) for `count` clusters, the first one lowest."""
        while count > 0:
            number, at = divmod(start, _WINDOW * 8)
            width = min(count, _WINDOW * 8 - at)
            self._source.spend("chain_steps", 1 + (width >> _BITS_A_STEP))
            data = self._window(number)[at // 8 : (at + width + 7) // 8]
            yield int.from_bytes(data, "little") >> at % 8 & (1 << width) - 1, width
            start += width
            count -= width

    def _window(self, number: int) -> bytes:
        if number in self._windows:
            self._windows.move_to_end(number)
            return self._windows[number]
        wanted = min(_WINDOW, -(-self._clusters // 8) - number * _WINDOW)
        data = read_logical(self._source, self.extents, number * _WINDOW, wanted)
        self._windows[number] = data
        if len(self._windows) > _WINDOWS_KEPT:
            self._windows.popitem(last=False)
        return data


def read_logical(source: Source, extents: tuple[Extent, ...], start: int, length: int) -> bytes:
    """Return bytes of a file from its extents; short where they end. Raises MediumReadError."""
    parts = []
    for extent in extents:
        if start < extent.length and length > 0:
            step = min(length, extent.length - start)
            parts.append(source.read(extent.offset + start, step))
            length -= step
            start = 0
        else:
            start = max(0, start - extent.length)
    return b"".join(parts)
