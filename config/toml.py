"""Reading a configuration file: its bytes, and the tables in them."""

import re
import tomllib
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.layers import Table

_LINE_END: Final = b"\n"
SHIPPED: Final = Path(__file__).parent / "data"


def read(path: Path) -> bytes:
    """Return the bytes of a file; raise ConfigError when it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError("unreadable", source=str(path), reason=reason) from error


def parse(data: bytes, *, source: str) -> Table:
    """Return the tables of a TOML file; raise ConfigError naming `source` and the line."""
    try:
        # A byte-order mark is what a Windows editor leaves behind; it means nothing here.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(_LINE_END, 0, error.start) + 1
        raise ConfigError("not-utf8", source=source, where=f"line {line}") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?P<line>line \d+), column \d+\)$", str(error))
        where = place["line"] if place else f"line {data.count(_LINE_END) + 1}"  # at its end
        raise ConfigError("not-toml", source=source, where=where, detail=str(error)) from error
