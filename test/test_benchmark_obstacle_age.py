"""The benchmark of the age of obstacles: its scenes are what it says, and it counts right."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent))  # benchmarks are not installed

from benchmarks.obstacle_age import SETTINGS, Arrivals, Robot, Waits, true_labels, waits
from benchmarks.obstacle_scenes import FIGURES, NAMES, frames, with_figure


def shown(walk: bool) -> list[int]:
    """Pixels of figures in each frame."""
    ids = [NAMES.index(figure.name) for figure in FIGURES]
    return [int(np.isin(f.labels, ids).sum()) for f in frames(1, 10.0, 6.0, walk)]


def test_figures_come_and_go() -> None:
    for walk in (False, True):
        pixels = np.array(shown(walk))
        assert 10 < (pixels > 0).sum() < 55


def test_a_figure_stands_where_it_was_put() -> None:
    frame = next(frames(1, 10.0, 0.1, False))
    drawn = with_figure(frame, FIGURES[0], np.array([4.0, 1.0]))
    v, u = np.nonzero(drawn.labels == NAMES.index("pedestrian"))
    depth_m = drawn.depth_m[v, u]
    rays = np.linalg.inv(frame.k) @ np.stack([u, v, np.ones(len(u))])
    points = (frame.base_from_camera @ np.vstack([rays * depth_m, np.ones(len(u))]))[:3]
    assert abs(points[0].mean() - 4.0) < 0.1
    assert abs(points[1].mean() - 1.0) < 0.1
    assert abs(points[2].min()) < 0.1
    assert abs(np.ptp(points[2]) - 1.75) < 0.1


def test_who_appears_or_leaves_waits_for_the_regular_grid_alone() -> None:
    found = {}
    for name in list(SETTINGS)[:2]:
        found[name] = Waits()
        waits(
            Robot(SETTINGS[name], depth=True), true_labels(frames(1, 30.0, 6.0, False)), found[name]
        )
    regular, prompt = found.values()
    assert len(regular.ms) == len(prompt.ms) > 20
    assert max(regular.ms) > 60
    assert max(prompt.ms) == 0
    assert not regular.undone + prompt.undone
    assert regular.grids < prompt.grids < 5 * prompt.seconds


def test_arrivals_are_known_by_stamp() -> None:
    arrivals = Arrivals()
    arrivals.write_raw("/a", "", b"\0\1\0\0" + struct.pack("<iI", 3, 500) + b"rest", 42)
    assert arrivals.by_topic == {"/a": {3_000_000_500: 42}}
