"""What a recorder told, spelt as the document of a docking takes it. Bytes are hexadecimal."""

from collections.abc import Sequence

from dock_daemon.recorders.clock_measured import ClockMeasured
from firmware_bridge.capabilities import Battery, Fault, Holder, Identity, JournalPiece, Storage
from hashing.canonical import JSON


def of_identity(identity: Identity) -> dict[str, JSON]:
    """Return who it is."""
    return {
        "number": identity.number,
        "maker": identity.maker,
        "model": identity.model,
        "firmware": identity.firmware,
        "vkey": identity.vkey,
        "raw": identity.raw.hex(),
    }


def of_holder(holder: Holder) -> dict[str, JSON]:
    """Return whom it names as its holder; personal."""
    return {
        "user_no": holder.user_no,
        "user_name": holder.user_name,
        "unit_no": holder.unit_no,
        "unit_name": holder.unit_name,
        "raw": holder.raw.hex(),
    }


def of_battery(battery: Battery) -> dict[str, JSON]:
    """Return how full its battery is."""
    return {
        "percent": battery.percent,
        "charging": battery.charging,
        "health_percent": battery.health_percent,
        "cycles": battery.cycles,
    }


def of_storage(storage: Storage) -> dict[str, JSON]:
    """Return the room that it has."""
    return {"total_bytes": storage.total_bytes, "free_bytes": storage.free_bytes}


def of_fault(fault: Fault) -> dict[str, JSON]:
    """Return one fault that it tells of."""
    return {"code": fault.code, "detail": fault.detail, "at_ms": fault.at_ms}


def of_clock(clock: ClockMeasured | None) -> JSON:
    """Return what its clock showed, if it could be read."""
    if clock is None:
        return None
    return {
        "offset_us": clock.offset_us,
        "uncertainty_us": clock.uncertainty_us,
        "sync": clock.sync,
        "source": clock.source,
        "dock_uncertainty_us": clock.dock_uncertainty_us,
    }


def of_journal(pieces: Sequence[JournalPiece]) -> JSON:
    """Return which records of its journal were read, and none of their content."""
    if not pieces:
        return None
    return {"first": pieces[0].first, "next": pieces[-1].next, "size": pieces[-1].size}
