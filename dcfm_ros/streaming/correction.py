"""Corrects the estimated label change by what key frames show.

On a key frame both are at hand: the labels that its own common feature gives, and those that the
old one would have given. How much they differ is what the estimate stands for, measured.
"""

from __future__ import annotations

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
