"""What a recorder's journal proves against its card, as facts (docs/formats/journal.md section 8).

Pure. The journal says what the recorder closed; the card shows what is there now; the ledger
knows what was ever sealed. A finding accuses nobody. What could not be looked at is not judged,
and stays in the account.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from dock_daemon.recorders.journal_account import Account, Expected, Opened, Quiet, path_key
from hashing.canonical import JSON

MOST: Final = 500
"""Findings of one docking at most, so that no recorder can fill the log; the next goes on."""


Others: TypeAlias = Literal["none", "seen", "unseen"]
"""The other media of the same stay, memory and card: none, all taken over whole, or not all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCard:
    """A live file on the card. `sha256` is empty where it could not be read to its end."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFinding:
    """One fact worth an entry. `key` is equal whenever the same fact is seen again."""

    code: str
    key: str
    path: str = ""
    facts: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a docking saw of the card, once all that could be copied is sealed.

    `listing_sound` says that every live file is in `files`: each volume listed to its end, none
    refused, and the same medium still there afterwards. What is not here may lie on `others`.
    """

    files: Sequence[OnCard]
    listing_sound: bool
    others: Others = "none"


def judge(
    account: Account,
    card: Card,
    *,
    sealed: AbstractSet[str],
    seen: AbstractSet[str],
    recorder: str,
    whole: bool,
    unread: bool,
) -> tuple[list[JournalFinding], int]:
    """Return what does not fit between a journal and a card, and of how many clips nothing is said.

    `sealed` are the contents, of those that `digests` names, that had been sealed before this
    docking; `seen` the keys of findings that stand already. `whole` says that the journal was
    read to its end and holds throughout: else nothing is called unclosed, and nothing unlisted,
    nor if the recorder has yet to go through its volume. `unread`
    says that there is more of it, in which a clip may have been erased: then nothing is judged.
    While another medium of the stay was not seen whole, no clip is judged: it may lie there.
    """
    judging = _Judging(account, card, sealed, recorder)
    found = [one for one in judging.clips() if one.key not in seen]
    unknown = judging.unknown
    if unread or card.others == "unseen":
        found, unknown = [], unknown + len(found)
    if unread:
        return found, unknown
    # Of a file that was never closed only the name is known, and each medium has its own names.
    if whole and card.listing_sound and card.others == "none":
        found += judging.unclosed()
    if whole and account.scanned:
        found += judging.unlisted()
    return [one for one in found if one.key not in seen][:MOST], unknown


def digests(account: Account, card: Card) -> frozenset[str]:
    """Return every content that `judge` asks about."""
    told = {clip.sha256 for clip in account.clips}
    return frozenset(told | {file.sha256 for file in card.files if file.sha256})


def silent(quiet: Sequence[Quiet], recorder: str) -> JournalFinding | None:
    """Return the one finding for all stretches without a record that a docking brought."""
    if not quiet:
        return None
    longest = max(quiet, key=lambda one: one.lasted_ms)
    return JournalFinding(
        code="journal-silent",
        key=f"journal-silent|{recorder.casefold()}|{quiet[0].record}|{quiet[-1].record}",
        facts={
            "times": len(quiet),
            "from_ms": longest.from_ms,
            "to_ms": longest.to_ms,
            "lasted_ms": longest.lasted_ms,
            "told": longest.told,
            "records": list[JSON](one.record for one in quiet[:100]),
        },
    )


class _Judging:
    """An account held against a card."""

    def __init__(
        self, account: Account, card: Card, sealed: AbstractSet[str], recorder: str
    ) -> None:
        self._account = account
        self._card = card
        self._sealed = sealed
        self._recorder = recorder.casefold()
        self._at = {path_key(file.path): file for file in card.files}
        self._opened = {path_key(one.path) for one in account.opened}
        self._unread = {file.size for file in card.files if not file.sha256}
        self._there = {file.sha256 for file in card.files if file.sha256}
        self.unknown = 0

    def clips(self) -> Iterator[JournalFinding]:
        """Yield what is known of clips that are not accounted for; count the others of them."""
        for clip in self._account.clips:
            if clip.sha256 in self._there or clip.sha256 in self._sealed:
                continue
            found = self._of(clip)
            if found is None:
                self.unknown += 1
            else:
                yield found

    def _of(self, clip: Expected) -> JournalFinding | None:
        """Return what is known of a clip whose content is neither here nor sealed."""
        now = self._at.get(path_key(clip.path)) if clip.whole else None
        if clip.rewritten is None and now is not None:
            # Unread, or opened again: what it was closed with, the journal has yet to say.
            if not now.sha256 or path_key(clip.path) in self._opened:
                return None
            facts: dict[str, JSON] = {"found_sha256": now.sha256, "found_size": now.size}
            return self._found("journal-differs", clip, facts, now.sha256)
        # A file of its size that could not be read may be the clip, under another name.
        if not self._card.listing_sound or clip.size in self._unread:
            return None
        if clip.rewritten is not None:
            return self._found("journal-rewritten", clip, {"by_record": clip.rewritten})
        return self._found("journal-missing", clip, {"removed_ms": clip.removed_ms})

    def unclosed(self) -> Iterator[JournalFinding]:
        """Yield the files that were opened, never closed, and are not there."""
        for one in self._account.opened:
            if not one.whole or path_key(one.path) in self._at:
                continue
            yield JournalFinding(
                code="journal-unclosed",
                key=f"journal-unclosed|{self._recorder}|{one.record}",
                path=one.path,
                facts=_of_opened(one),
            )

    def unlisted(self) -> Iterator[JournalFinding]:
        """Yield the files that the recorder never closed, of names that it looks at."""
        told = {clip.sha256 for clip in self._account.clips}
        named = {path_key(clip.path) for clip in self._account.clips}
        for file in self._card.files:
            if not file.sha256 or file.sha256 in told or file.sha256 in self._sealed:
                continue
            key = path_key(file.path)
            if key in named or key in self._opened or not self._watched(file.path):
                continue
            yield JournalFinding(
                code="journal-unlisted",
                key=f"journal-unlisted|{self._recorder}|{key}|{file.sha256}",
                path=file.path,
                facts={"found_sha256": file.sha256, "found_size": file.size},
            )

    def _watched(self, path: str) -> bool:
        return path.casefold().endswith(self._account.watched)

    def _found(
        self, code: str, clip: Expected, more: Mapping[str, JSON], *parts: str
    ) -> JournalFinding:
        return JournalFinding(
            code=code,
            key="|".join((code, self._recorder, str(clip.record), clip.sha256, *parts)),
            path=clip.path,
            facts={**_of_clip(clip), **more},
        )


def _of_clip(clip: Expected) -> dict[str, JSON]:
    return {
        "record": clip.record,
        "sha256": clip.sha256,
        "size": clip.size,
        "start_ms": clip.start_ms,
        "end_ms": clip.end_ms,
        "lasted_ms": _lasted(clip.start_ms, clip.end_ms),
        "late": clip.late,
    }


def _of_opened(one: Opened) -> dict[str, JSON]:
    return {"record": one.record, "start_ms": one.opened_ms, "removed_ms": one.removed_ms}


def _lasted(start_ms: int | None, end_ms: int | None) -> int | None:
    if start_ms is None or end_ms is None or end_ms < start_ms:
        return None
    return end_ms - start_ms
