"""The health report as one HTML file that needs no other: to be printed, signed and filed.

Pure but for its style, which is shipped. Whatever comes from a recorder or a register becomes
part of it escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Final

from config.markup import Child, Html, element, join, text
from config.messages import say
from config.register import Holder, folded
from config.text import local_time
from config.toml import SHIPPED
from dock_daemon import health_words
from dock_daemon.fitness.health import Health
from dock_daemon.fitness.history import Checked
from dock_daemon.fitness.sparkline import Trend, points

_WIDTH: Final = 90
_HEIGHT: Final = 18
_LEVELS: Final = ("now", "soon", "fine")
_SIGNS: Final = {"now": "■", "soon": "▲", "fine": "●"}
"""Beside colour and word, so that a print without colour tells them apart."""
_SERVICE: Final = ("recorder", "holder", "level", "reason", "advice")
_VALUES: Final = (
    "recorder", "holder", "battery", "clock", "drift", "faults", "dockings", "seen", "check",
)  # fmt: skip


class HealthPage:
    """Puts how the recorders fare onto paper, in one language and one time zone."""

    def __init__(
        self,
        found: Sequence[Health],
        holders: Mapping[str, Holder],
        *,
        lang: str,
        zone: tzinfo,
        dock: str,
        since_ms: int,
        now_ms: int,
    ) -> None:
        self._found = found
        self._holders = holders
        self._lang = lang
        self._zone = zone
        self._dock = dock
        self._since_ms = since_ms
        self._now_ms = now_ms

    def html(self) -> str:
        """Return the whole file."""
        title = self._say("title")
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", f"{title} · {self._dock}"),
            # Our own file: nothing in it comes from outside.
            element("style", Html((SHIPPED / "report" / "health.css").read_text("utf-8"))),
        )
        body = element("body", *self._parts(title))
        page = element("html", head, body, lang=self._lang)
        return f"<!doctype html>\n{page}\n"

    def _parts(self, title: str) -> list[Html]:
        about = self._say(
            "about",
            dock=self._dock,
            since=local_time(self._since_ms, self._zone),
            until=local_time(self._now_ms, self._zone),
        )
        return [
            element("h1", title),
            element("p", about, class_="about"),
            self._tiles(),
            element("h2", self._say("service")),
            self._service(),
            element("h2", self._say("values")),
            self._values(),
            element("h2", self._say("notes")),
            element(
                "ul",
                *(
                    element("li", words)
                    for words in (
                        say("health-note.bounds", self._lang),
                        say("health-note.drift", self._lang),
                        say("health-note.limits", self._lang),
                    )
                ),
                class_="notes",
            ),
            element(
                "div",
                *(
                    element("span", words)
                    for words in (
                        self._say("keeper"), self._say("checked-by"), self._say("date"),
                    )
                ),
                class_="signed",
            ),
        ]  # fmt: skip

    def _say(self, word: str, **facts: object) -> str:
        return say(f"health-page.{word}", self._lang, **facts)

    def _tiles(self) -> Html:
        counts = {
            level: sum((one.level or "fine") == level for one in self._found) for level in _LEVELS
        }
        tiles = [
            element("li", element("b", len(self._found)), self._say("recorders")),
            *(
                element(
                    "li",
                    element("b", counts[level]),
                    say(f"health-level.{level}", self._lang),
                    class_=level,
                )
                for level in _LEVELS
            ),
        ]
        return element("ul", *tiles, class_="tiles")

    def _service(self) -> Html:
        rows = [row for one in self._found for row in self._reasons(one)]
        if not rows:
            return element("p", self._say("nothing"))
        return self._table(_SERVICE, rows)

    def _reasons(self, one: Health) -> Iterator[Html]:
        """Yield a row for each reason; whose it is stands in the first, beside all of them."""
        for nth, reason in enumerate(one.reasons):
            whose: list[Html] = []
            if not nth:
                rows = len(one.reasons)
                whose = [
                    element("td", one.recorder, class_="what id", rowspan=rows),
                    element("td", self._holder(one), class_="what", rowspan=rows),
                ]
            yield element(
                "tr",
                *whose,
                element("td", self._badge(reason.level), class_="word"),
                element("td", health_words.reason(reason, self._lang, self._zone), class_="what"),
                element("td", health_words.advice(reason, self._lang), class_="what"),
            )

    def _values(self) -> Html:
        if not self._found:
            return element("p", say("health.none", self._lang))
        return self._table(_VALUES, [self._row(one) for one in self._found])

    def _row(self, one: Health) -> Html:
        lang = self._lang
        made = " ".join(part for part in (one.profile, one.firmware) if part)
        checks = [element("div", self._check(check)) for check in reversed(one.checks)]
        battery, clock, faults = (
            _picture(health_words.battery_trend(one)),
            _picture(health_words.offset_trend(one)),
            _picture(health_words.fault_trend(one)),
        )
        return element(
            "tr",
            element("td", one.recorder, element("div", made, class_="small"), class_="what id"),
            element("td", self._holder(one), class_="what"),
            element("td", health_words.battery(one, lang), battery),
            element("td", health_words.offset(one, lang), clock),
            element("td", health_words.running(one.clock, lang)),
            element("td", health_words.faults(one, lang), faults),
            element("td", health_words.dockings(one, lang)),
            element("td", health_words.last_seen(one, lang, self._zone), class_="number"),
            element("td", *checks, class_="small word"),
        )

    def _check(self, check: Checked) -> str:
        day = local_time(check.at_ms, self._zone).partition(" ")[0]
        return f"{day} {health_words.verdict(check.verdict, self._lang)}"

    def _table(self, columns: Sequence[str], rows: Sequence[Html]) -> Html:
        heads = (
            element("th", say(f"health-column.{name}", self._lang), scope="col") for name in columns
        )
        head = element("thead", element("tr", *heads))
        return element("table", head, element("tbody", *rows))

    def _badge(self, level: str) -> Html:
        words = say(f"health-level.{level}", self._lang)
        return element("span", f"{_SIGNS[level]} {words}", class_=f"badge {level}")

    def _holder(self, one: Health) -> Html:
        holder = self._holders.get(folded(one.recorder))
        if holder is None:
            return text(self._say("unregistered"))
        parts: list[Child] = [f"{holder.name} {holder.user_no}"]
        return join([*parts, element("div", holder.unit, class_="small")])


def _picture(trend: Trend) -> Html:
    """Return a small picture of a trend; nothing where there are fewer than two values."""
    if len(trend.values) < 2:  # noqa: PLR2004  a line has two ends
        return Html("")
    line = element("polyline", points=points(trend, width=_WIDTH, height=_HEIGHT))
    return element(
        "svg", line, class_="trend", viewBox=f"0 -1 {_WIDTH} {_HEIGHT + 2}", aria_hidden="true"
    )
