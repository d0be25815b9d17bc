"""Whether the robot's own motion would tell more of the label change than the signals do.

The rendered videos know their poses exactly, which is more than odometry ever does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import keyframe_videos as videos
from benchmarks.keyframe_compare import rank
from dcfm_ros.calibration.fit import features, fit_line
from dcfm_ros.calibration.reuse_table import ReuseTable
from dcfm_ros.synthetic import Street

Values = NDArray[np.float64]
_AGE = 5
_STILL_M = 0.005


def motion(tables: dict[str, ReuseTable]) -> dict[str, Any]:
    """Rank correlations by video, and those of estimates without and with motion.

    Estimates come from the other rendered videos.
    """
    rendered = {name: table for name, table in tables.items() if name in videos.SYNTHETIC_S}
    signals = {name: _signals(name, table) for name, table in rendered.items()}
    found: dict[str, Any] = {}
    for name, held in rendered.items():
        target = held.columns["label_change"][held.reused]
        at_age = np.nonzero(held.reused)[1] == _AGE
        others = [other for other in rendered if other != name]
        estimates = {}
        for kind, columns in (("estimate", 0), ("estimate with motion", 3)):
            x = {v: np.hstack([features(t), signals[v][:, :columns]]) for v, t in rendered.items()}
            weights, scores, changes = fit_line(
                [x[other] for other in others],
                [rendered[o].columns["label_change"][rendered[o].reused] for o in others],
            )
            estimates[kind] = np.interp(x[name] @ np.asarray(weights), scores, changes)
        named = dict(zip(("way", "turn", "speed"), signals[name].T, strict=True)) | estimates
        found[name] = {
            kind: [rank(values, target), rank(values[at_age], target[at_age])]
            for kind, values in named.items()
        }
    return found


def standing(name: str) -> float:
    """Share of a rendered video's frames on which the car has not moved since the one before."""
    return float((_steps(videos.street(name))[1:] < _STILL_M).mean())


def _steps(street: Street) -> Values:
    """(N,) way in m since the frame before; 0 for the first."""
    place = np.array([street.world_from_base(index)[:2, 3] for index in range(len(street))])
    return np.linalg.norm(np.diff(place, axis=0, prepend=place[:1]), axis=1)


def _signals(name: str, table: ReuseTable) -> Values:
    """(M, 3) of all reused frames: way in m and turn in rad since the key frame, speed in m/s."""
    street = videos.street(name)
    poses = np.array([street.world_from_base(index) for index in range(len(street))])
    place, yaw = poses[:, :2, 3], np.arctan2(poses[:, 1, 0], poses[:, 0, 0])
    keys, ages = np.nonzero(table.reused)
    now = keys + ages
    speed = _steps(street) * street.settings.rate_hz
    way = np.linalg.norm(place[now] - place[keys], axis=1)
    return np.stack([way, np.abs(yaw[now] - yaw[keys]), speed[now]], 1)
