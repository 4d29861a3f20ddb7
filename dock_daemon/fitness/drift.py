"""How far a recorder's clock runs off in a day, by the readings of many dockings. Pure.

What a clock was set to by somebody else is no drift. Such a jump is known by what no drift is:
faster than any clock runs off (`clock.drift_most_s_per_day`), or unlike this clock at other times
by more than drift changes of itself (`clock.drift_varies_s_per_day`), the uncertainty of the
readings in its favour. A smaller one is not seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from config.maintenance import ClockLimits
from dock_daemon.fitness.history import SYNCHRONIZED, History

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far the clock runs off in a day, and what the readings' uncertainty makes of it (ms).

    `sure` is False where the dock's own clock was not synchronised at both readings.
    """

    per_day_ms: int
    uncertainty_ms: int
    from_ms: int
    to_ms: int
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The surest drift, None where none is known, and how often somebody else set the clock."""

    drift: Drift | None
    jumps: int


@dataclass(frozen=True, slots=True)
class _Reading:
    at_ms: int
    offset_ms: int
    uncertainty_ms: int
    sync: str


@dataclass(frozen=True, slots=True)
class _Step:
    """From one reading to the next: in how long, how far, give or take (ms)."""

    span_ms: int
    moved_ms: int
    doubt_ms: int

    def beyond(self, per_day_ms: int) -> bool:
        """Tell whether it went surely farther than a clock that is off by so much a day."""
        return (abs(self.moved_ms) - self.doubt_ms) * DAY_MS > per_day_ms * self.span_ms

    def unlike(self, usual: "_Step", varies_ms: int) -> bool:
        """Tell whether it went surely otherwise than usual, and than drift changes of itself."""
        apart = abs(self.moved_ms * usual.span_ms - usual.moved_ms * self.span_ms)
        doubt = self.doubt_ms * usual.span_ms + usual.doubt_ms * self.span_ms
        return (apart - doubt) * DAY_MS > varies_ms * self.span_ms * usual.span_ms


def running(history: History, limits: ClockLimits) -> Running:
    """Return how a clock runs between the settings, the dock's and those of others."""
    runs = list(_runs(history))
    usual = _usual([step for run in runs for step in _steps(run)], limits)
    stretches = [stretch for run in runs for stretch in _stretches(run, usual, limits)]
    found = [
        drift
        for stretch in stretches
        if len(stretch) > 1 and (drift := _between(stretch[0], stretch[-1])) is not None
    ]
    sure = [one for one in found if one.sure]
    surest = min(reversed(sure or found), key=lambda one: one.uncertainty_ms, default=None)
    return Running(drift=surest, jumps=len(stretches) - len(runs))


def _runs(history: History) -> Iterator[list[_Reading]]:
    """Yield the readings between one setting and the next, what each setting left included."""
    set_at = {one.docking: one for one in history.settings}
    run: list[_Reading] = []
    for check in history.checks:
        if check.offset_ms is not None and check.uncertainty_ms is not None:
            # Where the clock was set at this docking, this is what it showed before.
            run.append(_Reading(check.at_ms, check.offset_ms, check.uncertainty_ms, check.sync))
        if (done := set_at.get(check.docking)) is not None:
            yield run
            run = []
            if done.after_ms is not None and done.after_uncertainty_ms is not None:
                run = [_Reading(done.at_ms, done.after_ms, done.after_uncertainty_ms, done.sync)]
    yield run


def _steps(run: Sequence[_Reading]) -> list[_Step]:
    return [_step(first, last) for first, last in pairwise(run)]


def _step(first: _Reading, last: _Reading) -> _Step:
    return _Step(
        span_ms=last.at_ms - first.at_ms,
        moved_ms=last.offset_ms - first.offset_ms,
        doubt_ms=first.uncertainty_ms + last.uncertainty_ms,
    )


def _usual(steps: Sequence[_Step], limits: ClockLimits) -> _Step | None:
    """Return the step in the middle of all by drift, each counted by how long it took."""
    of_a_drift = sorted(
        (one for one in steps if one.span_ms > 0 and not one.beyond(_most_ms(limits))),
        key=lambda one: one.moved_ms / one.span_ms,
    )
    left = sum(one.span_ms for one in of_a_drift) / 2
    for step in of_a_drift:
        left -= step.span_ms
        if left <= 0:
            return step
    return None


def _stretches(
    run: Sequence[_Reading], usual: _Step | None, limits: ClockLimits
) -> Iterator[list[_Reading]]:
    """Yield the readings of a run from one jump to the next."""
    stretch = list(run[:1])
    for last, step in zip(run[1:], _steps(run), strict=True):
        if _jumped(step, usual, limits):
            yield stretch
            stretch = []
        stretch.append(last)
    yield stretch


def _jumped(step: _Step, usual: _Step | None, limits: ClockLimits) -> bool:
    if step.span_ms <= 0:  # the dock's clock was put back, or both are of one moment
        return False
    if usual is None or step.beyond(_most_ms(limits)):
        return True
    return step.unlike(usual, limits.drift_varies_s_per_day * 1000)


def _most_ms(limits: ClockLimits) -> int:
    return limits.drift_most_s_per_day * 1000


def _between(first: _Reading, last: _Reading) -> Drift | None:
    step = _step(first, last)
    if step.span_ms <= 0:
        return None
    return Drift(
        per_day_ms=round(step.moved_ms * DAY_MS / step.span_ms),
        # Rounded up, and one for the rounding of the drift itself.
        uncertainty_ms=-(-step.doubt_ms * DAY_MS // step.span_ms) + 1,
        from_ms=first.at_ms,
        to_ms=last.at_ms,
        sure=first.sync == last.sync == SYNCHRONIZED,
    )
