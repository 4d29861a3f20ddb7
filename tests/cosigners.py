"""A witness and a mirror on a loopback port, as C2SP has them, that can be told to misbehave.

with Served(Witness(signer("w"), logs)) as witness:
    witness.spoil = always(Reply(500))
    ... Cosigner(url=witness.url, ...)
"""

import gzip
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from config.settings import Cosigner
from hashing import checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.cosignature import CosignerSigner
from hashing.errors import EvidenceError, NoteError, ProofError
from hashing.keys import VerifierKey
from hashing.merkle import EMPTY_ROOT, Frontier, leaf_hash
from hashing.proofs import check_consistency, check_subtree
from hashing.submission import (
    MIRROR_INFO_TYPE,
    SIZE_TYPE,
    MirrorInfo,
    PackageReader,
    Submission,
    UploadHead,
    encode_size,
    origin_hash,
)

NOW_S = 1_773_480_600


def signer(name: str) -> CosignerSigner:
    """Return the cosigner key of a name, always the same."""
    seed = hashlib.sha256(f"cosigner {name}".encode()).digest()
    return CosignerSigner.generate(f"central.example/{name}", seed)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, whole."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Witness:
    """What tlog-witness demands, in memory, and nothing else."""

    key: CosignerSigner
    logs: dict[str, VerifierKey]
    time_s: int = NOW_S
    latest: dict[str, tuple[Checkpoint, bytes]] = field(default_factory=dict)
    pending: dict[str, tuple[Checkpoint, bytes]] = field(default_factory=dict)

    role = "witness"

    def answer(self, path: str, body: bytes) -> Reply:
        """Return what is answered to a POST."""
        if path == "/add-checkpoint":
            return self.add_checkpoint(body)
        return Reply(404)

    def known(self, origin: str) -> tuple[Checkpoint, bytes]:
        """Return the head that the next one has to extend."""
        return self.latest.get(origin, (Checkpoint(origin, 0, EMPTY_ROOT), b""))

    def add_checkpoint(self, body: bytes) -> Reply:  # noqa: PLR0911  a return for each status
        """Do what add-checkpoint does."""
        try:
            asked = Submission.parse(body)
            head = checkpoint.parse(note.parse(asked.note)[0])
        except EvidenceError as error:
            return Reply(400, str(error).encode())
        if head.origin not in self.logs:
            return Reply(404, b"unknown origin")
        try:
            note.open_note(asked.note, [self.logs[head.origin]])
        except NoteError as error:
            return Reply(403, str(error).encode())
        last, _ = self.known(head.origin)
        if asked.old > head.size:
            return Reply(400)
        if asked.old != last.size:
            return Reply(409, encode_size(last.size), {"Content-Type": SIZE_TYPE})
        try:
            check_consistency(last.size, head.size, last.root, head.root, asked.proof)
        except ProofError as error:
            return Reply(422, str(error).encode())
        return self.take(head, asked.note)

    def take(self, head: Checkpoint, signed: bytes) -> Reply:
        """Remember the head, and cosign it."""
        self.latest[head.origin] = (head, signed)
        return Reply(200, f"{self.line(head)}\n".encode())

    def line(self, head: Checkpoint) -> note.SignatureLine:
        """Return the line over a head."""
        return self.key.cosign(head.encode(), self.time_s)

    def monitor(self, path: str) -> Reply:
        """Return what is answered to a GET."""
        for origin, (head, signed) in self.latest.items():
            if path == f"/{origin_hash(origin)}/checkpoint":
                return Reply(200, note.with_lines(signed, [self.line(head)]))
        return Reply(404)


@dataclass(slots=True)
class Mirror(Witness):
    """What tlog-mirror demands, in memory. `most` packages are taken of a request."""

    entries: dict[str, list[bytes]] = field(default_factory=dict)
    most: int = 1 << 30
    ticket: bytes = b"a ticket"
    uploads: list[UploadHead] = field(default_factory=list)

    role = "mirror"

    def answer(self, path: str, body: bytes) -> Reply:
        """Return what is answered to a POST."""
        return (
            self.add_entries(body) if path == "/add-entries" else Witness.answer(self, path, body)
        )

    def known(self, origin: str) -> tuple[Checkpoint, bytes]:
        """Return the head that is pending."""
        return self.pending.get(origin, (Checkpoint(origin, 0, EMPTY_ROOT), b""))

    def take(self, head: Checkpoint, signed: bytes) -> Reply:
        """Remember the head as pending, and do not cosign it."""
        self.pending[head.origin] = (head, signed)
        return Reply(200)

    def add_entries(self, body: bytes) -> Reply:  # noqa: PLR0911  a return for each status
        """Do what add-entries does."""
        found = UploadHead.read(body)
        if found is None:
            return Reply(400)
        upload, at = found
        self.uploads.append(upload)
        if upload.origin not in self.logs:
            return Reply(404)
        if upload.origin not in self.pending:
            return Reply(422)
        head, signed = self.pending[upload.origin]
        held = self.entries.setdefault(upload.origin, [])
        if upload.end != head.size or upload.start > len(held):
            return self._info(409, head, held)
        try:
            self._add(upload, head, held, body[at:])
        except ProofError as error:
            return Reply(422, str(error).encode())
        if len(held) < head.size:
            return self._info(202, head, held)
        self.latest[upload.origin] = (head, signed)
        return Reply(200, f"{self.line(head)}\n".encode())

    def _add(self, upload: UploadHead, head: Checkpoint, held: list[bytes], packed: bytes) -> None:
        reader = PackageReader(upload.start, upload.end)
        for taken, parcel in enumerate(reader.feed(packed)):
            if taken == self.most:
                return
            first = parcel.package.subtree_start
            leaves = [*held[first : parcel.package.start], *parcel.entries]
            frontier = Frontier()
            for entry in leaves:
                frontier.append(leaf_hash(entry))
            end = parcel.package.end
            check_subtree(first, end, head.size, frontier.root(), parcel.proof, head.root)
            held.extend(parcel.entries[len(held) - parcel.package.start :])

    def _info(self, status: int, head: Checkpoint, held: list[bytes]) -> Reply:
        info = MirrorInfo(head.size, len(held), self.ticket)
        return Reply(status, info.encode(), {"Content-Type": MIRROR_INFO_TYPE})


Spoil = Callable[[str, Reply], Reply]


def always(reply: Reply) -> Spoil:
    """Return what answers every request alike."""
    return lambda _path, _reply: reply


class Served:
    """A witness or mirror behind a port of its own, while the block runs.

    `spoil` sees each path and the honest reply, and returns the one that is sent. `rude`
    takes the connection instead of any reply.
    """

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.spoil: Spoil = lambda _path, reply: reply
        self.rude: Callable[[socket.socket], None] | None = None
        self.asked: list[str] = []
        self._server = _server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def settings(self, **more: object) -> Cosigner:
        """Return it as a cosigner of the settings."""
        told = Cosigner(
            name=self.witness.key.name,
            role="mirror" if isinstance(self.witness, Mirror) else "witness",
            keys=(str(self.witness.key.verifier()),),
            url=self.url,
        )
        return Cosigner(
            **{**{name: getattr(told, name) for name in told.__struct_fields__}, **more}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where a client has gone."""


def _server(served: Served) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(served.witness.monitor(self.path))

        def do_POST(self) -> None:
            body = (
                self._chunks()
                if "chunked" in self.headers.get("Transfer-Encoding", "")
                else (self.rfile.read(int(self.headers["Content-Length"])))
            )
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            self._reply(served.witness.answer(self.path, body))

        def log_message(self, *_said: object) -> None:
            """Say nothing."""

        def _chunks(self) -> bytes:
            body = bytearray()
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(body)

        def _reply(self, honest: Reply) -> None:
            served.asked.append(self.path)
            if served.rude is not None:
                self.close_connection = True
                served.rude(self.connection)
                return
            reply = served.spoil(self.path, honest)
            self.send_response(reply.status)
            for name, text in {"Content-Type": "text/plain", **reply.headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

    return _Quiet(("127.0.0.1", 0), Handler)


def reset(link: socket.socket) -> None:
    """Tear the connection."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
