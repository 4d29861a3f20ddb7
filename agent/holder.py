"""Whom the recorder names as its holder: one small file, readable by its owner only."""

import json
from pathlib import Path
from typing import Final

from agent import durable
from agent.errors import StateUnusableError
from firmware_bridge.errors import WireError
from firmware_bridge.wire.companion import Holder

NAME: Final = "holder.json"
NOBODY: Final = Holder(user_no="")


class HolderFile:
    """The file that names the holder. What it held wrongly is nobody, and said once asked."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME

    def read(self) -> Holder:
        """Return the holder, nobody where none was ever written; raise StateUnusableError."""
        try:
            told: object = json.loads(durable.read(self._path))
            return Holder.parse(told if isinstance(told, dict) else {})
        except FileNotFoundError:
            return NOBODY
        except OSError as error:
            raise self._unusable(error.strerror or "?") from error
        except (ValueError, WireError) as error:
            raise self._unusable("not a holder") from error

    def write(self, holder: Holder) -> None:
        """Name another holder, durably on return; raise StateUnusableError."""
        try:
            text = json.dumps(dict(holder.build()), ensure_ascii=False)
            durable.replace(self._path, text.encode("utf-8") + b"\n", mode=0o600)
        except OSError as error:
            raise self._unusable(error.strerror or "?") from error

    def _unusable(self, reason: str) -> StateUnusableError:
        return StateUnusableError(path=str(self._path), reason=reason)
