"""The costmaps of several recordings against their truth, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from dcfm_ros.evaluation.measure.costmap_score import CostmapScore


def costmap_total(recordings: Sequence[Mapping[str, Any]]) -> CostmapScore | None:
    """The cells of all recordings; None where no costmap was held against a true one.

    Args:
        recordings: of a metrics.json.
    """
    scores = [
        recording["costmap"]["against_truth"]
        for recording in recordings
        if recording.get("costmap") and recording["costmap"]["against_truth"]
    ]
    if not scores:
        return None
    counts = (field.name for field in fields(CostmapScore))
    return CostmapScore(**{name: sum(score[name] for score in scores) for name in counts})
