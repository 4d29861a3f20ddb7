"""`sealdock manifest`: what a docking produced, as people read it and as a file."""

import asyncio
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon import control
from dock_daemon.answering import Answering
from dock_daemon.evidence.records import DockingRow, Record
from tests.cards import Clip, make_fat_card
from tests.commanded import command, verify
from tests.docks import HOUR_MS, DockIn, some_bytes
from tests.spoilt import end_chain
from tests.witnessed import Core, Witness

PARAM = "[ZFY]\r\nDevNo=DSJ-A8-0042\r\nPolNo=210917\r\nUserName=王小明\r\n".encode("gb18030")
OFFICER = "DSJ-A8-0042,210917,王小明,一大队"
FIRST = "DCIM/100MEDIA/210917_20260314091500.MP4"
FILES: dict[str, bytes | Clip] = {
    FIRST: some_bytes("a", 30_000),
    "DCIM/100MEDIA/210917_20260314092000.MP4": b"",
    "DCIM/100MEDIA/CUT.MP4": some_bytes("b", 9_000),
    "DCIM/100MEDIA/GONE.MP4": Clip(data=b"gone", deleted=True),
    "Param.ini": PARAM,
}


@pytest.fixture
def used(dock: DockIn, tmp_path: Path) -> DockIn:
    """Return a dock after a docking with a bit of everything, two days late."""
    dock.register(OFFICER)
    card = make_fat_card(tmp_path / "card", FILES, 40 << 20, fat=32)
    end_chain(card, "DCIM/100MEDIA/CUT.MP4", clusters=1)
    dock.clock.utc_ms += 48 * HOUR_MS
    assert dock.take_over(card).end.result == "partial"
    return dock


def vkey(dock: DockIn) -> str:
    """Return the file of the log's own key."""
    return str(dock.root / "log" / "vkey")


# -- to read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["Taken over: ", "holder: 王小明 (210917), 一大队", "late (R-24H, due 2026-03-1",
                "is empty", "stored after its deadline", "deleted record", "Checklist",
                "no witness has cosigned it", "result: in part"]),
        ("zh-CN", ["已采集：", "持有人：王小明（210917），一大队", "R-24H", "是空文件", "超过期限",
                   "检查项目", "还没有见证方联署"]),
    ],
)  # fmt: skip
def test_the_page_says_what_was_taken_over_and_what_was_not(
    used: DockIn, lang: str, words: list[str]
) -> None:
    """Recorder, times, clips with digest and deadline, reasons, findings, who vouches."""
    ended = command(used, "manifest", "1", lang=lang)
    assert ended.code == ExitCode.OK
    assert [word for word in [*words, "DSJ-A8-0042", FIRST] if word not in ended.out] == []
    digest = used.parsed("clip")[0].body["sha256"]
    assert str(digest) in ended.out


def test_programs_read_the_same(used: DockIn) -> None:
    """The report of the verifier, with the account of the docking."""
    told = command(used, "manifest", "1", "--json").json
    account = told["account"]
    assert (told["ok"], told["docking"], account["result"]) == (True, 1, "partial")
    assert account["recorder"] == "DSJ-A8-0042"
    assert account["holder"]["name"] == "王小明"
    assert {clip["deadline"]["rule"] for clip in account["clips"]} == {"R-24H"}
    doubts = {remark["reason"] for remark in account["doubts"]}
    assert {"empty", "late", "doubtful"} <= doubts
    assert {"deleted-unseen"} <= {found["finding"] for found in account["findings"]}


def test_what_was_known_before_is_said_to_be_left(used: DockIn, tmp_path: Path) -> None:
    """A second docking took over nothing, and says why."""
    used.take_over(tmp_path / "card")
    told = command(used, "manifest", "2", "--json").json["account"]
    assert told["clips"] == []
    known = [remark["count"] for remark in told["left"] if remark["reason"] == "known"]
    assert known == [len(used.parsed("clip"))]
    assert "sealed at an earlier docking" in command(used, "manifest", "2").out


def test_a_docking_that_was_cut_off_says_what_was_still_to_come(
    dock: DockIn, tmp_path: Path
) -> None:
    """Pulled out midway is a reason like any other."""
    import threading  # noqa: PLC0415  for the one test that pulls

    files: dict[str, bytes | Clip] = {f"A{at}.MP4": some_bytes(str(at), 9_000) for at in range(5)}
    card = make_fat_card(tmp_path / "card", files, 40 << 20, fat=32)
    stop = threading.Event()
    dock.take_over(card, stop=stop, hear=lambda _event: stop.set())
    told = command(dock, "manifest", "1", "--json").json["account"]
    assert told["result"] == "interrupted"
    assert [remark["reason"] for remark in told["left"]] in ([], ["interrupted"])


def test_the_list_of_all(used: DockIn, tmp_path: Path) -> None:
    """Without a number, the dockings that have a manifest, in the order in which they ended."""
    used.take_over(tmp_path / "card")
    lines = command(used, "manifest").out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["no. 1", "no. 2"]
    rows = command(used, "manifest", "--json").json["manifests"]
    assert [row["docking"] for row in rows] == [1, 2]


@pytest.mark.parametrize(("lang", "words"), [("en", "no docking has ended"), ("zh-CN", "还没有")])
def test_an_empty_list_says_so(dock: DockIn, lang: str, words: str) -> None:
    """A dock that took nothing over yet has no manifest, and says what to do."""
    dock.open().close()
    assert words in command(dock, "manifest", lang=lang).out
    assert command(dock, "manifest", "--json").json["manifests"] == []


# -- as a file -----------------------------------------------------------------


def test_the_file_verifies_alone(used: DockIn, tmp_path: Path) -> None:
    """With nothing but the log's key, elsewhere; and it is never overwritten."""
    file = tmp_path / "out.manifest"
    told = command(used, "manifest", "1", "-o", str(file), "--json").json
    assert told["bytes"] == file.stat().st_size
    assert told["sha256"] in command(used, "manifest", "1", "-o", f"{file}.2").out
    ended = verify("--manifest", str(file), "--key", told["vkey"])
    assert ended.code == ExitCode.OK
    assert "docking 1" in ended.out
    again = command(used, "manifest", "1", "-o", str(file), "--json")
    assert (again.code, again.error["code"]) == (ExitCode.FAILED, "output-exists")

    data = file.read_bytes()
    file.write_bytes(data.replace(b'"size":30000', b'"size":30001'))
    bad = verify("--manifest", str(file), "--key", told["vkey"], "--json")
    assert bad.code == ExitCode.VERIFICATION_FAILED
    assert [it["code"] for it in bad.json["problems"]] == ["manifest-entry-edited"]


def test_without_documents_it_names_nobody(used: DockIn, tmp_path: Path) -> None:
    """What is handed to somebody who may know no names verifies all the same."""
    file = tmp_path / "out.manifest"
    command(used, "manifest", "1", "-o", str(file), "--without-documents")
    data = file.read_bytes().decode()
    assert not [word for word in ("210917", "王小明", "DCIM", "DSJ-A8") if word in data]
    assert verify("--manifest", str(file), "--key", vkey(used)).code == ExitCode.OK
    page = command(used, "manifest", "1", "--without-documents").out
    assert "(not in this manifest)" in page


def test_a_document_that_was_removed_leaves_the_rest(used: DockIn, tmp_path: Path) -> None:
    """It is said to be absent, and everything else verifies."""
    digest = str(used.parsed("docked")[0].body["document"])
    (used.root / "store" / "documents" / digest[:2] / digest).unlink()
    file = tmp_path / "out.manifest"
    command(used, "manifest", "1", "-o", str(file))
    report = verify("--manifest", str(file), "--key", vkey(used), "--json").json
    assert report["ok"]
    assert [it["code"] for it in report["notices"]] == ["manifest-document-absent"]


def test_a_clip_is_held_against_it(used: DockIn, tmp_path: Path) -> None:
    """Whoever has a clip and a manifest can tell whether they belong together."""
    file, clip = tmp_path / "out.manifest", tmp_path / "seen.mp4"
    command(used, "manifest", "1", "-o", str(file))
    clip.write_bytes(some_bytes("a", 30_000))
    asked = ("--manifest", str(file), "--key", vkey(used), "--clip", str(clip))
    assert verify(*asked).code == ExitCode.OK
    clip.write_bytes(b"another")
    assert verify(*asked).code == ExitCode.VERIFICATION_FAILED


def test_a_folder_that_is_not_there_is_said(used: DockIn, tmp_path: Path) -> None:
    """The file cannot be written, and the reason is told."""
    ended = command(used, "manifest", "1", "-o", str(tmp_path / "no" / "out"), "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.FAILED, "output")


# -- what there is not -----------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_a_docking_that_never_was(used: DockIn, lang: str) -> None:
    """Exit code 3, and how to find those that were."""
    ended = command(used, "manifest", "7", lang=lang)
    assert ended.code == ExitCode.NOT_FOUND
    assert "sealdock manifest" in ended.err


def test_a_docking_beyond_all_numbers(used: DockIn) -> None:
    """It never was, either."""
    ended = command(used, "manifest", str(1 << 63), "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.NOT_FOUND, "docking-unknown")


def test_a_docking_that_goes_on(dock: DockIn) -> None:
    """Its manifest is there once it has ended."""
    row = DockingRow(
        number=1,
        bay="1",
        source="image",
        place="/x",
        recorder="",
        holder="",
        volumes=(),
        quarantine=True,
    )
    document = "00" * 32
    record = Record(
        kind="docked", docking=1, body={"docking": 1, "document": document}, row=row,
        document=document,
    )  # fmt: skip
    with dock.open() as state:
        state.sealer.ask(lambda ledger: ledger.append([record], dock.clock.at()))
    ended = command(dock, "manifest", "1", "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.FAILED, "docking-open")
    assert ended.error["retry"]


def test_a_docking_that_is_not_published_yet(dock: DockIn, tmp_path: Path) -> None:
    """Where nothing may be signed, it says so and what to look at."""
    witness = Witness()
    dock.open(witness.settings()).close()
    with dock.open(witness.settings()) as state:
        head = Core(state).ask("signing")["head"]
        Core(state).tell("cosigned", note=witness.cosign(head["note"]))
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"x"}, 40 << 20, fat=32)
    dock.take_over(card, settings=witness.settings())
    ended = command(dock, "manifest", "1", "--json")
    assert ended.code == ExitCode.FAILED
    assert ended.error["code"] == "docking-unpublished"
    assert "sealdock status" in ended.error["remedy"]
    assert command(dock, "manifest", "--json").json["manifests"] == []


def test_no_dock_at_all(dock: DockIn) -> None:
    """Where there is no state, that is what is said."""
    assert command(dock, "manifest").code == ExitCode.NOT_FOUND
    assert command(dock, "manifest", "-o", "x").code == ExitCode.USAGE


# -- who vouches -------------------------------------------------------------------


def test_who_cosigned_and_who_did_not(dock: DockIn, tmp_path: Path) -> None:
    """The head that somebody cosigned is taken, and the silent ones are named."""
    one, other = Witness("central"), Witness("province", "mirror")
    settings = f"{one.settings()}{other.settings()}"
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"x"}, 40 << 20, fat=32)
    dock.take_over(card, settings=settings)
    with dock.open(settings) as state:
        head = Core(state).ask("signing")["head"]
        Core(state).tell("cosigned", note=one.cosign(head["note"]))
    page = command(dock, "manifest", "1").out
    assert "cosigned by central.example/witness at 2026-03-14 17:30" in page
    assert "not cosigned yet: province" in page
    file = tmp_path / "out.manifest"
    assert command(dock, "manifest", "1", "-o", str(file), "--json").json["not_cosigned"] == [
        "province"
    ]
    policy = tmp_path / "policy"
    for quorum, code in (("w", ExitCode.OK), ("both", ExitCode.VERIFICATION_FAILED)):
        policy.write_text(
            f"log {(dock.root / 'log' / 'vkey').read_text().strip()}\n"
            f"witness w {one.key.verifier()}\nwitness m {other.key.verifier()}\n"
            f"group both all w m\nquorum {quorum}\n"
        )
        assert verify("--manifest", str(file), "--policy", str(policy)).code == code


async def test_a_running_dock_is_asked(used: DockIn) -> None:
    """Beside a daemon the same manifest is made, of what the daemon tells."""
    before = command(used, "manifest", "1", "--json").json
    with used.open() as state:
        answering = Answering(state)

        async def answer(request: control.Request) -> object:
            return await asyncio.to_thread(answering.answer, request)

        async with control.serving(used.root, answer):
            told = await asyncio.to_thread(command, used, "manifest", "1", "--json")
            assert told.json["account"] == before["account"]
            rows = await asyncio.to_thread(command, used, "manifest", "--json")
            assert [row["docking"] for row in rows.json["manifests"]] == [1]
            none = await asyncio.to_thread(command, used, "manifest", "9")
            assert none.code == ExitCode.NOT_FOUND
