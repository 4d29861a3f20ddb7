"""A log held against what is there: exactly what is gone is named."""

from hypothesis import given
from hypothesis import strategies as st

from central.fleet.stocktaking import CLIP, DOCUMENT, Ledger, Must, Stock, There, compare
from hashing.canonical import JSON
from tests.unit.test_fleet_reading import GENESIS, log


def digest(number: int) -> str:
    """Return a digest that is told apart from others by its number."""
    return f"{number:064x}"


def clip(number: int, *, docking: int = 1) -> tuple[str, dict[str, JSON]]:
    """Return kind and body of the entry of a clip of `number` bytes."""
    body: dict[str, JSON] = {
        "docking": docking, "sha256": digest(number), "size": number,
        "document": digest(1000 + number),
    }  # fmt: skip
    return "clip", body


def ledger(*facts: tuple[str, dict[str, JSON]]) -> Ledger:
    """Return what a log of these says must exist."""
    made = Ledger()
    for seq, leaf in enumerate(log(GENESIS, *facts)):
        made.take(seq, leaf)
    return made


def stock(held: Ledger, *there: There) -> Stock:
    """Return how clips that are there compare."""
    return compare(held.must(CLIP), there, disposed=held.disposed)


def test_what_is_gone_is_named_with_its_entry() -> None:
    """Of three clips one is missing: its entry, docking and size are told."""
    held = ledger(clip(5), clip(6, docking=2), clip(7))
    found = stock(held, There(digest(5), 5), There(digest(7), 7))
    assert found.gone == (Must(what=CLIP, sha256=digest(6), size=6, seq=2, docking=2),)
    assert (found.expected, found.present, found.damaged, found.extra) == (3, 2, (), ())
    assert not found.holds


def test_a_wrong_size_and_a_wrong_hash_are_damage() -> None:
    """A clip that is shorter than sealed, or does not hash to its name, is damaged."""
    held = ledger(clip(5), clip(6), clip(7))
    found = stock(
        held, There(digest(5), 4), There(digest(6), 6, good=False), There(digest(7), 7, good=True)
    )
    assert [one.sha256 for one in found.damaged] == [digest(5), digest(6)]
    assert found.gone == ()
    assert found.hashed == 2


def test_what_was_disposed_of_is_not_missed() -> None:
    """A disposal that the log tells takes its clips off the list, one or several."""
    held = ledger(
        clip(5), clip(6), clip(7),
        ("disposal", {"sha256": digest(5)}),
        ("disposal", {"sha256": [digest(6)], "reason": "R-RETAIN"}),
        ("erased", {"docking": 1, "clip": 2, "sha256": digest(7), "size": 7, "step": "done",
                    "document": digest(1007)}),
    )  # fmt: skip
    found = stock(held)
    assert [one.sha256 for one in found.gone] == [digest(7)]
    assert found.disposed == 2


def test_what_nobody_named_is_extra() -> None:
    """A clip that no entry of the mirrored log names is told, and nothing is wrong by it."""
    found = stock(ledger(clip(5)), There(digest(5), 5), There(digest(9), 9))
    assert found.extra == (digest(9),)
    assert found.holds


def test_documents_are_kept_apart() -> None:
    """A clip does not stand in for a document, and a document's size is not known."""
    held = ledger(clip(5))
    documents = held.must(DOCUMENT)
    assert documents.keys() == {digest(1005)}
    found = compare(documents, [There(digest(1005), 77)], disposed=held.disposed)
    assert found.holds


def test_content_that_came_twice_is_named_by_its_first_entry() -> None:
    """The same content sealed again must be there once."""
    held = ledger(clip(5, docking=1), clip(5, docking=2))
    assert [(one.seq, one.docking) for one in stock(held).gone] == [(1, 1)]


@given(
    sealed=st.sets(st.integers(1, 30)),
    there=st.sets(st.integers(1, 30)),
    disposed=st.sets(st.integers(1, 30)),
)
def test_nothing_is_missed_and_nobody_is_accused(
    sealed: set[int], there: set[int], disposed: set[int]
) -> None:
    """Gone is what is sealed, not disposed of, and not there: no more and no less."""
    facts = [clip(number) for number in sorted(sealed)]
    facts += [("disposal", {"sha256": digest(number)}) for number in sorted(disposed)]
    found = stock(ledger(*facts), *(There(digest(number), number) for number in there))
    assert {one.sha256 for one in found.gone} == {digest(n) for n in sealed - disposed - there}
    assert set(found.extra) == {digest(n) for n in there - (sealed - disposed)}
    assert found.damaged == ()


@given(st.lists(st.binary(max_size=60)))
def test_nonsense_demands_nothing(leaves: list[bytes]) -> None:
    """Bytes that are no entry name nothing that must exist."""
    held = Ledger()
    for seq, leaf in enumerate(leaves):
        held.take(seq, leaf)
    assert held.must(CLIP) == held.must(DOCUMENT) == {}
