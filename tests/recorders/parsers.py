"""Everything that reads bytes which a recorder chose, a row each: what fuzzing goes through.

A new parser joins by a row: frames that it takes, and what it may raise. The drivers stand here
whole as well, each behind a channel that says one frame to every question.
"""

from typing import Final

from agent import kernel_log
from agent.server import Server
from config.name_pattern import NamePattern
from dock_daemon.recorders import journal_book
from firmware_bridge.capabilities import JournalPiece
from firmware_bridge.control import wire as control_wire
from firmware_bridge.drivers import fs_only, names
from firmware_bridge.errors import (
    BridgeError,
    ControlFailedError,
    ReaderFailedError,
    WireError,
)
from firmware_bridge.volume import wire as reader_wire
from firmware_bridge.wire import cbor, smp, smp_lines
from hashing import journal
from hashing.errors import JournalError
from tests.journals import KEY, NUMBER
from tests.listed import read_bytes
from tests.recorders import frames, saying
from tests.recorders.fuzzing import Parser
from tests.recorders.open_fake import OpenFake
from tests.recorders.tiny_card import tiny_card
from tests.recorders.vendor_parsers import VENDOR_PARSERS


def _message(frame: bytes) -> None:
    smp.refusal_in(smp.decode(frame).members())


def _lines(frame: bytes) -> None:
    """Feed a frame in slices of a size that it chooses itself; no message is over its bound."""
    deframer = smp_lines.Deframer()
    step = frame[0] % 80 + 1 if frame else 1
    for at in range(0, len(frame), step):
        for item in deframer.feed(frame[at : at + step]):
            assert isinstance(item, smp_lines.Noise) or len(item) <= smp.MAX_MESSAGE


_KINDS: Final = frozenset(type(part) for part in frames.PARTS)


def _parts(frame: bytes) -> None:
    """Read a map as each of the messages; what one takes, it must build again."""
    members = cbor.decode(frame)
    for kind in _KINDS:
        try:
            part = kind.parse(members)
        except WireError:
            continue
        assert kind.parse(part.build()) == part


def _serve(frame: bytes) -> None:
    """Ask the companion's server: it never raises, and says whole messages or nothing."""
    fake = OpenFake()
    server = Server(lambda question: fake.answer(question, 0), monotonic_s=lambda: 0.0)
    said = smp_lines.Deframer().feed(server.take(frame))
    assert all(isinstance(item, bytes) for item in said)


def _serve_message(frame: bytes) -> None:
    _serve(smp_lines.encode(frame[: smp.MAX_MESSAGE]))


def _control_answers(frame: bytes) -> None:
    buffer = bytearray(frame)
    while (payload := control_wire.next_frame(buffer)) is not None:
        control_wire.read_answer(payload)


def _control_requests(frame: bytes) -> None:
    buffer = bytearray(frame)
    while (payload := control_wire.next_frame(buffer)) is not None:
        control_wire.read_request(payload)


def _reader_answers(frame: bytes) -> list[reader_wire.Answer]:
    return list(reader_wire.Decoder().feed(frame))


def _volume(frame: bytes) -> None:
    """Read a card; what it lists lies within it."""
    for entry in read_bytes(frame).entries:
        assert all(extent.offset + extent.length <= len(frame) for extent in entry.extents)


def _journal_walk(frame: bytes) -> None:
    journal.walk(journal.split(frame), vkey=KEY.verifier())


def _journal_book(frame: bytes) -> None:
    """Let the dock make of it what it makes of a journal that it has never seen before."""
    lines = journal.split(frame)
    piece = JournalPiece(first=0, next=len(lines), size=len(lines), data=frame)
    told = journal_book.Told(recorder=NUMBER, vkey=str(KEY.verifier()), pieces=(piece,))
    journal_book.examine(told, None, docking=1)


def _files(frame: bytes) -> None:
    for path in (*fs_only.SETTINGS_FILES, fs_only.INFO_FILE):
        fs_only.identify({path: frame}.get)


_PATTERN: Final = NamePattern.parse(
    "{recorder:7}_{holder:6}_{date}{time}_{sequence:4}[{important}]", important=("IMP",)
)


def _names(frame: bytes) -> None:
    name = frame.decode("utf-8", "surrogateescape")
    names.parse(name)
    _PATTERN.match(name)


def _vendor_frames(maker: str) -> tuple[bytes, ...]:
    rows = [row for name, row in VENDOR_PARSERS.items() if name.startswith(maker)]
    return tuple(seed for _read, seeds, _error in rows for seed in seeds)


_OURS: Final = (
    Parser("smp", _message, frames.QUESTIONS, (WireError,)),
    Parser("cbor", cbor.decode, frames.MAPS, (WireError,), share=20),
    Parser("smp-lines", _lines, frames.LINES),
    Parser("companion", _parts, frames.MAPS, (WireError,)),
    Parser("companion-server", _serve, frames.LINES, share=2),
    Parser("companion-questions", _serve_message, frames.QUESTIONS, share=2),
    Parser("control-answers", _control_answers, frames.CONTROL_ANSWERS, (ControlFailedError,)),
    Parser("control-requests", _control_requests, frames.CONTROL_REQUESTS, (ControlFailedError,)),
    Parser("reader-answers", _reader_answers, frames.READER, (ReaderFailedError,)),
    Parser("volume", _volume, (tiny_card(),), (BridgeError,), share=2),
    Parser("journal", journal.parse, frames.JOURNAL, (JournalError,)),
    Parser("journal-walk", _journal_walk, (b"".join(frames.JOURNAL),), share=1),
    Parser("journal-book", _journal_book, (b"".join(frames.JOURNAL),), share=1),
    Parser("identity-files", _files, frames.SETTINGS_FILES, share=4),
    Parser("clip-names", _names, frames.CLIP_NAMES),
    Parser("kernel-log", kernel_log.trouble, frames.KERNEL_LOG, share=4),
    Parser("open-driver", saying.ask_open, frames.MAPS, share=1),
    Parser("open-driver-lines", saying.ask_open_line, frames.LINES, share=1),
    Parser("jieli-driver", saying.ask_jieli, _vendor_frames("jieli"), share=1),
    Parser("cammpro-driver", saying.ask_cammpro, _vendor_frames("cammpro"), share=1),
    Parser("zzx-driver", saying.ask_zzx, frames.ZZX, share=1),
)
_VENDORS: Final = tuple(
    Parser(name, read, seeds, (error,), share=4)
    for name, (read, seeds, error) in VENDOR_PARSERS.items()
)
PARSERS: Final = (*_OURS, *_VENDORS)
