"""Which make is at a port: what udev shows of it, held against the profiles. Pure.

Ids and strings are claims that anyone can print on a device: they choose which driver may
ask, and in which order; a successful probe decides (docs/recorders.md). A profile without
any mark fits every disk; it is the last resort, and needs no probe.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from config.presets import Preset
from config.profiles import Channel, Match, RecorderProfile, path_fits

Kind: TypeAlias = Literal["serial", "scsi", "usb", "disk"]
Profile: TypeAlias = Preset[RecorderProfile]

KIND_OF: Final[Mapping[Channel, Kind]] = {
    "none": "disk",
    "serial": "serial",
    "scsi": "scsi",
    "usb": "usb",
    "adb": "usb",
}
"""A profile's channel → the kind of device on which it is reached. adb has no node of its own."""
_ADB: Final = "ff4201"  # the class, subclass and protocol of adb's interface
# How much each kind of mark says about the make.
_WEIGHTS: Final[Mapping[str, int]] = {
    "usb": 8,
    "scsi": 8,
    "files": 8,
    "product": 4,
    "usb-vendor": 3,
    "manufacturer": 2,
    "interface": 1,
    "channel": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a port shows of a device before it is asked anything. What it hides is empty.

    `vendor_id` and `product_id` are four lower-case hex digits, `interfaces` six each (class,
    subclass, protocol); `scsi` is vendor, model and revision of its INQUIRY, one blank between.
    """

    kind: Kind
    vendor_id: str = ""
    product_id: str = ""
    manufacturer: str = ""
    product: str = ""
    serial: str = ""
    scsi: str = ""
    interfaces: tuple[str, ...] = ()

    @property
    def usb(self) -> str:
        """The USB id as a profile writes it; empty if it has none."""
        return f"{self.vendor_id}:{self.product_id}" if self.vendor_id else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One mark of a profile, and whether the device bears it."""

    mark: str  # a key of _WEIGHTS but "usb-vendor"
    fits: bool
    wanted: tuple[str, ...]
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """How near a profile comes to a device; 0 is nothing in common."""

    profile: Profile
    nearness: int
    reasons: tuple[Reason, ...]

    @property
    def fits(self) -> bool:
        """Tell whether every mark fits: its driver may ask."""
        return all(reason.fits for reason in self.reasons)


def of_channel(profiles: Iterable[Profile], seen: Seen) -> tuple[Profile, ...]:
    """Return the profiles whose drivers may ask this device, in the order to try them."""
    return tuple(
        profile
        for profile in profiles
        if profile.content.channel != "none"
        and all(reason.fits for reason in _reasons(profile.content, seen))
    )


def of_medium(profiles: Sequence[Profile], seen: Seen | None, paths: Iterable[str]) -> Profile:
    """Return by which profile a medium is read whose recorder was not asked.

    The first whose marks fit, whatever its driver; else the first that has no marks, which
    config/profiles.py has made sure of. `seen` is None for an image or a folder: then the
    marks on the medium itself, its `paths`, have to do.
    """
    there = list(paths)
    for profile in profiles:
        marks = _marks(profile.content.match, seen, there)
        if marks and all(reason.fits for reason in marks):
            return profile
    return next(profile for profile in profiles if profile.content.fits_any_disk)


def expects_channel(profiles: Iterable[Profile], seen: Seen | None) -> bool:
    """Tell whether a disk belongs to a recorder that has a control channel, by its marks."""
    return seen is not None and any(
        profile.content.channel != "none"
        and (marks := _marks(profile.content.match, seen, None))
        and all(reason.fits for reason in marks)
        for profile in profiles
    )


def nearest(profiles: Iterable[Profile], seen: Seen) -> tuple[Near, ...]:
    """Return the profiles with anything in common with a device: who fits, then the nearest.

    Nobody has looked at what is on it: marks on a medium do not fit.
    """
    near = [_near(profile, seen) for profile in profiles]
    return tuple(
        sorted((one for one in near if one.nearness), key=lambda one: (not one.fits, -one.nearness))
    )


def _near(profile: Profile, seen: Seen) -> Near:
    reasons = _reasons(profile.content, seen)
    nearness = sum(_WEIGHTS[reason.mark] for reason in reasons if reason.fits)
    vendors = {usb.partition(":")[0] for usb in profile.content.match.usb}
    if seen.vendor_id in vendors and not any(r.fits for r in reasons if r.mark == "usb"):
        nearness += _WEIGHTS["usb-vendor"]
    return Near(profile=profile, nearness=nearness, reasons=reasons)


def _reasons(profile: RecorderProfile, seen: Seen) -> tuple[Reason, ...]:
    kind = KIND_OF[profile.channel]
    reasons = [Reason(mark="channel", fits=kind == seen.kind, wanted=(kind,), found=seen.kind)]
    if profile.channel == "adb":
        reasons.append(
            Reason(
                mark="interface",
                fits=_ADB in seen.interfaces,
                wanted=(_ADB,),
                found=" ".join(seen.interfaces),
            )
        )
    paths = () if profile.channel == "none" else None
    return (*reasons, *_marks(profile.match, seen, paths))


def _marks(match: Match, seen: Seen | None, paths: Sequence[str] | None) -> tuple[Reason, ...]:
    """Return how each mark of a profile fits; what nobody looked at (None) is left out."""
    held = (
        ("usb", match.usb, seen.usb if seen else ""),
        ("manufacturer", match.manufacturer, seen.manufacturer if seen else ""),
        ("product", match.product, seen.product if seen else ""),
        ("scsi", match.scsi, seen.scsi if seen else ""),
    )
    reasons = [
        Reason(mark=mark, fits=_fits(wanted, found), wanted=wanted, found=found)
        for mark, wanted, found in held
        if wanted and seen is not None
    ]
    if match.files and paths is not None:
        found = next((path for path in paths if path_fits(match.files, path)), "")
        reasons.append(Reason(mark="files", fits=bool(found), wanted=match.files, found=found))
    return tuple(reasons)


def _fits(patterns: Iterable[str], found: str) -> bool:
    plain = " ".join(found.split()).casefold()
    return any(fnmatchcase(plain, " ".join(pattern.split()).casefold()) for pattern in patterns)
