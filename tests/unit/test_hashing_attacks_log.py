"""Attacks by one who holds the log's key: what a quorum and any head that was kept show of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from hashing import note
from hashing.cosigners import AnyCosignerSigner
from hashing.manifest_check import ManifestReport
from hashing.proof_check import ProofReport
from hashing.report import Report
from hashing.request import Request, judge
from tests.proving import LOG_QUANTUM, TIME_S, W1, W2, Kept, policy_text
from tests.sealed import KEY, Disk, Sealed, long
from tests.successions import changed

VKEY = str(KEY.verifier())


def cosigned(disk: Disk, cosigners: Sequence[AnyCosignerSigner], time_s: int = TIME_S) -> None:
    """Add cosignatures to a log's checkpoint."""
    data = disk.read("checkpoint")
    text = note.parse(data)[0]
    lines = [each.cosign(text, time_s) for each in cosigners]
    disk.put("log/checkpoint", note.with_lines(data, lines))


def rewritten(at: int) -> Sealed:
    """Return a log like `long`, its entries from `at` on made anew, chain and all."""
    sealed = Sealed(entries=long().entries[:at])
    for _ in range(300 - at):
        sealed.add("recovery")
    return sealed


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Write a policy of two witnesses of three."""
    path = tmp_path / "trust.policy"
    path.write_text(policy_text(), "utf-8")
    return path


def kept(tmp_path: Path, data: bytes, name: str = "kept") -> Path:
    """Write what somebody kept."""
    path = tmp_path / name
    path.write_bytes(data)
    return path


def codes(report: Report | ProofReport | ManifestReport) -> list[str]:
    """Return the codes of the problems of a report."""
    return [problem.code for problem in report.problems]


HONEST = Kept.of(long())


@pytest.mark.parametrize("size", [1, 60, 256, 257, 299, 300])
@pytest.mark.parametrize("as_proof", [False, True])
def test_an_honest_log_holds_every_head_that_was_kept(
    tmp_path: Path, size: int, *, as_proof: bool
) -> None:
    """Whatever proof or checkpoint was handed out earlier, the grown log continues it."""
    disk = long().write(tmp_path / "d")
    then = HONEST.at(size)
    old = kept(tmp_path, then.proof(0).encode() if as_proof else then.note())
    assert codes(judge(Request(key=VKEY, log_dir=disk.log, also=[old]), now_s=0)) == []


@pytest.mark.parametrize("cut", [1, 43, 44, 100, 299])
def test_truncation_with_the_stolen_key(tmp_path: Path, policy: Path, cut: int) -> None:
    """A shortened log that is signed anew passes by itself; a kept head or a quorum shows it."""
    sealed = long()
    del sealed.entries[300 - cut :]
    sealed.clips, sealed.documents = {}, {}
    disk = sealed.write(tmp_path / "d")
    alone = Request(key=VKEY, log_dir=disk.log)
    assert codes(judge(alone, now_s=0)) == []
    older = kept(tmp_path, HONEST.note())
    assert codes(judge(Request(key=VKEY, log_dir=disk.log, also=[older]), now_s=0)) == ["rollback"]
    assert codes(judge(Request(policy=policy, log_dir=disk.log), now_s=0)) == ["quorum"]


@pytest.mark.parametrize("at", [1, 44, 256, 280, 299])
def test_rewriting_with_the_stolen_key(tmp_path: Path, policy: Path, at: int) -> None:
    """A log rewritten from some entry on passes by itself; a kept head over that entry shows it."""
    disk = rewritten(at).write(tmp_path / "d")
    assert codes(judge(Request(key=VKEY, log_dir=disk.log), now_s=0)) == []
    for size, said in ((at, []), (at + 1, ["fork"]), (300, ["fork"])):
        older = kept(tmp_path, HONEST.at(size).note())
        report = judge(Request(key=VKEY, log_dir=disk.log, also=[older]), now_s=0)
        assert codes(report) == said
    assert codes(judge(Request(policy=policy, log_dir=disk.log), now_s=0)) == ["quorum"]


def test_a_rewritten_log_that_grew_since(tmp_path: Path) -> None:
    """A fork is seen however long the log has become, and is said of the head that shows it."""
    sealed = rewritten(200)
    for _ in range(250):
        sealed.add("heartbeat")
    disk = sealed.write(tmp_path / "d")
    good, bad = kept(tmp_path, HONEST.at(200).note(), "a"), kept(tmp_path, HONEST.note(), "b")
    request = Request(key=VKEY, log_dir=disk.log, also=[good, bad])
    (problem,) = judge(request, now_s=0).problems
    assert (problem.code, problem.where) == ("fork", str(bad))


def test_a_quorum_on_a_log(tmp_path: Path, policy: Path) -> None:
    """With two of three cosignatures the directory verifies, and says by whom and when."""
    disk = long().write(tmp_path / "d")
    cosigned(disk, [W1])
    assert codes(judge(Request(policy=policy, log_dir=disk.log), now_s=0)) == ["quorum"]
    cosigned(disk, [W1, W2])
    report = judge(Request(policy=policy, log_dir=disk.log), now_s=0)
    assert report.ok
    assert isinstance(report, Report)
    assert [each.key.name for each in report.cosigners] == [W1.name, W2.name]
    assert {each.time_s for each in report.cosigners} == {TIME_S}
    late = Request(policy=policy, log_dir=disk.log, max_age="24h")
    assert codes(judge(late, now_s=TIME_S + 86_400)) == []
    assert codes(judge(late, now_s=TIME_S + 86_401)) == ["stale"]


def test_a_cosignature_that_fails_on_a_log(tmp_path: Path, policy: Path) -> None:
    """A line of a known witness that fails, or stands there twice, is a problem of its own."""
    disk = long().write(tmp_path / "d")
    cosigned(disk, [W1, W2])
    whole = disk.read("checkpoint")
    line = f"{W1.cosign(note.parse(whole)[0], TIME_S + 1)}\n".encode()
    disk.put("log/checkpoint", whole + line)
    request = Request(policy=policy, log_dir=disk.log)
    assert codes(judge(request, now_s=0)) == ["same-key-twice"]
    other = W2.cosign(HONEST.at(7).head.encode(), TIME_S)
    disk.put("log/checkpoint", note.with_lines(whole, [other]))
    assert codes(judge(request, now_s=0)) == ["cosignature-invalid"]
    assert codes(judge(Request(key=VKEY, log_dir=disk.log), now_s=0)) == []


def test_what_is_wrong_with_a_checkpoint_is_said_once(tmp_path: Path, policy: Path) -> None:
    """Where the log's own checkpoint is no good, no quorum is asked for besides."""
    disk = long().write(tmp_path / "d")
    disk.change("log/checkpoint", lambda data: data.replace(b"\n300\n", b"\n299\n"))
    told = codes(judge(Request(policy=policy, log_dir=disk.log), now_s=0))
    assert told[0] == "checkpoint-signature"
    assert "log-signature" not in told
    (disk.log / "checkpoint").unlink()
    told = codes(judge(Request(policy=policy, log_dir=disk.log, also=[policy]), now_s=0))
    assert "checkpoint-missing" in told
    assert "quorum" not in told


def test_the_second_line_of_a_log(tmp_path: Path) -> None:
    """Where a policy names the log's ML-DSA key too, its line must hold if it is there."""
    disk = long().write(tmp_path / "d")
    path = tmp_path / "two.policy"
    path.write_text(policy_text(logs=(KEY, LOG_QUANTUM), quorum="none"), "utf-8")
    request = Request(policy=path, log_dir=disk.log)
    assert codes(judge(request, now_s=0)) == []
    cosigned(disk, [LOG_QUANTUM])
    assert codes(judge(request, now_s=0)) == []
    stale = LOG_QUANTUM.cosign(HONEST.at(7).head.encode(), TIME_S)
    disk.put("log/checkpoint", note.with_lines(disk.read("checkpoint"), [stale]))
    assert codes(judge(request, now_s=0)) == ["log-signature"]


def test_tiles_that_can_not_answer(tmp_path: Path) -> None:
    """Where a tile is damaged, whether a kept head is continued can't be told, and that is said."""
    disk = long().write(tmp_path / "d")
    disk.change("log/tile/0/000", lambda data: b"x" * len(data))
    older = kept(tmp_path, HONEST.at(7).note())
    told = codes(judge(Request(key=VKEY, log_dir=disk.log, also=[older]), now_s=0))
    assert told[-1] == "log-damaged"
    assert "fork" not in told


def test_heads_over_a_change_of_keys(tmp_path: Path, policy: Path) -> None:
    """Who trusts the first key follows the log to the next; of heads that were kept as well."""
    sealed = changed(retired=True, more=3)
    disk = sealed.write(tmp_path / "d")
    cosigned(disk, [W1, W2])
    kept_heads = [
        kept(tmp_path, sealed.checkpoint(size), f"head {size}")
        for size in range(1, len(sealed.entries) + 1)
    ]
    request = Request(policy=policy, log_dir=disk.log, also=kept_heads)
    assert codes(judge(request, now_s=0)) == []


def test_a_head_by_a_key_that_had_left(tmp_path: Path) -> None:
    """A key that was retired accuses nobody any more: what it signs later counts for nothing."""
    sealed = changed(retired=True, more=3)
    disk = sealed.write(tmp_path / "d")
    forged = kept(tmp_path, Kept([b"another log"] * len(sealed.entries)).note(()))
    request = Request(key=VKEY, log_dir=disk.log, also=[forged])
    assert codes(judge(request, now_s=0)) == ["also-unsigned"]
