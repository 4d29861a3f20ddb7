"""A recorder's card as a recorder leaves it: real clips, vendor names, Param.ini.

Made with the tools of any Debian machine: ffmpeg for the clips, mkfs.vfat and mtools
for the FAT32 card. Nothing is mounted.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECTOR: Final = 512
_PARTITION_AT: Final = 2048 * SECTOR
_FAT32_LBA: Final = 0x0C
_TOOL_WITHIN_S: Final = 120


class ToolError(Exception):
    """A tool that makes cards is missing or has failed."""

    def __init__(self, tool: str, reason: str) -> None:
        super().__init__(f"{tool}: {reason}")
        self.tool = tool
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Card:
    """A card image with one FAT32 partition."""

    image: Path
    zone: str

    def put(self, source: Path, path: str) -> None:
        """Copy a file onto the card; its time is stored as local time of `zone`."""
        self._mtools("mcopy", "-m", "-o", str(source), f"::{path}")

    def delete(self, path: str) -> None:
        """Delete a file as a recorder does: its record is marked, its bytes stay."""
        self._mtools("mdel", f"::{path}")

    def make_folder(self, path: str) -> None:
        """Make a folder whose parent is there."""
        self._mtools("mmd", f"::{path}")

    def _mtools(self, tool: str, *arguments: str) -> None:
        # Chinese card firmware writes short names in code page 936; ours are ASCII.
        env = {"MTOOLS_SKIP_CHECK": "1", "TZ": self.zone}
        run_tool([tool, "-i", f"{self.image}@@{_PARTITION_AT}", *arguments], env=env)


def make_card(image: Path, *, size: int, serial: int, zone: str) -> Card:
    """Write an empty card of `size` bytes: MBR, one FAT32 partition. Raises ToolError."""
    sectors = (size - _PARTITION_AT) // SECTOR
    with image.open("wb") as file:
        file.truncate(size)
        entry = struct.pack(
            "<B3sB3sII", 0, b"\xfe\xff\xff", _FAT32_LBA, b"\xfe\xff\xff", 2048, sectors
        )
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
    run_tool(
        ["mkfs.vfat", "-F", "32", "-s", "1", "-i", f"{serial:08X}", "-n", "ZFY", "--offset", "2048",
         str(image), str(sectors // 2)]
    )  # fmt: skip
    return Card(image, zone)


def make_clip(path: Path, *, seconds: int, pattern: str, tone_hz: int) -> None:
    """Record a clip: H.264 and AAC in MP4, a test pattern and a tone. Raises ToolError."""
    picture = f"{pattern}=size=640x360:rate=25:duration={seconds},noise=alls=40:allf=t"
    run_tool(
        ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
         "-f", "lavfi", "-i", picture,
         "-f", "lavfi", "-i", f"sine=frequency={tone_hz}:duration={seconds}",
         "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
         "-b:v", "6M", "-maxrate", "6M", "-bufsize", "2M",
         "-c:a", "aac", "-shortest", str(path)]
    )  # fmt: skip


def run_tool(command: list[str], *, env: Mapping[str, str] | None = None) -> None:
    """Run a tool to its end; raise ToolError with what it said."""
    # /usr/sbin holds mkfs.vfat, and is not on a user's path.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    program = shutil.which(command[0], path=path)
    if program is None:
        raise ToolError(command[0], "not installed")
    # A preloaded umockdev is for this process alone.
    clean = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    try:
        done = subprocess.run(
            [program, *command[1:]],
            env={**clean, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TOOL_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(command[0], str(error)) from error
    if done.returncode:
        raise ToolError(command[0], done.stderr.decode("utf-8", "replace").strip()[-500:])
