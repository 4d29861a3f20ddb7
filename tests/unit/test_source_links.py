"""A medium that is named by a link: /dev/disk/by-id is how a technician finds a card."""

import os
import socket
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.settings import Reader
from dock_daemon.docking.sources import open_source
from firmware_bridge.errors import ReaderFailedError
from firmware_bridge.volume import wire
from tests.cards import make_fat_card


def test_the_reader_is_asked_for_what_a_link_leads_to(tmp_path: Path) -> None:
    """The reader opens no link to a device, so it is told the medium's own name."""
    card = make_fat_card(tmp_path / "card.img", {"A.MP4": b"clip"})
    link = tmp_path / "by-id"
    link.symlink_to(card.name)
    asked: list[bytes] = []
    address = tmp_path / "reader"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(address))
        listening.listen(1)
        reader = threading.Thread(target=_hear_one_request, args=(listening, asked))
        reader.start()
        with pytest.raises(ReaderFailedError):
            open_source(
                os.fspath(link),
                zone=ZoneInfo("Asia/Shanghai"),
                chunk_bytes=4096,
                reader=Reader(socket=os.fspath(address), timeout_s=30, max_entries=10),
                stop=threading.Event(),
            )
        reader.join()
    assert asked == [os.fsencode(card.resolve())]


def _hear_one_request(listening: socket.socket, asked: list[bytes]) -> None:
    link, _address = listening.accept()
    with link:
        buffer = bytearray()
        while (payload := wire.next_frame(buffer)) is None:
            buffer += link.recv(4096)
        asked.append(wire.read_open(payload).path)
