"""kill -9 at any write of a centre: what was answered is kept, and no size has two heads."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from central.centre import Centre
from central.cosigning.mark import Mark
from central.cosigning.outcomes import Accepted, Conflict
from central.mirror.standing import Pending
from central.mirror.upload import Upload
from hashing import note
from hashing.submission import PackageReader, UploadHead, origin_hash
from hashing.verify import verify_log
from tests.faults.central_child import COMMON, LOG, MIRRORED, OTHER
from tests.faults.traced import ROOT, calls
from tests.postgres import Postgres
from tests.require import need
from tests.sealed import KEY, ORIGIN
from tests.submitting import SENDER, START_MS, enrol, open_centre

# Everything by which a centre changes its disk, or its server's; and how many moments of each.
ON_SQLITE = {"pwrite64": 5, "fdatasync": 3, "fsync": 3, "rename": 3, "mkdir": 1}
ON_POSTGRESQL = {"sendto": 4, "pwrite64": 1, "fdatasync": 1}


@dataclass(frozen=True, slots=True)
class Killed:
    """How far a centre came before it was killed."""

    code: int
    answered: dict[str, bytes]
    errors: str


def prepare(folder: Path, url: str) -> None:
    """Let a centre know two logs: one witnessed at the size that both branches have."""
    centre = open_centre(folder, url)
    enrol(centre, LOG)
    centre.register.enrol(ORIGIN, [str(KEY.verifier())], now_ms=START_MS)
    assert centre.witness is not None
    assert isinstance(centre.witness.add_checkpoint(LOG.body(0, COMMON), SENDER), Accepted)
    finish_upload(centre, 7)
    centre.close()


def finish_upload(centre: Centre, size: int) -> None:
    """Send to the mirror what it lacks of a size, as a client does that was cut off."""
    mirror = centre.mirror
    assert mirror is not None
    known = mirror.standing(ORIGIN)
    old = 0 if known.newest is None else known.newest.size
    assert mirror.add_checkpoint(MIRRORED.submission(old, size), SENDER) == Accepted(b"")
    start = mirror.standing(ORIGIN).next_entry
    head = UploadHead(ORIGIN, start, size)
    aim = mirror.admit(head, SENDER)
    assert isinstance(aim, Pending)
    upload = Upload(mirror, head, aim)
    for parcel in PackageReader(start, size).feed(b"".join(MIRRORED.packages(start, size))):
        assert upload.take(parcel) is None
    assert isinstance(upload.finish(), Accepted)


def run(folder: Path, url: str, *strace: str) -> Killed:
    """Run the child under strace; return what it answered before it ended."""
    program = shutil.which("strace")
    need(program is not None, "strace")
    child = [sys.executable, "-B", "-m", "tests.faults.central_child", str(folder), url]
    done = subprocess.run(
        [str(program), "-f", *strace, *child],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = [line for line in done.stdout.splitlines(keepends=True) if line[-1] == "\n"]
    told = [json.loads(line) for line in lines]
    answered = {each["role"]: each["lines"].encode() for each in told}
    return Killed(done.returncode, answered, done.stderr)


def moments(folder: Path, url: str, wanted: dict[str, int]) -> list[tuple[str, int]]:
    """Return calls of an undisturbed run, spread over it: their names, and which of them."""
    prepare(folder, url)
    trace = folder / "trace"
    undisturbed = run(folder, url, "-y", "-o", str(trace), "-e", f"trace={','.join(wanted)}")
    assert undisturbed.code == 0, undisturbed.errors
    assert sorted(undisturbed.answered) == ["mirror", "witness"]
    found: list[tuple[str, int]] = []
    made = calls(trace.read_text(errors="replace"))
    first = next(at for at, call in enumerate(made) if str(folder) in call.text)
    for name, most in wanted.items():
        counts = [call.nth for at, call in enumerate(made) if at >= first and call.name == name]
        assert counts, name
        picked = {counts[at * (len(counts) - 1) // max(most - 1, 1)] for at in range(most)}
        found += [(name, nth) for nth in sorted(picked)]
    return found


def assert_kept(folder: Path, url: str, killed: Killed) -> None:
    """Assert what must be true after a kill, whenever it came."""
    centre = open_centre(folder, url)
    witness = centre.witness
    assert witness is not None
    assert centre.mirror is not None
    _assert_witness(centre, killed)
    if "mirror" in killed.answered:
        held = centre.mirror.checkpoint(origin_hash(ORIGIN))
        assert held is not None
        assert killed.answered["mirror"] in held
    if centre.mirror.standing(ORIGIN).size < 300:
        finish_upload(centre, 300)
    report = verify_log(centre.mirror.folder(ORIGIN), KEY.verifier())
    assert (report.problems, report.size) == ((), 300)
    mark = Mark(centre.loaded.state / "keys" / "witness.mark").read()
    assert mark.signed >= 1 + len(killed.answered.keys() & {"witness"})
    centre.close()


def _assert_witness(centre: Centre, killed: Killed) -> None:
    """Show the other past at the size that was at stake: one of the two was signed, ever."""
    witness = centre.witness
    assert witness is not None
    served = witness.checkpoint(origin_hash(LOG.origin))
    assert served is not None
    outcome = witness.add_checkpoint(OTHER.body(COMMON, COMMON + 1), SENDER)
    if "witness" in killed.answered:
        lines = note.read_lines(killed.answered["witness"])
        assert note.with_lines(LOG.note(COMMON + 1), lines) == served
        assert outcome == Conflict(COMMON + 1)
    elif isinstance(outcome, Accepted):
        # Nothing of the first was persisted, so nothing of it may ever be signed.
        again = witness.add_checkpoint(LOG.body(COMMON, COMMON + 1), SENDER)
        assert again == Conflict(COMMON + 1)
        return
    assert outcome == Conflict(COMMON + 1)
    again = witness.add_checkpoint(LOG.body(COMMON + 1, COMMON + 1), SENDER)
    assert isinstance(again, Accepted)


def strike(folder: Path, url: str, call: str, nth: int) -> Killed:
    """Kill a fresh centre at one call; the trace itself goes nowhere."""
    prepare(folder, url)
    trace = ("-o", "/dev/null", "-e", f"trace={call}")
    killed = run(folder, url, *trace, "-e", f"inject={call}:signal=KILL:when={nth}")
    assert killed.code in {-9, 137}, killed.errors
    return killed


def test_killed_at_its_writes(tmp_path: Path) -> None:
    """Killed at calls spread over all by which the disk changes, it goes on where it was."""
    struck: list[set[str]] = []
    for call, nth in moments(_folder(tmp_path, "undisturbed"), "", ON_SQLITE):
        folder = _folder(tmp_path, f"{call}-{nth}")
        killed = strike(folder, "", call, nth)
        assert_kept(folder, "", killed)
        struck.append(set(killed.answered))
    # Before the first answer, between the two, and the run was killed each time.
    assert set() in struck
    assert {"witness"} in struck


def test_killed_amid_a_conversation_with_its_server(tmp_path: Path, postgresql: Postgres) -> None:
    """On PostgreSQL the same holds, whatever was said last."""
    wanted = moments(_folder(tmp_path, "undisturbed"), postgresql.fresh(), ON_POSTGRESQL)
    for call, nth in wanted:
        folder, url = _folder(tmp_path, f"{call}-{nth}"), postgresql.fresh()
        assert_kept(folder, url, strike(folder, url, call, nth))


def _folder(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    return folder


@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_killed_while_it_makes_its_keys(tmp_path: Path, call: str) -> None:
    """A first start that was cut off is begun again, and finds one key of each role."""
    folder = tmp_path
    open_centre(_folder(tmp_path, "settings"), "")
    for nth in range(1, 8):
        trace = ("-o", "/dev/null", "-e", f"trace={call}")
        run(folder, "", *trace, "-e", f"inject={call}:signal=KILL:when={nth}")
        if (folder / "state" / "keys" / "mirror.key").exists():
            break
    centre = open_centre(folder, "")
    assert centre.witness is not None
    before = centre.witness.cosigner.keys
    centre.close()
    again = open_centre(folder, "")
    assert again.witness is not None
    assert again.witness.cosigner.keys == before
    again.close()
