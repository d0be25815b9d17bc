"""A tiny CamVid whose classes can be told by colour, and settings for runs of seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dcfm_ros.settings import from_flat
from dcfm_ros.training.settings import TrainSettings

SKY, ROAD, CAR = 0, 3, 8
HEIGHT, WIDTH = 72, 96


def write_camvid(root: Path, train: int = 4, val: int = 3) -> Path:
    """Bright sky above dark road, a red car that moves; the first picture has few labels."""
    rng = np.random.default_rng(0)
    for split, count, sequence in (("train", train, "0001TP"), ("val", val, "0016E5")):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for i in range(count):
            labels = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
            labels[: 30 + 3 * i] = SKY
            labels[40:60, 10 + 8 * i : 35 + 8 * i] = CAR
            palette = np.zeros((12, 3), np.uint8)
            palette[[SKY, ROAD, CAR]] = ((230, 180, 120), (60, 60, 60), (20, 20, 200))
            noise = rng.normal(0, 6, (HEIGHT, WIDTH, 3))
            bgr = np.clip(palette[labels] + noise, 0, 255).astype(np.uint8)
            labels[-8:] = 11
            if split == "train" and i == 0:
                labels[:, : WIDTH * 3 // 4] = 11
            number = 2 * i if split == "val" else 30 * i
            cv2.imwrite(str(root / split / f"{sequence}_{number:05d}.jpg"), bgr)
            cv2.imwrite(str(root / f"{split}annot" / f"{sequence}_{number:05d}.png"), labels)
    return root


def settings(camvid: Path, **changes: object) -> TrainSettings:
    """A run of eight steps; `changes` by name, with __ for the dot."""
    return from_flat(TrainSettings, values(camvid, **changes))


def values(camvid: Path, **changes: object) -> dict[str, Any]:
    """The same as dotted names."""
    small: dict[str, object] = {
        "config": "camvid_tiny",
        "data.camvid": str(camvid),
        "data.workers": 0,
        "augment.crop_height": 64,
        "augment.crop_width": 64,
        "optimizer.iterations": 8,
        "optimizer.batch": 2,
        "optimizer.warmup": 2,
        "optimizer.ema_decay": 0.9,
        "report.log_every": 1,
        "report.save_every": 4,
        "report.validate_every": 100,
        "report.ages": 2,
        "report.pictures": 1,
    }
    return small | {name.replace("__", "."): value for name, value in changes.items()}


def log_lines(run: Path) -> list[dict[str, Any]]:
    """What a run wrote into its log."""
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def losses(run: Path) -> list[float]:
    """The total loss of each logged step."""
    return [line["total"] for line in log_lines(run) if "total" in line]
