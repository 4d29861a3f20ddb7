"""JSON as every command of the house prints it: it steers no terminal."""

import json
import re
from collections.abc import Mapping
from typing import Final

SCHEMA: Final = 1
"""The version of every JSON object that a command prints; fields may be added to it."""

# What breaks a line, turns its direction, hides, or is no character at all. A file name on
# a card may hold any of it. All of it lies below U+10000: one \uXXXX says it.
_STEERING: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


def json_line(told: Mapping[str, object], *, indent: int | None = None) -> str:
    """Return one JSON object as every command prints it: on one line, unless indented."""
    text = json.dumps(told, ensure_ascii=False, indent=indent)
    # Such a character can stand inside a string only, and there its escape means the same.
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def error_line(code: str, message: str, exit_code: int, **more: object) -> str:
    """Return an error as programs read it, on stderr."""
    told = {"message_type": "error", "schema": SCHEMA, "code": code, "message": message}
    return json_line({**told, **more, "exit_code": int(exit_code)})
