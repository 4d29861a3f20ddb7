"""The loader: which source wins, what is refused, and how exactly it is named."""

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import layers
from config.errors import ConfigError
from config.loader import BUILT_IN, DOCK, HOST_NAME, load
from config.settings import Bay, Settings, Storage
from config.toml import SHIPPED, parse
from dock_daemon.bays.ports import port_of

T = TypeVar("T")

TWO_BAYS = """
[[bays]]
name = "1"
ports = ["pci-0000:00:14.0-usb-0:1", "pci-0000:00:14.0-usbv3-0:1"]

[[bays]]
name = "2"
ports = ["pci-0000:00:14.0-usb-0:2"]
enabled = false
"""


def site(directory: Path, main: str = "", **drop_ins: str) -> Path:
    """Write a configuration directory: sealdock.toml, and sealdock.d/<name>.toml."""
    (directory / "sealdock.d").mkdir()
    (directory / "sealdock.toml").write_text(main, encoding="utf-8")
    for name, text in drop_ins.items():
        (directory / "sealdock.d" / f"{name}.toml").write_text(text, encoding="utf-8")
    return directory


def refused(directory: Path, main: str) -> ConfigError:
    """Return what the loader has against `main` as a sealdock.toml."""
    with pytest.raises(ConfigError) as caught:
        load(site(directory, main))
    assert caught.value.source == str(directory / "sealdock.toml")
    return caught.value


def outcome(action: Callable[[], T]) -> T | ConfigError:
    """Return what `action` returns, or the ConfigError that it ends with."""
    try:
        return action()
    except ConfigError as error:
        return error


def test_without_any_file_the_shipped_settings_are_in_force() -> None:
    """A dock that nobody has configured starts with what is shipped, named after its host."""
    loaded = load(host="Dock_07.Local")
    assert loaded.settings.storage.state == "/var/lib/sealdock"
    assert loaded.settings.dock.language == "zh-CN"
    assert loaded.settings.dock.origin == "sealdock.local/dock-07.local"
    assert loaded.origins["dock.origin"] == HOST_NAME
    assert loaded.origins["ingest.group_clips"] == BUILT_IN


@pytest.mark.parametrize("host", ["", "...", "采集站", "--"])
def test_a_host_without_a_usable_name_still_gets_an_origin(host: str) -> None:
    """Whatever the machine is called, the default origin is a valid one."""
    assert load(host=host).settings.dock.origin == "sealdock.local/dock"


def test_the_nearer_source_wins(tmp_path: Path) -> None:
    """A flag beats the environment, that the last drop-in, that the first, that the main file."""
    directory = site(
        tmp_path,
        '[dock]\nname = "main"\norigin = "example.org/main"\ntimezone = "Asia/Urumqi"\n'
        'language = "zh-CN"\n[ingest]\ngroup_clips = 1',
        a='[dock]\nname = "a"\norigin = "example.org/a"',
        b='[dock]\nname = "b"',
    )
    env = {"SEALDOCK_LANG": "zh-CN", "SEALDOCK_INGEST_GROUP_CLIPS": "7"}
    loaded = load(directory, env=env, overrides={"dock.language": "en"})
    assert (loaded.settings.dock.name, loaded.origins["dock.name"]) == (
        "b",
        str(directory / "sealdock.d" / "b.toml"),
    )
    assert loaded.settings.dock.origin == "example.org/a"
    assert loaded.settings.dock.timezone == "Asia/Urumqi"
    assert loaded.origins["dock.timezone"] == str(directory / "sealdock.toml")
    assert loaded.settings.ingest.group_clips == 7
    assert loaded.origins["ingest.group_clips"] == "environment SEALDOCK_INGEST_GROUP_CLIPS"
    assert loaded.settings.dock.language == "en"
    assert loaded.origins["dock.language"] == "flag --lang"


def test_the_full_name_of_a_variable_wins_over_the_short_one() -> None:
    """Where both are set, the more explicit variable decides."""
    env = {"SEALDOCK_STATE": "/short", "SEALDOCK_STORAGE_STATE": "/full"}
    assert load(env=env).settings.storage.state == "/full"


def test_a_typed_state_directory_is_meant_from_here(tmp_path: Path) -> None:
    """A relative directory in a flag or variable becomes absolute."""
    state = load(overrides={"storage.state": "trial"}).settings.storage.state
    assert state == str(Path.cwd() / "trial")
    error = refused(tmp_path, '[storage]\nstate = "trial"')
    assert (error.problem, error.where) == ("not-absolute", "$.storage.state")


def test_scripts_variables_are_no_settings() -> None:
    """What the project's scripts read is not mistaken for a misspelt setting."""
    env = dict.fromkeys(
        ["SEALDOCK_PYTHON", "SEALDOCK_REQUIRE", "SEALDOCK_VENV", "SEALDOCK_SAYS"], "all"
    )
    assert load(env=env, host="x") == load(host="x")


def test_a_misspelt_variable_is_refused_and_the_near_one_named() -> None:
    """A variable that looks like a setting and is none would otherwise do nothing, silently."""
    with pytest.raises(ConfigError) as caught:
        load(env={"SEALDOCK_READER_TIMOUT_S": "9"})
    assert caught.value.problem == "unknown-variable"
    assert caught.value.source == "environment SEALDOCK_READER_TIMOUT_S"
    assert caught.value.facts["near"] == "SEALDOCK_READER_TIMEOUT_S"
    with pytest.raises(ConfigError) as caught:
        load(env={"SEALDOCK_XYZZY": "9"})
    assert caught.value.facts["near"] == "—"


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    """A shell or a unit file unsets a variable by leaving it empty."""
    directory = site(tmp_path, '[dock]\nlanguage = "en"')
    empty = dict.fromkeys(["SEALDOCK_CONFIG", "SEALDOCK_LANG", "SEALDOCK_READER_TIMEOUT_S"], "")
    assert load(directory, env=empty, host="x") == load(directory, host="x")


@pytest.mark.parametrize(("text", "problem"), [("soon", "wrong-type"), ("0", "bad-value")])
def test_a_variable_of_the_wrong_type_is_named(text: str, problem: str) -> None:
    """A variable that is no number, or too small a one, is refused with its place."""
    with pytest.raises(ConfigError) as caught:
        load(env={"SEALDOCK_READER_TIMEOUT_S": text})
    assert (caught.value.problem, caught.value.where) == (problem, "$.reader.timeout_s")


def test_bays_come_in_order_with_their_ports(tmp_path: Path) -> None:
    """A bay is its name and its physical ports."""
    assert load(site(tmp_path, TWO_BAYS)).settings.bays == (
        Bay(name="1", ports=("pci-0000:00:14.0-usb-0:1", "pci-0000:00:14.0-usbv3-0:1")),
        Bay(name="2", ports=("pci-0000:00:14.0-usb-0:2",), enabled=False),
    )


def test_a_port_in_two_bays_names_both(tmp_path: Path) -> None:
    """One physical port can't be two bays: the error says which bays, which port, and where."""
    error = refused(tmp_path, TWO_BAYS.replace("usb-0:2", "usbv3-0:1"))
    assert (error.problem, error.where) == ("port-twice", "$.bays[1].ports[0]")
    assert error.facts == {"port": "pci-0000:00:14.0-usbv3-0:1", "bay": "2", "other": "1"}


@pytest.mark.parametrize(
    ("main", "problem", "where"),
    [
        ('[dock]\norgin = "x"', "unknown-field", "$.dock"),
        ("[dok]", "unknown-field", "$"),
        ('[[bays]]\nname = "1"\nport = ["a"]', "unknown-field", "$.bays[0]"),
        ('[[bays]]\nname = "1"', "missing-field", "$.bays[0]"),
        ('[[bays]]\nname = "1"\nports = "a"', "wrong-type", "$.bays[0].ports"),
        ('[[bays]]\nname = "1"\nports = []', "bay-without-port", "$.bays[0].ports"),
        ('[[bays]]\nname = "1"\nports = ["/dev/sdb"]', "bad-port", "$.bays[0].ports[0]"),
        (TWO_BAYS.replace("0:2", "0:2:1.0-scsi-0:0:0:0"), "bad-port", "$.bays[1].ports[0]"),
        (TWO_BAYS.replace('"2"', '"1"'), "bay-named-twice", "$.bays[1].name"),
        (TWO_BAYS.replace("usbv3", "usb"), "port-twice", "$.bays[0].ports[1]"),
        ("dock = 3", "wrong-type", "$.dock"),
        ('[dock]\nlanguage = "de"', "bad-value", "$.dock.language"),
        ('[dock]\ntimezone = "Asia/Nowhere"', "unknown-zone", "$.dock.timezone"),
        ('[dock]\ntimezone = "../../etc/passwd"', "unknown-zone", "$.dock.timezone"),
        ("[ingest]\nchunk_bytes = 1", "bad-value", "$.ingest.chunk_bytes"),
        ("[ingest]\nchunk_bytes = 1.5", "wrong-type", "$.ingest.chunk_bytes"),
        ('[rules]\npreset = "../secret"', "bad-name", "$.rules.preset"),
        ('[recorders]\nprofiles = ["a/b"]', "bad-name", "$.recorders.profiles[0]"),
        ("[recorders]\nprofiles = []", "bad-value", "$.recorders.profiles"),
        ('[dock]\nname = "x', "not-toml", "line 2"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, main: str, problem: str, where: str
) -> None:
    """Every mistake in a file is refused with the file, the place in it and the kind."""
    error = refused(tmp_path, main)
    assert (error.problem, error.where) == (problem, where)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "https://a/b", "a\tb", "a\nb", "a\u3000b"])
def test_an_origin_that_could_not_be_signed_is_refused(tmp_path: Path, origin: str) -> None:
    """The log's name stands in signed lines of text: no scheme, space, plus or line end."""
    assert refused(tmp_path, f"[dock]\norigin = {json.dumps(origin)}").problem == "bad-origin"


def test_the_file_that_is_wrong_is_blamed_not_the_last_one(tmp_path: Path) -> None:
    """A mistake in an early file is not put down to a later, innocent one."""
    directory = site(tmp_path, "[ingest]\ngroup_clips = 0", z='[dock]\nname = "fine"')
    with pytest.raises(ConfigError) as caught:
        load(directory)
    assert caught.value.source == str(directory / "sealdock.toml")


def test_a_file_from_a_windows_editor_is_read(tmp_path: Path) -> None:
    """A byte-order mark means nothing; text that is not UTF-8 is named with its line."""
    (tmp_path / "sealdock.toml").write_bytes(b'\xef\xbb\xbf[dock]\r\nname = "\xe7\xab\x99"\r\n')
    assert load(tmp_path).settings.dock.name == "站"
    (tmp_path / "sealdock.toml").write_bytes('[dock]\nname = "采集站"'.encode("gb18030"))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert (caught.value.problem, caught.value.where) == ("not-utf8", "line 2")


def test_a_named_directory_must_exist(tmp_path: Path) -> None:
    """A mistyped --config must not fall back to the shipped settings; no /etc/sealdock may."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "nowhere")
    assert caught.value.problem == "no-directory"
    with pytest.raises(ConfigError):
        load(env={"SEALDOCK_CONFIG": str(tmp_path / "nowhere")})
    assert load(env={"SEALDOCK_CONFIG": str(tmp_path)}).directory == tmp_path


def test_an_unreadable_file_is_never_taken_for_none(tmp_path: Path) -> None:
    """Something in a configuration file's place that can't be read is an error."""
    (tmp_path / "sealdock.toml").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.problem == "unreadable"
    (tmp_path / "sealdock.toml").unlink()
    (tmp_path / "sealdock.d").write_text("not a directory")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert (caught.value.problem, caught.value.source) == (
        "unreadable",
        str(tmp_path / "sealdock.d"),
    )


def test_files_that_are_no_configuration_are_left_alone(tmp_path: Path) -> None:
    """Back-ups and hidden files beside the drop-ins are not read."""
    directory = site(tmp_path, "")
    for name in ("x.toml~", ".x.toml", "x.toml.bak"):
        (directory / "sealdock.d" / name).write_text("[nonsense")
    assert load(directory, host="a").settings == load(host="a").settings


def test_the_digest_stands_for_the_settings_and_nothing_else(tmp_path: Path) -> None:
    """Equal settings have equal digests wherever they came from; it is plain SHA-256 of JSON."""
    one = load(site(tmp_path, '[dock]\nlanguage = "en"'), host="x")
    other = load(env={"SEALDOCK_LANG": "en"}, host="x")
    assert one.digest == other.digest != load(host="x").digest
    text = json.dumps(
        msgspec.to_builtins(one.settings), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert one.digest == hashlib.sha256(text.encode()).hexdigest()


def test_the_register_lies_in_the_configuration_directory(tmp_path: Path) -> None:
    """A relative register is meant from the configuration directory, an absolute one is kept."""
    assert load(site(tmp_path, "")).register == tmp_path / "register.csv"
    register = tmp_path / "r.csv"
    register.touch()
    assert load(env={"SEALDOCK_RECORDERS_REGISTER": str(register)}).register == register


def test_a_register_that_was_named_must_be_there(tmp_path: Path) -> None:
    """A mistyped register would make every recorder an unregistered one, silently."""
    error = refused(tmp_path, '[recorders]\nregister = "registre.csv"')
    assert (error.problem, error.where) == ("no-register", "$.recorders.register")
    assert error.facts["path"] == str(tmp_path / "registre.csv")


def test_every_default_is_explained() -> None:
    """Each line of the shipped file stands below a comment, or below one that has one."""
    lines = (SHIPPED / "dock.toml").read_text(encoding="utf-8").splitlines()
    commented = False
    for line in lines:
        if line.startswith("#"):
            commented = True
        elif not line or line.startswith("["):
            commented = False
        else:
            assert commented, line


def test_every_setting_is_documented() -> None:
    """docs/configuration.md names each setting in its code font."""
    text = Path(__file__).parents[2].joinpath("docs", "configuration.md").read_text("utf-8")
    for name in layers.names(Settings):
        assert f"`{name}`" in text, name


def test_a_small_disk_keeps_a_tenth() -> None:
    """The reserve meant for a dock's disk does not forbid a trial on a small one."""
    storage = Storage(state="/x", reserve_bytes=1 << 30, ledger_reserve_bytes=64 << 20)
    assert storage.reserve_of(1 << 40) == 1 << 30
    assert storage.reserve_of(64 << 20) == (64 << 20) // 10
    assert storage.reserve_of(0) == 0
    assert storage.ledger_reserve_of(1 << 40) == 64 << 20
    assert storage.ledger_reserve_of(100 << 20) == 1 << 20


CONTROLLERS = st.sampled_from(
    ["pci-0000:00:14.0", "platform-xhci-hcd.0", "platform-x.pcie-pci-0000:01:00.0", "usb", ""]
)
BUSES = st.sampled_from(["-usb-0:", "-usbv3-0:", "-usbv4-0:", "-usb-1:", ":"])
CHAINS = st.lists(st.integers(0, 12).map(str), min_size=1, max_size=7).map(".".join)


@given(st.builds("{}{}{}{}".format, CONTROLLERS, BUSES, CHAINS, st.sampled_from(["", "", ":1.0"])))
def test_a_bay_has_no_port_that_udev_could_never_name(port: str) -> None:
    """The loader accepts exactly those ports that the dock reads out of ID_PATH, whole."""
    shipped = parse((SHIPPED / "dock.toml").read_bytes(), source=BUILT_IN)
    bay: layers.Table = {"bays": [{"name": "1", "ports": [port]}]}
    found = outcome(
        lambda: layers.lay([layers.Layer(BUILT_IN, shipped), layers.Layer("x", bay)], DOCK)
    )
    assert isinstance(found, layers.Stack) == (port_of(port) == port)


@given(st.binary(max_size=200))
def test_any_bytes_are_tables_or_a_named_error(data: bytes) -> None:
    """Whatever a configuration file holds, reading it ends in tables or in a ConfigError."""
    found = outcome(lambda: parse(data, source="x.toml"))
    if isinstance(found, ConfigError):
        assert found.source == "x.toml"
    else:
        assert found == tomllib.loads(data.decode("utf-8-sig"))


TABLES = st.dictionaries(
    st.sampled_from(["dock", "bays", "reader", "x"]),
    st.recursive(
        st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.floats()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2),
            st.dictionaries(
                st.sampled_from(["name", "ports", "max_entries", "y"]), inner, max_size=3
            ),
        ),
        max_leaves=6,
    ),
)


@given(TABLES)
def test_any_tables_are_settings_or_a_named_error(tables: dict[str, object]) -> None:
    """Whatever a file says, the outcome is settings with an origin each, or a ConfigError."""
    shipped = parse((SHIPPED / "dock.toml").read_bytes(), source=BUILT_IN)
    found = outcome(
        lambda: layers.lay([layers.Layer(BUILT_IN, shipped), layers.Layer("mine", tables)], DOCK)
    )
    if isinstance(found, ConfigError):
        assert found.source == "mine"
    else:
        assert set(layers.names(Settings)) | {"bays", "cosigners"} == set(found.origins)
        mine = {name for name, where in found.origins.items() if where == "mine"}
        assert mine == set(layers.leaves(tables))
