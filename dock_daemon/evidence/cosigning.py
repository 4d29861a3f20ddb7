"""Cosignatures that somebody brings: judged, kept, and told fresh ones from old ones."""

import logging
from dataclasses import dataclass
from typing import TypeAlias

from dock_daemon.clock import Clock
from dock_daemon.evidence import cosignatures, heads
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.records import CosignatureRow, cosigned
from dock_daemon.evidence.roster import Roster
from hashing.cosigners import AnyCosigner
from hashing.note import SignatureLine

log = logging.getLogger(__name__)

KeyOf: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the lines of a note, and who vouched with them in this life."""

    kept: tuple[dict[str, object], ...]
    refused: tuple[dict[str, object], ...]
    fresh: frozenset[str]


class Cosigning:
    """The cosigners of one log. The sealer's thread alone calls it; `begin` comes first."""

    def __init__(self, keys: LogKeys, roster: Roster, clock: Clock) -> None:
        self._own = frozenset((key.name, key.key_id) for key in keys.verifiers())
        self._roster = roster
        self._clock = clock
        self._started = clock.at()
        self._before_s: dict[KeyOf, int] = {}

    def begin(self, ledger: Ledger) -> None:
        """Learn which keys vouched in earlier lives, and when last."""
        for key in self._roster.keys:
            if (last := cosignatures.newest(ledger, [key])) is not None:
                self._before_s[key] = last.time_s

    @property
    def acquainted(self) -> frozenset[str]:
        """The cosigners that vouched in an earlier life, with a key that they still have."""
        return frozenset(self._roster.by_key[key].name for key in self._before_s)

    def knows(self, data: bytes) -> bool:
        """Tell whether a known cosigner has cosigned a note; raise NoteError if it is none."""
        return bool(heads.cosignatures(data, self._roster.keys, self._own).good)

    def take(self, ledger: Ledger, data: bytes, size: int | None) -> Taken:
        """Judge the lines of a head that is ours, and keep the good ones.

        Without a `size` they are judged only: at this size we never signed. Raises NoteError
        or what the ledger raises.
        """
        judged = heads.cosignatures(data, self._roster.keys, self._own)
        kept: list[dict[str, object]] = []
        refused: list[dict[str, object]] = [{"name": name, "why": why} for name, why in judged.bad]
        for key, line, time_s in judged.good:
            if size is None or not self._keep(ledger, key, line, size, time_s):
                refused.append(
                    {"name": key.name, "why": "unknown-size" if size is None else "older"}
                )
            else:
                kept.append({"name": key.name, "size": size, "time_s": time_s})
        for one in refused:
            log.warning("a cosignature by %s is not kept: %s", one["name"], one["why"])
        fresh = {
            self._roster.by_key[key.name, key.key_id].name
            for key, _line, time_s in judged.good
            if self._is_fresh(key, time_s)
        }
        return Taken(tuple(kept), tuple(refused), frozenset(fresh))

    def _keep(
        self, ledger: Ledger, key: AnyCosigner, line: SignatureLine, size: int, time_s: int
    ) -> bool:
        """Keep a line; the first of a key for a size becomes an entry, a newer one replaces it."""
        row = CosignatureRow(
            size=size,
            name=key.name,
            key_id=f"{key.key_id:08x}",
            role=self._roster.by_key[key.name, key.key_id].role,
            time_s=time_s,
            line=str(line),
        )
        before_s = cosignatures.time_at(ledger, size, key.name, key.key_id)
        if before_s is None:
            ledger.append([cosigned(row)], self._clock.at())
        elif before_s < time_s:
            ledger.renew_cosignature(row)
        return before_s is None or before_s <= time_s

    def _is_fresh(self, key: AnyCosigner, time_s: int) -> bool:
        now = self._clock.at()
        started_ms = now.utc_ms - (now.boot_ms - self._started.boot_ms)
        return heads.is_fresh(
            time_s,
            now_s=now.utc_ms // 1000,
            started_s=started_ms // 1000,
            synchronized=now.sync == "synchronized",
            before_s=self._before_s.get((key.name, key.key_id)),
        )
