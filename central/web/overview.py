"""The first page: every dock, the worst first. Pure: views come in, HTML goes out."""

from collections.abc import Sequence
from typing import Final

from central.fleet.lateness import Grade
from central.fleet.own import Ending
from central.fleet.view import DockView
from central.web import wording
from central.web.frame import Scene, page
from config.markup import Html, element, join
from config.messages import say
from config.text import local_time

_A_PAGE: Final = 200  # docks
_COLUMNS: Final = (
    "state", "dock", "head", "mirrored", "heard", "cosigned", "clips", "findings", "remarks",
)  # fmt: skip


def overview(
    views: Sequence[DockView],
    scene: Scene,
    *,
    own: Sequence[Ending] = (),
    only_late: bool = False,
    number: int = 1,
) -> str:
    """Return the page of all docks, or of those that need attention; `number` from 1 on.

    `own` is what ends soon of the centre's own certificates.
    """
    lang = scene.lang
    shown = sorted(
        (view for view in views if not only_late or view.late),
        key=lambda view: (-view.grade, view.name, view.origin),
    )
    pages = max(-(-len(shown) // _A_PAGE), 1)
    number = min(max(number, 1), pages)
    rows = shown[(number - 1) * _A_PAGE : number * _A_PAGE]
    return page(
        scene,
        say("overview.title", lang),
        _own(own, scene),
        _sums(views, lang),
        _links(lang, number, pages, only_late=only_late),
        _table(rows, scene) if rows else _empty(lang, any_docks=bool(views)),
        home=True,
    )


def badge(grade: Grade, lang: str) -> Html:
    """Return how bad something is: colour, sign and word together, never colour alone."""
    words = f"{wording.ICONS[grade]} {wording.grade_words(grade, lang)}"
    return element("span", words, class_=f"badge {wording.grade_name(grade)}")


def _own(own: Sequence[Ending], scene: Scene) -> Html:
    lang = scene.lang
    lines: list[Html] = []
    for one in own:
        facts = {"field": one.field, "path": one.path}
        if one.ends_ms is None:
            words = say("overview.own-unreadable", lang, **facts)
        else:
            at = local_time(one.ends_ms, scene.zone)
            words = say("overview.own-ends", lang, at=at, **facts)
        lines.append(element("p", badge(Grade.WARNING, lang), " ", words, class_="own"))
    return join(lines)


def _sums(views: Sequence[DockView], lang: str) -> Html:
    by_grade = {each: sum(view.grade is each for view in views) for each in Grade}
    late = sum(view.said.late for view in views)
    cells = (
        (len(views), say("overview.docks", lang), ""),
        (by_grade[Grade.ALARM], say("overview.alarms", lang), "alarm"),
        (by_grade[Grade.WARNING], say("overview.warnings", lang), "warning"),
        (by_grade[Grade.FINE], say("overview.fine", lang), ""),
        (late, say("overview.late-clips", lang), ""),
    )
    return element(
        "ul",
        *(
            element(
                "li", element("b", f"{count:,}"), element("span", words),
                class_=(kind if count else "") or None,
            )
            for count, words, kind in cells
        ),
        class_="sums",
    )  # fmt: skip


def _links(lang: str, number: int, pages: int, *, only_late: bool) -> Html:
    base = f"/?lang={lang}"
    only = "&only=late" if only_late else ""
    words = say("overview.all-docks" if only_late else "overview.only-late", lang)
    links = [element("a", words, href=base if only_late else f"{base}&only=late")]
    if pages > 1:
        links.append(element("span", say("overview.page", lang, page=number, pages=pages)))
    if number > 1:
        before = f"{base}{only}&page={number - 1}"
        links.append(element("a", say("overview.newer", lang), href=before, rel="prev"))
    if number < pages:
        after = f"{base}{only}&page={number + 1}"
        links.append(element("a", say("overview.older", lang), href=after, rel="next"))
    return element("div", *links, class_="pages")


def _empty(lang: str, *, any_docks: bool) -> Html:
    words = say("overview.nothing-late" if any_docks else "overview.no-docks", lang)
    return element("div", element("div", words, class_="empty"), class_="scroll")


def _table(rows: Sequence[DockView], scene: Scene) -> Html:
    heads = (element("th", say(f"overview.{name}", scene.lang), scope="col") for name in _COLUMNS)
    head = element("thead", element("tr", *heads))
    body = element("tbody", *(_row(view, scene) for view in rows))
    return element("div", element("table", head, body), class_="scroll overview")


def _row(view: DockView, scene: Scene) -> Html:
    lang = scene.lang
    name = element("a", view.name, href=f"/docks/{view.hash}?lang={lang}", class_="name")
    cosigned_ms = None if view.cosigned_s is None else view.cosigned_s * 1000
    cells = (
        ("state", badge(view.grade, lang), None),
        ("head", wording.count(view.head, lang), "number"),
        ("mirrored", _mirrored(view, lang), None),
        ("heard", _heard(view, scene), "time"),
        ("cosigned", wording.ago(cosigned_ms, scene.now_ms, lang), "time"),
        ("clips", _clips(view, lang), None),
        ("findings", wording.count(view.findings, lang), "number"),
        ("remarks", _remarks(view, scene), None),
    )
    state, *rest = (
        element("td", inner, class_=kind, data_label=say(f"overview.{column}", lang))
        for column, inner, kind in cells
    )
    dock = element(
        "th", element("span", name, _small(view.origin)), scope="row",
        data_label=say("overview.dock", lang),
    )  # fmt: skip
    kind = "" if view.grade is Grade.FINE else wording.grade_name(view.grade)
    return element("tr", state, dock, *rest, class_=kind or None)


def _mirrored(view: DockView, lang: str) -> Html:
    if view.mirrored is None:
        return element("span", say("overview.none", lang))
    if view.lag:
        return element("span", say("overview.lag", lang, n=f"{view.lag:,}"))
    return element("span", say("overview.complete", lang))


def _heard(view: DockView, scene: Scene) -> Html:
    lang = scene.lang
    heard = wording.ago(view.heard_ms, scene.now_ms, lang)
    beat = wording.ago(view.said.heartbeat_ms, scene.now_ms, lang)
    return element("span", heard, _small(f"{say('overview.heartbeat', lang)} {beat}"))


def _clips(view: DockView, lang: str) -> Html:
    said = view.said
    more = [say("overview.late", lang, n=said.late)] if said.late else []
    more += [say("overview.unread", lang, n=said.unread)] if said.unread else []
    small = _small(" · ".join(more)) if more else None
    return element("span", f"{said.clips:,}", small)


def _remarks(view: DockView, scene: Scene) -> Html | None:
    if not view.late:
        return None
    return element(
        "ul",
        *(
            element("li", wording.late_sentence(late, scene.lang, scene.zone, scene.now_ms))
            for late in view.late
        ),
        class_="late",
    )


def _small(words: str) -> Html:
    return element("span", words, class_="small")
