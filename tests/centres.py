"""`sealdock-central run` as a process of its own, spoken to over HTTP."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import click
from click.testing import CliRunner

from central.commands.root import sealdock_central
from config.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Said:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class CentreIn:
    """A centre that keeps everything in `folder`."""

    folder: Path
    database_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.folder / "state"

    def command(self, *arguments: str) -> list[str]:
        """Return how one of its commands is called."""
        return [sys.executable, "-B", "-m", "central.commands.root", *arguments]

    def env(self) -> dict[str, str]:
        """Return the environment of its commands."""
        return {
            "PATH": os.environ["PATH"],
            "SEALDOCK_CENTRAL_STATE": str(self.state),
            "SEALDOCK_CENTRAL_LANG": "en",
            "SEALDOCK_CENTRAL_CENTRE_ORIGIN": "central.example/c1",
            "SEALDOCK_CENTRAL_DATABASE_URL": self.database_url,
            "SEALDOCK_CENTRAL_WEB_LISTEN": "127.0.0.1:0",
            **self.environment,
        }

    def run(self, *arguments: str, said: str = "") -> Done:
        """Run one command to its end within this process, with something said on its input."""
        result = CliRunner().invoke(
            sealdock_central, arguments, input=said, env=self.env(), standalone_mode=False
        )
        code = result.exit_code
        match result.exception:
            case click.Abort():
                code = ExitCode.INTERRUPTED
            case click.ClickException() as error:
                code = error.exit_code
            case None:
                code = result.return_value or 0
            case SystemExit():
                pass
            case error:
                raise error
        return Done(code, result.stdout, result.stderr)

    def process(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command as a process of its own."""
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.env(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def json(self, *arguments: str) -> list[Any]:
        """Run one command that must succeed; return the objects that it printed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def running(self, *before: str) -> Iterator["Server"]:
        """Run the server while the block does; `before` is a program that runs it, as strace."""
        process = subprocess.Popen(
            [*before, *self.command("run", "--json")],
            cwd=ROOT,
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            yield Server(process, process.stdout)
        finally:
            process.terminate()
            process.wait(timeout=60)
            process.stdout.close()


@dataclass(slots=True)
class Server:
    """A running centre."""

    process: "subprocess.Popen[str]"
    _out: IO[str]
    _address: str = ""

    @property
    def address(self) -> str:
        """Where it listens, once it does; empty if it ended before."""
        if not self._address:
            line = self._out.readline()
            self._address = json.loads(line)["address"] if line else ""
        return self._address

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Said:
        """Send one request; raises OSError or HTTPException when it dies meanwhile."""
        link = HTTPConnection(self.address, timeout=60)
        try:
            headers = {name.replace("_", "-"): text for name, text in fields.items()}
            link.request(method, path, body, headers)
            answer = link.getresponse()
            return Said(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            link.close()


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """Serve a folder as a dock's web face would, on a port of the kernel's choice."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_said: object) -> None:
        """Say nothing."""
