"""Which folder may use what: the arrows that import-linter cannot draw."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ("agent", "central", "config", "dock_daemon", "firmware_bridge", "hashing", "transport")
THIRD_PARTY = {
    "agent": {"click", "msgspec"},
    "central": {"click", "cryptography", "msgspec", "rich", "sqlalchemy", "starlette"},
    "config": {"click", "msgspec"},
    "dock_daemon": {
        "chinese_calendar",
        "click",
        "msgspec",
        "pyudev",
        "rich",
        "sqlite_utils",
        "starlette",
    },
    "firmware_bridge": {"cbor2", "serial"},
    "hashing": {"cryptography"},
    "transport": {"cryptography", "h11", "httpx2", "starlette", "uvicorn"},
}


def imported_by(folder: str) -> Iterator[tuple[Path, str]]:
    """Yield every module and the top of each package that it imports, lazily or not."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                yield from ((path, name.name.partition(".")[0]) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield path, node.module.partition(".")[0]


def loaded_by(module: str) -> set[str]:
    """Return all that a fresh interpreter has loaded after importing `module` alone."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def tops(modules: set[str]) -> set[str]:
    """Return the top-level packages among `modules`."""
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("folder", HOUSE)
def test_folder_uses_only_the_packages_of_its_row(folder: str) -> None:
    """A folder imports no third-party package but those that the architecture allows it."""
    allowed = THIRD_PARTY[folder] | set(HOUSE) | sys.stdlib_module_names
    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, name in imported_by(folder)
        if name not in allowed
    }
    assert strangers == set()


def test_verifier_of_a_court_loads_nothing_of_the_dock() -> None:
    """`hashing.verify` brings in no other folder of ours, and cryptography alone besides."""
    loaded = tops(loaded_by("hashing.verify"))
    assert loaded & set(HOUSE) == {"hashing"}
    assert loaded & set().union(*THIRD_PARTY.values()) == {"cryptography"}


def test_verify_command_is_independent_of_the_daemon() -> None:
    """`sealdock verify` loads no code that reads, takes over, stores or publishes clips."""
    loaded = loaded_by("dock_daemon.commands.verify")
    ours = {name for name in loaded if name.startswith(("dock_daemon.", "firmware_bridge."))}
    # How commands print; nothing that could do anything.
    assert ours <= {
        "dock_daemon.commands",
        "dock_daemon.commands.printing",
        "dock_daemon.commands.verify",
    }
    assert tops(loaded) & {"pyudev", "sqlite3", "sqlite_utils"} == set()


def test_root_command_loads_click_and_nothing_heavy() -> None:
    """Before it is known which command runs, none of the dock's parts is loaded."""
    loaded = tops(loaded_by("dock_daemon.commands.root"))
    heavy = {"asyncio", "cryptography", "hashing", "msgspec", "pyudev", "rich", "sqlite3"}
    assert loaded & (heavy | {"firmware_bridge", "sqlite_utils"}) == set()
