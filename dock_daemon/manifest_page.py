"""A manifest as people read it, line by line. Pure: values in, sentences out."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Final

from config import text
from config.messages import say, term
from dock_daemon import wording
from hashing.canonical import JSON
from hashing.manifest_account import Account, ClipTold, FindingTold, Remark
from hashing.manifest_check import ManifestReport

_INDENT: Final = "  "


class ManifestPage:
    """Puts a manifest into words, in one language and one time zone."""

    def __init__(self, report: ManifestReport, silent: tuple[str, ...], lang: str, zone: tzinfo):
        self._report = report
        self._silent = silent
        self._lang = lang
        self._zone = zone

    def lines(self) -> Iterator[str]:
        """Yield the page."""
        account = self._report.account
        if account is not None:
            yield from self._docking(account)
            yield from self._section("clips", map(self._clip, account.clips))
            yield from self._section("left", self._left(account))
            yield from self._section("doubts", map(self._remark, account.doubts))
            yield from self._section("checks", self._checks(account))
            yield from self._section("findings", map(self._finding, account.findings))
        yield from self._section("head", self._head())

    def _section(self, name: str, lines: Iterator[str]) -> Iterator[str]:
        told = list(lines)
        yield ""
        yield say(f"manifest-section.{name}", self._lang, count=len(told))
        yield from (f"{_INDENT}{line}" for line in told)
        if not told:
            yield f"{_INDENT}{say('manifest.nothing', self._lang)}"

    # -- the docking ---------------------------------------------------------

    def _docking(self, account: Account) -> Iterator[str]:
        lang = self._lang
        head = self._report.head
        origin = "" if head is None else head.checkpoint.origin
        yield say("manifest.title", lang, docking=account.docking, origin=origin)
        yield say("manifest.recorder", lang, recorder=self._recorder(account))
        if account.holder is not None:
            holder = {name: self._or_dash(account.holder.get(name)) for name in _HOLDER}
            yield say("manifest.holder", lang, **holder)
        elif account.registered is False:
            yield say("manifest.unregistered", lang)
        yield say(
            "manifest.times",
            lang,
            bay=self._or_dash(account.bay),
            opened=self._time(account.opened_ms),
            closed=self._time(account.closed_ms),
        )
        if account.clock is not None:
            yield say(f"clock.{account.clock}", lang)
        result = term("status-result", account.result or "-", lang)
        size = text.size(account.size)
        yield say("manifest.result", lang, result=result, clips=len(account.clips), size=size)

    def _recorder(self, account: Account) -> str:
        if account.recorder is None:
            return say("manifest.withheld", self._lang)
        return account.recorder or say("manifest.no-number", self._lang)

    # -- clips, and what is missing --------------------------------------------

    def _clip(self, clip: ClipTold) -> str:
        path = self._path(clip.path)
        line = say(
            "manifest.clip",
            self._lang,
            seq=clip.seq,
            path=path,
            size=text.size(clip.size),
            sha256=clip.sha256,
            deadline=self._deadline(clip.deadline),
        )
        marks = [wording.problem_words(mark, self._lang) for mark in clip.marks]
        return " · ".join([line, *marks])

    def _deadline(self, deadline: Mapping[str, JSON]) -> str:
        due, done, rule = (deadline.get(name) for name in ("due_ms", "done_ms", "rule"))
        if type(due) is not int or type(done) is not int:
            return "-"
        met = say("deadline.met", self._lang)
        if deadline.get("late") is True:
            by = text.duration((done - due) // 1000, self._lang)
            met = say("deadline.late", self._lang, by=by)
        at = self._time(due)
        return say("manifest.deadline", self._lang, met=met, rule=self._or_dash(rule), due=at)

    def _left(self, account: Account) -> Iterator[str]:
        findings = {found.seq: found for found in account.findings}
        for remark in account.left:
            found = findings.get(-1 if remark.seq is None else remark.seq)
            yield self._remark(remark) if found is None else self._finding(found)

    def _remark(self, remark: Remark) -> str:
        return say(
            f"manifest-remark.{remark.reason}",
            self._lang,
            seq=self._or_dash(remark.seq),
            path=self._path(remark.path),
            count=self._or_dash(remark.count),
        )

    # -- checks and findings -----------------------------------------------------

    def _checks(self, account: Account) -> Iterator[str]:
        for check in account.checks:
            yield wording.check_told(check, self._lang)
        if account.verdict is not None:
            yield term("verdict", account.verdict, self._lang)

    def _finding(self, found: FindingTold) -> str:
        title = term("finding", found.finding or "-", self._lang)
        if found.facts is None or found.finding is None:
            fact = say("manifest.document-absent", self._lang)
        else:
            fact = wording.finding_fact(
                found.finding,
                volume=found.volume or "-",
                path=found.path or "-",
                facts=found.facts,
                lang=self._lang,
                zone=self._zone,
            )
        at = self._time(found.utc_ms)
        return say("findings.line", self._lang, seq=found.seq, at=at, title=title, fact=fact)

    # -- the checkpoint --------------------------------------------------------

    def _head(self) -> Iterator[str]:
        head = self._report.head
        if head is None:
            return
        size, root = head.checkpoint.size, head.checkpoint.root.hex()
        yield say("manifest.checkpoint", self._lang, size=size, root=root)
        for one in head.cosigned:
            at = self._time(one.time_s * 1000)
            yield say("manifest.cosigned", self._lang, name=one.key.name, at=at)
        for name in self._silent:
            yield say("manifest.not-cosigned", self._lang, name=name)
        if not head.cosigned:
            yield say("manifest.nobody", self._lang)

    # -- words -------------------------------------------------------------------

    def _path(self, path: str | None) -> str:
        return say("manifest.withheld", self._lang) if path is None else path

    def _time(self, utc_ms: int | None) -> str:
        return "-" if utc_ms is None else text.local_time(utc_ms, self._zone)

    def _or_dash(self, value: object) -> str:
        return "-" if value is None or value == "" else str(value)


_HOLDER: Final = ("user_no", "name", "unit")
