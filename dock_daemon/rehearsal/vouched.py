"""The demo's second half: others vouch for the log, and a thief of its key is found out.

A centre runs as a process of its own. The dock brings its log there; a clip is proved
without the dock; then somebody with the dock's own key rewrites the log, and somebody
else puts an old disk back.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from config.exit_codes import ExitCode
from dock_daemon.docking.events import ClipSealed
from dock_daemon.rehearsal import centre, forger
from dock_daemon.rehearsal.centre import Centre
from hashing import checkpoint, note

Tell = Callable[[str, dict[str, object]], None]
Expect = Callable[[str, str, str], None]
_STOP_WITHIN_S: Final = 30.0
_VOUCHED_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.2


def play(
    folder: Path, state: Path, sealed: list[ClipSealed], *, tell: Tell, expect: Expect
) -> None:
    """Play every scene; `expect` raises at the first that goes wrong."""
    if not centre.installed():
        tell("no-centre", {})
        return
    with centre.running(folder / "centre") as running:
        _Act(folder, state, running, tell, expect).play(sealed)


class _Act:
    def __init__(
        self, folder: Path, state: Path, running: Centre, tell: Tell, expect: Expect
    ) -> None:
        self._folder = folder
        self._state = state
        self._old = folder / "state.old"
        self._centre = running
        self._tell = tell
        self._expect = expect
        self._settings = folder / "etc" / "sealdock.d" / "centre.toml"
        self._log = state / "log"
        self._policy = folder / "trust.policy"
        self._proof = folder / "clip.tlog-proof"

    def play(self, sealed: list[ClipSealed]) -> None:
        shutil.copytree(self._state, self._old)
        self._vouched()
        clip = sealed[0]
        self._proved(clip)
        self._rewritten(clip)
        self._put_back()
        self._settings.unlink()  # this centre ends with the demo; nobody is to wait for it

    def _vouched(self) -> None:
        """Enrol the dock by its key, and bring its log to the centre."""
        vkey = (self._log / "vkey").read_text("ascii").strip()
        origin = vkey.partition("+")[0]
        self._centre.call("dock", "add", origin, "--key", vkey)
        self._settings.parent.mkdir()
        self._settings.write_text(self._centre.cosigners(), encoding="utf-8")
        self._policy.write_text(
            f"log {vkey}\nwitness centre {self._centre.witness}\n"
            f"witness copy {self._centre.mirror}\ngroup both all centre copy\nquorum both\n",
            encoding="ascii",
        )
        with self._dock(self._state):
            size = self._brought()
        self._tell("vouched", {"entries": size, "url": self._centre.url})

    def _brought(self) -> int:
        """Bring the log out until what the dock signed since its start is vouched for."""
        before, until = self._published(), time.monotonic() + _VOUCHED_WITHIN_S
        # The first round lets the dock sign, since the witness agrees; later ones bring what
        # it signs then, which takes as long as the machine is busy with other things.
        while True:
            self._sync()
            code, report = self._verify("verify", str(self._log), "--policy", str(self._policy))
            found = f"exit {code}, {report['size']} entries"
            if code == ExitCode.OK and report["size"] > before:
                return int(report["size"])
            if time.monotonic() > until:
                self._expect("vouched", f"exit 0, more than {before} entries", found)
            time.sleep(_LOOK_EVERY_S)

    def _published(self) -> int:
        """Return how many entries the published checkpoint covers."""
        return checkpoint.parse(note.parse((self._log / "checkpoint").read_bytes())[0]).size

    def _proved(self, clip: ClipSealed) -> None:
        """Prove one clip to somebody who has neither dock nor log."""
        self._call("prove", clip.sha256, "--entry", str(clip.seq), "-o", str(self._proof))
        entry = self._proof.with_suffix(".entry.json")
        stored = self._state / "store" / "clips" / clip.sha256[:2] / clip.sha256
        code, _ = self._verify(
            "verify", "--proof", str(self._proof), "--entry", str(entry), "--clip", str(stored),
            "--policy", str(self._policy),
        )  # fmt: skip
        self._expect("proved", "exit 0", f"exit {code}")
        self._tell("proved", {"file": self._proof.name, "seq": clip.seq})

    def _rewritten(self, clip: ClipSealed) -> None:
        """Rewrite the log with the dock's own key: only what others hold shows it."""
        forged = self._folder / "forged-log"
        forger.rewrite(self._state, forged, clip.seq)
        key = str(forged / "vkey")
        code, _ = self._verify("verify", str(forged), "--key", key)
        self._expect("rewritten", "exit 0 by its key alone", f"exit {code} by its key alone")
        for flag, held, named in (
            ("--also", self._proof, "fork"),
            ("--policy", self._policy, "quorum"),
        ):
            code, report = self._verify("verify", str(forged), "--key", key, flag, str(held))
            codes = [str(problem["code"]) for problem in report["problems"]]
            found = (
                named
                if code == ExitCode.VERIFICATION_FAILED and named in codes
                else f"exit {code}, {codes}"
            )
            self._expect("rewritten", named, found)
        self._tell("rewritten", {"seq": clip.seq})

    def _put_back(self) -> None:
        """Put an old disk back: the dock must find out before it signs anything."""
        before = (self._old / "log" / "checkpoint").read_bytes()
        with self._dock(self._old):
            self._sync(self._old)
            (told,) = self._call("status", state=self._old)
        signing = told["signing"]
        self._expect("put-back", "stopped", str(signing["state"]))
        after = (self._old / "log" / "checkpoint").read_bytes()
        self._expect(
            "put-back", "nothing signed", "nothing signed" if after == before else "a head"
        )
        self._tell("put-back", {"entries": told["totals"]["entries"]})

    @contextmanager
    def _dock(self, state: Path) -> Iterator[None]:
        """Run `sealdock run` on `state` while the block runs."""
        process = subprocess.Popen(
            [*self._command("run"), "--state", str(state)],
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            # It says which bays it has once it listens.
            while process.stderr is not None and b" bays, state " not in process.stderr.readline():
                self._expect("dock", "running", "running" if process.poll() is None else "ended")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=_STOP_WITHIN_S)

    def _sync(self, state: Path | None = None) -> None:
        self._call("sync", "--once", state=state)

    def _verify(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, (report,) = self._run(*arguments)
        return code, report

    def _call(self, *arguments: str, state: Path | None = None) -> list[dict[str, Any]]:
        return self._run(*arguments, "--state", str(state or self._state))[1]

    def _run(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        done = subprocess.run(
            [*self._command(*arguments), "--json"],
            env=_environment(),
            capture_output=True,
            check=False,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if not lines:
            self._expect(arguments[0], "an answer", done.stderr.decode("utf-8", "replace"))
        return done.returncode, lines

    def _command(self, *arguments: str) -> list[str]:
        command = [sys.executable, "-m", "dock_daemon.commands.root", *arguments]
        if arguments[0] == "verify":  # it asks no configuration
            return command
        return [*command, "--config", str(self._folder / "etc")]


def _environment() -> dict[str, str]:
    """Return the environment of whoever stands beside the dock: no recorder is played to it."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "LD_PRELOAD" and not name.startswith("SEALDOCK_")
    }
