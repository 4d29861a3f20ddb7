"""The wheel that a dock installs, as against the checkout that we look at all day."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dock_daemon.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
BUILT_FROM = ("LICENSE", "README.md", "pyproject.toml")
PACKAGES = ("agent", "central", "config", "dock_daemon", "firmware_bridge", "hashing", "transport")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the wheel was unpacked as pip does it, without a network."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, source)
    leave = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=leave)
    target = tmp_path_factory.mktemp("target")
    pip = (sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps")
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", target, source],
        check=True,
        cwd=source,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return target


def run(installed: Path, *arguments: str) -> str:
    """Run the installed command line, the checkout out of sight; return what it printed."""
    program = """
import sys
where = sys.argv.pop(1)
sys.path.insert(0, where)
import config
assert config.__file__.startswith(where), config.__file__
from dock_daemon.commands.root import main
main()
"""
    command = [sys.executable, "-I", "-c", program, str(installed), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout


def test_installed_command_says_its_version(installed: Path) -> None:
    """The wheel's command line runs and is of the version that the wheel names."""
    assert run(installed, "--version") == f"sealdock {VERSION}\n"
    assert (installed / f"sealdock-{VERSION}.dist-info").is_dir()


def test_installed_command_finds_its_shipped_data(installed: Path, tmp_path: Path) -> None:
    """Settings, rules and messages come with the wheel, each as it is in the checkout."""
    shown = json.loads(run(installed, "config", "show", "--json", "--config", str(tmp_path)))
    assert shown["settings"]["rules.preset"]
    shipped = ROOT / "config" / "data"
    for path in (path for path in shipped.rglob("*") if path.is_file()):
        copy = installed / "config" / "data" / path.relative_to(shipped)
        assert copy.read_bytes() == path.read_bytes()


def test_wheel_has_a_script_and_no_tests(installed: Path) -> None:
    """`sealdock` is put on the path; what only a checkout needs is left at home."""
    assert (installed / "bin" / "sealdock").is_file()
    assert not (installed / "tests").exists()
