"""The verifier's command, and the same as `sealdock verify`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.exit_codes import ExitCode
from config.messages import LANGUAGES, term
from dock_daemon.commands.verify import verify
from hashing.command import main
from hashing.report import CODES, LISTED_PER_CODE, NOTICES, Tally
from tests.sealed import KEY, Disk, small

ROOT = Path(__file__).parents[2]
VKEY = str(KEY.verifier())


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """Write a log of one docking with three clips, and its store."""
    return small().write(tmp_path)


def test_it_runs_alone(disk: Disk) -> None:
    """The package verifies as a program, with nothing of the dock and its settings."""
    command = [sys.executable, "-m", "hashing", "verify", str(disk.log), "--key", VKEY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nverified\n")


def test_it_imports_nothing_of_the_dock() -> None:
    """Verifying loads `hashing`, `cryptography` and the standard library only."""
    program = (
        "import sys, hashing.command\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    command = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.strip(" '\n[]") for name in done.stdout.split(",")}
    assert {"hashing", "cryptography"} <= loaded
    assert not loaded & {"dock_daemon", "config", "firmware_bridge", "click", "msgspec", "rich"}


@pytest.mark.parametrize("as_file", [False, True])
def test_the_key_is_text_or_a_file(
    disk: Disk, capsys: pytest.CaptureFixture[str], *, as_file: bool
) -> None:
    """--key takes the key itself or the name of a file with it."""
    key = str(disk.log / "vkey") if as_file else VKEY
    assert main(["verify", str(disk.log), "--key", key, "--store", str(disk.store), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["size"], told["clips"], told["documents"]) == (True, 7, 3, 5)


def test_exit_codes(disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    """2 for a key that is none, 3 for a directory that is none, 6 for what does not verify."""
    assert main(["verify", str(disk.log), "--key", f"{VKEY}x"]) == ExitCode.USAGE
    assert main(["verify", str(disk.log), "--key", str(disk.log / "checkpoint")]) == ExitCode.USAGE
    assert main(["verify", str(disk.log), "--key", "x+" * 4_500]) == ExitCode.USAGE
    assert main(["verify", str(disk.log), "--key", "x" * 9_000]) == ExitCode.NOT_FOUND
    assert main(["verify", str(disk.log / "no"), "--key", VKEY]) == ExitCode.NOT_FOUND
    assert main(["verify", "x" * 9_000, "--key", VKEY]) == ExitCode.NOT_FOUND
    disk.change("log/checkpoint", lambda data: data[1:])
    assert main(["verify", str(disk.log), "--key", VKEY]) == ExitCode.VERIFICATION_FAILED
    assert "checkpoint-signature" in capsys.readouterr().out
    assert main(["verify"]) == ExitCode.USAGE
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--no-such-option"])
    assert caught.value.code == ExitCode.USAGE


def test_sealed_clips_are_told(disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    """A clip that the log seals is named with its entry; progress and notices do no harm."""
    mine = disk.root / "mine.mp4"
    mine.write_bytes(b"first clip")
    disk.put("store/damaged/x", b"")
    arguments = ["verify", str(disk.log), "--key", VKEY, "--clip", str(mine)]
    assert main([*arguments, "--store", str(disk.store)]) == 0
    out = capsys.readouterr().out
    assert f"{mine}: entry 3 (10 bytes" in out
    assert "notice   store-set-aside" in out


def test_hostile_names_do_not_reach_the_terminal(
    disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that would steer a terminal, or is no text at all, is shown escaped."""
    name = b"\x1b[2J\xff\xe2\x80\xae"
    Path(os.fsdecode(os.fsencode(disk.log) + b"/" + name)).write_bytes(b"")
    assert main(["verify", str(disk.log), "--key", VKEY]) == ExitCode.VERIFICATION_FAILED
    out = capsys.readouterr().out
    assert "log-stray" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert main(["verify", str(disk.log), "--key", VKEY, "--json"]) == ExitCode.VERIFICATION_FAILED
    assert json.loads(capsys.readouterr().out)["problems"][0]["code"] == "log-stray"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_docks_command(disk: Disk, lang: str) -> None:
    """`sealdock verify` says the same, in the dock's languages, with the same exit codes."""
    arguments = [str(disk.log), "--key", VKEY, "--store", str(disk.store), "--lang", lang]
    done = CliRunner().invoke(verify, arguments)
    assert done.exit_code == 0, done.output
    (disk.log / "tile/0/000.p/7").unlink()
    done = CliRunner().invoke(verify, arguments)
    assert done.exit_code == ExitCode.VERIFICATION_FAILED
    assert term("verify-code", "tile-missing", lang) in done.output
    assert str(disk.log / "tile/0/000.p/7") in done.output
    told = json.loads(CliRunner().invoke(verify, [*arguments, "--json"]).stdout)
    assert [problem["code"] for problem in told["problems"]] == ["tile-missing"]


@pytest.mark.parametrize(
    ("wrong", "code", "exit_code"),
    [
        ({"log": "no"}, "no-log", ExitCode.NOT_FOUND),
        ({"--store": "no"}, "no-store", ExitCode.NOT_FOUND),
        ({"--clip": "no"}, "no-clip", ExitCode.NOT_FOUND),
        ({"--key": "no/a+vkey"}, "no-key-file", ExitCode.NOT_FOUND),
        ({"--key": "no.vkey"}, "no-key-file", ExitCode.NOT_FOUND),
        ({"--key": VKEY.removesuffix("=")[:-1]}, "bad-key", ExitCode.USAGE),
    ],
)
def test_what_is_not_there_is_named(
    disk: Disk, wrong: dict[str, str], code: str, exit_code: ExitCode
) -> None:
    """Of all that can be mistyped each has its sentence and its code, for people and programs."""
    given = {"log": str(disk.log), "--key": VKEY, "--store": str(disk.store), **wrong}
    log, options = given.pop("log"), [part for pair in given.items() for part in pair]
    assert main(["verify", log, *options]) == exit_code
    said = CliRunner().invoke(verify, [log, *options, "--lang", "en"])
    assert (said.exit_code, said.stdout) == (exit_code, "")
    assert next(iter(wrong.values())) in said.stderr
    told = json.loads(CliRunner().invoke(verify, [log, *options, "--json"]).stderr)
    assert (told["message_type"], told["schema"], told["code"]) == ("error", 1, code)
    assert told["exit_code"] == exit_code


def test_a_key_file_that_only_others_may_read(disk: Disk) -> None:
    """Where the key is there and this user may not read it, that is said, and is no wrong key."""
    disk.log.joinpath("vkey").chmod(0)
    for folder in (disk.root, *disk.root.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    arguments = [str(disk.log), "--key", str(disk.log / "vkey"), "--json"]
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        plain = main(["verify", *arguments])
        done = CliRunner().invoke(verify, arguments)
    finally:
        os.seteuid(before)
    assert plain == done.exit_code == ExitCode.NOT_PERMITTED
    assert json.loads(done.stderr)["code"] == "key-not-permitted"


def test_every_code_is_documented_and_has_words() -> None:
    """The table of codes in the format, and the messages in each language, are complete."""
    table = (ROOT / "docs/formats/log.md").read_text("utf-8")
    for code, words in {**CODES, **NOTICES}.items():
        assert f"| `{code}` | {words} |" in table
        for lang in LANGUAGES:
            assert term("verify-code", code, lang) != code


def test_a_tally_lists_few_and_counts_all() -> None:
    """Of one code a few are listed, each once, and the others counted; no code is made up."""
    tally = Tally()
    for number in range(100):
        tally.problem("tile-forged", f"tile {number}")
        if number < LISTED_PER_CODE - 1:
            tally.problem("tile-forged", f"tile {number}")
    assert (len(tally.problems), tally.omitted["tile-forged"]) == (LISTED_PER_CODE, 80)
    with pytest.raises(KeyError, match="nonsense"):
        tally.notice("nonsense", "")
