"""Paired bootstrap over blocks of consecutive frames: how sure a difference of two runs is.

Neighbouring frames of a video are nearly the same picture, so single frames are no independent
samples: whole blocks are drawn (moving blocks: Künsch 1989; circular: Politis and Romano 1992), and
from many recordings whole recordings. Both runs are evaluated on the same draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEVEL = 0.95
MANY_RECORDINGS = 20
"""From this many on, whole recordings are drawn."""

_CHUNK = 4_000_000
"""Weights held at a time."""

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""(draws, frames) weights → (draws,) values."""


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


def interval(
    statistic: Statistic, lengths: Sequence[int], block: int, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float] | None:
    """The percentile interval of a statistic at `LEVEL`; the same for the same seed.

    Args:
        statistic: e.g. the difference of two means under the same weights.
        lengths: frames of each recording, in the order of the weights.

    Returns:
        None where most draws have no value, or there is one block only.
    """
    if sum(lengths) < 2:
        return None
    rng = np.random.default_rng(seed)
    parts = [statistic(weights) for weights in _weights(lengths, block, draws, rng)]
    values = np.concatenate(parts)
    values = values[~np.isnan(values)]
    if len(values) < draws / 2:
        return None
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(values, (tail, 100.0 - tail))
    return float(low), float(high)


def weighted_percentile(values: Floats, weights: Floats, percent: float) -> Floats:
    """(draws,) the value below which `percent` of the weight lies.

    Args:
        values: (frames,) without NaN.
        weights: (draws, frames).
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[:, order], axis=1)
    reached = below >= percent / 100.0 * below[:, -1:] - 1e-9
    result: Floats = values[order][np.argmax(reached, axis=1)]
    return np.where(below[:, -1] > 0, result, np.nan)


def _weights(
    lengths: Sequence[int], block: int, draws: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """(some draws, frames) how often each frame is in each draw, until there are all draws."""
    step = max(1, _CHUNK // max(1, sum(lengths)))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        if len(lengths) >= MANY_RECORDINGS:
            share = np.full(len(lengths), 1.0 / len(lengths))
            yield np.repeat(rng.multinomial(len(lengths), share, count), lengths, 1).astype(float)
        else:
            yield np.concatenate([_blocks(n, block, count, rng) for n in lengths], 1)


def _blocks(frames: int, block: int, draws: int, rng: np.random.Generator) -> Floats:
    """(draws, frames) how often circular blocks at random places cover each frame."""
    length = min(block, frames)
    if not length:
        return np.zeros((draws, 0))
    blocks = -(-frames // length)
    starts = rng.integers(0, frames, (draws, blocks))
    edges = np.zeros((draws, frames + length + 1))
    row = np.arange(draws)[:, None]
    np.add.at(edges, (row, starts), 1.0)
    np.add.at(edges, (row, starts + length), -1.0)
    covered = np.cumsum(edges, axis=1)
    wrapped = covered[:, :frames].copy()
    tail = covered[:, frames : frames + length]
    wrapped[:, : tail.shape[1]] += tail
    return wrapped
