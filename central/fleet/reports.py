"""The report of an inventory, as it is kept and printed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from central.fleet.stocktaking import Must, Stock
from central.fleet.view import Counted

Told = dict[str, object]

_MOST: Final = 10_000  # that are listed of each sort; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A clip that was fetched whole. `good` is None where the dock did not give it."""

    sha256: str
    good: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found when a store was held against its log."""

    origin: str
    taken_ms: int
    source: str
    """`store`: the dock's own word; `replica`: what lay in a directory."""
    place: str
    """The directory, or the dock's address."""
    log_size: int
    """How much of the log it was held against."""
    stocks: Mapping[str, Stock]
    """By sort: clips, and documents where they were looked at."""
    sampled: tuple[Sampled, ...] = ()

    @property
    def missing(self) -> int:
        """How many things are gone or damaged, samples that were bad among them."""
        told = sum(len(stock.gone) + len(stock.damaged) for stock in self.stocks.values())
        return told + sum(one.good is False for one in self.sampled)

    @property
    def counted(self) -> Counted:
        """What is shown of it at a glance."""
        return Counted(
            taken_ms=self.taken_ms,
            source=self.source,
            holds=self.missing == 0,
            missing=self.missing,
        )

    def as_json(self) -> Told:
        """Return the whole report as one JSON object."""
        return {
            "origin": self.origin,
            "taken_ms": self.taken_ms,
            "source": self.source,
            "place": self.place,
            "log_size": self.log_size,
            "holds": self.missing == 0,
            "stocks": {what: _stock(stock) for what, stock in self.stocks.items()},
            "sampled": [
                {"sha256": one.sha256, "good": one.good, "why": one.why or None}
                for one in self.sampled
            ],
        }


def _stock(stock: Stock) -> Told:
    return {
        "expected": stock.expected,
        "present": stock.present,
        "hashed": stock.hashed,
        "disposed": stock.disposed,
        "gone": _listed(stock.gone),
        "gone_more": max(len(stock.gone) - _MOST, 0),
        "damaged": _listed(stock.damaged),
        "damaged_more": max(len(stock.damaged) - _MOST, 0),
        "extra": list(stock.extra[:_MOST]),
        "extra_more": max(len(stock.extra) - _MOST, 0),
    }


def _listed(items: Iterable[Must]) -> list[Told]:
    return [
        {"sha256": one.sha256, "size": one.size, "seq": one.seq, "docking": one.docking}
        for one, _ in zip(items, range(_MOST), strict=False)
    ]
