"""Proofs made by others, and what we say of them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hashing import proofs
from tests.trees import Files, holds_by

GOLDEN = Path(__file__).parent.parent / "golden" / "hashing"


def golden(name: str) -> Any:
    """Return the content of a golden file."""
    return json.loads((GOLDEN / name).read_text("utf-8"))


def raw(text: str) -> bytes:
    """Return what base 64 spells."""
    return base64.b64decode(text)


def probes(kind: str) -> list[Any]:
    """Return the probes of one kind, each with what we say of it."""
    found = golden(f"merkle_{kind}.json")
    return [
        pytest.param(
            each, each["holds"] and each["name"] not in found["refused_by_us"], id=each["name"]
        )
        for each in found["probes"]
    ]


@pytest.mark.parametrize(("probe", "holds"), probes("inclusion"))
def test_inclusion_probes(probe: dict[str, Any], holds: bool) -> None:  # noqa: FBT001  a table's column
    """We say of each inclusion proof what its makers say."""
    leaf, root = raw(probe["leafHash"]), raw(probe["root"])
    proof = [raw(each) for each in probe["proof"]]
    assert (
        holds_by(proofs.check_inclusion, probe["leafIdx"], probe["treeSize"], leaf, proof, root)
        is holds
    )


@pytest.mark.parametrize(("probe", "holds"), probes("consistency"))
def test_consistency_probes(probe: dict[str, Any], holds: bool) -> None:  # noqa: FBT001  a table's column
    """We say of each consistency proof what its makers say, but that our roots are 32 bytes."""
    roots = raw(probe["root1"]), raw(probe["root2"])
    proof = [raw(each) for each in probe["proof"]]
    assert (
        holds_by(proofs.check_consistency, probe["size1"], probe["size2"], *roots, proof) is holds
    )


@pytest.mark.parametrize(("probe", "holds"), probes("subtree"))
def test_subtree_probes(probe: dict[str, Any], holds: bool) -> None:  # noqa: FBT001  a table's column
    """We say of each subtree proof what its makers say, but that nothing proves no entries."""
    roots = raw(probe["root1"]), raw(probe["root2"])
    proof = [raw(each) for each in probe["proof"]]
    span = probe["start"], probe["end"], probe["size"]
    assert holds_by(proofs.check_subtree, *span, roots[0], proof, roots[1]) is holds


def test_the_golden_log_has_its_proofs() -> None:
    """The log of 300 has the two proofs that other implementations made of it."""
    read = Files(300).read
    assert proofs.consistency(256, 300, read) == [
        raw("1cmLlKsuycjukngw3shUvo+1B9TTkF436SFW60l2evc=")
    ]
    assert proofs.inclusion(256, 300, read)[0] == raw(
        "grnFPf0o2arPmhVs+EaTA4cqdawZfQ82yOF0WhWcVU0="
    )
    roots = {int(size): raw(root) for size, root in golden("log300.json")["roots"].items()}
    for old in (70, 256, 300):
        proofs.check_consistency(
            old, 300, roots[old], roots[300], proofs.consistency(old, 300, read)
        )
