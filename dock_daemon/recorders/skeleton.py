"""A profile to begin with, for a device that nobody has described: TOML, ready to edit. Pure."""

import glob
import json
from collections.abc import Sequence
from typing import Final

from config.profiles import RecorderProfile
from dock_daemon.recorders.matching import KIND_OF, Profile, Seen

_DEL: Final = "\x7f"
_MOST_PATTERN: Final = 120


def skeleton(seen: Sequence[Seen], near: Profile | None) -> str:
    """Return the text of a profile for a device that shows itself as `seen`, one each kind.

    `near` is the profile that comes nearest, whose driver is taken where the device shows such
    a channel; None, or another: then it is a disk and nothing else.
    """
    first = seen[0]
    model = None if near is None else near.content
    asked = model is not None and any(
        model.driver != "fs-only" and KIND_OF[model.channel] == one.kind for one in seen
    )
    content = model if asked else None
    lines = [
        "# Written by `sealdock recorder probe --skeleton`. What stands here is what the device",
        "# says of itself; put in what you know, and try it:",
        "#   sealdock recorder check-profile THIS-FILE some-name-of-a-clip.mp4",
        "# Tried: …",
        "",
        f"driver = {_text(content.driver if content else 'fs-only')}",
        f"capabilities = {_list(_capabilities(content))}",
        "",
        "[name]",
        f"zh = {_text(_label(first))}",
        f"en = {_text(_label(first))}",
        "",
        "# All of these must fit; take out what another one of the make may not show.",
        "[match]",
        *_marks(seen, content),
        "",
        *_rest(content),
    ]
    return "\n".join(lines) + "\n"


def _capabilities(content: RecorderProfile | None) -> list[str]:
    if content is None:
        return ["identity", "holder", "storage", "list", "read"]
    return sorted(content.capabilities)


def _label(seen: Seen) -> str:
    return " ".join(f"{seen.manufacturer} {seen.product}".split()) or seen.scsi or seen.usb or "?"


def _marks(seen: Sequence[Seen], content: RecorderProfile | None) -> list[str]:
    first = seen[0]
    scsi = next((one.scsi for one in seen if one.scsi), "")
    found = [
        ("usb", first.usb),
        ("manufacturer", _pattern(first.manufacturer)),
        ("product", _pattern(first.product)),
        ("scsi", _pattern(scsi)),
    ]
    lines = [f"{name} = {_list([text])}" for name, text in found if text]
    if content is None:
        lines += [
            "# Or by what is on the card, one of which is enough:",
            '# files = ["DCIM/100MEDIA/*.MP4"]',
        ]
    return lines


def _pattern(text: str) -> str:
    """Return a pattern that fits this text alone, or its beginning where it is a long one."""
    whole = glob.escape(text)
    return whole if len(whole) <= _MOST_PATTERN else f"{glob.escape(text[: _MOST_PATTERN // 4])}*"


def _rest(content: RecorderProfile | None) -> list[str]:
    shown = "always" if content is None else content.storage.shown
    media = ["avi", "jpg", "mov", "mp4", "wav"] if content is None else sorted(content.files.media)
    lines = ["[storage]", f"shown = {_text(shown)}", ""]
    if content is None:
        lines = [
            "[identify]",
            'files = ["Param.ini", "DCIM/100MEDIA/Info.dat"]',
            "",
            *lines,
        ]
    elif content.password is not None:
        lines = ["[password]", f"name = {_text(content.password.name)}", "", *lines]
    if content is not None and content.quirks:
        quirks = [f"{name} = {value}" for name, value in sorted(content.quirks.items())]
        lines = ["[quirks]", *quirks, "", *lines]
    return [
        *lines,
        "[files]",
        f"media = {_list(media)}",
        'sidecar = ["gps", "nmea", "srt"]',
        'records = ["*.ini", "*.log", "*.txt"]',
        "",
        "# How it names its clips: docs/recorders.md lists the fields.",
        "[names]",
        'patterns = ["{recorder}_{holder}_{date}{time}_{sequence}[{important}]"]',
        'important = ["IMP"]',
        "",
        "# Bits per second while recording, so that hours of storage can be told.",
        "# [recording]",
        "# kbit_s = 5800",
    ]


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(_text(one) for one in texts)}]"


def _text(text: str) -> str:
    """Return a TOML string: JSON's escapes are TOML's, but for DEL and lone surrogates."""
    plain = text.replace(_DEL, "?").encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False)
