"""New manifests of a dock, fetched by cursor, judged, and kept with what the judge said.

A manifest that does not hold is kept as well: it is what the dock gave. Of a dock that gives
many, the first ones are: of the others digest and problem. A manifest is judged by the dock's
keys and, where the log is mirrored, against that log: one of another history is named.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from central import durable
from central.fleet.records import Kept, Records
from central.mirror.files import LogCopy
from central.mirror.mirror import Mirror
from central.pull.errors import PullError
from central.pull.round import Call
from central.pull.source import Source
from central.register.docks import Dock
from hashing import checkpoint, note
from hashing.cosigners import AnyLogKey, parse_verifier
from hashing.errors import EvidenceError, KeyFormatError
from hashing.heads import Trust
from hashing.kept import LogTiles, Named
from hashing.keys import VerifierKey
from hashing.manifest_check import check_manifest
from hashing.mldsa import MldsaKey
from hashing.proof_check import Asked

_A_PAGE: Final = 20  # manifests that are asked for at once
_PAGE_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 32 << 20  # of one manifest: some 15,000 clips with their documents
_MOST_UNSOUND: Final = 16  # of one dock that are kept with their bytes
_MAX: Final = 2**53
_DIGITS: Final = re.compile(r"[1-9][0-9]{0,15}")


class Manifests:
    """Fetches the manifests of docks into a directory."""

    def __init__(
        self,
        state: Path,
        records: Records,
        mirror: Mirror | None,
        *,
        documents: bool,
        call: Call,
        clock: Callable[[], int],
    ) -> None:
        """Keep them below the state directory, with their documents or without."""
        self._state = state
        self._folder = state / "manifests"
        self._records = records
        self._mirror = mirror
        self._query = "" if documents else "?documents=withheld"
        self._call = call
        self._clock = clock

    async def fetch(self, dock: Dock, source: Source) -> bool:
        """Fetch what is new, or what this round may; tell whether there is more.

        Raises PullError, CentralError or OSError.
        """
        after = await self._call(self._records.manifests_from, dock.origin)
        items = await _listed(source, after)
        for number, (seq, docking) in enumerate(items):
            if number and source.spent:
                return True
            path = f"/v1/manifests/{docking}{self._query}"
            data = await source.get(path, at_most=_MOST_BYTES)
            await self._call(self._keep, dock, seq, docking, data)
        return len(items) == _A_PAGE

    def path(self, dock: Dock, seq: int) -> Path:
        """Return where the manifest that entry `seq` closes is kept."""
        return self._folder / dock.hash / f"{seq}.manifest"

    def _keep(self, dock: Dock, seq: int, docking: int, data: bytes) -> None:
        problem = self._judge(dock, seq, docking, data)
        if not problem or self._records.unsound(dock.origin) < _MOST_UNSOUND:
            aside = self._folder / "aside"
            aside.mkdir(mode=0o750, parents=True, exist_ok=True)
            durable.put({self.path(dock, seq): data}, aside=aside)
        kept = Kept(
            docking=docking,
            seq=seq,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            problem=problem,
            fetched_ms=self._clock(),
        )
        self._records.keep_manifest(dock.origin, kept)

    def _judge(self, dock: Dock, seq: int, docking: int, data: bytes) -> str:
        """Return the code of the first problem of a manifest; empty: it holds."""
        trust = Trust(logs=tuple(_keys(dock)))
        report = check_manifest(Named(f"{seq}.manifest", data), trust, Asked(log=self._log(dock)))
        if report.problems:
            return report.problems[0].code
        return "" if report.docking == docking else "manifest-other-docking"

    def _log(self, dock: Dock) -> LogTiles | None:
        """Return the mirrored log that a manifest must be part of, if there is one."""
        mirror = self._mirror
        held = None if mirror is None else mirror.standing(dock.origin).mirrored
        if mirror is None or held is None:
            return None
        copy = LogCopy(self._state, dock.origin)
        try:
            head = checkpoint.parse(note.parse(held.note)[0])
        except EvidenceError:
            return None
        return LogTiles("mirror", head, copy.read)


async def _listed(source: Source, after: int) -> list[tuple[int, int]]:
    """Return closing entry and docking of the manifests after `after`, in order."""
    path = f"/v1/manifests?after={after}&limit={_A_PAGE}"
    try:
        told = json.loads(await source.get(path, at_most=_PAGE_BYTES))
        items = [(item["seq"], item["docking"]) for item in told["items"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PullError("bad-answer", "/v1/manifests") from error
    last = after
    for seq, docking in items:
        if type(seq) is not int or type(docking) is not int or not last < seq < _MAX:
            raise PullError("bad-answer", "/v1/manifests: an item")
        if not _DIGITS.fullmatch(str(docking)):
            raise PullError("bad-answer", "/v1/manifests: a docking")
        last = seq
    return items[:_A_PAGE]


def _keys(dock: Dock) -> list[AnyLogKey]:
    """Return every key that the dock ever signed with: an old manifest has an old signature."""
    found: list[AnyLogKey] = []
    for known in dock.keys:
        try:
            key = parse_verifier(known.vkey)
        except KeyFormatError:  # ML-DSA-44, and its library is not here
            continue
        if isinstance(key, VerifierKey | MldsaKey):
            found.append(key)
    return found
