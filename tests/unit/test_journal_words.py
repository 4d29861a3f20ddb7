"""What people read of a recorder's journal: facts in their language, times in their zone."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from config.messages import LANGUAGES, catalogue
from dock_daemon.recorders import journal_book
from dock_daemon.recorders.journal_book import Remembered, Told
from dock_daemon.recorders.journal_judge import Card, JournalFinding, OnCard
from dock_daemon.wording import finding_causes, finding_fact, finding_title
from firmware_bridge.capabilities import JournalPiece
from tests.journals import KEY, NUMBER, OTHER_KEY, Script, sha

CHINA = timezone(timedelta(hours=8))


def piece(script: Script, first: int = 0) -> tuple[JournalPiece, ...]:
    """Return what a recorder with this journal answers."""
    size = len(script.lines)
    return (JournalPiece(first=first, next=size, size=size, data=b"".join(script.lines[first:])),)


def everything() -> dict[str, JournalFinding]:
    """Return one finding of each kind, as they come of journals and cards."""
    script = Script()
    script.start()
    for name in ("gone", "seen", "edited", "twice", "twice"):
        script.clip(f"{name}.mp4", f"{script.position.next:02x}")
    script.add("removed", {"path": "seen.mp4"})
    script.add("opened", {"path": "begun.mp4"})
    script.add("alive", after_ms=900_000)
    vkey = str(KEY.verifier())
    examined = journal_book.examine(
        Told(recorder=NUMBER, vkey=vkey, pieces=piece(script)), None, docking=1
    )
    files = [
        OnCard(path="edited.mp4", sha256=sha("ed"), size=7),
        OnCard(path="strange.mp4", sha256=sha("5e"), size=8),
    ]
    judged = examined.judge(Card(files=files, listing_sound=True), sealed=(), seen=())
    known = Remembered(vkey=vkey, position=script.position, account=examined.accounts[0])
    broken = script.branch()
    broken.lines[2] = broken.lines[2].replace(b'"clips":0', b'"clips":1')
    others = [
        (Told(recorder=NUMBER, vkey=vkey, pieces=piece(Script())), known),
        (Told(recorder=NUMBER, vkey=vkey, pieces=piece(broken)), None),
        (Told(recorder=NUMBER, why_not="recorder-silent"), known),
        (Told(recorder=NUMBER, vkey=str(OTHER_KEY.verifier())), known),
    ]
    found = [*examined.findings, *judged.findings]
    cloned = Told(recorder=NUMBER, vkey=vkey, pieces=piece(script))
    found += journal_book.examine(cloned, None, docking=2, other="ZFY-9").findings
    found += journal_book.examine(replace(cloned, recorder="ZFY-9"), None, docking=2).findings
    for told, before in others:
        found += journal_book.examine(told, before, docking=2).findings
    return {one.code: one for one in found}


FINDINGS = everything()
CODES = {
    "journal-missing", "journal-differs", "journal-rewritten", "journal-unclosed",
    "journal-unlisted", "journal-cut", "journal-broken", "journal-silent", "journal-absent",
    "journal-foreign", "recorder-key-changed", "recorder-key-shared",
}  # fmt: skip


def said(code: str, lang: str) -> str:
    """Return a finding's sentence."""
    one = FINDINGS[code]
    return finding_fact(code, volume="", path=one.path, facts=one.facts, lang=lang, zone=CHINA)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", sorted(CODES))
def test_every_finding_of_a_journal_is_said(code: str, lang: str) -> None:
    """Title, facts and innocent causes of each are there, with no fact left open."""
    assert finding_title(code, lang)
    assert finding_causes(code, lang)
    assert "{" not in said(code, lang)


def test_no_finding_of_a_journal_lacks() -> None:
    """The kinds above are all that there are."""
    assert FINDINGS.keys() == CODES
    prefix = "finding-fact.journal-"
    worded = {
        key.removeprefix("finding-fact.") for key in catalogue("en") if key.startswith(prefix)
    }
    assert worded == CODES - {"recorder-key-changed", "recorder-key-shared"}


def test_proof_of_a_deletion_names_what_matters() -> None:
    """Which clip, which record, when it was recorded, how long, how large, and what it held."""
    one = FINDINGS["journal-missing"]
    text = said("journal-missing", "en")
    for part in (one.path, "2026-", "1 min long", "1.0 kB", str(one.facts["sha256"])[:16]):
        assert part in text
    assert "时长1分" in said("journal-missing", "zh-CN")


def test_absent_journal_says_why() -> None:
    """The error's code comes out as words."""
    assert "(no answer)" in said("journal-absent", "en")


def test_broken_record_says_what_is_wrong() -> None:
    """The code comes out as words."""
    assert "not signed" in said("journal-broken", "en")
    assert "The records before it do." in said("journal-broken", "en")


def test_nothing_is_said_of_records_before_the_first() -> None:
    """A journal whose first record does not hold has none that does."""
    facts = {**FINDINGS["journal-broken"].facts, "record": 0}
    text = finding_fact("journal-broken", volume="", path="", facts=facts, lang="en", zone=CHINA)
    assert "before" not in text


def test_foreign_journal_names_whose_it_is() -> None:
    """The number with which it begins is told."""
    assert NUMBER in said("journal-foreign", "en")


def test_when_a_clip_went_is_said_if_it_is_known() -> None:
    """The recorder's own word for when the clip went away is put behind."""
    one = FINDINGS["journal-missing"]
    facts = {**one.facts, "removed_ms": one.facts["end_ms"]}
    text = finding_fact(one.code, volume="", path="a", facts=facts, lang="en", zone=CHINA)
    assert "went away at 2026-" in text
    facts["removed_ms"] = None
    text = finding_fact(one.code, volume="", path="a", facts=facts, lang="en", zone=CHINA)
    assert "does not say when" in text
