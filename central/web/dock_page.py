"""One dock's page: all that is known of it. Pure: views come in, HTML goes out."""

from collections.abc import Iterable, Sequence

from central.fleet.view import Counted, DockView, ForkView, ManifestView
from central.web import wording
from central.web.frame import Scene, page
from central.web.overview import badge
from config import text
from config.markup import Child, Html, element, join
from config.messages import say, term


def dock_page(
    view: DockView, forks: Sequence[ForkView], manifests: Sequence[ManifestView], scene: Scene
) -> str:
    """Return the page of one dock; `manifests` are its newest dockings, newest first."""
    return page(
        scene,
        say("dock-page.title", scene.lang, name=view.name),
        *_late(view, scene),
        element("h2", say("dock-page.log", scene.lang)),
        _facts(view, scene),
        element("h2", say("dock-page.manifests", scene.lang)),
        _manifests(manifests, scene),
        element("h2", say("dock-page.forks", scene.lang)),
        _forks(forks, scene),
    )


def _late(view: DockView, scene: Scene) -> Iterable[Html]:
    lang = scene.lang
    yield element("p", badge(view.grade, lang))
    if view.late:
        lines = (
            element("li", wording.late_sentence(late, lang, scene.zone, scene.now_ms))
            for late in view.late
        )
        yield element("ul", *lines)


def _facts(view: DockView, scene: Scene) -> Html:
    lang, said = scene.lang, view.said
    cosigned_ms = None if view.cosigned_s is None else view.cosigned_s * 1000
    findings = text.listed(
        (f"{term('finding', kind, lang)} {count}" for kind, count in sorted(said.findings.items())),
        lang,
    )
    clips = say("dock-page.clips-sum", lang, n=f"{said.clips:,}", size=text.size(said.clip_bytes))
    interval = None if said.interval_s is None else text.duration(said.interval_s, lang)
    none = say("overview.none", lang)
    rows: tuple[tuple[str, Child], ...] = (
        (say("dock-page.origin", lang), element("code", view.origin)),
        (say("dock-page.keys", lang), join((element("code", k) for k in view.vkeys), " ")),
        (say("dock-page.url", lang), view.url or say("dock-page.pushes", lang)),
        (say("dock-page.enrolled", lang), text.local_time(view.enrolled_ms, scene.zone)),
        (say("overview.head", lang), wording.count(view.head, lang)),
        (say("overview.mirrored", lang), wording.count(view.mirrored, lang)),
        (say("overview.cosigned", lang), wording.ago(cosigned_ms, scene.now_ms, lang)),
        (say("overview.heard", lang), wording.ago(view.heard_ms, scene.now_ms, lang)),
        (say("dock-page.interval", lang), interval or none),
        (say("dock-page.last-entry", lang), _time(said.last_ms, scene)),
        (say("dock-page.dockings", lang), f"{said.dockings:,}"),
        (say("dock-page.open", lang), f"{len(said.open):,}"),
        (say("dock-page.clips", lang), clips),
        (say("dock-page.late-clips", lang), f"{said.late:,}"),
        (say("dock-page.unread", lang), f"{said.unread:,}"),
        (say("dock-page.findings", lang), findings or none),
        (say("dock-page.pulling", lang), _pulling(view, scene)),
        (say("dock-page.inventory", lang), _counted(view, scene)),
    )
    parts = [each for name, fact in rows for each in (element("dt", name), element("dd", fact))]
    return element("dl", *parts, class_="facts")


def _pulling(view: DockView, scene: Scene) -> str:
    lang, pulled = scene.lang, view.pulled
    if pulled is None:
        return say("overview.none", lang)
    if pulled.failing_ms is None:
        return say("dock-page.pulled", lang, at=_time(pulled.good_ms, scene))
    why = term("pull-problem", pulled.problem, lang)
    if pulled.detail:
        why = f"{why} ({pulled.detail})"
    return say("dock-page.pull-failing", lang, at=_time(pulled.failing_ms, scene), why=why)


def _counted(view: DockView, scene: Scene) -> str:
    told = [_one_counted(one, scene) for one in view.counted]
    return " · ".join(told) or say("dock-page.inventory-never", scene.lang)


def _one_counted(counted: Counted, scene: Scene) -> str:
    lang = scene.lang
    at = _time(counted.taken_ms, scene)
    source = term("inventory-source", counted.source, lang)
    if counted.holds:
        return say("dock-page.inventory-good", lang, at=at, source=source)
    return say("dock-page.inventory-bad", lang, at=at, source=source, n=counted.missing)


def _manifests(manifests: Sequence[ManifestView], scene: Scene) -> Html:
    lang = scene.lang
    heads = [
        say("dock-page.docking", lang),
        say("dock-page.closed", lang),
        say("dock-page.result", lang),
        say("overview.clips", lang),
        say("overview.findings", lang),
        say("dock-page.unread", lang),
        say("dock-page.manifest", lang),
    ]
    rows = [
        (
            one.docking.docking,
            _time(one.docking.at_ms, scene),
            term("status-result", one.docking.result, lang),
            f"{one.docking.clips:,}",
            f"{one.docking.findings:,}",
            f"{one.docking.unread:,}",
            manifest_state(one, lang),
        )
        for one in manifests
    ]
    return _table(heads, rows, say("dock-page.no-manifests", lang))


def manifest_state(one: ManifestView, lang: str) -> str:
    """Return whether the manifest of a docking is kept here, and holds."""
    if one.fetched_ms is None:
        return say("dock-page.not-kept", lang)
    if one.problem:
        return say("dock-page.bad", lang, why=one.problem)
    return say("dock-page.kept", lang)


def _forks(forks: Sequence[ForkView], scene: Scene) -> Html:
    lang = scene.lang
    heads = [
        say("dock-page.fork-number", lang),
        say("dock-page.fork-kind", lang),
        say("dock-page.fork-size", lang),
        say("dock-page.fork-seen", lang),
        say("dock-page.fork-state", lang),
    ]
    rows = [
        (
            one.number,
            term("fork-kind", one.kind, lang),
            f"{one.size:,}",
            _time(one.seen_ms, scene),
            say("fork.stands" if one.explained_ms is None else "fork.explained", lang),
        )
        for one in forks
    ]
    return _table(heads, rows, say("dock-page.no-forks", lang))


def _table(heads: Sequence[str], rows: Sequence[tuple[Child, ...]], empty: str) -> Html:
    if not rows:
        return element("div", element("div", empty, class_="empty"), class_="scroll")
    head = element("thead", element("tr", *(element("th", one, scope="col") for one in heads)))
    body = element(
        "tbody",
        *(
            element("tr", *(
                element("td", cell, data_label=name)
                for name, cell in zip(heads, row, strict=True)
            ))
            for row in rows
        ),
    )  # fmt: skip
    return element("div", element("table", head, body), class_="scroll")


def _time(at_ms: int | None, scene: Scene) -> str:
    if at_ms is None:
        return say("overview.none", scene.lang)
    return text.local_time(at_ms, scene.zone)
