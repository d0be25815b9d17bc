"""Small recordings and checkpoints for the tests of the evaluation room and of the commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.images import labels_to_png, rgb_to_png
from dcfm_ros.network import label_set, named_config
from dcfm_ros.streaming import EngineSettings, KeyFrameSettings

HEIGHT, WIDTH = 48, 64
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
IMAGE_TOPIC = "/camera/image_raw/compressed"
LABEL_TOPIC = "/gt/label/compressed"


def write_checkpoint(path: Path) -> Path:
    """A network with random weights, so that its labels show several classes."""
    import torch  # which many tests do without

    from dcfm_ros.network import CheckpointInfo, Dcfm, save

    torch.manual_seed(0)
    named = named_config("camvid_tiny")
    network = Dcfm(named.network)
    for layer in network.modules():  # torch's own initialisation gives one class everywhere
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    info = CheckpointInfo(
        "tiny",
        named.network,
        label_set(named.label_set),
        (HEIGHT, WIDTH),
        notes={"licence": "none", "validation": {"iou": [0.5, 0.25]}},
    )
    save(network, info, path)
    return path


def pictures(count: int) -> list[np.ndarray]:
    """(H, W, 3) each; coarse colours that move."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    wide = coarse.repeat(8, 0).repeat(8, 1)
    return [np.ascontiguousarray(np.roll(wide, 3 * index, axis=1)) for index in range(count)]


def stamps_ns(count: int) -> list[int]:
    return [START_NS + index * STEP_NS for index in range(count)]


def segmented(
    checkpoint: Path, images: Sequence[np.ndarray], key_frames: KeyFrameSettings, **network: int
) -> list[np.ndarray]:
    """What the network makes of the pictures, one after the other."""
    from dcfm_ros.streaming import Engine, Segmenter

    settings = EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=1, **network)
    engine = Engine.load(settings)
    segmenter = Segmenter(engine, key_frames)
    return [
        segmenter.step(image, stamp).labels
        for image, stamp in zip(images, stamps_ns(len(images)), strict=True)
    ]


def write_recording(
    path: Path,
    images: Sequence[np.ndarray],
    labels: Sequence[np.ndarray] | None = None,
    *,
    label_offset_ns: int = 0,
) -> Path:
    """A bag of pictures without loss and, if given, their ground truth."""
    with write_bag(path) as bag:
        for index, stamp in enumerate(stamps_ns(len(images))):
            png = rgb_to_png(images[index])
            bag.write(IMAGE_TOPIC, compressed_image(stamp, "camera", "png", png), stamp)
            if labels is not None:
                png = labels_to_png(labels[index])
                label = compressed_image(stamp + label_offset_ns, "camera", "png", png)
                bag.write(LABEL_TOPIC, label, stamp)
    return path
