"""How far pixels move, really and simulated: `python -m benchmarks.simulated_motion CamVid`.

Dense optical flow (OpenCV's DIS) between every fifth frame of the CamVid val clip (480x360, 15 Hz)
and the one 1, 2 or 4 frames later, and between it and two draws of `simulate_motion` for that age.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.markdown import table_lines
from dcfm_ros.datasets import camvid
from dcfm_ros.datasets.clips import Clips
from dcfm_ros.datasets.files import read_rgb
from dcfm_ros.training.motion import simulate_motion

AGES = (1, 2, 4)
EVERY = 5
DRAWS = 2
PERCENTILES = (25, 50, 75, 90, 97)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("camvid", type=Path, help="CamVid at 480x360: val/ and valannot/")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    source = camvid(args.camvid, "val")
    rng = np.random.default_rng(0)
    rows = [
        ["age, frames", "motion", "mean", *(f"{q} %" for q in PERCENTILES)],
        ["---"] * (3 + len(PERCENTILES)),
    ]
    for age in AGES:
        moved = displacements(source, age, rng)
        for name, lengths in zip(("real", "simulated"), moved, strict=True):
            values = (lengths.mean(), *np.percentile(lengths, PERCENTILES))
            rows.append([str(age), name, *(f"{value:.1f}" for value in values)])
    text = (
        "# How far pixels move, really and simulated\n\n"
        "Written by `python -m benchmarks.simulated_motion`: lengths of dense optical flow on the "
        "CamVid val clip (480x360, 15 Hz), px: the mean, and what so many of the pixels stay "
        "below. Flow itself falls short where pixels move by tens of px.\n\n"
        f"{table_lines(rows)}\n"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "simulated_motion.md").write_text(text, encoding="utf-8")
    print(text)


def displacements(
    source: Clips, age: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of all pixels: (real,), (simulated,) in px."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def lengths(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        grey = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in (one, other))
        field: NDArray[np.float32] = flow.calc(*grey, None)
        return np.hypot(field[..., 0], field[..., 1]).ravel()

    real, simulated = [], []
    for index in range(0, len(source), EVERY):
        path, later = source.frame(index), source.frame(index, age)
        if path is None or later is None:
            continue  # at the end of the clip
        rgb = read_rgb(path)
        real.append(lengths(rgb, read_rgb(later)))
        simulated += [lengths(rgb, simulate_motion(rgb, age, rng)) for _ in range(DRAWS)]
    return np.concatenate(real), np.concatenate(simulated)


if __name__ == "__main__":
    main()
