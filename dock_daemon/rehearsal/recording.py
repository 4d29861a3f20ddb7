"""What the demo's officers record, and on what: two recorders, and a dock's configuration.

The first recorder has the companion, which journals each clip as it is closed; the second is
nothing but a disk. On each, one clip is deleted before it ever reaches a dock.
"""

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dock_daemon.rehearsal.card import Card, make_card, make_clip
from dock_daemon.rehearsal.companion import CLOCK_BEHIND_S, Companion
from dock_daemon.rehearsal.stage import Stage

PORT: Final = "pci-0000:00:14.0-usb-0:3"
BAY: Final = "3"
ZONE: Final = "Asia/Shanghai"
DEVICE: Final = "8800317"
OTHER_DEVICE: Final = "8800318"
CARD_BYTES: Final = 64 << 20

_FOLDER: Final = "DCIM/100ANDRO"
_OFFICER: Final = "000317"
_OTHER_OFFICER: Final = "000318"
_SERIAL: Final = 0x20261121
_OTHER_SERIAL: Final = 0x20261122
_PATTERNS: Final = ("testsrc2", "testsrc", "smptebars", "rgbtestsrc")
_CHUNK_BYTES: Final = 65536


def configure(stage: Stage) -> None:
    """Write the dock's settings, and who holds which recorder."""
    etc = stage.folder / "etc"
    etc.mkdir()
    etc.joinpath("sealdock.toml").write_text(
        f'[dock]\norigin = "demo.invalid/dock"\nname = "DEMO"\ntimezone = "{ZONE}"\n\n'
        f'[ingest]\nchunk_bytes = {_CHUNK_BYTES}\n\n[[bays]]\nname = "{BAY}"\nports = ["{PORT}"]\n',
        encoding="utf-8",
    )
    etc.joinpath("register.csv").write_text(
        "recorder,user_no,name,unit\n"
        f"{DEVICE},{_OFFICER},张䶮,执法一科\n{OTHER_DEVICE},{_OTHER_OFFICER},王𬭎,执法二科\n",
        encoding="utf-8",
    )


def record(stage: Stage, companion: Companion) -> None:
    """Record four clips, delete the last once it is journalled, and tell of the card."""
    # By the recorder's own clock, which is wrong.
    now = datetime.now(ZoneInfo(ZONE)).replace(microsecond=0) - timedelta(seconds=CLOCK_BEHIND_S)
    folder = companion.clips / _FOLDER
    folder.mkdir(parents=True)
    clips = []
    for number, pattern in enumerate(_PATTERNS, 1):
        start = now - timedelta(minutes=70 - 10 * number)
        name = f"{DEVICE}_{_OFFICER}_{start:%Y%m%d%H%M%S}_{number:04d}.mp4"
        made = stage.folder / name
        make_clip(made, seconds=3, pattern=pattern, tone_hz=220 * number)
        if number == 3:  # noqa: PLR2004  a recording that was cut off
            os.truncate(made, made.stat().st_size * 6 // 10)
        end = start + timedelta(minutes=10)
        os.utime(made, (end.timestamp(), end.timestamp()))
        shutil.copy2(made, folder / name)
        made.unlink()
        clips.append(folder / name)
    journalled = companion.journalled(len(clips))
    card = _card(stage.image, _SERIAL, clips)
    clips[-1].unlink()
    card.delete(f"{_FOLDER}/{clips[-1].name}")
    shutil.copyfile(stage.image, stage.whole)
    stage.tell(
        "recorder",
        {
            "clips": len(clips) - 1,
            "device": DEVICE,
            "card": str(stage.image),
            "deleted": 1,
            "journalled": len(journalled),
        },
    )


def other_card(stage: Stage) -> None:
    """Put the card of a recorder without a journal into the place of the first one's."""
    source = stage.folder / "other"
    source.mkdir()
    clips = []
    for number in (1, 2):
        name = f"{OTHER_DEVICE}_{_OTHER_OFFICER}_20261120{number:02d}0000_{number:04d}.mp4"
        make_clip(source / name, seconds=1, pattern=_PATTERNS[0], tone_hz=440)
        clips.append(source / name)
    card = _card(stage.image, _OTHER_SERIAL, clips)
    param = source / "Param.ini"
    param.write_bytes(
        f"[ZFY]\r\nDevNo={OTHER_DEVICE}\r\nPolNo={_OTHER_OFFICER}\r\nUserName=王𬭎\r\n"
        "Department=执法二科\r\n".encode("gb18030")
    )
    card.put(param, "Param.ini")
    card.delete(f"{_FOLDER}/{clips[-1].name}")


def _card(image: Path, serial: int, clips: list[Path]) -> Card:
    card = make_card(image, size=CARD_BYTES, serial=serial, zone=ZONE)
    for folder in ("DCIM", _FOLDER):
        card.make_folder(folder)
    for clip in clips:
        card.put(clip, f"{_FOLDER}/{clip.name}")
    return card
