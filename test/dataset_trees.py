"""Data sets of a few small frames in the layouts in which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from evaluation_harness import pictures

from dcfm_ros.images import labels_to_png, rgb_to_jpeg, rgb_to_png

HEIGHT, WIDTH = 48, 64


def label_file(path: Path, value: int | np.ndarray) -> None:
    """A grey PNG, all of one value or as given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.broadcast_to(np.asarray(value, np.uint8), (HEIGHT, WIDTH))
    path.write_bytes(labels_to_png(np.ascontiguousarray(ids)))


def picture_file(path: Path, number: int) -> None:
    """A coarse picture that differs by number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = pictures(number + 1)[number]
    path.write_bytes(rgb_to_png(rgb) if path.suffix == ".png" else rgb_to_jpeg(rgb))


def camvid_tree(root: Path, split: str = "val") -> Path:
    """Two sequences, of three frames and of one, labelled with their place; the last is void."""
    names = ("0001TP_006690", "0001TP_006692", "0001TP_006694", "0016E5_07959")
    for place, name in enumerate(names):
        picture_file(root / split / f"{name}.png", place)
        label_file(root / f"{split}annot" / f"{name}.png", place if place < 3 else 11)
    return root


def cityscapes_tree(root: Path, split: str = "val") -> Path:
    """Two cities with a snippet each: frames 0 to 29, the 20th labelled with road and car."""
    ids = np.full((HEIGHT, WIDTH), 7)
    ids[:, WIDTH // 2 :] = 26
    ids[0] = 3  # out of the region of interest
    for city, sequence in (("aachen", "000000"), ("bonn", "000003")):
        base = f"{city}_{sequence}"
        for number in range(30):
            folder = root / "leftImg8bit_sequence" / split / city
            picture_file(folder / f"{base}_{number:06d}_leftImg8bit.png", number % 6)
        label_file(root / "gtFine" / split / city / f"{base}_000019_gtFine_labelIds.png", ids)
    return root


def vspw_tree(root: Path, split: str = "val") -> Path:
    """Two videos of 20 and of 5 frames, every one labelled: value 0 above, the road's 19 below."""
    ids = np.full((HEIGHT, WIDTH), 19)
    ids[: HEIGHT // 2] = 0
    for video, length in (("100_street", 20), ("7_room", 5)):
        for number in range(length):
            name = f"{12 * number:08d}"
            picture_file(root / "data" / video / "origin" / f"{name}.jpg", number % 6)
            label_file(root / "data" / video / "mask" / f"{name}.png", ids)
    (root / f"{split}.txt").write_text("100_street\n7_room\n", encoding="utf-8")
    return root
