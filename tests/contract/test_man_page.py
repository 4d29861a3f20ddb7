"""The man pages, and the table of exit codes that they are made from."""

import re
import subprocess
import sys
from pathlib import Path

from config.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]


def test_man_pages_say_what_the_commands_say(tmp_path: Path) -> None:
    """The pages in docs/man are those that script/man would write now, and no others."""
    program = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1));"
        " runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    arguments = (ROOT, ROOT / "script" / "manpage.py", tmp_path)
    subprocess.run([sys.executable, "-I", "-c", program, *map(str, arguments)], check=True)
    pages = [
        {path.name: path.read_text("utf-8") for path in folder.iterdir()}
        for folder in (ROOT / "docs" / "man", tmp_path)
    ]
    assert set(pages[1]) == {"sealdock.1", "sealdock-agent.1", "sealdock-central.1"}
    assert pages[0] == pages[1]


def test_every_exit_code_is_documented_once() -> None:
    """docs/exit-codes.md names each code with its number, in order, and no other."""
    table = (ROOT / "docs" / "exit-codes.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", table, re.MULTILINE)
    assert rows == [(str(code.value), code.name) for code in ExitCode]
