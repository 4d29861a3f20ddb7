"""One dock as it is shown: plain values, gathered; nothing here looks anything up."""

from dataclasses import dataclass
from typing import Final

from central.fleet.lateness import Grade, Late, grade
from central.fleet.reading import Closed, Said

STORE: Final = "store"
REPLICA: Final = "replica"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An inventory of a dock: the newest of its kind."""

    taken_ms: int
    source: str
    """`store`: the dock's own word; `replica`: what lay in a directory."""
    holds: bool
    missing: int
    """Clips and documents that are gone or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """How pulling a dock goes."""

    good_ms: int | None
    failing_ms: int | None
    problem: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DockView:
    """All that is shown of one dock. Times are ms since 1970, unless the name says s."""

    origin: str
    hash: str
    name: str
    url: str
    enrolled_ms: int
    vkeys: tuple[str, ...]
    said: Said
    heard_ms: int | None
    witnessed: int | None
    cosigned_s: int | None
    """When the newest cosignature was given, by witness or mirror."""
    mirrored: int | None
    forks: int
    pulled: Pulled | None
    counted: tuple[Counted, ...]
    """The newest of each kind, the newest of all first."""
    late: tuple[Late, ...]

    @property
    def grade(self) -> Grade:
        """How bad the worst of what is late is."""
        return grade(self.late)

    @property
    def head(self) -> int | None:
        """The size of the longest head that is known here; None if there is none."""
        return max(
            (size for size in (self.witnessed, self.mirrored) if size is not None), default=None
        )

    @property
    def lag(self) -> int:
        """How many entries are known to be signed and not held here."""
        return max((self.head or 0) - (self.mirrored or 0), 0)

    @property
    def findings(self) -> int:
        """How many findings its log tells of."""
        return sum(self.said.findings.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkView:
    """Evidence that two heads were signed that cannot both be true, or not be proved to be."""

    number: int
    kind: str
    role: str
    size: int
    seen_ms: int
    by: str
    explained_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestView:
    """A docking that ended, and the manifest of it that is kept here, if one is."""

    docking: Closed
    sha256: str = ""
    problem: str = ""
    fetched_ms: int | None = None
