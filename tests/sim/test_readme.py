"""The commands of the README, as somebody who follows it would type them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from tests.require import need

ROOT = Path(__file__).resolve().parents[2]
# Stands in for script/sealdock, which would look after packages and environment first.
SEALDOCK = """#!/bin/sh
exec "{python}" -I -c 'import sys; sys.path.insert(0, "{root}")
from dock_daemon.commands.root import main; main()' "$@"
"""


def tour(readme: str) -> str:
    """Return the commands that begin with a card, and those that go on with what it gave."""
    text = (ROOT / readme).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    card, proof = (block for block in blocks if "truncate" in block or " prove " in block)
    return f"{card}{proof}"


def bare(commands: str) -> str:
    """Return the commands without their comments, which differ by language."""
    return re.sub(r" *#.*$", "", commands, flags=re.MULTILINE)


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """Return a folder in which somebody has typed all of the tour."""
    need(shutil.which("mcopy"), "mtools")
    need(Path("/usr/sbin/mkfs.vfat").exists(), "dosfstools")
    script = tmp_path / "script" / "sealdock"
    script.parent.mkdir()
    script.write_text(SEALDOCK.format(python=sys.executable, root=ROOT), encoding="utf-8")
    script.chmod(0o755)
    typed = f"set -e\n{tour('README.md')}"
    subprocess.run(["/bin/bash", "-c", typed], cwd=tmp_path, check=True)
    return tmp_path


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    """Type once more what verifies the whole log."""
    (command,) = (line for line in tour("README.md").splitlines() if " verify try/log" in line)
    return subprocess.run(
        ["/bin/bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )


def test_tour_ends_as_the_readme_says(followed: Path) -> None:
    """Every command of the tour succeeds; one changed byte of a clip is named, with code 6."""
    assert verify(followed).returncode == ExitCode.OK
    clip = next(
        path for path in (followed / "try" / "store" / "clips").rglob("*") if path.is_file()
    )
    content = bytearray(clip.read_bytes())
    content[1000] ^= 1
    clip.chmod(0o600)
    clip.write_bytes(content)
    found = verify(followed)
    assert found.returncode == ExitCode.VERIFICATION_FAILED
    assert clip.name in found.stdout + found.stderr


def test_both_readmes_show_the_same_commands() -> None:
    """The Chinese README's tour is the English one's, but for the comments."""
    assert bare(tour("README.zh-CN.md")) == bare(tour("README.md"))
