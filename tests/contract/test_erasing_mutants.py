"""The gate's own tests find out every change of the gate: each mutant is killed."""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import pytest

from dock_daemon.erasing import doubts, gate
from tests.mutants import module_of, mutants
from tests.unit import test_erasing_doubts, test_erasing_gate

# What a test hands over is made of the true module's values: only what decides is changed.
_VALUES: Final = {
    gate: ("Case", "Policy", "Sealed", "Reading", "Vouched", "Answering", "Stay", "Dock"),
    doubts: ("Found", "Place"),
}
_DECIDED: Final = {
    gate: {
        "may_erase": "may_erase",
        "beside_reading": "beside_reading",
        "Erase": "Erase",
        "Keep": "Keep",
        "NOW_IS": "NOW_MS",
    },
    doubts: {"concerning": "concerning"},
}
_TESTS: Final = {gate: test_erasing_gate, doubts: test_erasing_doubts}
FEWEST: Final = {gate: 180, doubts: 20}


def calls(tests: ModuleType) -> Iterator[tuple[Callable[..., None], dict[str, Any]]]:
    """Yield each test of a module with the arguments of each of its turns."""
    for name, test in inspect.getmembers(tests, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        if not marks:
            yield test, {}
            continue
        (mark,) = marks
        names, values = mark.args
        for value in values:
            if isinstance(names, str):
                yield test, {names: value}
            else:
                yield test, dict(zip(names, value, strict=True))


def survives(mutant: ModuleType, original: ModuleType) -> bool:
    """Tell whether every test of the module passes with a mutant in its place."""
    tests = _TESTS[original]
    honest = {name: getattr(tests, name) for name in _DECIDED[original]}
    try:
        for name, inside in _DECIDED[original].items():
            setattr(tests, name, getattr(mutant, inside))
        for test, arguments in calls(tests):
            test(**arguments)
    except Exception:  # noqa: BLE001  however a mutant fails, it has failed
        return False
    except pytest.fail.Exception:
        return False
    else:
        return True
    finally:
        for name, value in honest.items():
            setattr(tests, name, value)


def loaded(source: str, original: ModuleType) -> ModuleType | None:
    """Return a mutant with the true values in it; None if it does not even load."""
    try:
        mutant = module_of(source, "mutant")
    except Exception:  # noqa: BLE001  however it fails
        return None
    for name in _VALUES[original]:
        setattr(mutant, name, getattr(original, name))
    return mutant


@pytest.mark.parametrize("original", [gate, doubts], ids=["gate", "doubts"])
def test_every_mutant_is_killed(original: ModuleType) -> None:
    """Whatever is changed in what decides, a unit test of it fails."""
    source = inspect.getsource(original)
    alive, made = [], 0
    for what, changed in mutants(source):
        made += 1
        mutant = loaded(changed, original)
        if mutant is not None and survives(mutant, original):
            alive.append(what)
    assert alive == []
    assert made >= FEWEST[original], "the mutants have gone missing"


def test_the_true_modules_pass() -> None:
    """With the module itself in the place of a mutant every test passes."""
    assert survives(gate, gate)
    assert survives(doubts, doubts)
