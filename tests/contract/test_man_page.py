"""The man page, and the table of exit codes that it is made from."""

import re
import subprocess
import sys
from pathlib import Path

from config.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]


def test_man_page_says_what_the_commands_say(tmp_path: Path) -> None:
    """The page in docs/man is the one that script/man would write now."""
    program = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1));"
        " runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    target = tmp_path / "sealdock.1"
    arguments = (ROOT, ROOT / "script" / "manpage.py", target)
    subprocess.run([sys.executable, "-I", "-c", program, *map(str, arguments)], check=True)
    committed = ROOT / "docs" / "man" / "sealdock.1"
    assert committed.read_text("utf-8") == target.read_text("utf-8")


def test_every_exit_code_is_documented_once() -> None:
    """docs/exit-codes.md names each code with its number, in order, and no other."""
    table = (ROOT / "docs" / "exit-codes.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", table, re.MULTILINE)
    assert rows == [(str(code.value), code.name) for code in ExitCode]
