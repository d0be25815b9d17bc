"""Expected label change: the share of pixels whose label a fresh common feature would change.

An estimate from the signals of a frame, fitted on unlabelled video by `dcfm calibrate`: a non-
negative combination of signals (so that the estimate never falls with age), then an increasing
broken line. It is corrected by what key frames show: on them both are at hand, the labels that
their own common feature gives and those that the old one would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import CheckpointError
from dcfm_ros.streaming.signals import Signals

FEATURES: dict[str, Callable[[Any], Any]] = {
    "luma change": lambda s: s.luma_change,
    "root of luma change": lambda s: np.sqrt(s.luma_change),
    "root of age": lambda s: np.sqrt(s.age),
    "drift": lambda s: s.drift,
    "confidence fall": lambda s: s.confidence_fall,
    "boundary density": lambda s: s.boundary,
}
"""Of `Signals`, or of anything that holds the same names as arrays."""

MAX_KNOTS = 32


@dataclass(frozen=True)
class Calibration:
    """What `dcfm calibrate` found out about a network on a kind of video.

    Raises:
        CheckpointError: the numbers are not those of a calibration.
    """

    weights: tuple[float, ...]
    """Of FEATURES, not negative."""
    scores: tuple[float, ...]
    """Knots of the broken line, increasing."""
    changes: tuple[float, ...]
    """Expected label change at the knots, not decreasing."""
    budgets: tuple[float, ...]
    """Budgets of the adaptive policy, increasing …"""
    mean_changes: tuple[float, ...]
    """… the mean label change over all frames that each led to …"""
    key_shares: tuple[float, ...]
    """… and the share of key frames."""
    confidence_discount: float = 0.0
    """Reuse multiplies confidence by 1 - this · expected label change."""
    fitted_on: tuple[str, ...] = field(default=())
    """The videos; empty: the general default, which knows nothing about the network at hand."""

    def __post_init__(self) -> None:
        lines = (
            (self.scores, self.changes),
            (self.budgets, self.mean_changes, self.key_shares),
        )
        if (
            len(self.weights) != len(FEATURES)
            or any(len(part) != len(line[0]) for line in lines for part in line)
            or any(len(line[0]) < 2 for line in lines)
            or min(self.weights) < 0
            or any(np.diff(part).min() < 0 for part in (self.scores, self.changes, self.budgets))
            or self.budgets[0] <= 0
        ):
            raise CheckpointError(
                "the key-frame calibration is not one that this version knows; run `dcfm calibrate`"
            )

    @property
    def is_fitted(self) -> bool:
        """Whether it was measured on video, with the network that it belongs to."""
        return bool(self.fitted_on)

    def expected_change(self, signals: Signals) -> float:
        """Expected label change of reuse, 0 … 1."""
        score = sum(
            weight * float(feature(signals))
            for weight, feature in zip(self.weights, FEATURES.values(), strict=True)
            if weight
        )
        return float(np.interp(score, self.scores, self.changes))

    def expected_changes(self, signals: Any) -> NDArray[np.float64]:
        """The same for arrays of signals of any one shape."""
        columns = [np.asarray(feature(signals), np.float64) for feature in FEATURES.values()]
        score = sum(w * c for w, c in zip(self.weights, columns, strict=True))
        return np.asarray(np.interp(score, self.scores, self.changes))

    def budget_for_change(self, mean_change: float) -> float:
        """The budget that led to a mean label change over all frames."""
        return _invert(mean_change, self.mean_changes, self.budgets)

    def budget_for_share(self, key_share: float) -> float:
        """The budget that led to a share of key frames."""
        return _invert(-key_share, [-share for share in self.key_shares], self.budgets)

    def to_plain(self) -> dict[str, Any]:
        """For the checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Calibration:
        """From the checkpoint's metadata; the general default where there is none.

        Raises:
            CheckpointError: it is not a calibration.
        """
        if not plain:
            return GENERAL
        try:
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in plain.items()
            }
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"the key-frame calibration in the checkpoint cannot be read ({error}); "
                "run `dcfm calibrate`"
            ) from None


def _invert(wanted: float, reached: Any, budgets: tuple[float, ...]) -> float:
    """Interpolate the logarithm of the budget; `reached` may have flat parts."""
    increasing = np.maximum.accumulate(np.asarray(reached, np.float64))
    return float(np.exp(np.interp(wanted, increasing, np.log(budgets))))


GENERAL = Calibration(
    weights=(1.2, 0.0, 0.0, 0.2, 0.0, 0.07),
    scores=(0.0, 0.03, 1.0),
    changes=(0.0, 0.03, 1.0),
    budgets=(0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    mean_changes=(0.01, 0.02, 0.03, 0.045, 0.06, 0.08),
    key_shares=(0.6, 0.42, 0.31, 0.21, 0.14, 0.09),
)
"""For networks without a calibration: from several small networks on street videos."""


_MEMORY = 0.9
"""What a measurement still weighs at the next one: about the last ten count."""
_PRIOR = 0.1
"""Label change that counts in favour of the estimate as it is."""
_RANGE = 2.0
"""The estimate is multiplied or divided by this at most."""
_LEAST_FRAMES = 6
"""From one measurement to the next, so that they cost little where key frames are dense."""


class Correction:
    """A factor for the estimates of one camera: slow, bounded, and decided by frames alone."""

    def __init__(self) -> None:
        self._expected = self._measured = self._under_way = 0.0
        self._frames = _LEAST_FRAMES  # the first key frame that there is may be measured

    @property
    def factor(self) -> float:
        """Measured over expected label change of the last measurements, drawn towards 1."""
        ratio = (self._measured + _PRIOR) / (self._expected + _PRIOR)
        return min(_RANGE, max(1.0 / _RANGE, ratio))

    def frame_passed(self) -> None:
        """Count a frame."""
        self._frames += 1

    @property
    def is_due(self) -> bool:
        """Whether the next key frame should be measured."""
        return self._frames >= _LEAST_FRAMES

    def begin(self, expected_change: float) -> None:
        """A key frame is going to be measured.

        Args:
            expected_change: what reuse would have changed on it by the estimate, uncorrected.
        """
        self._frames = 0
        self._under_way = expected_change

    def learn(self, measured_change: float) -> None:
        """Take what was measured on the key frame of the last `begin`."""
        self._expected = _MEMORY * self._expected + self._under_way
        self._measured = _MEMORY * self._measured + measured_change

    def reset(self) -> None:
        """Forget what was measured."""
        self._expected = self._measured = self._under_way = 0.0
        self._frames = _LEAST_FRAMES
