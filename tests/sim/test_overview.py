"""The overview over HTTP: what is shown, to whom, in which language, and that nothing leaks in."""

import dataclasses
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.centre import Centre
from central.fleet.own import endings
from central.fleet.view import DockView
from central.web.app import app
from central.web.dock_page import dock_page
from central.web.frame import STATIC, Scene, static
from central.web.overview import overview
from config.markup import element
from tests import fleet_views
from tests.submitting import ORIGIN, SENDER, Submitter, enrol, open_centre
from tests.web_faces import Guard
from tests.wire import Client, serving

HASH = "836cb91c4efd7e5e0e1defd4c7fdf00a1e573fad4e0f734ee2d3601cde451009"


class Read(HTMLParser):
    """Reads a page: its words, its elements, and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        """Return the values of an attribute, in order."""
        return [value for _, each, value in self.attributes if each == name]


def scene(lang: str = "en") -> Scene:
    """Return for whom a page is made."""
    zone = ZoneInfo("Asia/Shanghai")
    return Scene(centre="C", lang=lang, zone=zone, now_ms=fleet_views.NOW_MS, path="/")


@asynccontextmanager
async def served(folder: Path, guard: Guard | None = None) -> AsyncIterator[tuple[Centre, str]]:
    """Serve a centre with one dock; yield it and the address."""
    if guard is None:
        centre = open_centre(folder)
    else:
        ours, ca = guard.server, guard.authority.ca
        centre = open_centre(folder, web__cert=ours.cert, web__key=ours.key, web__client_ca=ca)
    enrol(centre)
    try:
        async with serving(app(centre), tls=None if guard is None else guard.tls) as address:
            yield centre, address
    finally:
        centre.close()


async def test_the_fleet_as_a_page_and_as_json(memory_path: Path) -> None:
    """A witnessed head shows on the page and in the JSON alike, with where the dock's own is."""
    async with served(memory_path) as (centre, address):
        assert centre.witness is not None
        centre.witness.add_checkpoint(Submitter.of(7).body(0, 7), SENDER)
        page = await Client(address).get("/?lang=en")
        told = (await Client(address).get("/v1/docks")).json
        dock = (await Client(address).get(f"/v1/docks/{HASH}")).json
        detail = await Client(address).get(f"/docks/{HASH}?lang=en")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    read = Read(page.body.decode())
    assert ORIGIN in read.text
    assert f"/docks/{HASH}?lang=en" in read.values("href")
    assert told["docks"] == [{key: value for key, value in dock.items() if key != "schema"}]
    assert (dock["head"], dock["mirrored"], dock["lag"]) == (7, None, 7)
    assert ORIGIN in Read(detail.body.decode()).text


async def test_nothing_is_loaded_from_elsewhere(memory_path: Path) -> None:
    """A page has no script, and names nothing but its own style, icon and pages."""
    async with served(memory_path) as (_, address):
        page = await Client(address).get("/")
        policy = page.headers["content-security-policy"]
        read = Read(page.body.decode())
        links = [*read.values("href"), *read.values("src")]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "script" not in read.tags
        assert all(link.startswith("/") and not link.startswith("//") for link in links)
        assert not {name for _, name, _ in read.attributes if name.startswith("on")}
        assert "style" not in {name for _, name, _ in read.attributes}
        for link in (each for each in links if each.startswith("/static/")):
            found = await Client(address).get(link)
            assert (found.status, found.headers["x-content-type-options"]) == (200, "nosniff")
            assert b"http:" not in found.body.replace(b"http://www.w3.org/2000/svg", b"")


async def test_the_readers_language(memory_path: Path) -> None:
    """What is asked for wins, then what the browser likes, then Chinese."""
    async with served(memory_path) as (_, address):
        client = Client(address)
        english = "en-GB,en;q=0.8"
        pages = [
            await client.get("/"),
            await client.get("/", accept_language=english),
            await client.get("/?lang=zh-CN", accept_language=english),
            await client.get("/?lang=tlh"),
        ]
    langs = [Read(page.body.decode()).values("lang")[0] for page in pages]
    assert langs == ["zh-CN", "en", "zh-CN", "zh-CN"]


async def test_pages_are_never_stale_unseen(memory_path: Path) -> None:
    """A page states its time, renews itself, and is kept by no cache."""
    async with served(memory_path) as (_, address):
        page = await Client(address).get("/?lang=en")
    read = Read(page.body.decode())
    assert page.headers["cache-control"] == "no-store"
    assert ("meta", "http-equiv", "refresh") in read.attributes
    assert "As of 2026-01-01 08:00:00" in read.text


@pytest.mark.parametrize("path", ["/", f"/docks/{HASH}", "/v1/docks", f"/v1/docks/{HASH}/forks"])
@pytest.mark.parametrize(
    ("roles", "status"),
    [(("auditor",), 200), (("operator",), 200), (("central",), 200), (("dock",), 403), ((), 403)],
)
async def test_who_may_look(
    memory_path: Path, path: str, roles: tuple[str, ...], status: int
) -> None:
    """With certificates, docks are shown to those whose certificate says that they may look."""
    guard = Guard.below(memory_path / "authority")
    async with served(memory_path, guard) as (_, address):
        client = guard.client(address, *roles)
        reply = await client.get(path)
        assert reply.status == status
        if status != 200:
            assert reply.code == "role"
        assert (await client.get("/healthz")).status == 200


async def test_watchdogs_get_their_word(memory_path: Path) -> None:
    """The process says that it lives, and that its database does."""
    async with served(memory_path) as (_, address):
        for path in ("/healthz", "/readyz"):
            reply = await Client(address).get(path)
            assert (reply.status, reply.body) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/docks/x", "/v1/docks/x", "/v1/docks/x/manifests", "/static/x"])
async def test_what_is_not_there(memory_path: Path, path: str) -> None:
    """A dock that is not enrolled, or a file that is not shipped, is not found."""
    async with served(memory_path) as (_, address):
        assert (await Client(address).get(path)).status == 404


async def test_a_fork_stands_first(memory_path: Path) -> None:
    """A dock that signed two histories is an alarm on every face, and its evidence is listed."""
    async with served(memory_path) as (centre, address):
        assert centre.witness is not None
        centre.witness.add_checkpoint(Submitter.of(7).body(0, 7), SENDER)
        centre.witness.add_checkpoint(Submitter.of(7, branch="x").body(7, 7), SENDER)
        told = (await Client(address).get("/v1/docks?late=1")).json["docks"]
        forks = (await Client(address).get(f"/v1/docks/{HASH}/forks")).json["forks"]
        page = Read((await Client(address).get("/?lang=en")).body.decode())
    assert [late["code"] for late in told[0]["late"]] == ["forked"]
    assert [fork["kind"] for fork in forks] == ["roots"]
    assert "✖ Alarm" in page.text


def test_the_worst_docks_come_first() -> None:
    """Alarms stand before warnings, and these before docks that are well; words tell, too."""
    views = fleet_views.fleet()
    page = Read(overview(views, scene()))
    order = [word for word in page.words if word in {"✖ Alarm", "! Attention", "✔ Fine"}]
    assert order == ["✖ Alarm"] * 5 + ["! Attention"] * 2 + ["✔ Fine"] * 3
    only = Read(overview(views, scene(), only_late=True))
    assert "✔ Fine" not in only.words


def test_each_lateness_is_said_in_words() -> None:
    """What is wrong with each dock stands in its row, in both languages."""
    english = Read(overview(fleet_views.fleet(), scene())).text
    for words in (
        "does not follow from the one before it", "Silent: nothing new for 3 d",
        "Stocktaking at the dock, gone or damaged: 3",
        "Nothing was ever received", "522 entries are signed and not held here", "Forked:",
        "after their deadline",
    ):  # fmt: skip
        assert words in english
    assert "分叉" in Read(overview(fleet_views.fleet(), scene("zh-CN"))).text


def test_a_large_fleet_comes_in_pages() -> None:
    """A thousand docks are five pages, each of a bounded length, and every dock is on one."""
    views = [fleet_views.view(number) for number in range(1000)]
    seen: set[str] = set()
    for number in range(1, 6):
        page = overview(views, scene(), number=number)
        assert len(page) < 400_000
        seen |= {link for link in Read(page).values("href") if link.startswith("/docks/")}
    assert len(seen) == 1000
    assert overview(views, scene(), number=99) == overview(views, scene(), number=5)


def test_empty_states_say_what_to_do() -> None:
    """Without docks the page says how to enrol one; without trouble it says that, too."""
    assert "dock add ORIGIN --key VKEY" in Read(overview([], scene())).text
    well = [fleet_views.view(1)]
    assert "No dock needs attention." in Read(overview(well, scene(), only_late=True)).text


@given(st.text(max_size=40))
def test_a_hostile_name_stays_text(name: str) -> None:
    """Whatever a dock is called, its page has the elements that every dock's has."""
    plain = fleet_views.view(1)
    hostile = dataclasses.replace(plain, name=f"<script>{name}\"'>", url=f"javascript:{name}")
    for make in (_fleet_page, _dock_page):
        assert Read(make(hostile)).tags == Read(make(plain)).tags


def _fleet_page(view: DockView) -> str:
    return overview([view], scene())


def _dock_page(view: DockView) -> str:
    return dock_page(view, fleet_views.FORKS, fleet_views.MANIFESTS, scene())


@given(st.text(max_size=30), st.text(max_size=30))
def test_text_comes_out_as_it_went_in(words: str, value: str) -> None:
    """Text and attributes are escaped once, and what would steer is shown by its number."""
    made = Read(element("p", words, title=value))
    assert made.tags == ["p"]
    if words.isprintable():
        assert "".join(made.words) == words
    if value.isprintable():
        assert made.values("title") == [value]


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_word_can_be_read() -> None:
    """Each colour of text has a contrast of at least 4.5 on each ground it stands on."""
    css = static("fleet.css").decode()
    themes = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
              for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)]  # fmt: skip
    assert len(themes) == 2
    for theme in themes:
        pairs = [(word, ground) for word in ("text", "quiet", "link", "alarm", "warning")
                 for ground in ("ground", "card")]  # fmt: skip
        pairs += [(kind, f"{kind}-ground") for kind in ("alarm", "warning", "fine")]
        for word, ground in pairs:
            light, dark = sorted((luminance(theme[word]), luminance(theme[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (word, ground)


def test_what_is_shipped_is_there() -> None:
    """Style, icon and frame lie in the package."""
    assert all(static(name) for name in (*STATIC, "frame.html"))


def test_the_centres_own_certificates_are_watched(memory_path: Path) -> None:
    """A certificate of the centre that ends soon, or a list that is gone, is said at the top."""
    guard = Guard.below(memory_path / "authority")
    ours, ca = guard.server, guard.authority.ca
    centre = open_centre(memory_path, web__cert=ours.cert, web__key=ours.key, web__client_ca=ca)
    settings = centre.loaded.settings
    centre.close()
    end_ms = int(ours.certificate.not_valid_after_utc.timestamp() * 1000)
    early = list(endings(settings, days=1, now_ms=end_ms - 2 * 86_400_000))
    late = [one for one in endings(settings, days=1, now_ms=end_ms) if one.field == "web.cert"]
    Path(ours.cert).unlink()
    gone = [one for one in endings(settings, days=1, now_ms=0) if one.field == "web.cert"]
    assert [one.ends_ms for one in (*late, *gone)] == [end_ms, None]
    assert "web.cert" not in [one.field for one in early]
    page = Read(overview([], scene(), own=[*late, *gone])).text
    assert "own web.cert" in page
    assert "cannot be read" in page
