"""Measures reuse on unlabelled video: labels with an old common feature, and with a fresh one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.network.layers import l2_normalize
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.label_map import label_map, mean_confidence
from dcfm_ros.streaming.settings import KeyFrameSettings
from dcfm_ros.streaming.signals import (
    NetworkImage,
    Output,
    boundary_density,
    change,
    coarse,
    input_change,
    luma_change,
    luma_correlation,
)

Values = NDArray[np.float64]
_POOLED = (12, 16)
_CUT = KeyFrameSettings().cut_correlation

COLUMNS = (
    "label_change",  # the target: share of pixels whose label a fresh common feature changes
    "balanced_change",  # the same as the mean over the classes of the fresh labels
    "confidence",  # mean softmax maximum of the reusing output
    "trust",  # mean probability that the fresh output gives the labels of the reusing one
    "luma_change",
    "drift",
    "confidence_fall",
    "input_change",
    "feature_difference",  # of the pooled independent feature against the key frame's
    "feature_angle",  # 1 - its mean cosine
)


@dataclass(frozen=True)
class ReuseTable:
    """One video: row k, column a hold what frame k + a comes to with the common feature of frame k.

    Attributes:
        name: of the video.
        stamps_ns: (N,).
        columns: by name of COLUMNS, each (N, ages + 1); NaN beyond the video or a cut, where
            frame k was left out, and for signals at age 0.
        boundary: (N,) boundary density of the labels of frame k as a key frame.
        correlation: (N,) of the luma with the frame before; 1 for the first.
    """

    name: str
    stamps_ns: NDArray[np.int64]
    columns: dict[str, Values]
    boundary: Values
    correlation: Values

    @property
    def ages(self) -> int:
        """The highest age that was measured."""
        return self.columns["label_change"].shape[1] - 1

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def reused(self) -> NDArray[np.bool_]:
        """(N, ages + 1): measured, and not the key frame itself."""
        measured = ~np.isnan(self.columns["label_change"])
        measured[:, 0] = False
        return measured

    def signals(self) -> TableSignals:
        """The signals of all reused frames, as the segmenter would see them."""
        where = self.reused
        k, age = np.nonzero(where)
        at = {name: column[where] for name, column in self.columns.items()}
        return TableSignals(
            age.astype(float),
            at["luma_change"],
            at["drift"],
            at["confidence_fall"],
            self.boundary[k],
        )


@dataclass(frozen=True)
class TableSignals:
    """As `streaming.signals.Signals`, each an array (M,)."""

    age: Values
    luma_change: Values
    drift: Values
    confidence_fall: Values
    boundary: Values


@dataclass
class _Chain:
    """A key frame and the frames that reuse its common feature."""

    index: int
    common: Tensor
    image: NetworkImage
    fresh: Output
    last: Output
    pooled: NDArray[np.float32]


def measure_reuse(
    engine: Engine,
    name: str,
    frames: Iterable[tuple[NDArray[np.uint8], int]],
    *,
    ages: int = 12,
    every: int = 1,
) -> ReuseTable:
    """Take every n-th frame of a video as a key frame, and reuse it up to the given age.

    Args:
        frames: (H, W, 3) RGB and stamp in ns; another size counts as a cut.
        every: n; the time this takes goes with ages / n.
    """
    rows: list[dict[str, Values]] = []
    stamps: list[int] = []
    boundary: list[float] = []
    correlation: list[float] = []
    chains: deque[_Chain] = deque()
    before: NetworkImage | None = None
    for index, (rgb, stamp_ns) in enumerate(frames):
        rows.append({name: np.full(ages + 1, np.nan) for name in COLUMNS})
        stamps.append(stamp_ns)
        image = NetworkImage.of(engine.resize(rgb))
        correlation.append(_correlation(image, before))
        before = image
        shallow = engine.shallow(engine.upload(image.rgb))
        common = engine.deep(shallow)
        logits = engine.decode(common, shallow)
        fresh, shares = _output(logits, image), logits.float().softmax(1)
        boundary.append(boundary_density(fresh.labels))
        pooled = _pooled(shallow)
        if correlation[-1] < _CUT:
            chains.clear()  # a cut forces a key frame: nothing is reused across it
        if chains and index - chains[0].index > ages:
            chains.popleft()
        for chain in chains:
            reusing = engine.decode(chain.common, shallow)
            output = _output(reusing, image)
            row, age = rows[chain.index], index - chain.index
            row["trust"][age] = _trust(reusing, shares)
            for column, value in _compare(chain, image, pooled, output, fresh, engine):
                row[column][age] = value
            chain.last = output
        if index % every == 0:
            rows[index]["label_change"][0] = rows[index]["balanced_change"][0] = 0.0
            rows[index]["confidence"][0] = fresh.confidence
            chains.append(_Chain(index, common, image, fresh, fresh, pooled))
    columns = {name: np.stack([row[name] for row in rows]) for name in COLUMNS}
    return ReuseTable(
        name, np.array(stamps, np.int64), columns, np.array(boundary), np.array(correlation)
    )


def _correlation(image: NetworkImage, before: NetworkImage | None) -> float:
    if before is None:
        return 1.0
    return luma_correlation(image, before) if image.rgb.shape == before.rgb.shape else -1.0


def _trust(reusing: Tensor, fresh_shares: Tensor) -> float:
    labels = reusing.argmax(1, keepdim=True)
    return float(fresh_shares.gather(1, labels).mean())


def _output(logits: Tensor, image: NetworkImage) -> Output:
    labels, _ = label_map(logits, image.rgb.shape[:2], confidence=False)
    return Output(coarse(labels), mean_confidence(logits))


def _compare(
    chain: _Chain,
    image: NetworkImage,
    pooled: NDArray[np.float32],
    output: Output,
    fresh: Output,
    engine: Engine,
) -> Iterator[tuple[str, float]]:
    differs = output.labels != fresh.labels
    yield "label_change", float(differs.mean())
    yield "balanced_change", _balanced(differs, fresh.labels)
    yield "confidence", output.confidence
    yield "luma_change", luma_change(image, chain.image)
    yield "drift", change(chain.last.labels, chain.fresh.labels)
    yield "confidence_fall", max(0.0, chain.fresh.confidence - chain.last.confidence)
    yield "input_change", input_change(image, chain.image, engine.info.std)
    yield "feature_difference", float(np.sqrt(((pooled - chain.pooled) ** 2).sum(0)).mean())
    norms = np.linalg.norm(pooled, axis=0) * np.linalg.norm(chain.pooled, axis=0)
    cosine = (pooled * chain.pooled).sum(0) / np.maximum(norms, 1e-9)
    yield "feature_angle", 1.0 - float(cosine.mean())


def _balanced(differs: NDArray[np.bool_], labels: NDArray[np.uint8]) -> float:
    pixels = np.bincount(labels.ravel())
    changed = np.bincount(labels.ravel(), differs.ravel())
    present = pixels > 0
    return float((changed[present] / pixels[present]).mean())


def _pooled(shallow: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        pooled = torch.nn.functional.adaptive_avg_pool2d(l2_normalize(shallow.float()), _POOLED)
    array: NDArray[np.float32] = pooled[0].cpu().numpy()
    return array
