"""Entries on their way to a mirror: packages, however the stream is sliced."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing.checkpoint import MAX_SIZE
from hashing.errors import SubmissionError
from hashing.submission import (
    MAX_HEAD,
    MAX_PACKAGE,
    MAX_PROOF,
    MAX_TEXT,
    Package,
    PackageReader,
    Parcel,
    UploadHead,
    pack_package,
    packages,
)
from hashing.tiles import MAX_ENTRY, pack_bundle

FEW = settings(max_examples=60, deadline=None)


@st.composite
def uploads(draw: st.DrawFn) -> tuple[UploadHead, list[Parcel]]:
    """Return a head and all the parcels that follow it."""
    start = draw(st.integers(0, 600))
    head = UploadHead("dock.example/0001", start, start + draw(st.integers(0, 600)), b"ticket")
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=7))
    parcels = [
        Parcel(
            package,
            tuple(
                bytes([n % 251]) * sizes[n % len(sizes)] for n in range(package.start, package.end)
            ),
            tuple(bytes([n]) * 32 for n in range(sizes[package.start % len(sizes)])),
        )
        for package in packages(head.start, head.end)
    ]
    return head, parcels


def body_of(parcels: list[Parcel]) -> bytes:
    """Return the bytes of parcels, one after the other."""
    return b"".join(pack_package(each.entries, each.proof) for each in parcels)


def mutated(data: bytes, draw: st.DataObject) -> bytes:
    """Return `data` with something cut out, put in or changed."""
    at = draw.draw(st.integers(0, len(data)))
    stop = min(len(data), at + draw.draw(st.integers(0, 4)))
    piece = draw.draw(
        st.one_of(st.binary(max_size=4), st.sampled_from([b"\n", b"\n\n", b"0", b"="]))
    )
    return data[:at] + piece + data[stop:]


def test_the_bytes_of_an_uploads_head() -> None:
    """Lengths and numbers are big-endian; nothing is padded."""
    head = UploadHead("dock.example/1", 3, 700, b"tick")
    data = head.encode()
    assert data == (
        b"\x00\x0edock.example/1" + bytes(7) + b"\x03" + bytes(6) + b"\x02\xbc" + b"\x00\x04tick"
    )
    assert UploadHead.read(data + b"more") == (head, len(data))
    assert [UploadHead.read(data[:at]) for at in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize(
    ("origin", "start", "end", "ticket"),
    [
        ("", 0, 1, b""),
        ("a b", 0, 1, b""),
        ("a+b", 0, 1, b""),
        ("a\nb", 0, 1, b""),
        ("\ud800", 0, 1, b""),
        ("甲" * 21_846, 0, 1, b""),
        ("a", 2, 1, b""),
        ("a", -1, 1, b""),
        ("a", 0, MAX_SIZE + 1, b""),
        ("a", 0, 1, bytes(65_536)),
    ],
)
def test_what_is_no_uploads_head(origin: str, start: int, end: int, ticket: bytes) -> None:
    """Such a head is not made."""
    with pytest.raises(SubmissionError):
        UploadHead(origin, start, end, ticket)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00" + bytes(16) + b"\x00\x00",
        b"\x00\x01\xff" + bytes(16) + b"\x00\x00",
        b"\x00\x01a" + b"\xff" * 16 + b"\x00\x00",
        b"\x00\x01a" + bytes(7) + b"\x02" + bytes(7) + b"\x01" + b"\x00\x00",
    ],
)
def test_a_head_that_says_nonsense(data: bytes) -> None:
    """Such a head is refused when it is read."""
    with pytest.raises(SubmissionError):
        UploadHead.read(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_head_or_none(data: bytes) -> None:
    """Any bytes are a head in its one spelling, too few, or SubmissionError."""
    try:
        found = UploadHead.read(data)
    except SubmissionError:
        return
    if found is not None:
        assert found[0].encode() == data[: found[1]]


def test_a_head_is_never_longer_than_its_bound() -> None:
    """MAX_HEAD bytes are always enough to know."""
    most = UploadHead("a" * MAX_TEXT, 0, MAX_SIZE, bytes(MAX_TEXT))
    assert len(most.encode()) == MAX_HEAD
    assert UploadHead.read(most.encode()) == (most, MAX_HEAD)


@pytest.mark.parametrize(
    ("span", "wanted"),
    [
        ((5, 5), []),
        ((0, 1), [(0, 0, 1)]),
        ((0, 256), [(0, 0, 256)]),
        ((255, 257), [(0, 255, 256), (256, 256, 257)]),
        ((250, 700), [(0, 250, 256), (256, 256, 512), (512, 512, 700)]),
        ((300, 310), [(256, 300, 310)]),
    ],
)
def test_the_canonical_sequence(span: tuple[int, int], wanted: list[tuple[int, int, int]]) -> None:
    """Packages are cut at multiples of 256, and proved from there to their end."""
    assert packages(*span) == [Package(*each) for each in wanted]


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_packages_cover_what_is_uploaded(start: int, length: int) -> None:
    """Packages follow one another without a gap, each within one bundle, as many as must be."""
    found = packages(start, start + length)
    at = start
    for each in found:
        assert each.start == at
        assert each.subtree_start == at // 256 * 256
        assert at < each.end <= each.subtree_start + 256
        at = each.end
    assert at == start + length
    assert len(found) == (-(-(start + length) // 256) - start // 256 if length else 0)


def test_no_package_is_backwards() -> None:
    """Entries from 2 to 1 cannot be uploaded, nor expected."""
    for make in (packages, PackageReader):
        with pytest.raises(SubmissionError):
            make(2, 1)


def test_a_package_begins_as_its_bundle_is() -> None:
    """A package is a bundle, a count and as many hashes."""
    entries = [b"one", b"two"]
    assert pack_package(entries, [b"h" * 32]) == pack_bundle(entries) + b"\x01" + b"h" * 32


@pytest.mark.parametrize(
    ("entries", "proof"),
    [
        ([], []),
        ([b"e"] * 257, []),
        ([b""], []),
        ([bytes(MAX_ENTRY + 1)], []),
        ([b"e"], [bytes(32)] * 64),
        ([b"e"], [bytes(31)]),
    ],
)
def test_what_is_no_package(entries: list[bytes], proof: list[bytes]) -> None:
    """Such a package is not made."""
    with pytest.raises(SubmissionError):
        pack_package(entries, proof)


@given(uploads(), st.data())
@FEW
def test_packages_arrive_however_the_stream_is_sliced(
    upload: tuple[UploadHead, list[Parcel]], data: st.DataObject
) -> None:
    """Whatever the slices, each package comes out, in order, once its last byte is in."""
    head, parcels = upload
    body = body_of(parcels)
    reader = PackageReader(head.start, head.end)
    got: list[Parcel] = []
    at = 0
    while at < len(body):
        step = data.draw(st.sampled_from([1, 2, 3, 31, 33, 500, 5000, len(body)]))
        step = max(step, len(body) // 40)
        got += reader.feed(body[at : at + step])
        at += step
        whole = [n for n in range(len(parcels) + 1) if len(body_of(parcels[:n])) <= at][-1]
        assert got == parcels[:whole]
    reader.finish()
    assert reader.awaits is None


@given(uploads(), st.data())
@FEW
def test_a_torn_tail_is_told(upload: tuple[UploadHead, list[Parcel]], data: st.DataObject) -> None:
    """An upload that ends within a package says so; one that ends between two is a prefix."""
    head, parcels = upload
    body = body_of(parcels)
    cut = data.draw(st.integers(0, len(body)))
    reader = PackageReader(head.start, head.end)
    got = list(reader.feed(body[:cut]))
    assert got == parcels[: len(got)]
    assert reader.awaits == (parcels[len(got)].package if len(got) < len(parcels) else None)
    if body_of(got) == body[:cut]:
        reader.finish()
    else:
        with pytest.raises(SubmissionError, match="ends within a package"):
            reader.finish()


@given(uploads(), st.data())
@FEW
def test_a_changed_stream_is_other_packages_or_refused(
    upload: tuple[UploadHead, list[Parcel]], data: st.DataObject
) -> None:
    """Whatever arrives, the reader yields packages that spell it, waits, or refuses."""
    head, parcels = upload
    body = mutated(body_of(parcels), data)
    reader = PackageReader(head.start, head.end)
    got: list[Parcel] = []
    try:
        for parcel in reader.feed(body):
            got.append(parcel)  # noqa: PERF402  what came out before an error stands
        reader.finish()
    except SubmissionError:
        pass
    assert body.startswith(body_of(got))


@given(st.binary(max_size=400))
def test_any_stream_is_packages_or_refused(data: bytes) -> None:
    """Any bytes at all are packages, the beginning of one, or SubmissionError."""
    reader = PackageReader(0, 3)
    try:
        got = list(reader.feed(data))
        reader.finish()
    except SubmissionError:
        return
    assert body_of(got) == data


def test_what_came_before_an_error_stands() -> None:
    """A sound package comes out even where the same slice goes on with nonsense."""
    sound = pack_package([b"one"] * 256, [])
    reader = PackageReader(0, 300)
    stream = reader.feed(sound + b"\x00\x00")
    assert next(stream).entries == (b"one",) * 256
    with pytest.raises(SubmissionError, match="an entry is empty"):
        next(stream)


def test_bytes_after_the_last_package_are_refused() -> None:
    """Nothing follows the canonical sequence, not even where it is empty."""
    reader = PackageReader(0, 1)
    assert len(list(reader.feed(pack_package([b"one"], [])))) == 1
    for each in (reader, PackageReader(7, 7)):
        assert list(each.feed(b"")) == []
        with pytest.raises(SubmissionError, match="follow the last package"):
            list(each.feed(b"x"))


def test_too_many_hashes_are_refused_before_they_come() -> None:
    """A count above 63 is refused at once."""
    reader = PackageReader(0, 1)
    with pytest.raises(SubmissionError, match="at most 63 hashes, not 64"):
        list(reader.feed(b"\x00\x01e" + bytes([64])))


def test_the_largest_package_is_taken_and_nothing_of_it_kept() -> None:
    """256 entries of 65,535 bytes and 63 hashes are one package, held once and then let go."""
    parcel = pack_package([bytes([7]) * MAX_ENTRY] * 256, [bytes(32)] * MAX_PROOF)
    assert len(parcel) == MAX_PACKAGE
    reader = PackageReader(0, 512)
    for _ in range(2):
        got = [
            each
            for at in range(0, len(parcel), 1 << 20)
            for each in reader.feed(parcel[at : at + (1 << 20)])
        ]
        assert [len(each.entries) for each in got] == [256]
    reader.finish()
