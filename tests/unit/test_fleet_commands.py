"""The centre's commands over the fleet: tables, JSON, empty states, and how they end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from central.centre import Centre
from central.commands.root import sealdock_central
from config.exit_codes import ExitCode
from tests.mirroring import Uploader
from tests.sealed import KEY, ORIGIN, long
from tests.submitting import SENDER, START_MS, Submitter, open_centre

LOG = Uploader(long(16))


@pytest.fixture
def centre(memory_path: Path) -> Iterator[Centre]:
    """Return a centre that knows one dock."""
    made = open_centre(memory_path)
    made.register.enrol(ORIGIN, [str(KEY.verifier())], now_ms=START_MS, name="一号站")
    yield made
    made.close()


def mirrored(centre: Centre) -> None:
    """Let the dock's whole log be cosigned and held."""
    assert centre.witness is not None
    assert centre.mirror is not None
    body = LOG.submission(0, 16)
    centre.witness.add_checkpoint(body, SENDER)
    centre.mirror.add_checkpoint(body, SENDER)
    centre.mirror.append(ORIGIN, 0, LOG.sealed.entries)
    centre.mirror.commit(ORIGIN, 16)


def run(folder: Path, *arguments: str) -> Result:
    """Run a command of the centre in this folder."""
    where = ["--state", str(folder / "state"), "--config", str(folder / "config")]
    return CliRunner().invoke(sealdock_central, [*arguments, *where], standalone_mode=True)


def told(result: Result) -> Any:  # what it holds, the test knows
    """Return what a command printed as JSON."""
    return json.loads(result.stdout)


def test_a_fleet_without_docks(memory_path: Path) -> None:
    """Where no dock is enrolled, that is said, with what to do, and nothing is wrong."""
    open_centre(memory_path).close()
    done = run(memory_path, "docks", "--lang", "en")
    assert (done.exit_code, "dock add ORIGIN" in done.output) == (ExitCode.OK, True)
    done = run(memory_path, "inventory", "--lang", "en")
    assert (done.exit_code, "--replica" in done.output) == (ExitCode.OK, True)


def test_the_table_of_docks(centre: Centre, memory_path: Path) -> None:
    """A dock is a row with its head, what is late stands below it, and an alarm ends with 5."""
    mirrored(centre)
    done = run(memory_path, "docks", "--lang", "en")
    lines = done.output.splitlines()
    assert lines[0].split() == [
        "State", "Dock", "Head", "Lag", "Last", "heard", "Cosigned", "Clips", "Late", "Findings",
    ]  # fmt: skip
    assert lines[1].split()[:4] == ["✔", "Fine", "一号站", "16"]
    assert done.exit_code == ExitCode.OK
    assert centre.witness is not None
    other = Submitter.of(16, branch="x")
    other.key = KEY
    centre.witness.add_checkpoint(other.body(16, 16), SENDER)
    done = run(memory_path, "docks", "--late", "--lang", "en")
    assert "Forked" in done.output
    assert done.exit_code == ExitCode.WARNINGS


def test_docks_as_json(centre: Centre, memory_path: Path) -> None:
    """Programs read the same facts, and an empty list where nothing is late."""
    mirrored(centre)
    (dock,) = told(run(memory_path, "docks", "--json"))["docks"]
    assert (dock["origin"], dock["state"], dock["head"], dock["lag"]) == (ORIGIN, "fine", 16, 0)
    assert (dock["clips"], dock["dockings"], dock["broken"]) == (6, 3, None)
    assert told(run(memory_path, "docks", "--late", "--json"))["docks"] == []
    words = run(memory_path, "docks", "--late", "--lang", "en").output
    assert "No dock needs attention (1 in all)." in words


def test_the_dockings_of_a_dock(centre: Centre, memory_path: Path) -> None:
    """Dockings that ended are listed, the newest first; before the first one that is said."""
    done = run(memory_path, "manifests", ORIGIN, "--lang", "en")
    assert (done.exit_code, "No docking" in done.output) == (ExitCode.OK, True)
    mirrored(centre)
    listed = told(run(memory_path, "manifests", ORIGIN, "--json", "--limit", "2"))["dockings"]
    assert [(one["docking"], one["seq"], one["manifest"]) for one in listed] == [
        (3, 15, None),
        (2, 10, None),
    ]
    words = run(memory_path, "manifests", ORIGIN, "--lang", "en").output.splitlines()
    assert len(words) == 3
    assert words[0].startswith("docking 3  entry 15")
    assert run(memory_path, "manifests", "nobody").exit_code == ExitCode.NOT_FOUND


def test_a_replica_is_held_against_the_log(centre: Centre, memory_path: Path) -> None:
    """A whole copy ends with 0; where clips are gone each is named, and it ends with 6."""
    mirrored(centre)
    disk = LOG.sealed.write(memory_path / "copy")
    where = ("inventory", ORIGIN, "--replica", str(disk.root))
    done = run(memory_path, *where, "--hash", "--lang", "en")
    assert done.exit_code == ExitCode.OK, done.output
    assert "all there (6 hashed" in done.output
    gone = min(LOG.sealed.clips)
    (disk.store / "clips" / gone[:2] / gone).unlink()
    done = run(memory_path, *where, "--lang", "en")
    assert done.exit_code == ExitCode.VERIFICATION_FAILED
    assert gone in done.output
    (report,) = told(run(memory_path, *where, "--json"))["inventories"]
    assert [one["sha256"] for one in report["stocks"]["clip"]["gone"]] == [gone]
    late = run(memory_path, "docks", "--lang", "en")
    assert late.exit_code == ExitCode.WARNINGS
    assert "Stocktaking of a replica, gone or damaged: 1" in late.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("inventory", "--replica", "/nowhere"), ExitCode.USAGE),
        (("inventory", ORIGIN, "--hash"), ExitCode.USAGE),
        (("inventory", ORIGIN, "--replica", "/nowhere"), ExitCode.FAILED),
        (("inventory", "nobody"), ExitCode.NOT_FOUND),
    ],
)
def test_what_cannot_be_counted(
    centre: Centre, memory_path: Path, arguments: tuple[str, ...], code: ExitCode
) -> None:
    """Wrong use, a copy that is not there, and a dock that is not enrolled are told apart."""
    mirrored(centre)
    assert run(memory_path, *arguments).exit_code == code


def test_a_log_that_is_not_here(centre: Centre, memory_path: Path) -> None:
    """Without a mirrored log nothing can be said of a copy."""
    assert centre.register.docks()
    (memory_path / "clips").mkdir()
    done = run(memory_path, "inventory", ORIGIN, "--replica", str(memory_path))
    assert done.exit_code == ExitCode.NOT_FOUND


def test_a_dock_of_which_nothing_is_held_is_told_beside(centre: Centre, memory_path: Path) -> None:
    """A dock whose log is not here cannot be counted, and accuses nobody."""
    mirrored(centre)
    centre.register.enrol(
        "dock.example/0002", ["dock.example/0002+" + _key()], now_ms=1, url="https://127.0.0.1:1"
    )
    done = run(memory_path, "inventory", "--json")
    assert done.exit_code == ExitCode.PARTIAL
    assert told(done)["failed"] == [{"origin": "dock.example/0002", "why": "not-mirrored"}]


def _key() -> str:
    """Return the rest of a vkey of another dock."""
    other = type(KEY).generate("dock.example/0002", bytes(range(32)))
    return str(other.verifier()).partition("+")[2]


def test_a_named_dock_without_an_address_is_not_called_good(
    centre: Centre, memory_path: Path
) -> None:
    """Nothing was counted, so it does not end with 0, and what to do instead is said."""
    mirrored(centre)
    done = run(memory_path, "inventory", ORIGIN, "--lang", "en")
    assert (done.exit_code, "--replica" in done.output) == (ExitCode.NOT_FOUND, True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1", "127.0.0.1:8470", "https://", "https://:8470", "https://me@127.0.0.1",
        "https://127.0.0.1/?a=b", "https://127.0.0.1/#a", "https://127.0.0.1/a b",
    ],
)  # fmt: skip
def test_an_address_at_which_no_dock_can_be(memory_path: Path, url: str) -> None:
    """Only http and https without a user, a query or a fragment is an address, in either way."""
    open_centre(memory_path).close()
    for how in ((ORIGIN, "--key", str(KEY.verifier())), ("--trust-on-first-use", "--yes")):
        done = run(memory_path, "dock", "add", *how, "--url", url, "--lang", "en")
        assert (done.exit_code, url in done.output) == (ExitCode.USAGE, True)
    assert run(memory_path, "dock", "show", "--json").output == ""


@pytest.mark.parametrize(
    "who",
    [
        ("--role", "dock"),
        ("--role", "dock", "--origin", ORIGIN, "--origin", "dock.example/0002"),
        ("--role", "central", "--origin", ORIGIN),
        ("--role", "auditor", "--host", "127.0.0.1"),
        ("--role", "operator", "--origin", ORIGIN),
    ],
)
def test_a_certificate_of_no_use_is_not_issued(memory_path: Path, who: tuple[str, ...]) -> None:
    """A dock's names its one log, nobody else's does, and who only calls has no address."""
    open_centre(memory_path).close()
    run(memory_path, "ca", "init")
    out = ("--out", str(memory_path / "out"))
    done = run(memory_path, "ca", "issue", "x", *who, *out, "--lang", "en")
    assert (done.exit_code, "--origin" in done.output) == (ExitCode.USAGE, True)
    assert not (memory_path / "out").exists()


def test_a_certificate_from_beginning_to_end(memory_path: Path) -> None:
    """Begin, issue, list, renew, revoke, list again: each command says what it did."""
    open_centre(memory_path).close()
    assert run(memory_path, "ca", "list").exit_code == ExitCode.NOT_FOUND
    assert "ca.crt" in run(memory_path, "ca", "init", "--lang", "en").output
    out = ("--out", str(memory_path / "out"))
    who = ("--role", "dock", "--origin", ORIGIN, "--host", "127.0.0.1")
    issued = told(run(memory_path, "ca", "issue", "dock-1", *who, *out, "--json"))
    serial = issued["issued"]["serial"]
    assert Path(issued["key"]).stat().st_mode & 0o777 == 0o600
    again = run(memory_path, "ca", "issue", "dock-1", *who, *out, "--lang", "en")
    assert (again.exit_code, "not overwritten" in again.output) == (ExitCode.FAILED, True)
    newer = ("--out", str(memory_path / "new"))
    assert run(memory_path, "ca", "renew", serial, *newer).exit_code == ExitCode.OK
    revoked = run(memory_path, "ca", "revoke", serial, "--lang", "en")
    assert (revoked.exit_code, "without a restart" in revoked.output) == (ExitCode.OK, True)
    refused = run(memory_path, "ca", "renew", serial, *newer, "--lang", "en")
    assert (refused.exit_code, "ca issue" in refused.output) == (ExitCode.NOT_PERMITTED, True)
    listed = told(run(memory_path, "ca", "list", "--json"))["issued"]
    assert [one["state"] for one in listed] == ["revoked", "good"]
    assert "revoked" in run(memory_path, "ca", "list", "--lang", "en").output
    assert run(memory_path, "ca", "crl", "--list-days", "3").exit_code == ExitCode.OK
    assert run(memory_path, "ca", "revoke", "00").exit_code == ExitCode.NOT_FOUND
    bad = run(memory_path, "ca", "issue", "../x", "--role", "dock", *out)
    assert bad.exit_code == ExitCode.USAGE
