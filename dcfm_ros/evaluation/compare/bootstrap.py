"""Paired bootstrap over blocks of consecutive frames: how sure a difference of two runs is.

Neighbouring frames of a video are nearly the same picture, so single frames are no independent
samples: whole blocks of them are drawn (Carlstein 1986), and from many recordings whole recordings.
Both runs are evaluated on the same draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEVEL = 0.95
MANY_RECORDINGS = 20
"""From this many on, whole recordings are drawn."""

FEWEST_BLOCKS = 4
"""Fewer say nothing about how figures vary."""

_MOST_BLOCKS = 2000
"""Longer blocks do no harm, more of them cost time."""

Floats = NDArray[np.float64]


def block_length(series: Sequence[Floats]) -> int:
    """Frames per block that suit how alike neighbours are.

    Carlstein's rule for a first-order autoregressive series, (2ρ / (1 - ρ²))^(2/3) n^(1/3), with
    the autocorrelation ρ at lag 1 over all recordings.

    Args:
        series: per recording (n,) the difference of the runs by frame; NaN where unknown.

    Returns:
        1 to a quarter of all frames.
    """
    known = [part[~np.isnan(part)] for part in series]
    count = sum(len(part) for part in known)
    if count < 8:
        return 1
    mean = np.concatenate(known).mean()
    centred = [part - mean for part in known]
    variance = sum(float(part @ part) for part in centred)
    if not variance > 0:
        return 1
    rho = sum(float(part[:-1] @ part[1:]) for part in centred) / variance
    rho = min(max(rho, 0.0), 0.99)
    length = (2.0 * rho / (1.0 - rho * rho)) ** (2 / 3) * count ** (1 / 3)
    return int(min(max(1, math.ceil(length)), max(1, count // 4)))


def blocks(lengths: Sequence[int], block: int) -> NDArray[np.int64]:
    """(blocks,) frames of each block; none spans two recordings, and all are about as long.

    Args:
        lengths: frames of each recording.
        block: frames that a block should have.
    """
    block = max(block, -(-sum(lengths) // _MOST_BLOCKS))
    sizes: list[int] = []
    for frames in lengths:
        count = 1 if len(lengths) >= MANY_RECORDINGS else max(1, round(frames / block))
        edges = np.arange(count + 1) * frames // count
        sizes += np.diff(edges).tolist()
    return np.array([size for size in sizes if size], np.int64)


def draw_weights(count: int, draws: int = DRAWS, seed: int = 0) -> Floats:
    """(draws, count) how often each block is in each draw; the same for the same seed."""
    share = np.full(count, 1.0 / count)
    return np.random.default_rng(seed).multinomial(count, share, draws).astype(np.float64)


def interval(values: Floats) -> tuple[float, float] | None:
    """The percentile interval of a figure at `LEVEL`.

    Args:
        values: (draws,) NaN where a draw has no value.

    Returns:
        None where most draws have no value.
    """
    known = values[~np.isnan(values)]
    if len(known) < len(values) / 2:
        return None
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(known, (tail, 100.0 - tail))
    return float(low), float(high)


def weighted_percentile(values: Floats, weights: Floats, percent: float) -> Floats:
    """(draws,) the value below which `percent` of the weight lies.

    Args:
        values: (frames,) in rising order, without NaN.
        weights: (draws, frames).
    """
    below = np.cumsum(weights, axis=1)
    reached = below >= percent / 100.0 * below[:, -1:] - 1e-9
    result: Floats = values[np.argmax(reached, axis=1)]
    return np.where(below[:, -1] > 0, result, np.nan)
