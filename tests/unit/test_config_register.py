"""The register of recorders and holders: what spreadsheets write, and what is refused."""

import csv
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.register import COLUMNS, Holder, Register, load_register, parse_register

TEXT = (
    "recorder,user_no,name,unit\nZFY-00317,880317,张䶮,执法一科\nZFY-00318,880318,赵某,执法二科\n"
)
ZHANG = Holder(recorder="ZFY-00317", user_no="880317", name="张䶮", unit="执法一科")


def refused(text: str | bytes) -> ConfigError:
    """Return what the register has against `text`."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigError) as caught:
        parse_register(data, source="register.csv")
    assert caught.value.source == "register.csv"
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_a_spreadsheet_writes_is_read(encoding: str, line_end: str) -> None:
    """UTF-8 with or without mark, GB18030, either line end: rare characters come through."""
    data = TEXT.replace("\n", line_end).encode(encoding)
    assert parse_register(data, source="x").find("ZFY-00317") == ZHANG


def test_a_recorder_is_found_however_its_letters_are_written() -> None:
    """Case and stray blanks don't make a registered recorder an unknown one."""
    register = parse_register(TEXT.encode(), source="x")
    assert register.find(" zfy-00317 ") == ZHANG
    assert register.find("ZFY-00319") is None
    assert register.find("") is None


def test_columns_may_come_in_any_order() -> None:
    """The header decides, not the order; blank lines count for nothing."""
    text = 'unit,name,recorder,user_no\n\n"一科, 东",张䶮,ZFY-1,7\n,,,\n'
    found = parse_register(text.encode(), source="x").find("ZFY-1")
    assert found == Holder(recorder="ZFY-1", user_no="7", name="张䶮", unit="一科, 东")


def test_no_file_is_an_empty_register(tmp_path: Path) -> None:
    """A dock that nobody gave a register has one: every recorder is unregistered."""
    assert load_register(tmp_path / "no.csv") == Register({}, hashlib.sha256(b"").hexdigest())


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    """Which register decided can be told by `sha256sum` alone."""
    path = tmp_path / "register.csv"
    path.write_bytes(TEXT.encode("gb18030"))
    expected = hashlib.sha256(TEXT.encode("gb18030")).hexdigest()
    assert load_register(path).sha256 == expected


@pytest.mark.parametrize(
    ("text", "problem", "where"),
    [
        (TEXT + "zfy-00318,1,x,y\n", "recorder-twice", "line 4"),
        (TEXT + "ZFY-1,1,x\n", "wrong-row", "line 4"),
        (TEXT + "ZFY-1,1,x,y,z\n", "wrong-row", "line 4"),
        (TEXT + " ,1,x,y\n", "no-recorder", "line 4"),
        (TEXT + 'ZFY-1,1,"x"x,y\n', "not-csv", "line 4"),
        ("recorder;user_no;name;unit\n", "wrong-columns", "line 1"),
        ("recorder,user_no,name\n", "wrong-columns", "line 1"),
        ("recorder,user_no,name,unit,unit\n", "wrong-columns", "line 1"),
        ("ZFY-1,1,x,y\n", "wrong-columns", "line 1"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(text: str, problem: str, where: str) -> None:
    """A register with a mistake is refused as a whole, and the line named."""
    error = refused(text)
    assert (error.problem, error.where) == (problem, where)


def test_bytes_that_are_no_text_are_named_by_their_line() -> None:
    """What is neither UTF-8 nor GB18030 is never guessed at."""
    error = refused(TEXT.encode() + b"\xff\xff")
    assert (error.problem, error.where) == ("not-text", "line 4")


CELL = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cf"]), min_size=1, max_size=8
)


@given(st.dictionaries(CELL, st.tuples(CELL, CELL, CELL), max_size=5))
def test_what_was_registered_is_found(rows: dict[str, tuple[str, str, str]]) -> None:
    """Whatever is written into the register as CSV is found again, cell for cell."""
    folded = {name.casefold(): (name, rest) for name, rest in rows.items()}
    out = io.StringIO(newline="")
    csv.writer(out).writerows([COLUMNS, *((name, *rest) for name, rest in folded.values())])
    register = parse_register(out.getvalue().encode("utf-8-sig"), source="x")
    assert len(register.holders) == len(folded)
    for name, (user_no, person, unit) in folded.values():
        assert register.find(name) == Holder(recorder=name, user_no=user_no, name=person, unit=unit)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_register_or_a_named_error(data: bytes) -> None:
    """Whatever the file holds, the outcome is a register or a ConfigError naming a line."""
    try:
        found: Register | ConfigError = parse_register(data, source="x")
    except ConfigError as error:
        found = error
    assert isinstance(found, Register) or found.where.startswith("line ")
