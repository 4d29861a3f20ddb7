"""Answers whose bytes never change: conditions, ranges, and where files may lie."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transport import files
from transport.files import Answer, Bytes, Verdict, judge, open_below

TAG = '"abc"'
TEN = 10


def answered(headers: dict[str, str], *, method: str = "GET", data: bytes = b"0123456789") -> Any:
    """Return what an Answer sends: status, fields by name, body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {
        "method": method,
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    answer = Answer(body=Bytes(data), media_type="x/y", etag="abc", cache="c", sha256="00" * 32)
    asyncio.run(answer(scope, receive, send))
    fields = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    return sent[0]["status"], fields, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ("bytes=0-0", Verdict(206, 0, 1)),
        ("bytes=3-5", Verdict(206, 3, 6)),
        ("Bytes=3-", Verdict(206, 3, 10)),
        ("bytes=-3", Verdict(206, 7, 10)),
        ("bytes=-99", Verdict(206, 0, 10)),
        ("bytes=0-99", Verdict(206, 0, 10)),
        ("bytes=10-", Verdict(416)),
        ("bytes=-0", Verdict(416)),
        ("bytes=0-99999999999999999999999", Verdict(206, 0, 10)),
        ("bytes=-99999999999999999999999", Verdict(206, 0, 10)),
        ("bytes=9999999999999999999-", Verdict(416)),
        ("bytes=99999999999999999999999-", Verdict(416)),
        ("bytes=5-3", Verdict(200, 0, 10)),
        ("bytes=0-1,3-4", Verdict(200, 0, 10)),
        ("bytes=a-b", Verdict(200, 0, 10)),
        ("bytes=-", Verdict(200, 0, 10)),
        ("bytes=", Verdict(200, 0, 10)),
        ("bytes=--1", Verdict(200, 0, 10)),
        ("bytes=+1-2", Verdict(200, 0, 10)),
        ("bytes=0x1-2", Verdict(200, 0, 10)),
        ("bytes=٣-", Verdict(200, 0, 10)),
        ("items=0-1", Verdict(200, 0, 10)),
    ],
)
def test_a_range_is_given_or_named_or_left_out_of_account(asked: str, verdict: Verdict) -> None:
    """RFC 9110 14.1: one range is given, one beyond the end refused, nonsense ignored."""
    assert judge("GET", {"range": asked}, TEN, TAG) == verdict
    assert judge("HEAD", {"range": asked}, TEN, TAG) == Verdict(200, 0, TEN)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"if-none-match": '"abc"'}, 304),
        ({"if-none-match": 'W/"abc"'}, 304),
        ({"if-none-match": '"x", "abc"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"abcd"'}, 200),
        ({"if-none-match": "abc"}, 200),
        ({"if-match": '"abc"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": 'W/"abc"'}, 412),
        ({"if-match": '"x"'}, 412),
        ({"if-match": '"x"', "if-none-match": '"abc"'}, 412),
        ({"if-range": '"abc"', "range": "bytes=1-2"}, 206),
        ({"if-range": '"x"', "range": "bytes=1-2"}, 200),
        ({"if-range": 'W/"abc"', "range": "bytes=1-2"}, 200),
        ({"if-range": "Sat, 14 Mar 2026 09:30:00 GMT", "range": "bytes=1-2"}, 200),
        ({"if-none-match": '"abc"', "range": "bytes=1-2"}, 304),
    ],
)
def test_conditions_are_judged_in_their_order(fields: dict[str, str], status: int) -> None:
    """RFC 9110 13.2.2: If-Match, If-None-Match, then Range under If-Range."""
    assert judge("GET", fields, TEN, TAG).status == status


@given(
    asked=st.one_of(
        st.text(max_size=40),
        st.from_regex(r"bytes=[0-9]{0,30}-[0-9]{0,30}", fullmatch=True),
    ),
    size=st.integers(0, 1 << 40),
)
@example(asked="bytes=-5", size=0)
@example(asked="bytes=0-", size=0)
def test_whatever_is_asked_what_is_given_lies_within(asked: str, size: int) -> None:
    """No range field makes an answer reach beyond the file, or be empty and partial."""
    verdict = judge("GET", {"range": asked}, size, TAG)
    assert verdict.status in {200, 206, 416}
    if verdict.status == 206:
        assert 0 <= verdict.first < verdict.end <= size
    if verdict.status == 200:
        assert (verdict.first, verdict.end) == (0, size)


@given(
    fields=st.dictionaries(st.sampled_from(["if-match", "if-none-match", "if-range"]), st.text())
)
def test_no_condition_is_too_strange(fields: dict[str, str]) -> None:
    """Whatever a client writes into a condition, it is judged."""
    assert judge("GET", {**fields, "range": "bytes=0-1"}, TEN, TAG).status in {200, 206, 304, 412}


def test_a_part_says_where_it_lies_and_the_digest_of_the_whole() -> None:
    """A 206 has Content-Range, and Repr-Digest of all the bytes (RFC 9530)."""
    status, fields, body = answered({"range": "bytes=2-4"})
    assert (status, body) == (206, b"234")
    assert fields["content-range"] == "bytes 2-4/10"
    assert fields["content-length"] == "3"
    assert fields["repr-digest"] == "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
    assert (fields["etag"], fields["cache-control"]) == (TAG, "c")


def test_beyond_the_end_says_how_long_it_is() -> None:
    """A 416 names the size, and is kept by nobody."""
    status, fields, body = answered({"range": "bytes=10-"})
    assert (status, body) == (416, b"")
    assert fields["content-range"] == "bytes */10"
    assert fields["cache-control"] == "no-store"


def test_head_says_what_get_would() -> None:
    """HEAD has the fields of GET, and no body."""
    head, get = answered({}, method="HEAD"), answered({})
    assert head[:2] == get[:2]
    assert (head[2], get[2]) == (b"", b"0123456789")


def test_not_modified_has_no_body_and_no_length() -> None:
    """A 304 repeats tag and caching only."""
    status, fields, body = answered({"if-none-match": TAG})
    assert (status, body) == (304, b"")
    assert fields == {"etag": TAG, "cache-control": "c"}


def test_fields_given_twice_are_one_list() -> None:
    """Two Range fields are several ranges, and several are not given."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    twice = [(b"range", b"bytes=0-1"), (b"range", b"bytes=3-4")]
    answer = Answer(body=Bytes(b"0123456789"), media_type="x/y", etag="abc", cache="c")
    asyncio.run(answer({"method": "GET", "headers": twice}, receive, send))
    assert sent[0]["status"] == 200


def test_large_bodies_go_out_in_pieces() -> None:
    """No piece is larger than the chunk, and all of them are the file."""
    data = os.urandom(3 * files.CHUNK + 1)
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.Event().wait()

    answer = Answer(body=Bytes(data), media_type="x/y", etag="abc", cache="c")
    asyncio.run(answer({"method": "GET", "headers": []}, receive, send))
    assert max(map(len, sent)) == files.CHUNK
    assert b"".join(sent) == data


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a root with a file, and beside it a secret and all ways that could lead there."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "file").write_bytes(b"mine")
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


def test_a_file_below_the_root_is_opened(tree: Path) -> None:
    """What lies there, each of its folders being one, is opened and read."""
    file = open_below(tree, "a/file")
    try:
        assert (file.size, file.read(1, 99)) == (4, b"ine")
    finally:
        file.close()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/",
        "/a/file",
        "a//file",
        "a/./file",
        "../secret",
        "a/../../secret",
        "a/../a/file",
        "link",
        "folder/secret",
        "loop",
        "pipe",
        "a/file/more",
        "none",
        "n" * 300,
        "a/\0file",
        "..",
        ".",
        "/etc/passwd",
    ],
)
def test_nothing_else_is(tree: Path, path: str) -> None:
    """Links, pipes, folders, and every path that is not plain, are no files here."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  a number is wanted
    with pytest.raises(FileNotFoundError):
        open_below(tree, path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_root_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    """Before the first start there is no log."""
    with pytest.raises(FileNotFoundError):
        open_below(tmp_path / "none", "checkpoint")


def test_a_replaced_file_has_another_stamp(tmp_path: Path) -> None:
    """What was put in place of a file is told from it."""
    stamps = set()
    for content in (b"one", b"two"):
        temp = tmp_path / "temp"
        temp.write_bytes(content)
        temp.replace(tmp_path / "file")
        file = open_below(tmp_path, "file")
        stamps.add(file.stamp)
        file.close()
    assert len(stamps) == 2


def test_a_file_that_shrinks_ends_the_answer() -> None:
    """Fewer bytes than were announced are an error, never a silent short answer."""

    class Shrunk(Bytes):
        @property
        def size(self) -> int:
            return 20

    async def send(_message: Any) -> None:
        return

    async def receive() -> Any:
        await asyncio.Event().wait()

    answer = Answer(body=Shrunk(b"short"), media_type="x/y", etag="abc", cache="c")
    with pytest.raises(OSError, match="ends at 5 of 20"):
        asyncio.run(answer({"method": "GET", "headers": []}, receive, send))


def test_who_has_gone_is_sent_no_more() -> None:
    """After the client left, the rest of the file is not even read."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    answer = Answer(body=Bytes(bytes(99 * files.CHUNK)), media_type="x/y", etag="abc", cache="c")
    asyncio.run(answer({"method": "GET", "headers": []}, receive, send))
    assert len(sent) < 10
