"""Cases for the gate that guards erasing: one that may be erased, and what spoils it."""

from dataclasses import replace
from typing import Any, Final

from dock_daemon.erasing.gate import (
    Answering,
    Case,
    Dock,
    Policy,
    Reading,
    Sealed,
    Stay,
    Vouched,
)

SHA: Final = "ab" * 32
OTHER: Final = "cd" * 32
HOUR_MS: Final = 3_600_000
SEQ: Final = 40
SEALED_MS: Final = 1_700_000_000_000
NOW_MS: Final = SEALED_MS + 100 * HOUR_MS
SEALED_S: Final = SEALED_MS // 1000
NOW_S: Final = NOW_MS // 1000

POLICY: Final = Policy(
    enabled=True,
    mirrors=1,
    cool_down_ms=72 * HOUR_MS,
    reread_within_ms=24 * HOUR_MS,
    synchronized=True,
)


def vouched(name: str = "mirror", role: str = "mirror") -> tuple[Vouched, ...]:
    """Return the word of a cosigner, right after the sealing and now."""
    return (
        Vouched(name=name, role=role, size=SEQ + 1, time_s=SEALED_S + 5),
        Vouched(name=name, role=role, size=SEQ + 90, time_s=NOW_S - 5),
    )


SOUND: Final = Case(
    can_erase=True,
    answering=Answering(number="ZF-0007", vkey="key"),
    stay=Stay(number="ZF-0007", vkey="key", registered=True, whole=True, unbroken=True),
    sealed=Sealed(
        seq=SEQ,
        recorder="ZF-0007",
        sha256=SHA,
        size=1000,
        marks=frozenset(),
        quarantine=False,
        at_ms=SEALED_MS,
        done_ms=SEALED_MS,
    ),
    listed=True,
    findings=frozenset(),
    held=False,
    unsettled=False,
    vouched=vouched(),
    store=Reading(sha256=SHA, size=1000, how="direct", age_ms=HOUR_MS),
    recorder=Reading(sha256=SHA, size=1000, how="medium", age_ms=1000),
    dock=Dock(now_ms=NOW_MS, stepped_ms=0, synchronized=True, signing=True, sound=True),
)


def but(**changes: Any) -> Case:
    """Return SOUND with members changed: `part__member`, or a whole part."""
    case = SOUND
    for name, value in changes.items():
        part, _, member = name.partition("__")
        if member:
            value = replace(getattr(case, part), **{member: value})  # noqa: PLW2901  its part
        case = replace(case, **{part: value})
    return case
