"""A dock's web application with a core that says what a test wants it to say."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dock_daemon import control
from dock_daemon.web.app import application
from dock_daemon.web.core import Core
from tests.authority import Authority, Identity
from tests.sealed import KEY, ORIGIN, Sealed
from tests.wire import Client, serving
from transport.threads import Threads
from transport.tls import client_context, server_context


@dataclass(slots=True)
class ToldCore:
    """Answers as the core does (docs/control.md), out of a sealed log; remembers accesses."""

    sealed: Sealed
    answers: dict[str, Callable[[control.Request], object]] = field(default_factory=dict)
    """What it says instead, by "ask" or "tell"."""
    accesses: list[control.Request] = field(default_factory=list)

    async def answer(self, request: control.Request) -> object:
        """Answer one question."""
        word = str(request.get("ask", request.get("tell")))
        if word in self.answers:
            return self.answers[word](request)
        return getattr(self, f"_{word}")(request)

    def _signing(self, _request: control.Request) -> object:
        size = len(self.sealed.entries)
        return {
            "state": "free",
            "why": "no-cosigners",
            "origin": ORIGIN,
            "vkeys": [str(KEY.verifier())],
            "entries": size,
            "signed": size,
            "published": size,
            "head": {"size": size, "note": self.sealed.checkpoint(size).decode()},
            "cosigners": [],
            "alarm": None,
        }

    def _clip(self, request: control.Request) -> object:
        content = self.sealed.clips.get(str(request["sha256"]))
        return None if content is None else {"seqs": [3], "size": len(content), "class": "video"}

    def _access(self, request: control.Request) -> object:
        self.accesses.append(request)
        return {"seq": 99}

    def _inventory(self, request: control.Request) -> object:
        after = str(request.get("after", ""))
        names = sorted(name for name in self.sealed.clips if name > after)
        told = [{"sha256": name, "size": len(self.sealed.clips[name])} for name in names]
        return told[: int(str(request["limit"]))]

    def _manifests(self, request: control.Request) -> object:
        rows = [
            {"docking": n + 1, "seq": 5 * n + 5, "opened_ms": 1, "closed_ms": 2,
             "result": "complete", "clips": 2, "findings": 0, "unread": 0}
            for n in range((len(self.sealed.entries) - 1) // 5)
        ]  # fmt: skip
        after, limit = int(str(request["after"])), int(str(request["limit"]))
        return [row for row in rows if int(str(row["seq"])) > after][:limit]

    def _manifest(self, request: control.Request) -> object:
        first = 5 * (int(str(request["docking"])) - 1) + 1
        size = len(self.sealed.entries)
        if not 1 <= first <= size - 5:
            return None
        return {
            "docking": request["docking"],
            "seq": first + 4,
            "ranges": [[first, first + 4]],
            "note": self.sealed.checkpoint(first + 5).decode(),
            "newest": self.sealed.checkpoint(size).decode(),
            "cosigned": None,
            "keys": [],
        }


@asynccontextmanager
async def faced(
    state: Path, core: ToldCore | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve a state directory; yield the address. Without a core, none listens."""
    asked, files = Core(state), Threads(4, "files")
    try:
        async with serving(application(state, asked, "en", files=files), tls=tls) as address:
            if core is None:
                yield address
            else:
                async with control.serving(state, core.answer):
                    yield address
    finally:
        asked.close()
        files.close()


@dataclass(frozen=True, slots=True)
class Guard:
    """TLS of a server, and of the clients that it lets in."""

    authority: Authority
    server: Identity

    @classmethod
    def below(cls, folder: Path) -> "Guard":
        """Make an authority and a server of its."""
        authority = Authority(folder)
        return cls(authority, authority.server())

    @property
    def tls(self) -> ssl.SSLContext:
        """The server's."""
        return server_context(
            cert=self.server.cert, key=self.server.key, client_ca=self.authority.ca
        )

    def client(self, address: str, *roles: str, name: str = "reader") -> Client:
        """Return a client with these roles in its certificate."""
        who = self.authority.client(*roles, name=name)
        return Client(address, client_context(ca=self.authority.ca, cert=who.cert, key=who.key))


def json_of(reply: Any) -> Any:  # what it holds, the test knows
    """Return what a successful answer holds."""
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    return reply.json
