"""Who a recorder says it is, and what its file names say."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.drivers.fs_only import (
    INFO_FILE,
    MAX_FILE,
    MAX_VALUE,
    Identity,
    decode,
    identify,
)
from firmware_bridge.drivers.names import Marks, parse

PARAM = "[ZFY]\r\nDevNo=ZFY0317\r\nPolNo=210317\r\nUserName=张䶮\r\nDepartment=执法一科\r\n"
CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=8)


def told(**files: bytes) -> Identity | None:
    """Return what files say, named without their folders and endings."""
    paths = {"Param": "Param.ini", "PARAM": "PARAM.INI", "Info": INFO_FILE}
    return identify({paths[name]: data for name, data in files.items()}.get)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_param_file_names_recorder_and_holder(encoding: str) -> None:
    """Every encoding that such files are seen in gives the same names."""
    data = PARAM.encode(encoding)
    assert told(Param=data) == Identity(
        dev_no="ZFY0317",
        user_no="210317",
        user_name="张䶮",
        department="执法一科",
        source_file="Param.ini",
        raw=data,
    )


def test_info_file_names_recorder_and_holder() -> None:
    """The first two fields of the first line are the recorder and its holder."""
    identity = told(Info=b"ZFY0317;210317;1;x\r\nother;line\r\n")
    assert identity is not None
    assert (identity.dev_no, identity.user_no) == ("ZFY0317", "210317")
    assert (identity.user_name, identity.source_file) == ("", INFO_FILE)


def test_file_that_names_the_recorder_wins() -> None:
    """A Param.ini as the factory left it gives way to an Info.dat with a number."""
    factory = b"[ZFY]\nDevNo=0000000\nPolNo=000000\n"
    identity = told(PARAM=factory, Info=b"ZFY0317;210317")
    assert identity is not None
    assert identity.dev_no == "ZFY0317"
    kept = told(PARAM=factory)
    assert kept is not None
    assert (kept.dev_no, kept.user_no, kept.raw) == ("", "", factory)


@pytest.mark.parametrize("value", ["", " ", "0", "0000000", "000000", "DSJ-00-00000", "abcde"])
def test_what_the_factory_left_is_not_set(value: str) -> None:
    """A placeholder names nobody."""
    identity = told(Param=f"[ZFY]\nDevNo={value}\nPolNo=1".encode())
    assert identity is not None
    assert (identity.dev_no, identity.user_no) == ("", "1")


@pytest.mark.parametrize(
    ("text", "dev_no"),
    [
        ("[zfy]\ndevno = A1234 \n", "A1234"),
        ("[ZFY]\nDevNo=A1234\nDevNo=B1234\n", "A1234"),
        ("[Net]\nDevNo=B1234\n[ ZFY ]\nDevNo=A1234\n[Net]\nDevNo=C1234", "A1234"),
        ("[ZFY]\n;DevNo=B1234\n#DevNo=B1234\nDevNo=A1234\0\0", "A1234"),
        ("[ZFY]\nDevNo=A=B", "A=B"),
        ("[ZFY]\nDevNo=A\x1b[2J\u202eB", "A\ufffd[2J\ufffdB"),
        ("[ZFY]\nDevNo=" + "9" * 5000, "9" * MAX_VALUE),
        ("[ZFY]\nDevNo", ""),
        ("[ZFY", None),
        ("DevNo=A1234", None),
        ("", None),
    ],
)
def test_odd_param_files(text: str, dev_no: str | None) -> None:
    """Case, order, doubles, comments, controls and length are each settled one way."""
    identity = told(Param=text.encode("utf-8-sig"))
    assert (None if identity is None else identity.dev_no) == dev_no


def test_too_long_or_missing_files_name_nobody() -> None:
    """A file beyond the bound is not looked into, and no file says nothing."""
    assert told() is None
    assert told(Param=PARAM.encode() + bytes(MAX_FILE)) is None
    assert told(Info=b";" * (MAX_FILE + 1)) is None
    assert told(Info=b"no fields here") is None


@given(name=CHINESE)
def test_chinese_names_survive_both_encodings(name: str) -> None:
    """UTF-8 is told from GB18030 without a mark, for any Chinese name in UTF-8."""
    assert decode(name.encode("utf-8")) == name
    assert decode(name.encode("utf-16")) == name


def test_gb18030_that_happens_to_be_utf8_is_still_chinese() -> None:
    """Two-byte UTF-8 is no Chinese: the bytes are GB18030."""
    data = "隆".encode("gb18030")
    assert data.decode("utf-8")
    assert decode(data) == "隆"


@given(data=st.binary(max_size=300), info=st.binary(max_size=300))
def test_any_bytes_are_told_or_not(data: bytes, info: bytes) -> None:
    """Hostile files never make it fail, and what is told is fit to be shown."""
    for file in (data, b"[ZFY]\nDevNo=" + data, data + b";" + info):
        identity = told(Param=file, Info=info)
        if identity is not None:
            fields = (identity.dev_no, identity.user_no, identity.user_name, identity.department)
            assert all(len(field) <= MAX_VALUE for field in fields)
            assert not any(ord(point) < 32 for field in fields for point in field)
            assert identity.raw in (file, info)


@pytest.mark.parametrize(
    ("name", "numbers", "at", "sequence", "marks"),
    [
        (
            "8888888_000000_20160129205547_0001.mp4",
            ("8888888", "000000"),
            "2016-01-29T20:55:47.000",
            1,
            "",
        ),
        (
            "000000_8888888_20160129205547_0001IMP.mp4",
            ("000000", "8888888"),
            "2016-01-29T20:55:47.000",
            1,
            "important",
        ),
        ("20160129205547_0001.MP4", (), "2016-01-29T20:55:47.000", 1, ""),
        ("20260131_120000123.mp4", (), "2026-01-31T12:00:00.123", None, ""),
        ("20260131_120000_IMP.mp4", (), "2026-01-31T12:00:00.000", None, "important"),
        ("20260131_120000_ZY.mp4", (), "2026-01-31T12:00:00.000", None, "important"),
        ("20260131_120000_encryption.mp4", (), "2026-01-31T12:00:00.000", None, "encrypted"),
        (
            "DCAM_ZFY-00317_210317_20260131_120000_IMP_enc.aac",
            ("ZFY-00317", "210317"),
            "2026-01-31T12:00:00.000",
            None,
            "important encrypted",
        ),
    ],
)
def test_makers_names_are_taken_apart(
    name: str, numbers: tuple[str, ...], at: str, sequence: int | None, marks: str
) -> None:
    """Each known maker's name gives its candidates, time, sequence and marks."""
    assert parse(name) == Marks(
        numbers=numbers,
        at=datetime.fromisoformat(at),
        sequence=sequence,
        important="important" in marks,
        encrypted="encrypted" in marks,
        extension=name.rsplit(".", 1)[1].lower(),
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "IMG_0001.JPG",
        "20261332_120000.mp4",
        "20260131_250000.mp4",
        "20260131_120000",
        "x" * 300,
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    """A name of no known maker, or with a time that is none, is left alone."""
    assert parse(name) is None


@given(name=st.text(max_size=300))
def test_any_name_is_parsed_or_not(name: str) -> None:
    """No name makes the parser fail."""
    marks = parse(name)
    assert marks is None or marks.at.year >= 2000


@given(
    device=st.from_regex(r"[A-Z0-9]{7}", fullmatch=True),
    user=st.from_regex(r"[0-9]{6}", fullmatch=True),
    at=st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31")),
    swapped=st.booleans(),
)
def test_both_numbers_are_candidates_in_either_order(
    device: str, user: str, at: datetime, *, swapped: bool
) -> None:
    """Whichever of device and user a maker writes first, both are found."""
    first, second = (user, device) if swapped else (device, user)
    marks = parse(f"{first}_{second}_{at:%Y%m%d%H%M%S}_0001.mp4")
    assert marks is not None
    assert marks.names(device.lower())
    assert marks.names(user)
    assert not marks.names("")
