"""Who may vouch for this log: the cosigners of the settings, with their keys read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.settings import Cosigner as CosignerSettings
from dock_daemon.errors import CosignerKeyError
from hashing.cosigners import AnyCosigner, parse_cosigner
from hashing.errors import KeyFormatError


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness or a mirror."""

    name: str
    role: str
    keys: tuple[AnyCosigner, ...]

    @property
    def ids(self) -> frozenset[tuple[str, int]]:
        """Name and key id of each of its keys."""
        return frozenset((key.name, key.key_id) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Roster:
    """All of them, by name and by key."""

    cosigners: tuple[Cosigner, ...]
    by_key: Mapping[tuple[str, int], Cosigner]
    keys: Mapping[tuple[str, int], AnyCosigner]

    @classmethod
    def of(cls, settings: Sequence[CosignerSettings]) -> "Roster":
        """Read the keys; raise CosignerKeyError for one that is none, or that two share."""
        cosigners = tuple(Cosigner(one.name, one.role, _keys(one)) for one in settings)
        keys: dict[tuple[str, int], AnyCosigner] = {}
        by_key: dict[tuple[str, int], Cosigner] = {}
        for one in cosigners:
            for key in one.keys:
                # One key under two names would let one witness count as two.
                if any(key.public == other.public for other in keys.values()):
                    raise CosignerKeyError(one.name, "this key stands there twice")
                keys[key.name, key.key_id] = key
                by_key[key.name, key.key_id] = one
        return cls(cosigners, by_key, keys)

    def __contains__(self, name: object) -> bool:
        """Tell whether a cosigner of this name is configured."""
        return any(one.name == name for one in self.cosigners)


def _keys(one: CosignerSettings) -> tuple[AnyCosigner, ...]:
    try:
        return tuple(map(parse_cosigner, one.keys))
    except KeyFormatError as error:
        raise CosignerKeyError(one.name, str(error)) from error
