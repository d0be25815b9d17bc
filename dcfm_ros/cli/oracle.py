"""Key frames in retrospect, for `dcfm evaluate --policy oracle`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.calibration.oracle import oracle_policy
from dcfm_ros.cli.progress import progress
from dcfm_ros.datasets.source import Source
from dcfm_ros.evaluation.run.exact import read_decoded
from dcfm_ros.streaming import Engine, KeyFrameSettings
from dcfm_ros.streaming.keyframes import KeyFramePolicy


def oracle_plan(engine: Engine, source: Source, settings: KeyFrameSettings) -> KeyFramePolicy:
    """Run a recording both ways, with old and with fresh deep features, and choose."""
    frames = progress(_frames(engine, source), source.name, "frames, both ways", source.frame_count)
    return oracle_policy(engine, source.name, frames, settings)


def _frames(engine: Engine, source: Source) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """What the pipeline will be given: all frames that can be read."""
    for decoded in read_decoded(source, engine.info.labels.classes):
        if decoded.rgb is not None:
            yield decoded.rgb, decoded.frame.frame.stamp_ns
