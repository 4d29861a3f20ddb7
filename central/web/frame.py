"""What all pages share: the frame, the style, and what a browser may load (nothing but that)."""

import functools
import hashlib
from dataclasses import dataclass
from datetime import tzinfo
from importlib import resources
from string import Template
from typing import Final

from config.markup import Html, element, join, text
from config.messages import LANGUAGES, say
from config.text import local_time

REFRESH_S: Final = 30
# What each language is called in itself, whatever language the page speaks.
_OWN_NAMES: Final = {"zh-CN": "中文", "en": "English"}
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
STATIC: Final = {"fleet.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """For whom and when a page is made."""

    centre: str
    """What people call the centre."""
    lang: str
    zone: tzinfo
    now_ms: int
    path: str
    """Where the page is; its other language is there, too."""


def page(scene: Scene, title: str, *main: Html, home: bool = False) -> str:
    """Return a whole page; every page says its own time, and renews itself."""
    lang = scene.lang
    other = next(each for each in LANGUAGES if each != lang)
    at = local_time(scene.now_ms, scene.zone)
    seconds = scene.now_ms // 1000 % 60
    as_of = say("overview.as-of", lang, at=f"{at}:{seconds:02d}", seconds=REFRESH_S)
    links = [
        None if home else element("a", say("overview.back", lang), href=f"/?lang={lang}"),
        element(
            "a", _OWN_NAMES[other],
            href=f"{scene.path}?lang={other}", hreflang=other, lang=other,
        ),
    ]  # fmt: skip
    header = (element("h1", title), element("div", as_of, class_="asof"), element("nav", *links))
    return Template(static("frame.html").decode("utf-8")).substitute(
        lang=lang,
        refresh_s=REFRESH_S,
        title=text(f"{title} · {scene.centre}"),
        version=style_version(),
        header=join(header, Html("\n")),
        main=join(main, Html("\n")),
        footer=text(say("overview.footer", lang, name=scene.centre)),
    )


@functools.cache
def static(name: str) -> bytes:
    """Return a file that is shipped with the pages."""
    return (resources.files("central.web") / "pages" / name).read_bytes()


@functools.cache
def style_version() -> str:
    """Return what stands behind the style's address, so that a new one is fetched at once."""
    return hashlib.sha256(static("fleet.css")).hexdigest()[:12]
