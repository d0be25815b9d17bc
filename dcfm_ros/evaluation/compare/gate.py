"""Gates for CI: what change of a figure makes a run fail."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dcfm_ros.errors import EvaluationError, SettingsError
from dcfm_ros.evaluation.compare.runs import Comparison, Difference, Run
from dcfm_ros.evaluation.measure.figures import figures, the_figure

_FORM = re.compile(
    r"\s*(?P<name>[^<>=]*?[^<>=\s])\s*(?P<sign>[<>]=?)\s*"
    r"(?P<limit>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<percent>%?)\s*"
)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda found, limit: found < limit,
    "<=": lambda found, limit: found <= limit,
    ">": lambda found, limit: found > limit,
    ">=": lambda found, limit: found >= limit,
}


@dataclass(frozen=True)
class Gate:
    """Fails a run when a figure's change meets its condition."""

    text: str
    name: str
    sign: str
    limit: float
    """In the figure's unit, or in per cent of the old value."""
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Read e.g. `miou < -0.5` (points lost) or `latency.p99 > +10%` (of the old value).

        Raises:
            SettingsError: another form.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise SettingsError(
                f"--fail-if: found {text!r}, expected a figure, one of < <= > >= and the change "
                "that is too much, e.g. 'miou < -0.5' or 'latency.p99 > +10%'"
            )
        return cls(
            " ".join(text.split()),
            match["name"],
            match["sign"],
            float(match["limit"]),
            bool(match["percent"]),
        )


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a comparison."""

    gate: Gate
    difference: Difference
    found: float
    """The change, in the figure's unit or in per cent."""
    tripped: bool

    def __str__(self) -> str:
        figure = self.difference.figure
        unit = "%" if self.gate.relative else figure.unit.name
        outcome = "FAILED" if self.tripped else "passed"
        return f"{outcome}  {self.gate.text}: {figure.name} {self.found:+.4g} {unit}"


def check_gates(gates: Sequence[Gate], old: Run) -> None:
    """Tell of gates that cannot be judged before a run takes its time.

    Raises:
        EvaluationError: a figure that the old run does not have, or has no value of.
    """
    for gate in gates:
        _check_value(gate, old)


def judge(gate: Gate, comparison: Comparison) -> Verdict:
    """Hold a gate against a comparison.

    Raises:
        EvaluationError: an unknown figure, or one that a run has no value of.
    """
    for run in (comparison.old, comparison.new):
        _check_value(gate, run)
    difference = comparison.differences[gate.name]
    found = _relative(difference) if gate.relative else difference.change
    assert found is not None
    return Verdict(gate, difference, found, _SIGNS[gate.sign](found, gate.limit))


def _check_value(gate: Gate, run: Run) -> None:
    if the_figure(figures(run.document), gate.name).value is None:
        raise EvaluationError(
            f"--fail-if {gate.text!r}: {run.path} has no value of {gate.name} to compare"
        )


def _relative(difference: Difference) -> float | None:
    """The change in per cent of the old value; infinite where that was 0."""
    old, change = difference.old, difference.change
    if old is None or change is None:
        return None
    if old == 0:
        return math.copysign(math.inf, change) if change else 0.0
    return 100.0 * change / abs(old)
