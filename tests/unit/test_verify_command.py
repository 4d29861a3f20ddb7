"""Verifying proofs, policies and kept heads from the command line: both commands, word for word."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.exit_codes import ExitCode
from config.messages import LANGUAGES, term
from dock_daemon.commands.verify import verify
from hashing import note
from hashing.command import main
from tests.proving import LOG_QUANTUM, TIME_S, W1, W2, W3, Kept, policy_text
from tests.sealed import KEY, Disk, long

GOLDEN = Path(__file__).parents[1] / "golden" / "hashing" / "proof"
VKEY = str(KEY.verifier())
PROOF = ("--proof", str(GOLDEN / "clip.tlog-proof"), "--entry", str(GOLDEN / "clip.entry"))
POLICY = ("--policy", str(GOLDEN / "trust.policy"))
LOG = Kept.of(long(70))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """Write the log of the golden proof."""
    return long(70).write(tmp_path / "d")


def say(*arguments: str, lang: str = "en") -> Result:
    """Run the dock's command."""
    return CliRunner().invoke(verify, [*arguments, "--lang", lang])


def told(*arguments: str) -> dict[str, Any]:
    """Return what the dock's command says as JSON; both commands must say the same."""
    done = CliRunner().invoke(verify, [*arguments, "--json"])
    answer: dict[str, Any] = json.loads(done.stdout)
    assert main(["verify", *arguments]) == done.exit_code
    return answer


def codes(*arguments: str) -> list[str]:
    """Return the codes of the problems that both commands find."""
    return [problem["code"] for problem in told(*arguments)["problems"]]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_proof_in_words(lang: str) -> None:
    """A sound proof says its log, its entry and who cosigned, in the dock's languages."""
    done = say(*PROOF, *POLICY, "--clip", str(GOLDEN / "clip.mp4"), lang=lang)
    assert done.exit_code == 0, done.output
    for words in (W1.name, W2.name, "2026-01-01T00:05:00Z", LOG.head.root.hex(), "clip"):
        assert words in done.stdout
    wrong = say(*PROOF, *POLICY, "--clip", str(GOLDEN / "clip.entry"), lang=lang)
    assert wrong.exit_code == ExitCode.VERIFICATION_FAILED
    assert term("verify-code", "clip-other", lang) in wrong.stdout


def test_a_proof_in_the_verifiers_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    """The verifier that runs alone says the same, in English."""
    assert main(["verify", *PROOF, *POLICY]) == 0
    out = capsys.readouterr().out
    assert f"cosigned by {W1.name} at 2026-01-01T00:05:00Z\n" in out
    assert "entry    3, clip, of 2026-01-01T00:00:00Z by the dock's clock\n" in out
    assert out.endswith("\nverified\n")
    assert main(["verify", *PROOF, "--key", str(LOG_QUANTUM.verifier())]) == 6
    out = capsys.readouterr().out
    assert "problem  other-log-key " in out
    assert out.endswith("\nNOT verified: 1 problem\n")


def test_a_log_and_its_cosigners_in_words(disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a log, too, it is said who cosigned it and when."""
    data = disk.read("checkpoint")
    lines = [each.cosign(note.parse(data)[0], TIME_S) for each in (W1, W2)]
    disk.put("log/checkpoint", note.with_lines(data, lines))
    assert main(["verify", str(disk.log), *POLICY]) == 0
    assert f"cosigned by {W2.name} at 2026-01-01T00:05:00Z\n" in capsys.readouterr().out
    done = say(str(disk.log), *POLICY)
    assert f"cosigned by {W2.name} at 2026-01-01T00:05:00Z\n" in done.stdout
    cosigners = told(str(disk.log), *POLICY)["cosigners"]
    assert [each["name"] for each in cosigners] == [W1.name, W2.name]


def test_what_goes_with_a_proof(disk: Disk, tmp_path: Path) -> None:
    """Kept heads are held against a log directory, or joined by consistency proofs."""
    also = ("--also", str(GOLDEN / "older.tlog-proof"))
    assert codes(*PROOF, *POLICY, *also) == ["consistency-unknown"]
    assert codes(*PROOF, *POLICY, *also, "--log", str(disk.log)) == []
    assert codes(*PROOF, *POLICY, *also, "--consistency", str(GOLDEN / "from-40")) == []
    shorter = long(60).write(tmp_path / "shorter")
    assert codes(*PROOF, *POLICY, *also, "--log", str(shorter.log)) == ["rollback"]
    (shorter.log / "checkpoint").unlink()
    assert codes(*PROOF, *POLICY, "--log", str(shorter.log)) == ["checkpoint-missing"]
    shorter.put("log/checkpoint", b"nonsense")
    assert codes(*PROOF, *POLICY, "--log", str(shorter.log)) == ["checkpoint-malformed"]
    (shorter.log / "checkpoint").unlink()
    (shorter.log / "checkpoint").mkdir()
    assert codes(*PROOF, *POLICY, "--log", str(shorter.log)) == ["file-irregular"]


def test_what_is_larger_than_anything_kept(tmp_path: Path) -> None:
    """It was no head of the log, and is read no further than shows this."""
    path = tmp_path / "huge"
    with path.open("wb") as huge:
        huge.truncate(4 << 20)
    assert codes(*PROOF, *POLICY, "--also", str(path)) == ["also-malformed"]


def test_a_link_to_what_is_named(tmp_path: Path) -> None:
    """What the user names may be a link: it is the user's own."""
    link = tmp_path / "proof"
    link.symlink_to(GOLDEN / "clip.tlog-proof")
    assert codes("--proof", str(link), "--entry", str(GOLDEN / "clip.entry"), *POLICY) == []


def test_a_document(disk: Disk) -> None:
    """--document holds a file against what the entry names."""
    sealed = [path for path in disk.store.rglob("documents/*/*") if path.is_file()]
    found = [codes(*PROOF, *POLICY, "--document", str(path)) for path in sealed]
    assert found.count([]) == 1
    assert {code for each in found for code in each} == {"document-other"}


@pytest.mark.parametrize(
    ("key", "logs", "expected"),
    [
        (VKEY, (KEY,), []),
        (VKEY, (), []),
        (VKEY, (KEY, LOG_QUANTUM), []),
        (str(LOG_QUANTUM.verifier()), (KEY, LOG_QUANTUM), []),
        (None, (KEY, LOG_QUANTUM), []),
        (None, (LOG_QUANTUM,), ["other-log-key"]),
    ],
)
def test_keys_and_policies(
    tmp_path: Path, key: str | None, logs: Sequence[Any], expected: list[str]
) -> None:
    """A key alone, a policy alone, or both: then the policy must name the key if it names any."""
    path = tmp_path / "trust.policy"
    path.write_text(policy_text(logs=logs), "utf-8")
    keys = () if key is None else ("--key", key)
    assert codes(*PROOF, "--policy", str(path), *keys) == expected


@pytest.mark.parametrize("age", ["1", "1s", "59m", "24h", "7d"])
def test_ages(age: str) -> None:
    """An age is told in seconds, minutes, hours or days; the golden proof is older than any."""
    assert codes(*PROOF, *POLICY, "--max-age", age) == ["stale"]


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        ((), "nothing-to-verify", ExitCode.USAGE),
        (POLICY, "nothing-to-verify", ExitCode.USAGE),
        ((*PROOF[:2], *POLICY), "nothing-to-verify", ExitCode.USAGE),
        (PROOF, "no-key", ExitCode.USAGE),
        ((*PROOF, "--policy", "NO_LOGS"), "no-key", ExitCode.USAGE),
        ((*PROOF, "--key", str(W1.verifier())), "bad-key", ExitCode.USAGE),
        ((*PROOF, "--key", "nowhere"), "no-key-file", ExitCode.NOT_FOUND),
        ((*PROOF, "--policy", str(GOLDEN / "clip.entry")), "bad-policy", ExitCode.USAGE),
        ((*PROOF, "--policy", "nowhere"), "no-file", ExitCode.NOT_FOUND),
        ((*PROOF, *POLICY, "--max-age", "yesterday"), "bad-age", ExitCode.USAGE),
        ((*PROOF, *POLICY, "--max-age", "0"), "bad-age", ExitCode.USAGE),
        ((*PROOF, *POLICY, "--max-age", "1w"), "bad-age", ExitCode.USAGE),
        ((*PROOF, *POLICY, "--also", "nowhere"), "no-file", ExitCode.NOT_FOUND),
        ((*PROOF, *POLICY, "--consistency", "nowhere"), "no-file", ExitCode.NOT_FOUND),
        ((*PROOF, *POLICY, "--document", "nowhere"), "no-file", ExitCode.NOT_FOUND),
        ((*PROOF, *POLICY, "--clip", "nowhere"), "no-clip", ExitCode.NOT_FOUND),
        ((*PROOF, *POLICY, "--log", "nowhere"), "no-log", ExitCode.NOT_FOUND),
        (("--proof", "nowhere", *PROOF[2:], *POLICY), "no-file", ExitCode.NOT_FOUND),
        ((*PROOF[:2], "--entry", "nowhere", *POLICY), "no-file", ExitCode.NOT_FOUND),
        ((*PROOF, *POLICY, "--also", "."), "bad-file", ExitCode.VERIFICATION_FAILED),
        ((*PROOF, *POLICY, "--clip", "."), "bad-file", ExitCode.VERIFICATION_FAILED),
        ((*PROOF, *POLICY, "--also", "LOOP"), "bad-file", ExitCode.VERIFICATION_FAILED),
        (("log", *PROOF, *POLICY), "only-with-log", ExitCode.USAGE),
        ((*PROOF, *POLICY, "--store", "s"), "only-with-log", ExitCode.USAGE),
        (("LOG", "--key", VKEY, *PROOF[2:]), "only-with-proof", ExitCode.USAGE),
        (("LOG", "--key", VKEY, "--document", "d"), "only-with-proof", ExitCode.USAGE),
        (("LOG", "--key", VKEY, "--consistency", "c"), "only-with-proof", ExitCode.USAGE),
        (("LOG", "--key", VKEY, "--log", "l"), "only-with-proof", ExitCode.USAGE),
        (("LOG", "--key", str(LOG_QUANTUM.verifier())), "key-of-other-type", ExitCode.USAGE),
        (("LOG", "--policy", "OTHER", "--key", VKEY), "key-not-in-policy", ExitCode.USAGE),
    ],
)
def test_what_can_not_be_judged_is_refused(
    disk: Disk, tmp_path: Path, arguments: Sequence[str], code: str, exit_code: ExitCode
) -> None:
    """Each way to ask for nothing, or for what is not there, has its word and its exit code."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "no logs").write_text(policy_text(logs=()), "utf-8")
    (tmp_path / "other").write_text(policy_text(logs=(LOG_QUANTUM,)), "utf-8")
    names = {
        "LOOP": str(tmp_path / "loop"),
        "NO_LOGS": str(tmp_path / "no logs"),
        "OTHER": str(tmp_path / "other"),
        "LOG": str(disk.log),
    }
    given = [names.get(argument, argument) for argument in arguments]
    assert main(["verify", *given]) == exit_code
    done = CliRunner().invoke(verify, [*given, "--json"])
    assert (done.exit_code, done.stdout) == (exit_code, "")
    assert json.loads(done.stderr)["code"] == code
    for lang in LANGUAGES:
        said = say(*given, lang=lang)
        assert (said.exit_code, said.stdout) == (exit_code, "")
        assert said.stderr.strip()


def test_a_file_that_only_others_may_read(tmp_path: Path) -> None:
    """A proof that is there and that this user may not read is told from one that is not there."""
    path = tmp_path / "proof"
    path.write_bytes(LOG.proof(3).encode())
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        given = ["--proof", str(path), *PROOF[2:], "--key", VKEY]
        done = CliRunner().invoke(verify, [*given, "--json"])
        plain = main(["verify", *given])
    finally:
        os.seteuid(before)
    assert plain == done.exit_code == ExitCode.NOT_PERMITTED
    assert json.loads(done.stderr)["code"] == "file-not-permitted"


@contextmanager
def somebody() -> Iterator[None]:
    """Be a user who may read only what all may."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("where", ["shut", "shut/inside"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--manifest", "IT", "--key", VKEY),
        (*PROOF[:2], "--entry", "IT", "--key", VKEY),
        (*PROOF, "--policy", "IT"),
        (*PROOF, "--key", "IT"),
        (*PROOF, "--key", VKEY, "--clip", "IT"),
        (*PROOF, "--key", VKEY, "--log", "IT"),
        ("LOG", "--key", VKEY, "--store", "IT"),
        ("IT", "--key", VKEY),
    ],
)
def test_whatever_may_not_be_read(
    disk: Disk, tmp_path: Path, arguments: Sequence[str], where: str
) -> None:
    """A file, a directory, or what lies where one may not enter: 8, and no word of click's own."""
    wants_directory = "--log" in arguments or "--store" in arguments or arguments[0] == "IT"
    shut = tmp_path / "shut"
    inside = shut if where == "shut" else shut / "inside"
    if wants_directory:
        inside.mkdir(parents=True)
    else:
        inside.parent.mkdir(exist_ok=True)
        inside.write_bytes(b"x")
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    shut.chmod(0)
    names = {"IT": str(inside), "LOG": str(disk.log)}
    given = [names.get(argument, argument) for argument in arguments]
    try:
        with somebody():
            done = CliRunner().invoke(verify, [*given, "--json"])
            plain = main(["verify", *given])
    finally:
        shut.chmod(0o700)
    assert (done.exit_code, plain) == (ExitCode.NOT_PERMITTED, ExitCode.NOT_PERMITTED)
    assert json.loads(done.stderr)["code"] in {"file-not-permitted", "key-not-permitted"}


@pytest.mark.parametrize(
    "arguments",
    [("", "--key", VKEY), ("--manifest", "", "--key", VKEY), (*PROOF, "--policy", "")],
)
def test_an_empty_name(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    """It is wrong use, and never the directory that one stands in."""
    monkeypatch.chdir(disk.log)
    assert CliRunner().invoke(verify, [*arguments]).exit_code == ExitCode.USAGE
    with pytest.raises(SystemExit, match="2"):
        main(["verify", *arguments])


def test_a_policy_that_names_several_logs(disk: Disk, tmp_path: Path) -> None:
    """Of the logs that a policy names, the directory's own is found by its checkpoint."""
    others = [
        Kept([b"x"], key=type(KEY).generate(f"dock.example/{at}", bytes([at]) * 32)).key
        for at in range(3)
    ]
    path = tmp_path / "trust.policy"
    path.write_text(policy_text(logs=(*others, KEY), quorum="none"), "utf-8")
    assert codes(str(disk.log), "--policy", str(path)) == []
    (disk.log / "checkpoint").unlink()
    assert "checkpoint-missing" in codes(str(disk.log), "--policy", str(path))


def test_times_beyond_the_calendar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cosignature of an absurd time is shown by its seconds."""
    late = LOG.note((W1, W2, W3), time_s=2**63 - 1)
    path = tmp_path / "proof"
    path.write_bytes(LOG.proof(3, late).encode())
    assert main(["verify", "--proof", str(path), *PROOF[2:], *POLICY]) == 0
    assert f"at {2**63 - 1} s\n" in capsys.readouterr().out
