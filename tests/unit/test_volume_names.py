"""Names and the sums that tie their parts together."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.volume import names

SHORT = st.binary(min_size=11, max_size=11)


@given(short=SHORT)
def test_lost_first_byte_follows_from_the_checksum(short: bytes) -> None:
    """Of all first bytes exactly one has the checksum of a name, and it is found."""
    total = names.checksum(short)
    assert names.first_byte(short, total) == short[0]
    fitting = [b for b in range(256) if names.checksum(bytes([b]) + short[1:]) == total]
    assert fitting == [short[0]]


@given(short=SHORT, case=st.integers(0, 255), deleted=st.booleans())
def test_any_short_name_has_a_text(short: bytes, case: int, *, deleted: bool) -> None:
    """Whatever eleven bytes stand there, a text that can be written comes out."""
    text = names.short_text(short, case, encoding=names.CODE_PAGE, deleted=deleted)
    assert text.encode().decode() == text


@given(raw=st.binary(max_size=520).filter(lambda raw: len(raw) % 2 == 0))
def test_any_long_name_has_a_text(raw: bytes) -> None:
    """Whatever units stand there, a text without surrogates comes out, and each half is named."""
    text = names.long_text(raw)
    text.encode()
    codes = {problem.code for problem in names.problems_of(text, raw)}
    broken = raw.decode("utf-16-le", "replace").encode("utf-16-le") != raw
    assert ("name-surrogate" in codes) == broken
    assert ("name-too-long" in codes) == (len(raw) > 510)
