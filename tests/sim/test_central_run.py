"""The centre as its operator has it: commands, a server, and what they say."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from hashing import note
from hashing.cosigners import parse_cosigner
from hashing.submission import UploadHead, origin_hash
from tests.authority import Authority, Identity
from tests.centres import CentreIn, serving_files
from tests.mirroring import Uploader
from tests.sealed import KEY, ORIGIN, long
from tests.wire import Client
from transport.tls import client_context

LOG = Uploader(long(300))
VKEY = str(KEY.verifier())
HEX = origin_hash(ORIGIN)


@pytest.fixture
def centre(memory_path: Path) -> CentreIn:
    """Return a centre that has not been started yet."""
    return CentreIn(memory_path)


def upload(centre: CentreIn, size: int, log: Uploader = LOG) -> None:
    """Run the centre, and let a dock bring its head and its entries."""
    with centre.running() as server:
        assert server.ask("POST", "/witness/add-checkpoint", log.submission(0, size)).status == 200
        assert server.ask("POST", "/mirror/add-checkpoint", log.submission(0, size)).status == 200
        body = log.upload(0, size)
        kind = {"content_type": "application/octet-stream"}
        assert server.ask("POST", "/mirror/add-entries", body, **kind).status == 200


def test_from_nothing_to_a_cosigned_log(centre: CentreIn) -> None:
    """Keys are shown, a dock is enrolled, its log is cosigned, held and checked."""
    shown = {each["role"]: each["keys"] for each in centre.json("key", "show")}
    assert sorted(shown) == ["mirror", "witness"]
    (dock,) = centre.json("dock", "add", ORIGIN, "--key", VKEY, "--name", "三号站")
    assert (dock["origin"], dock["hash"], dock["name"]) == (ORIGIN, HEX, "三号站")
    upload(centre, 300)
    with centre.running() as server:
        for role in ("witness", "mirror"):
            served = server.ask("GET", f"/{role}/{HEX}/checkpoint")
            keys = [parse_cosigner(each) for each in shown[role]]
            assert note.open_note(served.body, keys).text.startswith(ORIGIN)
    (checked,) = centre.json("check", ORIGIN)
    assert (checked["ok"], checked["size"], checked["differs"]) == (True, 300, [])
    done = centre.run("check")
    assert (done.returncode, done.stdout) == (0, f"{ORIGIN}: verified, 300 entries\n")


def test_a_changed_copy_ends_with_six(centre: CentreIn) -> None:
    """What was changed in the mirrored log is named, and the exit code is that of evidence."""
    centre.json("dock", "add", ORIGIN, "--key", VKEY)
    upload(centre, 300)
    bundle = centre.state / "mirror" / HEX / "tile/entries/000"
    bundle.chmod(0o644)
    data = bytearray(bundle.read_bytes())
    data[900] ^= 1
    bundle.write_bytes(data)
    done = centre.run("check", "--json")
    assert done.returncode == ExitCode.VERIFICATION_FAILED
    assert not json.loads(done.stdout)["ok"]
    assert "tile/entries/000" in centre.run("check").stdout


def test_an_older_copy_than_was_cosigned_ends_with_six(centre: CentreIn) -> None:
    """A mirrored log that was put back to an earlier day is sound, and not what was cosigned."""
    centre.json("dock", "add", ORIGIN, "--key", VKEY)
    upload(centre, 300)
    (centre.state / "mirror" / HEX / "checkpoint").write_bytes(LOG.sealed.checkpoint(256))
    done = centre.run("check", "--json")
    assert done.returncode == ExitCode.VERIFICATION_FAILED
    assert json.loads(done.stdout)["differs"] == ["mirror"]


def test_a_fork_is_shown_whole_and_stands(centre: CentreIn) -> None:
    """Two roots of one size are listed with exit code 6, and shown with both notes."""
    centre.json("dock", "add", ORIGIN, "--key", VKEY)
    assert centre.run("fork", "list").returncode == 0
    upload(centre, 300)
    other = long(300)
    other.entries[7:9] = reversed(other.entries[7:9])
    forged = Uploader(other)
    with centre.running() as server:
        refused = server.ask("POST", "/witness/add-checkpoint", forged.submission(0, 300))
        assert refused.status == 409
    done = centre.run("fork", "list", "--json")
    assert done.returncode == ExitCode.VERIFICATION_FAILED
    (fork,) = map(json.loads, done.stdout.splitlines())
    assert (fork["kind"], fork["size"], fork["origin"]) == ("roots", 300, ORIGIN)
    assert fork["theirs"].encode() == other.checkpoint(300)
    shown = centre.run("fork", "show", ORIGIN)
    assert shown.returncode == ExitCode.VERIFICATION_FAILED
    assert all(line in shown.stdout for line in ("what came:", "what is held:", f"    {ORIGIN}"))


def test_a_server_ends_in_good_order(centre: CentreIn) -> None:
    """SIGTERM ends it with 0, and a second start goes on."""
    for _ in range(2):
        with centre.running() as server:
            assert server.ask("GET", "/witness/nobody/checkpoint").status == 404
            os.kill(server.process.pid, signal.SIGTERM)
            assert server.process.wait(timeout=60) == 0


def test_a_new_list_counts_without_a_restart(centre: CentreIn, memory_path: Path) -> None:
    """Who is revoked while the centre runs is let in no more, and its neighbour still is."""
    folder = memory_path / "tls"
    authority = Authority(folder)
    server, lost, kept = (
        authority.server(), authority.client("auditor"), authority.client("auditor", name="kept"),
    )  # fmt: skip
    ours = {"CERT": server.cert, "KEY": server.key, "CLIENT_CA": authority.ca}
    ours["CRL"] = authority.revoke()
    centre.environment |= {f"SEALDOCK_CENTRAL_WEB_{name}": path for name, path in ours.items()}
    with centre.running() as running:

        async def lets_in(who: Identity) -> bool:
            context = client_context(ca=authority.ca, cert=who.cert, key=who.key)
            try:
                return (await Client(running.address, context).get("/v1/docks")).status == 200
            except (OSError, EOFError):
                return False

        async def once() -> None:
            assert await lets_in(lost)
            authority.revoke(lost)
            async with asyncio.timeout(60):  # it is looked at every few seconds
                while await lets_in(lost):  # noqa: ASYNC110  another process looks
                    await asyncio.sleep(0.2)
            assert await lets_in(kept)

        asyncio.run(once())


def test_an_address_that_is_taken_is_named(centre: CentreIn) -> None:
    """A port that somebody else has ends the start with one sentence and its remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        centre.environment["SEALDOCK_CENTRAL_WEB_LISTEN"] = listen
        done = centre.process("run", "--json")
    assert done.returncode == ExitCode.FAILED
    told = json.loads(done.stderr.splitlines()[-1])
    assert (told["code"], told["exit_code"]) == ("listen", 1)
    assert listen in told["message"]


def test_a_lost_database_stops_the_start_and_a_retired_key_starts_it(centre: CentreIn) -> None:
    """The error names the remedy; after it the centre has another key."""
    before = centre.json("key", "show")
    centre.json("dock", "add", ORIGIN, "--key", VKEY)
    upload(centre, 300)
    for path in centre.state.glob("central.db*"):
        path.unlink()
    done = centre.process("run")
    assert done.returncode == ExitCode.FAILED
    assert "sealdock-central key retire witness" in done.stderr
    for role in ("witness", "mirror"):
        assert centre.run("key", "retire", role, said="n\n").returncode == ExitCode.INTERRUPTED
        (retired,) = centre.json("key", "retire", role, "--yes")
        assert retired in before
    after = centre.json("key", "show")
    assert [each["role"] for each in after] == ["witness", "mirror"]
    assert all(each not in before for each in after)


def test_docks_are_shown_changed_and_taken_out(centre: CentreIn) -> None:
    """Each command says what is in force afterwards, for people and programs."""
    assert "No dock is enrolled" in centre.run("dock", "show").stdout
    centre.json("dock", "add", ORIGIN, "--key", VKEY)
    done = centre.run("dock", "add", ORIGIN, "--key", VKEY)
    assert (done.returncode, "enrolled already" in done.stderr) == (ExitCode.FAILED, True)
    second = f"{ORIGIN}+00000000+x"
    done = centre.run("dock", "key", "add", ORIGIN, second, "--json")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (ExitCode.FAILED, "dock-key")
    done = centre.run("dock", "key", "retire", ORIGIN, VKEY)
    assert "retired" in done.stdout
    assert centre.run("dock", "remove", ORIGIN, said="n\n").returncode == ExitCode.INTERRUPTED
    assert centre.json("dock", "remove", ORIGIN, "--yes") == [{"schema": 1, "removed": ORIGIN}]
    assert centre.run("dock", "show", ORIGIN).returncode == ExitCode.NOT_FOUND
    assert centre.run("check", ORIGIN).returncode == ExitCode.NOT_FOUND
    assert centre.run("fork", "show", ORIGIN).returncode == ExitCode.NOT_FOUND


def test_an_address_and_a_name_are_changed_in_place(centre: CentreIn) -> None:
    """What is not named stays; keys stay; and what is said afterwards is what is in force."""
    (before,) = centre.json("dock", "add", ORIGIN, "--key", VKEY, "--name", "三号站")
    (moved,) = centre.json("dock", "set", ORIGIN, "--url", "https://127.0.0.1:8470")
    assert moved == {**before, "url": "https://127.0.0.1:8470"}
    (named,) = centre.json("dock", "set", ORIGIN, "--name", "Lane 7")
    assert named == {**moved, "name": "Lane 7"}
    assert "Lane 7" in centre.run("dock", "set", ORIGIN, "--no-url").stdout
    assert centre.json("dock", "show", ORIGIN) == [{**named, "url": ""}]
    (unnamed,) = centre.json("dock", "set", ORIGIN, "--name", "")
    assert unnamed["name"] == ORIGIN


def test_a_change_that_is_none_is_wrong_use(centre: CentreIn) -> None:
    """Nothing to change, both ways at once, no address: refused; so is a dock that nobody knows."""
    (before,) = centre.json("dock", "add", ORIGIN, "--key", VKEY)
    url = "https://127.0.0.1:8470"
    for arguments in ((), ("--url", url, "--no-url"), ("--url", "ftp://127.0.0.1")):
        assert centre.run("dock", "set", ORIGIN, *arguments).returncode == ExitCode.USAGE
    assert centre.json("dock", "show", ORIGIN) == [before]
    assert centre.run("dock", "set", "x/1", "--url", url).returncode == ExitCode.NOT_FOUND


def test_a_dock_is_believed_on_first_use_only_when_that_is_asked_for(centre: CentreIn) -> None:
    """Neither an address alone nor a key and an address enrols by what is served."""
    for arguments in (
        ("dock", "add"),
        ("dock", "add", ORIGIN),
        ("dock", "add", "--url", "http://127.0.0.1:1"),
        ("dock", "add", "--key", VKEY, "--trust-on-first-use", "--url", "http://127.0.0.1:1"),
        ("dock", "add", "--trust-on-first-use"),
    ):
        assert centre.run(*arguments).returncode == ExitCode.USAGE, arguments


def test_what_an_address_serves_is_shown_before_it_is_believed(
    centre: CentreIn, memory_path: Path
) -> None:
    """The served key is believed after a yes, by its fingerprint; and by no other origin."""
    upload_to = CentreIn(memory_path / "other")
    upload_to.folder.mkdir()
    upload_to.json("dock", "add", ORIGIN, "--key", VKEY)
    upload(upload_to, 300)
    folder = upload_to.state / "mirror" / HEX
    with serving_files(folder) as url:
        first = ("dock", "add", "--url", url, "--trust-on-first-use")
        refused = centre.run(*first, said="n\n")
        assert refused.returncode == ExitCode.INTERRUPTED
        assert VKEY in refused.stderr
        assert centre.json("dock", "show") == []
        other = centre.run("dock", "add", "dock.example/2", *first[2:], "--yes")
        assert other.returncode == ExitCode.USAGE
        (dock,) = centre.json(*first, "--yes")
        assert (dock["origin"], dock["keys"][0]["by"], dock["url"]) == (ORIGIN, "first-use", url)
        (folder / "checkpoint").write_bytes(b"nonsense")
        done = centre.run(*first, "--yes", "--json")
        assert json.loads(done.stderr)["code"] == "first-use"


def test_an_upload_that_nobody_asked_for_needs_a_head(centre: CentreIn) -> None:
    """Entries without a pending head are refused by a running centre as by the protocol."""
    centre.json("dock", "add", ORIGIN, "--key", VKEY)
    with centre.running() as server:
        body = UploadHead(ORIGIN, 0, 5).encode()
        kind = {"content_type": "application/octet-stream"}
        assert server.ask("POST", "/mirror/add-entries", body, **kind).status == 422
