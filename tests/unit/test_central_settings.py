"""A centre's settings: complete, explained, documented, and refused where they make no sense."""

import re
from pathlib import Path

import pytest

from config import layers
from config.central_loader import HOST_NAME, load_central
from config.central_settings import CentralSettings
from config.errors import ConfigError
from config.loader import load
from config.toml import SHIPPED

DOCS = Path(__file__).parents[2] / "docs"


def test_without_any_file_the_shipped_settings_are_in_force() -> None:
    """A centre begins on loopback, with SQLite, named after its machine."""
    loaded = load_central(host="Srv 1.example")
    settings = loaded.settings
    assert settings.centre.origin == "sealdock.local/srv-1.example/centre"
    assert loaded.origins["centre.origin"] == HOST_NAME
    assert settings.cosigner_name("witness") == "sealdock.local/srv-1.example/centre/witness"
    assert loaded.database_url == "sqlite:////var/lib/sealdock-central/central.db"
    assert settings.web.listen == "127.0.0.1:8471"
    assert loaded.zone.key == "Asia/Shanghai"


def test_the_nearer_source_wins(tmp_path: Path) -> None:
    """File, drop-in, variable, flag: each is stronger than the one before."""
    (tmp_path / "central.d").mkdir()
    (tmp_path / "central.toml").write_text('[centre]\nname = "a"\norigin = "o"\n')
    (tmp_path / "central.d" / "1.toml").write_text('[centre]\nname = "b"\n')
    assert load_central(tmp_path).settings.centre.name == "b"
    env = {"SEALDOCK_CENTRAL_CENTRE_NAME": "c", "SEALDOCK_CENTRAL_LANG": "en"}
    loaded = load_central(tmp_path, env=env)
    assert (loaded.settings.centre.name, loaded.settings.centre.language) == ("c", "en")
    loaded = load_central(tmp_path, env=env, overrides={"centre.language": "zh-CN"})
    assert loaded.settings.centre.language == "zh-CN"
    assert loaded.origins["centre.language"] == "flag --lang"


def test_dock_and_centre_leave_each_others_variables_alone() -> None:
    """On one machine each reads its own variables, and refuses only its own misspelt ones."""
    env = {"SEALDOCK_CENTRAL_CENTRE_NAME": "c", "SEALDOCK_DOCK_NAME": "d"}
    assert load(env=env).settings.dock.name == "d"
    assert load_central(env=env).settings.centre.name == "c"
    with pytest.raises(ConfigError) as caught:
        load_central(env={"SEALDOCK_CENTRAL_CENTER_NAME": "c"})
    assert caught.value.facts["near"] == "SEALDOCK_CENTRAL_CENTRE_NAME"


@pytest.mark.parametrize(
    ("overrides", "problem", "where"),
    [
        ({"web.listen": "0.0.0.0:8471"}, "open-listen", "$.web.listen"),
        ({"web.listen": "[::]:8471"}, "open-listen", "$.web.listen"),
        (
            {"web.listen": "0.0.0.0:8471", "web.cert": "c", "web.key": "k"},
            "open-clients",
            "$.web.listen",
        ),
        ({"web.listen": "localhost:8471"}, "bad-listen", "$.web.listen"),
        ({"web.listen": "127.0.0.1:99999"}, "bad-listen", "$.web.listen"),
        ({"web.listen": "127.0.0.1"}, "bad-listen", "$.web.listen"),
        ({"web.cert": "x"}, "only-with", "$.web.cert"),
        ({"web.key": "x"}, "only-with", "$.web.key"),
        ({"web.client_ca": "x"}, "only-with", "$.web.client_ca"),
        ({"pull.cert": "x"}, "only-with", "$.pull.cert"),
        ({"database.url": "mysql://x"}, "bad-database", "$.database.url"),
        ({"centre.origin": "a b"}, "bad-origin", "$.centre.origin"),
        ({"witness.name": "a+b"}, "bad-origin", "$.witness.name"),
        ({"witness.name": "w", "mirror.name": "w"}, "cosigner-twice", "$.mirror.name"),
        ({"centre.timezone": "Mars"}, "unknown-zone", "$.centre.timezone"),
    ],
)
def test_what_makes_no_sense_is_named(overrides: dict[str, str], problem: str, where: str) -> None:
    """What cannot work is refused at once, with its place."""
    with pytest.raises(ConfigError) as caught:
        load_central(overrides=overrides)
    assert (caught.value.problem, caught.value.where) == (problem, where)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:8471", "127.9.9.9:1"])
def test_a_loopback_address_needs_no_certificate(listen: str) -> None:
    """Who reaches only this machine may do without."""
    assert load_central(overrides={"web.listen": listen}).settings.web.listen == listen


def test_two_variables_may_say_together_what_neither_may_say_alone() -> None:
    """Certificate and key come one after the other, and are judged together."""
    env = {
        "SEALDOCK_CENTRAL_WEB_CERT": "c",
        "SEALDOCK_CENTRAL_WEB_KEY": "k",
        "SEALDOCK_CENTRAL_WEB_CLIENT_CA": "a",
        "SEALDOCK_CENTRAL_WEB_LISTEN": "0.0.0.0:8471",
    }
    assert load_central(env=env).settings.web.cert == "c"


def test_every_default_is_explained() -> None:
    """Each line of the shipped file stands below a comment, or below one that has one."""
    commented = False
    for line in (SHIPPED / "central.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            commented = True
        elif not line or line.startswith("["):
            commented = False
        else:
            assert commented, line


def test_every_setting_is_documented() -> None:
    """The chapters on the centre name each setting in code font, or its whole section."""
    text = "".join(path.read_text("utf-8") for path in sorted(DOCS.glob("central*.md")))
    named = set(re.findall(r"`([a-z_.]+)", text))
    whole = {"pull", "fleet", "inventory"}
    for name in layers.names(CentralSettings):
        assert name in named or name.partition(".")[0] in whole, name
