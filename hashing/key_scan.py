"""The keys that a log's own entries tell of, found without judging anything else.

A checkpoint may be signed by keys that came after the one that is trusted. Each entry
that brings one is signed by a key that is trusted already, so it can be believed where
it lies, before the tree over it is checked; the walk (log_walk.py) judges it again.
"""

from collections.abc import Iterator

from hashing.entry import Entry, parse
from hashing.errors import BundleError, EvidenceError, KeyFormatError, SuccessionError
from hashing.keys import VerifierKey
from hashing.log_files import LogFiles
from hashing.report import Tally
from hashing.succession import Succession
from hashing.tiles import Bundle

_MARK = b'"kind":"key-'  # how the one spelling of such an entry must read


def keys_of(root: str, given: VerifierKey) -> Succession | None:
    """Return the keys of the log at `root` as far as they hold; None if `given` is none of them."""
    files = LogFiles(root, Tally())
    succession: Succession | None = None
    for entry in _entries(files):
        if succession is None:
            succession = Succession(_first(entry) or given)
        try:
            succession.take(entry)
        except SuccessionError:
            break
    return succession if succession is not None and given in succession.all else None


def _first(entry: Entry) -> VerifierKey | None:
    try:
        return VerifierKey.parse(str(entry.body.get("vkey")))
    except KeyFormatError:
        return None


def _entries(files: LogFiles) -> Iterator[Entry]:
    """Yield the first entry and every one that may be about a key, as far as they can be had."""
    index = 0
    while widths := files.widths(Bundle(index)):
        found = files.bundle(Bundle(index, widths[0]))
        cut = found.whole if isinstance(found, BundleError) else found or ()
        for at, raw in enumerate(cut):
            if _MARK in raw or (index, at) == (0, 0):
                try:
                    yield parse(raw)
                except EvidenceError:
                    continue
        index += 1
