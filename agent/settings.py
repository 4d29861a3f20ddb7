"""The settings of the companion: what is shipped, and one file above it.

Every default is a line of config/data/agent.toml, where its comment says what it does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from config.errors import ConfigError
from config.layers import Kind, Layer, lay
from config.toml import SHIPPED, parse, read

BUILT_IN: Final = "built-in"
PLACE: Final = Path("/etc/sealdock-agent/agent.toml")

Id16 = Annotated[int, Meta(ge=1, le=0xFFFF)]
Word = Annotated[str, Meta(min_length=1, max_length=120)]


class Recorder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who this recorder is, and where it keeps what is its own."""

    number: Annotated[str, Meta(max_length=64)]
    model: Annotated[str, Meta(max_length=120)]
    firmware: Annotated[str, Meta(max_length=120)]
    language: Literal["zh-CN", "en"]
    state: str


class Serial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The end of the wire to the dock."""

    node: str
    pty: str


class Clips(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where clips are written."""

    folder: str
    watched: tuple[Annotated[str, Meta(pattern=r"^\.[a-z0-9._-]{1,16}$")], ...]
    overwrites_below_percent: Annotated[int, Meta(ge=0, le=100)]


class Clock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose time it is, and how it is set."""

    kind: Literal["system", "kept"]
    rtc: str


class Battery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the kernel tells of power supplies."""

    supplies: str


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where trouble is looked for."""

    kernel_log: str
    inodes_percent: Annotated[int, Meta(ge=0, le=100)]


class Journal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the journal is kept."""

    alive_s: Annotated[int, Meta(ge=1, le=86_400)]


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the clips' volume is shown to the dock."""

    mode: Literal["none", "image", "volume"]
    backing: str
    lun: str
    unmount: Annotated[tuple[str, ...], Meta(min_length=1)]
    mount: Annotated[tuple[str, ...], Meta(min_length=1)]
    helper: str
    back_after_s: Annotated[int, Meta(ge=1, le=3600)]
    controllers: str


class Gadget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the recorder is on the USB."""

    configfs: str
    name: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}$")]
    vendor_id: Id16
    product_id: Id16
    manufacturer: Word
    product: Word
    max_power_ma: Annotated[int, Meta(ge=2, le=900)]
    controller: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{0,64}$")]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that one companion is told."""

    recorder: Recorder
    serial: Serial
    clips: Clips
    clock: Clock
    battery: Battery
    faults: Faults
    journal: Journal
    export: Export
    gadget: Gadget

    @property
    def state(self) -> Path:
        """The folder of key, journal and holder."""
        return Path(self.recorder.state)


def load(path: Path | None = None) -> Settings:
    """Return the settings in force; raise ConfigError naming source, place and problem.

    A file that was named must exist; the one at its usual place need not.
    """
    layers = [Layer(BUILT_IN, parse(read(SHIPPED / "agent.toml"), source=BUILT_IN))]
    if path is not None or PLACE.exists():
        file = path or PLACE
        layers.append(Layer(str(file), parse(read(file), source=str(file))))
    return lay(layers, Kind(Settings, _objections)).settings


def _objections(settings: Settings, source: str) -> Iterator[ConfigError]:
    """Yield what no type can say is wrong: paths that depend on where one stands."""
    for where, path in (
        ("recorder.state", settings.recorder.state),
        ("clips.folder", settings.clips.folder),
        ("serial.node", settings.serial.pty or settings.serial.node),
    ):
        if not Path(path).is_absolute():
            yield ConfigError("not-absolute", source=source, where=f"$.{where}", path=path)
    state, clips = settings.state, Path(settings.clips.folder)
    if state == clips or clips in state.parents:
        # What the dock is shown must not hold what proves it.
        yield ConfigError(
            "state-on-clips", source=source, where="$.recorder.state", path=str(state)
        )
    if settings.export.mode == "volume" and not settings.export.lun:
        yield ConfigError("no-lun", source=source, where="$.export.lun")
    if settings.export.mode != "none" and settings.export.lun and not settings.export.backing:
        yield ConfigError("no-backing", source=source, where="$.export.backing")
