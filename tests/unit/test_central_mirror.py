"""The mirror: what it takes, what it holds, what it cosigns, on both databases."""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.centre import Centre
from central.cosigning.outcomes import (
    Accepted,
    Conflict,
    Forbidden,
    Inconsistent,
    Malformed,
    Sender,
    Unknown,
)
from central.errors import MirrorDoubtError
from central.mirror.files import LogCopy
from central.mirror.mirror import Mirror
from central.mirror.outcomes import More, Stale, UploadOutcome
from central.mirror.standing import Pending
from central.mirror.upload import Upload
from hashing import note
from hashing.errors import SubmissionError
from hashing.submission import MirrorInfo, Package, PackageReader, UploadHead, origin_hash
from hashing.verify import verify_log
from tests.mirroring import Uploader
from tests.sealed import KEY, ORIGIN, Sealed, long
from tests.submitting import SENDER, START_MS, Ticking, open_centre
from tests.successions import SECOND, Changing

LOG = Uploader()


@pytest.fixture
def centre(memory_path: Path, database_url: str) -> Iterator[Centre]:
    """Return a centre that knows the test's log."""
    centre = open_centre(memory_path, database_url, clock=Ticking())
    centre.register.enrol(ORIGIN, [str(KEY.verifier())], now_ms=START_MS)
    yield centre
    centre.close()


@pytest.fixture
def mirror(centre: Centre) -> Mirror:
    """Return its mirror."""
    assert centre.mirror is not None
    return centre.mirror


def pend(mirror: Mirror, size: int, log: Uploader = LOG) -> None:
    """Make the head of a size pending."""
    newest = mirror.standing(ORIGIN).newest
    old = 0 if newest is None else newest.size
    assert mirror.add_checkpoint(log.submission(old, size), SENDER) == Accepted(b"")


def send(mirror: Mirror, body: bytes, sender: Sender = SENDER) -> UploadOutcome:
    """Send the body of an add-entries, as the web does."""
    found = UploadHead.read(body)
    assert found is not None
    head, at = found
    aim = mirror.admit(head, sender)
    if not isinstance(aim, Pending):
        return aim
    upload = Upload(mirror, head, aim)
    refused: Inconsistent | Malformed | None = None
    try:
        for parcel in PackageReader(head.start, head.end).feed(body[at:]):
            refused = upload.take(parcel)
            if refused is not None:
                break
    except SubmissionError as error:
        refused = Malformed(str(error)) if upload.complete else None
    outcome = upload.finish()
    return refused or outcome


def assert_holds(mirror: Mirror, size: int, log: Uploader = LOG) -> None:
    """Assert that the mirrored log verifies whole, has this size, and is cosigned."""
    assert mirror.standing(ORIGIN).size == size
    folder = mirror.folder(ORIGIN)
    report = verify_log(folder, KEY.verifier())
    assert report.problems == ()
    assert report.size == size
    served = mirror.checkpoint(origin_hash(ORIGIN))
    assert served == (folder / "checkpoint").read_bytes()
    verifiers = [KEY.verifier(), *mirror.cosigner.keys]
    assert len(note.open_note(served, verifiers).signatures) == 2
    assert list(mirror.entries(ORIGIN, 0, size)) == log.sealed.entries[:size]


def test_a_log_is_held_whole_and_cosigned(mirror: Mirror) -> None:
    """After head and entries the mirror's copy verifies as the dock's own does, at each size."""
    at = 0
    for size in (1, 7, 256, 300, 700):
        pend(mirror, size)
        assert mirror.checkpoint(origin_hash(ORIGIN)) != LOG.sealed.checkpoint(size)
        outcome = send(mirror, LOG.upload(at, size))
        assert isinstance(outcome, Accepted)
        lines = note.read_lines(outcome.lines)
        signed = note.with_lines(LOG.sealed.checkpoint(size), lines)
        assert note.open_note(signed, mirror.cosigner.keys).signatures == lines
        assert_holds(mirror, size)
        at = size


def test_a_pending_head_is_never_cosigned(mirror: Mirror) -> None:
    """A head without its entries gets no line, and nothing is served."""
    pend(mirror, 300)
    assert mirror.checkpoint(origin_hash(ORIGIN)) is None
    assert mirror.standing(ORIGIN).next_entry == 0


def test_pending_heads_are_judged_as_a_witness_does(mirror: Mirror) -> None:
    """A head that does not begin where the pending one ends is a conflict."""
    pend(mirror, 300)
    assert mirror.add_checkpoint(LOG.submission(0, 700), SENDER) == Conflict(300)


def test_a_prefix_is_kept_and_the_rest_asked_for(mirror: Mirror) -> None:
    """An upload that ends early, even within a package, goes on where it was."""
    pend(mirror, 700)
    first, second, third = LOG.packages(0, 700)
    head = UploadHead(ORIGIN, 0, 700).encode()
    assert send(mirror, head + first + second[:-5]) == More(MirrorInfo(700, 256))
    head = UploadHead(ORIGIN, 256, 700).encode()
    assert send(mirror, head + second) == More(MirrorInfo(700, 512))
    head = UploadHead(ORIGIN, 512, 700).encode()
    assert isinstance(send(mirror, head + third), Accepted)
    assert_holds(mirror, 700)


def test_an_upload_may_begin_within_a_bundle(mirror: Mirror) -> None:
    """Entries are proved together with those of their bundle that are here already."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    pend(mirror, 520)
    assert isinstance(send(mirror, LOG.upload(300, 520)), Accepted)
    assert_holds(mirror, 520)


def test_entries_that_are_here_are_passed_over(mirror: Mirror) -> None:
    """A client that sends again what it sent before does no harm."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    pend(mirror, 520)
    assert isinstance(send(mirror, LOG.upload(10, 520)), Accepted)
    assert_holds(mirror, 520)


def test_nothing_more_to_send_is_cosigned_again(mirror: Mirror) -> None:
    """An empty upload up to the mirrored head gets a fresh cosignature."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    assert isinstance(send(mirror, UploadHead(ORIGIN, 300, 300).encode()), Accepted)
    assert_holds(mirror, 300)


def test_an_older_pending_head_can_still_be_reached(mirror: Mirror) -> None:
    """Who began with an older head ends with it; the newer one stays pending."""
    for size in (300, 520, 700):
        pend(mirror, size)
    assert isinstance(send(mirror, LOG.upload(0, 300)), Accepted)
    assert_holds(mirror, 300)
    assert isinstance(send(mirror, LOG.upload(300, 700)), Accepted)
    assert_holds(mirror, 700)
    assert send(mirror, LOG.upload(0, 300)) == Stale(MirrorInfo(700, 700))


def test_each_pending_head_on_the_way_can_be_cosigned(mirror: Mirror) -> None:
    """Entries that reach past an older head leave the files of its size as well."""
    pend(mirror, 300)
    pend(mirror, 700)
    head = UploadHead(ORIGIN, 0, 700).encode()
    assert send(mirror, head + b"".join(LOG.packages(0, 700)[:2])) == More(MirrorInfo(700, 512))
    assert isinstance(send(mirror, LOG.upload(100, 300)), Accepted)
    assert_holds(mirror, 300)


def test_only_the_last_several_heads_stay_pending(mirror: Mirror) -> None:
    """Of many heads without entries the newest are kept; for an older one the newest is named."""
    for size in range(1, 21):
        pend(mirror, size)
    assert [each.size for each in mirror.standing(ORIGIN).pending] == list(range(13, 21))
    assert send(mirror, LOG.upload(0, 5)) == Stale(MirrorInfo(20, 0))


def test_what_is_told_to_begin_elsewhere(mirror: Mirror) -> None:
    """A gap, a head that nobody knows, and far too many known entries are conflicts."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    pend(mirror, 700)
    assert send(mirror, UploadHead(ORIGIN, 301, 700).encode()) == Stale(MirrorInfo(700, 300))
    assert send(mirror, UploadHead(ORIGIN, 300, 699).encode()) == Stale(MirrorInfo(700, 300))


def test_far_too_many_known_entries_are_a_conflict(mirror: Mirror) -> None:
    """Who would send again more than a bounded number of entries is told where to begin."""
    sealed = Sealed()
    sealed.genesis()
    for _ in range(8500):
        sealed.add("heartbeat")
    log = Uploader(sealed)
    pend(mirror, 8400, log)
    assert isinstance(send(mirror, log.upload(0, 8400)), Accepted)
    pend(mirror, 8500, log)
    assert send(mirror, UploadHead(ORIGIN, 0, 8500).encode()) == Stale(MirrorInfo(8500, 8400))
    assert_holds(mirror, 8400, log)


def test_who_and_what_is_not_known(mirror: Mirror) -> None:
    """An unknown log, a log without a head, and a dock that speaks for another are refused."""
    unknown = UploadHead("dock.example/0002", 0, 1).encode()
    assert send(mirror, unknown) == Unknown("dock.example/0002")
    assert isinstance(send(mirror, LOG.upload(0, 5)), Inconsistent)
    pend(mirror, 5)
    other = Sender("a dock", "dock.example/0002")
    assert send(mirror, LOG.upload(0, 5), other) == Forbidden(ORIGIN)


def test_an_upload_of_nothing_is_malformed(mirror: Mirror) -> None:
    """A body without one whole package is no upload."""
    pend(mirror, 300)
    assert isinstance(send(mirror, UploadHead(ORIGIN, 0, 300).encode()), Malformed)
    assert isinstance(send(mirror, LOG.upload(0, 300)[:900]), Malformed)
    assert mirror.standing(ORIGIN).next_entry == 0


def test_bytes_behind_the_last_package_are_malformed(mirror: Mirror) -> None:
    """What follows the last package is no upload; the entries before it count all the same."""
    pend(mirror, 300)
    assert isinstance(send(mirror, LOG.upload(0, 300) + b"x"), Malformed)
    assert_holds(mirror, 300)


@pytest.mark.parametrize("at", [0, 256, 699])
def test_an_entry_that_is_not_the_logs_is_refused(mirror: Mirror, at: int) -> None:
    """One changed entry refuses its package; those before it are kept, nothing is cosigned."""

    def change(
        package: Package, entries: list[bytes], proof: list[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        if package.start <= at < package.end:
            entries[at - package.start] += b" "
        return entries, proof

    pend(mirror, 700)
    assert isinstance(send(mirror, LOG.upload(0, 700, change)), Inconsistent)
    assert mirror.standing(ORIGIN).next_entry == at - at % 256
    assert mirror.checkpoint(origin_hash(ORIGIN)) is None
    assert isinstance(send(mirror, LOG.upload(at - at % 256, 700)), Accepted)
    assert_holds(mirror, 700)


def test_a_proof_that_is_not_one_is_refused(mirror: Mirror) -> None:
    """A package whose proof lacks a hash, has one too many or another one is refused."""
    pend(mirror, 700)
    for spoil in (
        lambda proof: proof[:-1],
        lambda proof: [*proof, b"x" * 32],
        lambda proof: [b"x" * 32, *proof[1:]],
    ):

        def change(
            _package: Package,
            entries: list[bytes],
            proof: list[bytes],
            spoil: object = spoil,
        ) -> tuple[list[bytes], list[bytes]]:
            assert callable(spoil)
            return entries, spoil(proof)

        assert isinstance(send(mirror, LOG.upload(0, 700, change)), Inconsistent)
    assert mirror.standing(ORIGIN).next_entry == 0


def test_a_crash_between_files_and_database_is_gone_on_from(mirror: Mirror, centre: Centre) -> None:
    """Files that the database does not know of are written again, and nothing is lost."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    LogCopy(centre.loaded.state, ORIGIN).grow(300, LOG.sealed.entries[300:650])
    pend(mirror, 700)
    assert isinstance(send(mirror, LOG.upload(300, 700)), Accepted)
    assert_holds(mirror, 700)


def test_tiles_that_were_changed_on_disk_are_not_cosigned(mirror: Mirror, centre: Centre) -> None:
    """A mirror whose own disk forgets notices before it signs, and says so."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    path = mirror.folder(ORIGIN) / "tile/0/001.p/44"
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes(32) + data[32:])
    pend(mirror, 520)
    with pytest.raises(MirrorDoubtError):
        send(mirror, LOG.upload(300, 520))
    assert mirror.standing(ORIGIN).size == 300
    assert centre.evidence.all() == ()


def test_uploads_at_the_same_time_end_well(mirror: Mirror) -> None:
    """Several clients that send the same and different parts at once leave one sound log."""
    for size in (300, 520, 700):
        pend(mirror, size)
    outcomes: list[UploadOutcome] = []
    begin = threading.Barrier(6)

    def client(end: int) -> None:
        begin.wait()
        outcomes.append(send(mirror, LOG.upload(0, end)))

    threads = [threading.Thread(target=client, args=(end,)) for end in (300, 520, 700) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    assert all(isinstance(each, Accepted | Stale) for each in outcomes), outcomes
    assert_holds(mirror, 700)


def test_a_log_that_changes_its_key_is_followed(mirror: Mirror, centre: Centre) -> None:
    """A key-change that both keys signed brings the new key, key-retired takes the old one."""
    sealed = Changing()
    sealed.genesis()
    sealed.turn("key-change", KEY, SECOND)
    sealed.turn("key-retired", KEY, SECOND)
    sealed.add("heartbeat")
    log = Uploader(sealed)
    for at, size in ((0, 1), (1, 2)):
        pend(mirror, size, log)
        assert isinstance(send(mirror, log.upload(at, size)), Accepted)
    keys = {key.vkey: (key.by, key.retired_ms) for key in centre.register.dock(ORIGIN).keys}
    assert keys[str(SECOND.verifier())] == ("succession", None)
    pend(mirror, 4, log)
    assert isinstance(send(mirror, log.upload(2, 4)), Accepted)
    keys = {key.vkey: (key.by, key.retired_ms) for key in centre.register.dock(ORIGIN).keys}
    assert keys[str(KEY.verifier())] == ("operator", START_MS)
    assert keys[str(SECOND.verifier())] == ("succession", None)
    assert verify_log(mirror.folder(ORIGIN), KEY.verifier()).problems == ()


def test_a_change_of_keys_that_does_not_hold_changes_nothing(
    mirror: Mirror, centre: Centre
) -> None:
    """A key-change with a signature that is none is mirrored, and believed by nobody."""
    sealed = Changing()
    sealed.genesis()
    sealed.turn("key-change", KEY, SECOND, new_signature=_spell(bytes(64)))
    log = Uploader(sealed)
    pend(mirror, 2, log)
    assert isinstance(send(mirror, log.upload(0, 2)), Accepted)
    assert [key.vkey for key in centre.register.dock(ORIGIN).keys] == [str(KEY.verifier())]


def test_what_a_log_signed_is_held_even_if_it_is_nonsense(mirror: Mirror) -> None:
    """An entry that is none is the log's own, and kept: others will name it."""
    sealed = long(5)
    sealed.entries.append(b"no entry at all")
    log = Uploader(sealed)
    pend(mirror, 6, log)
    assert isinstance(send(mirror, log.upload(0, 6)), Accepted)
    assert list(mirror.entries(ORIGIN, 5, 6)) == [b"no entry at all"]


def test_a_root_of_the_past_can_be_asked_for(mirror: Mirror) -> None:
    """The root at any size that is held is the one that the log signed then."""
    pend(mirror, 700)
    send(mirror, LOG.upload(0, 700))
    for size in (1, 255, 256, 300, 511, 700):
        text, _ = note.parse(LOG.sealed.checkpoint(size))
        root = mirror.root_at(ORIGIN, size)
        assert root is not None
        assert text == f"{ORIGIN}\n{size}\n{_spell(root)}\n"
    assert mirror.root_at(ORIGIN, 701) is None


def _spell(root: bytes) -> str:

    return base64.b64encode(root).decode()


def test_a_witness_that_is_shown_another_past_than_the_mirror_notices(
    mirror: Mirror, centre: Centre
) -> None:
    """Heads that grow for themselves and contradict the mirrored entries are not cosigned."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    forged = long(700)
    forged.entries[5:8] = reversed(forged.entries[5:8])
    other = Uploader(forged)
    assert centre.witness is not None
    for size, kind in ((200, "rollback"), (300, "roots")):
        outcome = centre.witness.add_checkpoint(other.submission(0, size), SENDER)
        assert isinstance(outcome, Inconsistent)
        assert centre.evidence.all(ORIGIN)[-1].kind == kind
    assert isinstance(centre.witness.add_checkpoint(LOG.submission(0, 200), SENDER), Accepted)


def test_a_mirror_does_not_cosign_against_the_witness(mirror: Mirror, centre: Centre) -> None:
    """Once the entries are here, they are held against the head that the witness cosigned."""
    forged = long(700)
    forged.entries[5:8] = reversed(forged.entries[5:8])
    assert centre.witness is not None
    shown = Uploader(forged).submission(0, 200)
    assert isinstance(centre.witness.add_checkpoint(shown, SENDER), Accepted)
    pend(mirror, 300)
    assert isinstance(send(mirror, LOG.upload(0, 300)), Inconsistent)
    assert mirror.standing(ORIGIN).mirrored is None
    (fork,) = centre.evidence.all(ORIGIN)
    assert (fork.kind, fork.size, fork.role) == ("rollback", 200, "mirror")
    assert (fork.theirs, fork.ours) == (
        centre.witness.checkpoint(origin_hash(ORIGIN)),
        LOG.sealed.checkpoint(300),
    )


def test_a_restored_old_disk_is_noticed_by_its_own_head(mirror: Mirror, centre: Centre) -> None:
    """A shorter head is no news; one that the mirrored log does not begin with is evidence."""
    pend(mirror, 300)
    send(mirror, LOG.upload(0, 300))
    assert mirror.add_checkpoint(LOG.submission(0, 200), SENDER) == Conflict(300)
    assert centre.evidence.all() == ()
    forged = long(200)
    forged.entries[150] = forged.entries[151]
    body = Uploader(forged).submission(0, 200)
    assert mirror.add_checkpoint(body, SENDER) == Conflict(300)
    (fork,) = centre.evidence.all(ORIGIN)
    assert (fork.kind, fork.size, fork.role) == ("rollback", 200, "pending")


def test_a_disk_that_forgets_accuses_nobody(mirror: Mirror, centre: Centre) -> None:
    """Where our own copy is not what was cosigned, an honest dock's head is no evidence."""
    pend(mirror, 700)
    send(mirror, LOG.upload(0, 700))
    path = mirror.folder(ORIGIN) / "tile/0/000"
    data = path.read_bytes()
    path.write_bytes(data[:1024] + bytes(32) + data[1056:])
    assert mirror.begins_with(ORIGIN, 100, bytes(32)) is None
    assert mirror.add_checkpoint(LOG.submission(0, 100), SENDER) == Conflict(700)
    assert centre.evidence.all() == ()
