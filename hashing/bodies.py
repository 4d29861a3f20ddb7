"""What the body of each kind of entry must hold for a verifier to rely on it.

docs/formats/entry.md section 4. Only members that verification uses are judged:
the rest of a body is the dock's own, so that it can say more without a new format.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from hashing import base64s
from hashing.canonical import JSON
from hashing.errors import EntryError
from hashing.hexes import is_digest
from hashing.keys import SIGNATURE_SIZE

PROFILE: Final = 1
KEY_ID: Final = re.compile("[0-9a-f]{8}", re.ASCII)

# How far the erasing of a clip is: meant, done, found gone or found there still.
_STEPS: Final = ("intended", "done", "gone", "kept")

_LATER: Final = (
    "label",
    "export",
    "hold",
    "disposal",
)


def check_body(kind: str, body: Mapping[str, JSON]) -> None:
    """Raise EntryError unless the body holds what its kind (one of KINDS) must (section 4)."""
    if "document" in body:
        _digest(body, "document")
    for name, check in _RULES.get(kind, {}).items():
        if name not in body:
            raise EntryError(f"its body lacks {name}")
        check(body, name)


def _digest(body: Mapping[str, JSON], name: str) -> None:
    if not is_digest(body[name]):
        raise EntryError(f"body.{name} is not 64 lower-case hexadecimal digits")


def _count(body: Mapping[str, JSON], name: str) -> None:
    value = body[name]
    if type(value) is not int or value < 0:
        raise EntryError(f"body.{name} is not a number of zero or more")


def _number(body: Mapping[str, JSON], name: str) -> None:
    if type(body[name]) is not int:
        raise EntryError(f"body.{name} is not a number")


def _texts(body: Mapping[str, JSON], name: str) -> None:
    value = body[name]
    if type(value) is not list or any(type(one) is not str for one in value):
        raise EntryError(f"body.{name} is not a list of texts")


def _text(body: Mapping[str, JSON], name: str) -> None:
    if type(body[name]) is not str or not body[name]:
        raise EntryError(f"body.{name} is not text")


def _key_id(body: Mapping[str, JSON], name: str) -> None:
    value = body[name]
    if type(value) is not str or not KEY_ID.fullmatch(value):
        raise EntryError(f"body.{name} is not 8 lower-case hexadecimal digits")


def _profile(body: Mapping[str, JSON], name: str) -> None:
    if type(body[name]) is not int or body[name] != PROFILE:
        raise EntryError("body.profile is not 1")


def _signature(body: Mapping[str, JSON], name: str) -> None:
    value = body[name]
    if type(value) is not str:
        raise EntryError(f"body.{name} is not text")
    if len(base64s.read(value, f"body.{name}", EntryError)) != SIGNATURE_SIZE:
        raise EntryError(f"body.{name} is not {SIGNATURE_SIZE} bytes")


def _step(body: Mapping[str, JSON], name: str) -> None:
    if body[name] not in _STEPS:
        raise EntryError(f"body.{name} is none of {', '.join(_STEPS)}")


_KEYS: Final[Mapping[str, Callable[[Mapping[str, JSON], str], None]]] = {
    "old_vkey": _text,
    "new_vkey": _text,
    "old_signature": _signature,
    "new_signature": _signature,
}

_RULES: Final[Mapping[str, Mapping[str, Callable[[Mapping[str, JSON], str], None]]]] = {
    "genesis": {"origin": _text, "vkey": _text, "profile": _profile},
    "docked": {"docking": _count, "document": _digest},
    "checked": {"docking": _count, "document": _digest},
    "clip": {"docking": _count, "sha256": _digest, "size": _count, "document": _digest},
    "finding": {"docking": _count, "document": _digest},
    "released": {"docking": _count, "entries": _count, "digest": _digest},
    "key-change": _KEYS,
    "key-retired": _KEYS,
    "cosigned": {
        "size": _count,
        "name": _text,
        "key_id": _key_id,
        "role": _text,
        "time_s": _count,
        "line_sha256": _digest,
    },
    "access": {"sha256": _digest, "roles": _texts, "document": _digest},
    "clock-step": {"by_ms": _number},
    "recorder-registered": {"docking": _count, "document": _digest},
    "clock-set": {"docking": _count, "document": _digest},
    "journal": {"docking": _count, "document": _digest, "first": _count, "next": _count},
    "issue": {"document": _digest},
    "return": {"document": _digest},
    "trip": {"document": _digest},
    "overdue": {"document": _digest},
    "erased": {
        "docking": _count,
        "clip": _count,
        "sha256": _digest,
        "size": _count,
        "step": _step,
        "document": _digest,
    },
    "heartbeat": {},
    "recovery": {},
    "config-change": {},
}

KINDS: Final = frozenset({*_RULES, *_LATER})

# Entries of these kinds belong to a docking and are counted when it is closed.
DOCKING_KINDS: Final = frozenset(kind for kind, rules in _RULES.items() if "docking" in rules)
