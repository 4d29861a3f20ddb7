"""The files of one log directory, as the verifier reads them."""

import os
import re
from dataclasses import replace
from typing import Final

from hashing.errors import BundleError, FileTroubleError, TileError, Trouble
from hashing.evidence_files import barrier, listing, read_file
from hashing.merkle import HASH_SIZE
from hashing.report import Tally
from hashing.tiles import MAX_BUNDLE, WIDTH, Bundle, Tile, parse_path, unpack_bundle, unpack_tile

_WIDTH_NAME: Final = re.compile("[1-9][0-9]{0,2}", re.ASCII)


class LogFiles:
    """Reads tiles and bundles. What lies there and cannot be read, the tally is told."""

    def __init__(self, root: str, tally: Tally) -> None:
        self.root = root
        self._tally = tally

    def where(self, which: Tile | Bundle) -> str:
        """Return the path of a tile or bundle as its user would open it."""
        return f"{self.root}/{which.path}"

    def tile(self, which: Tile) -> list[bytes] | None:
        """Return a tile's hashes, or None if there is none or it is no good."""
        data = self._read(which, which.width * HASH_SIZE, too_long="tile-malformed")
        if data is None:
            return None
        try:
            return unpack_tile(data, which.width)
        except TileError as error:
            self._tally.problem("tile-malformed", self.where(which), str(error))
            return None

    def bundle(self, which: Bundle) -> list[bytes] | BundleError | None:
        """Return a bundle's entries, or what is wrong with it, or None if there is none."""
        data = self._read(which, MAX_BUNDLE, too_long="bundle-malformed")
        if data is None:
            return None
        try:
            return unpack_bundle(data, which.width)
        except BundleError as error:
            return error

    def widths(self, which: Tile | Bundle) -> list[int]:
        """Return the widths in which this tile or bundle is there, the widest first."""
        full = self.where(replace(which, width=WIDTH))
        found = {WIDTH} if os.path.lexists(full) else set()
        try:
            names = [entry.name for entry in listing(f"{full}.p")]
        except FileTroubleError:  # no such directory; or one that the inventory will name
            names = []
        found |= {int(name) for name in names if _WIDTH_NAME.fullmatch(name) and int(name) < WIDTH}
        return sorted(found, reverse=True)

    def barrier(self, which: Tile | Bundle) -> str | None:
        """Return what keeps this file from being read; None where it certainly is not there.

        A wider file does in the place of a narrower one.
        """
        return barrier(self.where(which)) or barrier(self.where(replace(which, width=WIDTH)))

    def present(self, room: str) -> list[int]:
        """Return the indices of the tiles or bundles in `tile/<room>`, going by names alone."""
        found: set[int] = set()
        for folder, _, names in os.walk(f"{self.root}/tile/{room}"):
            for name in names:
                try:
                    which = parse_path(os.path.relpath(f"{folder}/{name}", self.root))
                except TileError:
                    continue
                found.add(which.index)
        return sorted(found)

    def count(self) -> int:
        """Return how many entries the bundles hold, going by their names alone."""
        index = 0
        while widths := self.widths(Bundle(index)):
            if widths[0] < WIDTH:
                return index * WIDTH + widths[0]
            index += 1
        return index * WIDTH

    def _read(self, which: Tile | Bundle, limit: int, *, too_long: str) -> bytes | None:
        where = self.where(which)
        try:
            return read_file(where, limit)
        except FileTroubleError as error:
            if error.trouble is Trouble.OVERSIZE:
                self._tally.problem(too_long, where, error.detail)
            elif error.trouble is not Trouble.MISSING:
                self._tally.problem(error.code, where, error.detail)
            return None
