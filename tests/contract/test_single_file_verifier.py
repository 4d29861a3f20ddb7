"""The verifier as one file, on a machine that has Python and `cryptography` and nothing of ours."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.exit_codes import ExitCode
from dock_daemon.commands.verifier import verifier
from dock_daemon.version import VERSION
from hashing.command import main
from hashing.single_file import build, sources
from tests.proving import policy_text
from tests.require import need
from tests.sealed import KEY, small

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "hashing" / "proof"
VKEY = str(KEY.verifier())
# What `cryptography` is made of, by the name that is imported.
CRYPTOGRAPHY = ("cryptography", "cffi", "_cffi_backend")


def bare(folder: Path, *packages: str) -> Path:
    """Return a Python that can import these packages and the standard library, nothing else."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in packages:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        found = origin.parent if spec.submodule_search_locations else origin
        (site / found.name).symlink_to(found)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has `cryptography` alone, and a trap in the place of our package."""
    folder = tmp_path_factory.mktemp("bare")
    program = bare(folder / "venv", *CRYPTOGRAPHY)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "hashing.py").write_text("raise SystemExit('another hashing')", encoding="utf-8")
    return program


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the verifier as `sealdock verifier` writes it, alone in its directory."""
    path = tmp_path_factory.mktemp("handed over") / "sealdock-verifier.py"
    done = CliRunner().invoke(verifier, ["-o", str(path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["version"] == VERSION
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def run(python: Path, *arguments: Path | str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of that Python, isolated, with an empty environment."""
    command = [str(python), "-I", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={}, capture_output=True, text=True, check=False)


def test_it_can_import_nothing_of_ours(python: Path, tmp_path: Path) -> None:
    """The machine of this suite has neither our packages nor any of ours' but `cryptography`."""
    for name in ("dock_daemon", "click", "msgspec"):
        assert run(python, "-c", f"import {name}", cwd=tmp_path).returncode != 0
    assert run(python, "-c", "import cryptography", cwd=tmp_path).returncode == 0


def test_it_verifies_the_golden_proof(python: Path, single: Path, tmp_path: Path) -> None:
    """Proof, entry, clip, policy and an older proof verify, and one changed byte does not."""
    genuine = (GOLDEN / "clip.entry").read_bytes()
    for entry, code in ((genuine, 0), (genuine.replace(b"ntp", b"rtc"), 6)):
        (tmp_path / "clip.entry").write_bytes(entry)
        done = run(
            python,
            single,
            "verify",
            "--proof",
            GOLDEN / "clip.tlog-proof",
            "--entry",
            "clip.entry",
            "--clip",
            GOLDEN / "clip.mp4",
            "--policy",
            GOLDEN / "trust.policy",
            "--also",
            GOLDEN / "older.tlog-proof",
            "--consistency",
            GOLDEN / "from-40",
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (code, "")
        assert done.stdout.endswith("\nverified\n") == (code == 0)


def test_it_verifies_a_log(
    python: Path, single: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says of a log and its store the same as the installed verifier, good or bad."""
    disk = small().write(tmp_path)
    arguments = ["verify", str(disk.log), "--key", VKEY, "--store", str(disk.store), "--json"]
    for code in (0, 6):
        done = run(python, single, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (code, "")
        assert main(arguments) == code
        assert json.loads(done.stdout) == json.loads(capsys.readouterr().out)
        disk.change("log/tile/entries/000.p/7", lambda data: data.replace(b"ntp", b"rtc"))


def test_it_refuses_wrong_use(python: Path, single: Path, tmp_path: Path) -> None:
    """What is no key is refused, and the usage names the file that was run."""
    done = run(python, single, "verify", "x", "--key", "y", cwd=tmp_path)
    assert done.returncode == ExitCode.NOT_FOUND
    usage = run(python, single, "verify", "--help", cwd=tmp_path).stdout
    assert f"python3 -I {single} verify" in usage
    assert run(python, single, cwd=tmp_path).returncode == ExitCode.USAGE


def test_a_quorum_is_asked_for(python: Path, single: Path, tmp_path: Path) -> None:
    """A log that nobody cosigned does not satisfy a policy that asks for two."""
    disk = small().write(tmp_path)
    (tmp_path / "trust.policy").write_text(policy_text(), "utf-8")
    arguments = ("verify", disk.log, "--policy", "trust.policy", "--json")
    done = run(python, single, *arguments, cwd=tmp_path)
    assert [each["code"] for each in json.loads(done.stdout)["problems"]] == ["quorum"]


def test_it_says_what_it_is(python: Path, single: Path, tmp_path: Path) -> None:
    """It names its version, and the SHA-256 of itself and of each part, as its head does."""
    done = run(python, single, "--version", cwd=tmp_path)
    name, own, *parts = done.stdout.splitlines()
    assert name == f"sealdock verifier {VERSION}"
    assert own.split()[0] == hashlib.sha256(single.read_bytes()).hexdigest()
    head = single.read_text("utf-8").partition('"""\n\nimport sys')[0]
    for line in parts:
        digest, path = line.split()
        assert digest == hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
        assert f"\n  {digest}  {path}\n" in head
    assert {line.split()[1] for line in parts} == sources().keys()


def test_an_error_names_its_line(python: Path, single: Path, tmp_path: Path) -> None:
    """A traceback out of the file names the part that it happened in, and the line there."""
    spoilt = tmp_path / "spoilt.py"
    text = single.read_text("utf-8")
    spoilt.write_text(text.replace("VERIFIED: Final = 0\n", "VERIFIED: Final = 1 // 0\n"), "utf-8")
    done = run(python, spoilt, "verify", "x", cwd=tmp_path)
    lines = (ROOT / "hashing" / "command.py").read_text("utf-8").splitlines()
    number = lines.index("VERIFIED: Final = 0") + 1
    assert f'File "hashing/command.py", line {number}, in' in done.stderr


def test_without_cryptography_it_says_so(single: Path, tmp_path: Path) -> None:
    """Where the one package that it needs is missing, it names it."""
    done = run(bare(tmp_path / "venv"), single, "--version", cwd=tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "cryptography" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_builds_are_the_same_bytes(single: Path, tmp_path: Path) -> None:
    """Another process, with another order of hashes and another directory, writes the same."""
    again = tmp_path / "again.py"
    command = [sys.executable, "-m", "dock_daemon.commands.root", "verifier", "-o", str(again)]
    for number in ("0", "1"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": number,
            "PYTHONPATH": str(ROOT),
            "TZ": "Asia/Shanghai",
        }
        again.unlink(missing_ok=True)
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
        assert again.read_bytes() == single.read_bytes()
    assert build(sources(), VERSION).encode() == single.read_bytes()


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """Nothing is written over unless it is asked for, and what can't be written is named."""
    path = tmp_path / "v.py"
    path.write_bytes(b"mine")
    done = CliRunner().invoke(verifier, ["-o", str(path), "--lang", "en"])
    assert (done.exit_code, path.read_bytes()) == (ExitCode.USAGE, b"mine")
    assert str(path) in done.stderr
    assert CliRunner().invoke(verifier, ["-o", str(path), "--force"]).exit_code == 0
    assert path.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    nowhere = str(tmp_path / "no" / "v.py")
    done = CliRunner().invoke(verifier, ["-o", nowhere, "--json"])
    assert done.exit_code == ExitCode.FAILED
    assert json.loads(done.stderr)["code"] == "unwritable"


@pytest.mark.parametrize("text", ["x = '''a'''\n", "x = 1", "x = 1\r\n"])
def test_parts_that_can_not_be_quoted(text: str) -> None:
    """A module that would not come out as it went in is refused."""
    with pytest.raises(ValueError, match=r"hashing/x\.py"):
        build({"hashing/x.py": text}, VERSION)


def test_the_script_writes_it(single: Path, tmp_path: Path) -> None:
    """script/verifier writes the same bytes from a checkout."""
    need((ROOT / ".venv" / "seal-run").exists(), "a checkout that script/test has set up")
    path = tmp_path / "dist" / "verifier.py"
    subprocess.run([ROOT / "script" / "verifier", path], capture_output=True, check=True)
    assert path.read_bytes() == single.read_bytes()
