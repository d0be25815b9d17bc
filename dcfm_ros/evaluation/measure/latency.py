"""How long frames took, by stage and by kind of frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.frames import STAGES

LOWEST_MS, _RATIO = 1e-3, 1.01
BINS = 2400
"""Up to 20 million s; the first bin holds all below `LOWEST_MS`."""

_PERCENTILES = (50, 95, 99)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Latencies:
    """Times in ms by stage, (n,) each; of frames that were not measured there are none."""

    of_key_frames: Mapping[str, Floats]
    of_others: Mapping[str, Floats]

    @classmethod
    def joined(cls, parts: Sequence[Latencies]) -> Latencies:
        """Those of several recordings."""
        return cls(
            {s: np.concatenate([part.of_key_frames[s] for part in parts]) for s in STAGES},
            {s: np.concatenate([part.of_others[s] for part in parts]) for s in STAGES},
        )

    def of(self, stage: str) -> Floats:
        """Of all frames, key frames first."""
        return np.concatenate((self.of_key_frames[stage], self.of_others[stage]))

    @property
    def stages(self) -> list[str]:
        """Those that were measured."""
        return [stage for stage in STAGES if self.of(stage).size]


def time_stages(latencies: Latencies) -> dict[str, Any]:
    """Latencies in ms, by stage and by kind of frame; they differ from run to run."""
    return {
        "stages_ms": {stage: _percentiles(latencies.of(stage)) for stage in latencies.stages},
        "total_ms_of_key_frames": _percentiles(latencies.of_key_frames["total"]),
        "total_ms_of_non_key_frames": _percentiles(latencies.of_others["total"]),
    }


def mean_rate_hz(frames: Sequence[int], rates_hz: Sequence[float]) -> float:
    """Frames per second over recordings that were segmented one after the other.

    Args:
        frames: of each recording.
        rates_hz: likewise; 0 if unknown.
    """
    seconds = sum(n / rate for n, rate in zip(frames, rates_hz, strict=True) if rate)
    return round(sum(frames) / seconds, 3) if seconds else 0.0


def histogram(values_ms: Floats) -> NDArray[np.int64]:
    """(BINS,) how many values lie in each bin; NaN in none."""
    known = values_ms[~np.isnan(values_ms)]
    place = np.zeros(known.shape, np.int64)
    above = known >= LOWEST_MS
    place[above] = 1 + np.floor(np.log(known[above] / LOWEST_MS) / np.log(_RATIO)).astype(np.int64)
    return np.bincount(np.minimum(place, BINS - 1), minlength=BINS)


def centres_ms(counts: NDArray[np.int64]) -> Floats:
    """The values of a histogram again, in rising order, each at the middle of its bin."""
    middles = LOWEST_MS * _RATIO ** (np.arange(BINS) - 0.5)
    middles[0] = 0.0
    values: Floats = np.repeat(middles, counts)
    return values


def _percentiles(values: Floats) -> dict[str, float] | None:
    if not values.size:
        return None
    found = {f"p{p}": round(float(np.percentile(values, p)), 3) for p in _PERCENTILES}
    return {**found, "mean": round(float(values.mean()), 3), "max": round(float(values.max()), 3)}
