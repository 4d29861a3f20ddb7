"""The scripts that set a checkout up, as far as a machine that is set up can show them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from dock_daemon.version import VERSION
from tests.require import need

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = (
    "script/bench",
    "script/bench-agent",
    "script/bootstrap",
    "script/demo",
    "script/lock",
    "script/sealdock",
    "script/sealdock-agent",
    "script/sealdock-central",
    "script/test",
    "script/torture",
    "script/verifier",
)
LOCKS = ("requirements/run.txt", "requirements/test.txt")


@pytest.fixture
def set_up() -> None:
    """Skip where no bootstrap has run: a test never installs anything by itself."""
    need((ROOT / ".venv" / "seal-run").exists(), "a checkout that script/test has set up")


@pytest.mark.parametrize("name", [*SCRIPTS, ".ci/run"])
def test_script_can_be_run_as_it_is(name: str) -> None:
    """Each script is executable and is bash without a mistake in its grammar."""
    assert os.access(ROOT / name, os.X_OK)
    subprocess.run(["/bin/bash", "-n", ROOT / name], check=True)


@pytest.mark.usefixtures("set_up")
def test_sealdock_runs_from_anywhere(tmp_path: Path) -> None:
    """A link to script/sealdock runs it, from a folder whose modules must not be imported."""
    elsewhere = tmp_path / "some folder"
    elsewhere.mkdir()
    (elsewhere / "click.py").write_text("raise SystemExit('the wrong click')", encoding="utf-8")
    link = elsewhere / "sealdock"
    link.symlink_to(ROOT / "script" / "sealdock")
    environment = {**os.environ, "PYTHONPATH": str(elsewhere), "VIRTUAL_ENV": str(elsewhere)}
    done = subprocess.run(
        [link, "--version"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (f"sealdock {VERSION}\n", "")


@pytest.mark.usefixtures("set_up")
def test_foreign_folder_is_never_cleared(tmp_path: Path) -> None:
    """A folder that is no environment of ours is left alone, whatever SEALDOCK_VENV says."""
    (tmp_path / "thesis.txt").write_text("ten years", encoding="utf-8")
    environment = {**os.environ, "SEALDOCK_VENV": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "script" / "sealdock", "--version"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "please move it away" in done.stderr
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "ten years"


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_every_package_by_hash_and_names_no_index(name: str) -> None:
    """Each locked package has one version and at least one hash; none says where it is from."""
    text = (ROOT / name).read_text(encoding="utf-8")
    packages = re.findall(
        r"^[a-z0-9][^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)*", text, re.MULTILINE
    )
    assert packages
    assert all(re.match(r"[a-z0-9.-]+==[^ ]+ ", package) for package in packages)
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text
    assert "index" not in text.lower()


def test_a_dock_runs_what_the_tests_judge() -> None:
    """Whatever a dock installs stands in the tests' lock with the same version and hashes."""
    pinned = re.compile(r"^(?:[a-z0-9].*==|    --hash=).*$", re.MULTILINE)
    run, test = (set(pinned.findall((ROOT / name).read_text("utf-8"))) for name in LOCKS)
    assert run <= test
