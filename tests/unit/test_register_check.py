"""What must hold of a register that is imported, and what it would change."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.register import Holder, Register, parse_register
from config.register_check import Problem, check, difference, errors

HEADER = "recorder,user_no,name,unit"
FORCE = parse_register(
    f"{HEADER}\nZFY-1,000317,张䶮,一科\nZFY-2,880318,赵某,一科\n-,880002,王芳,二科\n".encode(),
    source="x",
)
NOTHING = Register({}, "")


def judged(*lines: str, header: str = HEADER, in_force: Register = NOTHING) -> list[Problem]:
    """Return what is wrong or odd with a register of these lines."""
    return check("\n".join([header, *lines, ""]).encode(), source="x", in_force=in_force)


def told(*lines: str, in_force: Register = NOTHING) -> list[tuple[str, str, int]]:
    """Return severity, code and line of each problem."""
    return [(one.severity, one.code, one.line) for one in judged(*lines, in_force=in_force)]


def test_a_sound_register_has_no_problems() -> None:
    """Several recorders, people without one, more columns in any order."""
    assert told("ZFY-1,1,a,u", "ZFY-2,2,b,u", "-,3,c,u") == []
    lines = ("DSJ-V8,u,a,12,ZFY-1,1",)
    assert judged(*lines, header="model,unit,name,unit_no,recorder,user_no") == []


@pytest.mark.parametrize(
    "number", ["8.8E+06", "8,8E+06", "8.8e6", "317.0", "#N/A", "#REF!", "1,234,567"]
)
def test_a_number_that_a_spreadsheet_spoilt_is_an_error(number: str) -> None:
    """In either column: nobody would ever find the recorder or the person."""
    quoted = f'"{number}"'
    assert told(f"ZFY-1,{quoted},a,u") == [("error", "damaged", 2)]
    assert told(f"{quoted},1,a,u") == [("error", "damaged", 2)]


@pytest.mark.parametrize("number", ["880317", "ZFY-00317", "DSJ.V8", "17-3", "E10", "A#1", "1,2"])
def test_ordinary_numbers_are_left_alone(number: str) -> None:
    """Letters, dots and signs that belong to a number are no damage."""
    assert told(f'"{number}",1,a,u') == []


def test_lost_zeros_are_seen_by_the_register_in_force() -> None:
    """317 where 000317 was known is an error; a number that was known as it is, is none."""
    problems = judged("ZFY-1,317,张䶮,一科", in_force=FORCE)
    assert [(one.code, one.facts["before"]) for one in problems] == [("zeros-lost", "000317")]
    assert told("ZFY-1,000317,张䶮,一科", in_force=FORCE) == []
    assert told("ZFY-1,317,张䶮,一科") == []


def test_what_stands_twice_is_an_error_with_the_first_line() -> None:
    """A recorder however its letters are written, and a person without one."""
    problems = judged("ZFY-1,1,a,u", "zfy-1,2,b,u", "-,3,c,u", "-,3,c,u")
    assert [(one.code, one.line, one.facts["first"]) for one in problems] == [
        ("recorder-twice", 3, 2),
        ("person-twice", 5, 4),
    ]


def test_two_recorders_of_one_person_are_a_warning() -> None:
    """R-ISSUE wants one each; it may be meant so."""
    problems = judged("ZFY-1,1,a,u", "ZFY-2,1,a,u", "-,1,a,u")
    assert [(one.severity, one.code, one.line) for one in problems] == [
        ("warning", "two-recorders", 3)
    ]
    assert errors(problems) == []


def test_a_number_belongs_to_one_person() -> None:
    """Two names under one number are an error: nobody could say who answers."""
    assert told("ZFY-1,1,a,u", "-,1,b,u") == [("error", "number-of-two", 3)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ZFY-1,,a,u", ("error", "empty", 2)),
        ("ZFY-1,1,,u", ("error", "empty", 2)),
        ("ZFY-1,1,a,", ("warning", "empty", 2)),
        ("ZFY-1,８８,a,u", ("error", "full-width", 2)),
        ("ZFY-1,1,a\u202eb,u", ("error", "unprintable", 2)),
        ("ZFY-1,1,a\tb,u", ("error", "unprintable", 2)),
        (f"ZFY-1,1,{'a' * 121},u", ("error", "too-long", 2)),
    ],
)
def test_what_is_wrong_with_a_cell(line: str, problem: tuple[str, str, int]) -> None:
    """Empty, full-width, invisible or endless: each is named with its line."""
    assert told(line) == [problem]


def test_a_recorder_without_a_number_is_refused() -> None:
    """Such a row is no row of a register at all."""
    with pytest.raises(ConfigError) as caught:
        judged(",1,a,u")
    assert (caught.value.problem, caught.value.where) == ("no-recorder", "line 2")


@pytest.mark.parametrize("header", ["recorder,user_no,name,unit,mood", "recorder,user_no,name"])
def test_unknown_and_missing_columns_are_refused(header: str) -> None:
    """The columns are told, before any row is looked at."""
    with pytest.raises(ConfigError) as caught:
        judged(header=header)
    assert caught.value.problem == "wrong-columns"


@pytest.mark.parametrize("data", ["", "\ufeff", "\n\n", HEADER, f"{HEADER}\n,,,\n"])
def test_a_register_of_nobody_is_an_error(data: str) -> None:
    """A copy that failed, or a disk that was full, is no reason to put all into quarantine."""
    (problem,) = check(data.encode(), source="x", in_force=FORCE)
    assert (problem.severity, problem.code, problem.line) == ("error", "no-rows", 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_any_spreadsheets_encoding_is_checked_alike(encoding: str) -> None:
    """UTF-8 with or without mark, and GB18030."""
    data = f"{HEADER}\nZFY-1,1,张䶮,执法一科\nZFY-1,2,赵某,执法二科\n".encode(encoding)
    assert [one.code for one in check(data, source="x", in_force=NOTHING)] == ["recorder-twice"]


def test_the_difference_is_told() -> None:
    """New, changed and gone, of recorders and of people without one."""
    data = (
        f"{HEADER}\nzfy-1,000317,张䶮,二科\nZFY-3,880319,孙某,一科\n-,880003,周某,二科\n".encode()
    )
    found = difference(data, source="x", in_force=FORCE)
    assert [one.user_no for one in found.new] == ["880003", "880319"]
    assert [(before.unit, now.unit) for before, now in found.changed] == [("一科", "二科")]
    assert [one.user_no for one in found.gone] == ["880002", "880318"]
    assert not found.nothing


CELL = st.text("aZ09 -,.\"'张䶮\u3000", max_size=6)
NUMBER = st.from_regex(r"[A-Z]{1,3}-[0-9]{1,4}", fullmatch=True)
PLAIN = st.tuples(NUMBER, NUMBER, st.just("a"), CELL)
ROWS = st.lists(PLAIN | st.tuples(CELL.filter(str.strip), CELL, CELL, CELL), max_size=4)


@given(ROWS)
def test_a_register_without_errors_holds_what_was_written(
    rows: list[tuple[str, str, str, str]],
) -> None:
    """What is let in is read back cell by cell; against itself it changes nothing."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([HEADER.split(","), *rows])
    data = out.getvalue().encode()
    try:
        problems = check(data, source="x", in_force=NOTHING)
    except ConfigError:
        return
    if errors(problems):
        return
    found = parse_register(data, source="x")
    expected = [
        Holder(recorder=recorder, user_no=user_no, name=name, unit=unit)
        for recorder, user_no, name, unit in (map(str.strip, row) for row in rows)
    ]
    assert sorted([*found.holders.values(), *found.others], key=repr) == sorted(expected, key=repr)
    assert difference(data, source="x", in_force=found).nothing


@given(st.binary(max_size=200))
def test_whatever_bytes_come_only_a_configuration_error_leaves(data: bytes) -> None:
    """A file that is no register is told so, or its problems are; nothing else happens."""
    try:
        check(data, source="x", in_force=FORCE)
    except ConfigError:
        return
