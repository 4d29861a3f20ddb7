"""The companion's commands, as whoever installs it runs them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.command import COMMANDS, sealdock_agent
from hashing import journal
from hashing.keys import SignerKey
from tests.agents import NUMBER, AgentIn


@pytest.fixture
def agent(memory_path: Path) -> Iterator[AgentIn]:
    """Give a companion that has not been started yet."""
    agent = AgentIn(memory_path / "recorder")
    yield agent
    agent.close()


def test_a_key_is_made_once(agent: AgentIn) -> None:
    """There is none, then one that only its owner reads, and no second one ever."""
    none = agent.run("key", "show", "--json")
    assert none.returncode == 3
    assert json.loads(none.stderr)["code"] == "key-missing"
    made = agent.run("key", "make", "--json")
    assert made.returncode == 0
    shown = agent.run("key", "show", "--json")
    assert json.loads(shown.stdout)["vkey"] == json.loads(made.stdout)["vkey"]
    assert (agent.folder / "state" / "recorder.key").stat().st_mode & 0o777 == 0o600
    again = agent.run("key", "make", "--json")
    assert again.returncode == 1
    assert NUMBER in shown.stdout


def test_a_key_that_others_can_read_is_not_used(agent: AgentIn) -> None:
    """A key that has been lying open signs nothing."""
    agent.run("key", "make")
    (agent.folder / "state" / "recorder.key").chmod(0o644)
    refused = agent.run("run", "--lang", "en")
    assert refused.returncode == 1
    assert "0644" in refused.stderr


def test_check_shows_what_the_dock_would_be_told(agent: AgentIn) -> None:
    """Everything is looked at once, in both languages and as JSON; nothing is changed by it."""
    looked = agent.run("check", "--json")
    assert looked.returncode == 0, looked.stderr
    told = json.loads(looked.stdout)
    assert (told["identity"]["number"], told["battery"]["percent"]) == (NUMBER, 52)
    assert (told["vkey"], told["faults"], told["sound"]) == (None, [], True)
    assert not (agent.folder / "state").exists()
    assert "52 %" in agent.run("check", "--lang", "en").stdout
    assert "电量" in agent.run("check", "--lang", "zh-CN").stdout
    agent.clips.rmdir()
    gone = agent.run("check", "--lang", "en")
    assert gone.returncode == 5
    assert "volume-missing" in gone.stdout


def test_check_names_a_wrong_setting(agent: AgentIn) -> None:
    """What can't be used is said with the file and the place."""
    agent.config.write_text("[clock]\nkind = 'sun'\n", encoding="ascii")
    refused = agent.run("check", "--lang", "en")
    assert refused.returncode == 1
    assert "$.clock.kind" in refused.stderr


def test_the_journal_is_shown_and_verified(agent: AgentIn) -> None:
    """A journal that holds is counted; one that was changed is exit 6, naming the record."""
    agent.start()
    shown = agent.run("journal", "show", "--json", "--last", "2")
    assert [json.loads(line)["kind"] for line in shown.stdout.splitlines()] == agent.kinds()[-2:]
    agent.stop()
    assert "start" in agent.run("journal", "show", "--lang", "en").stdout
    good = agent.run("journal", "verify", "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout)["records"] == len(agent.lines())
    assert agent.run("journal", "verify").returncode == 0
    (file,) = (agent.folder / "state" / "journal").glob("*.journal")
    lines = agent.lines()
    file.write_bytes(b"".join([lines[0], *lines[2:]]))
    bad = agent.run("journal", "verify", "--json")
    assert bad.returncode == 6
    assert json.loads(bad.stdout)["broken"]["code"] == "sequence"
    assert agent.run("journal", "verify", "--lang", "en").returncode == 6
    file.write_bytes(b"".join(lines)[:-5])
    torn = agent.run("journal", "verify", "--lang", "en")
    assert torn.returncode == 5
    assert "loss of power" in torn.stdout


def test_the_journal_is_verified_by_the_docks_key(agent: AgentIn) -> None:
    """Another recorder's key does not fit; nonsense for a key is no crash."""
    agent.start()
    agent.stop()
    assert agent.run("journal", "verify", "--vkey", "no+3a7b2e0f+AQID").returncode == 2
    other = SignerKey.generate("recorder/other", bytes(range(32))).verifier()
    assert agent.run("journal", "verify", "--vkey", str(other)).returncode == 6
    record, _ = journal.parse(agent.lines()[0])
    assert agent.run("journal", "verify", "--vkey", str(record.body["vkey"])).returncode == 0


def test_a_gadget_needs_the_kernel(agent: AgentIn) -> None:
    """Where there is no configfs or no controller, it is said what to do."""
    refused = agent.run("gadget", "up", "--lang", "en")
    assert refused.returncode == 1
    assert "libcomposite" in refused.stderr
    assert agent.run("gadget", "down", "--json").returncode == 0


def test_the_helper_wants_a_socket(agent: AgentIn) -> None:
    """Run by hand, the helper says who starts it."""
    refused = agent.run("volume", "--lang", "en")
    assert refused.returncode == 2
    assert "sealdock-agent-volume.socket" in refused.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_an_example(name: str) -> None:
    """Each command of the table is there under its name, and its help shows how it is used."""
    command = sealdock_agent.get_command(None, name)  # type: ignore[arg-type]  # it looks at no context
    assert command is not None
    assert command.name == name
    leaves = getattr(command, "commands", {"": command}).values()
    assert all("Example:" in (leaf.epilog or "") for leaf in leaves)
