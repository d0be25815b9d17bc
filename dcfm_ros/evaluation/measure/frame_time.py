"""What a frame takes, image in to labels out, of networks that take turns on the same machine."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dcfm_ros.errors import SettingsError
from dcfm_ros.network.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.device import prepare_thread, resolve_device, resolve_threads

Image = NDArray[np.uint8]
Step = Callable[[Image], Image]

_PERIOD_NS = 100_000_000
_REUSE = KeyFrameSettings(policy="fixed", interval=1000, max_age_s=0.0, cut_correlation=-1.0)
WARM_UP = 3


@dataclass(frozen=True)
class Contender:
    """One kind of frame of one network.

    Attributes:
        name: as it is reported.
        step: (H, W, 3) RGB to (H, W) labels, all of the work.
    """

    name: str
    step: Step


@dataclass(frozen=True)
class FrameTime:
    """Milliseconds per frame of a contender, over all rounds."""

    name: str
    median_ms: float
    p95_ms: float
    ratio: float
    """Median of the rounds' ratios to the first contender: noise that slows a round cancels."""


def key_and_other(settings: EngineSettings, name: str) -> tuple[Contender, Contender]:
    """A checkpoint's key frames, and the frames that reuse their common feature.

    Raises:
        DcfmError: the checkpoint or the device cannot be used.
    """
    engine = Engine.load(settings)
    keys, others = (Segmenter(engine, _REUSE) for _ in range(2))
    stamps = {keys: 0, others: 0}

    def step(segmenter: Segmenter, image: Image, fresh: bool) -> Image:
        if fresh:
            segmenter.request_key_frame()
        stamps[segmenter] += _PERIOD_NS
        return segmenter.step(image, stamps[segmenter]).labels

    return (
        Contender(f"{name} key", lambda image: step(keys, image, True)),
        Contender(f"{name} other", lambda image: step(others, image, False)),
    )


def foreign(spec: str, classes: int, settings: EngineSettings) -> Contender:
    """Another network, from its authors' own file, as its users run it: eval mode, no gradients.

    Args:
        spec: `FILE.py:NAME`; NAME called with the number of classes gives a module from
            (1, 3, H, W) float32 to logits (1, classes, h, w), or a tuple that begins with them.
        settings: the device and its threads.

    Raises:
        SettingsError: there is no such file or name.
    """
    file, _, name = spec.rpartition(":")
    if not file or not Path(file).is_file():
        raise SettingsError(f"found {spec!r}, expected FILE.py:NAME of an existing Python file")
    found = importlib.util.spec_from_file_location(Path(file).stem, file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    if not hasattr(module, name):
        raise SettingsError(f"{file} has no {name!r}, expected the name of a network's class")
    device = resolve_device(settings.device)
    prepare_thread(resolve_threads(settings.threads))
    network: nn.Module = getattr(module, name)(classes).to(device).eval()
    mean, std = (
        torch.tensor(v, device=device).view(1, 3, 1, 1) * 255.0
        for v in (IMAGENET_MEAN, IMAGENET_STD)
    )

    @torch.inference_mode()
    def step(image: Image) -> Image:
        x = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float()
        logits = network(x.sub_(mean).div_(std))
        logits = logits[0] if isinstance(logits, tuple) else logits
        if logits.shape[-2:] != image.shape[:2]:
            logits = nn.functional.interpolate(logits, image.shape[:2], mode="bilinear")
        labels: Image = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
        return labels

    return Contender(name, step)


def measure(contenders: Sequence[Contender], image: Image, rounds: int) -> list[FrameTime]:
    """Time them in turns.

    Args:
        image: (H, W, 3) RGB.
        rounds: each contender segments the image once per round.
    """
    seconds = np.zeros((rounds, len(contenders)))
    for contender in contenders:
        for _ in range(WARM_UP):
            contender.step(image)
    for row in seconds:
        for column, contender in enumerate(contenders):
            began = time.perf_counter()
            contender.step(image)
            row[column] = time.perf_counter() - began
    return [
        FrameTime(contender.name, *_figures(times), float(np.median(times / seconds[:, 0])))
        for contender, times in zip(contenders, seconds.T, strict=True)
    ]


def amortised(key: FrameTime, other: FrameTime, name: str, interval: int) -> FrameTime:
    """The mean frame of one key frame in `interval`."""
    median, ratio = (
        (first + (interval - 1) * second) / interval
        for first, second in ((key.median_ms, other.median_ms), (key.ratio, other.ratio))
    )
    slower = max(key.p95_ms, other.p95_ms)
    return replace(key, name=name, median_ms=median, p95_ms=slower, ratio=ratio)


def _figures(seconds: NDArray[np.float64]) -> tuple[float, float]:
    return 1e3 * float(np.median(seconds)), 1e3 * float(np.percentile(seconds, 95))
