"""The record that names a recorder's holder: golden bytes, text as people meant it, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.capabilities import Holder
from firmware_bridge.errors import BadAnswerError, TextTooLongError, UnwritableTextError
from firmware_bridge.wire.cammpro import ID_RECORD
from firmware_bridge.wire.holder_text import ZFY_INFO, Layout, Record, build, decode, encode, parse

# Golden vector 1 of docs/formats/vendor-recorders.md, made with iconv and printf.
GOLDEN = bytes.fromhex(
    "38383838383838"
    "303132333435"
    "d5c5beafb9d9" + "00" * 26 + "333130313030303030303030"
    "c9cfbaa3cad0b9abb0b2bed6bdbbbeafd7dcb6d3" + "00" * 12
)
HOLDER = Holder(
    user_no="012345", user_name="张警官", unit_no="310100000000", unit_name="上海市公安局交警总队"
)


def texts(most: int) -> st.SearchStrategy[str]:
    """Return text that reads back as itself and takes at most so many bytes, or nothing."""
    points = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"))
    return (
        st.text(points, max_size=most)
        .filter(lambda text: not text or decode(text.encode("gb18030")) == text)
        .filter(lambda text: len(text.encode("gb18030")) <= most)
    )


def test_record_has_its_golden_bytes() -> None:
    """The 89 bytes of a record never change, both ways."""
    assert len(GOLDEN) == 89
    record = parse(GOLDEN, ZFY_INFO, command="GetZFYInfo")
    assert (record.serial, record.raw) == ("8888888", GOLDEN)
    assert record.holder == Holder(
        user_no=HOLDER.user_no,
        user_name=HOLDER.user_name,
        unit_no=HOLDER.unit_no,
        unit_name=HOLDER.unit_name,
        raw=GOLDEN,
    )
    assert build("8888888", HOLDER, ZFY_INFO) == GOLDEN


@pytest.mark.parametrize(("layout", "size"), [(ZFY_INFO, 89), (ID_RECORD, 100)])
def test_layouts_have_their_sizes(layout: Layout, size: int) -> None:
    """The standard's record has 89 bytes, Cammpro's 100; any other length is no record."""
    assert layout.size == size
    for wrong in (0, size - 1, size + 1):
        with pytest.raises(BadAnswerError):
            parse(bytes(wrong), layout, command="GetZFYInfo")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        (b"\0\0\0", ""),
        (b"\xff\xff\xff", ""),
        (b"   ", ""),
        (b"000000", ""),
        (b"0", ""),
        (b"DSJ-00-00000", ""),
        ("\u3000\u3000".encode("gb18030"), ""),
        (b"abcde", ""),
        (b"0012\0junk", "0012"),
        (b" \xffA1\xff ", "A1"),
        ("张三".encode("gbk") + b"\0\xd5", "张三"),
        (b"\xd5\xc5\xd5", "张\ufffd"),
        (b"a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\u202eb".encode("gb18030"), "a\ufffdb"),
        ("𠮷".encode("gb18030"), "𠮷"),
    ],
)
def test_field_is_shown_as_it_was_meant(raw: bytes, shown: str) -> None:
    """Padding and what stands for nothing is not shown; what cannot be shown is marked."""
    assert decode(raw) == shown


def test_holder_without_a_number_is_written_as_not_set() -> None:
    """Two fields are never written empty: they get what a factory leaves there."""
    raw = build("", Holder(user_no=""), ZFY_INFO)
    assert raw == b"0" * 13 + bytes(76)
    assert parse(raw, ZFY_INFO, command="x").holder == Holder(user_no="", raw=raw)


def test_text_that_does_not_fit_is_refused_by_its_field() -> None:
    """A field is never cut: the error names it, what it takes and what it was given."""
    with pytest.raises(TextTooLongError) as caught:
        build("8888888", Holder(user_no="1234567"), ZFY_INFO)
    assert (caught.value.field, caught.value.limit, caught.value.got) == ("user_no", 6, 7)
    with pytest.raises(TextTooLongError) as caught:
        build("8888888", Holder(user_no="1", user_name="张" * 17), ZFY_INFO)
    assert (caught.value.field, caught.value.got) == ("user_name", 34)


@pytest.mark.parametrize(
    "text", ["000", "abcde", " a", "a ", "a\0b", "a\nb", "\u200b", "\ud800", "ÿ\0"]
)
def test_text_that_would_read_otherwise_is_refused(text: str) -> None:
    """What does not come back as itself is not written."""
    with pytest.raises(UnwritableTextError) as caught:
        encode("user_name", text, limit=32)
    assert caught.value.field == "user_name"


@given(
    serial=texts(7),
    user_no=texts(6),
    user_name=texts(32),
    unit_no=texts(12),
    unit_name=texts(32),
)
def test_what_is_built_reads_back(
    serial: str, user_no: str, user_name: str, unit_no: str, unit_name: str
) -> None:
    """Every record that can be built says what it was built from."""
    holder = Holder(user_no=user_no, user_name=user_name, unit_no=unit_no, unit_name=unit_name)
    raw = build(serial, holder, ZFY_INFO)
    assert parse(raw, ZFY_INFO, command="x") == Record(
        serial=serial,
        user_no=user_no,
        user_name=user_name,
        unit_no=unit_no,
        unit_name=unit_name,
        raw=raw,
    )


@given(raw=st.binary(min_size=89, max_size=89))
def test_any_bytes_can_be_shown(raw: bytes) -> None:
    """Whatever 89 bytes a recorder gives, they are kept, and what they show is harmless."""
    record = parse(raw, ZFY_INFO, command="x")
    assert record.raw == record.holder.raw == raw
    shown = record.serial + record.user_no + record.user_name + record.unit_no + record.unit_name
    assert not any(ord(point) < 0x20 or 0xD800 <= ord(point) < 0xE000 for point in shown)


@given(text=st.text(max_size=40))
def test_any_text_is_written_as_itself_or_refused(text: str) -> None:
    """Encoding ends in bytes that decode to the text, or in one of two named errors."""
    try:
        data = encode("user_name", text, limit=32)
    except (TextTooLongError, UnwritableTextError):
        return
    assert decode(data) == text
    assert len(data) <= 32
