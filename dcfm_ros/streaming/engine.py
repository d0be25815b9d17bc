"""The network on its device: one per process, shared by all cameras."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.network import CheckpointInfo, Dcfm, load, read_info
from dcfm_ros.resources import resource
from dcfm_ros.streaming.device import (
    BackgroundWorker,
    ExecutionContext,
    prepare_thread,
    resolve_device,
    resolve_precision,
    resolve_threads,
)
from dcfm_ros.streaming.label_change import Calibration
from dcfm_ros.streaming.label_map import label_map, mean_confidence
from dcfm_ros.streaming.network_input import Normalizer, network_size, resized
from dcfm_ros.streaming.settings import EngineSettings

T = TypeVar("T")
SHIPPED_CHECKPOINT = "models/street.safetensors"


@dataclass(frozen=True)
class ResolvedEngine:
    """What decides, beside the frames, about every bit of the labels."""

    checkpoint: str
    device: str
    precision: str
    threads: int
    network_height: int
    network_width: int
    torch: str
    opencv: str
    background_threads: int = 1


class Engine:
    """Runs key and non-key frames of one checkpoint in torch on one device.

    All that a segmenter asks of it: `resize` and `upload` a frame, its `shallow` and `deep`
    features, `decode` them, `labels` and `mean_confidence` of the logits, `synchronize`, and
    `in_background`; its owner calls `warm_up` and `release`.

    One thread at a time may use it, and the worker in the background with the context that it is
    given. Build it with `Engine.load`.
    """

    def __init__(self, network: Dcfm, info: CheckpointInfo, settings: EngineSettings) -> None:
        self.info = info
        self.calibration = Calibration.from_plain(info.calibration)
        self._requested = (settings.network_height, settings.network_width)
        self._device = resolve_device(settings.device)
        self._dtype = resolve_precision(settings.precision, self._device)
        self._threads = resolve_threads(settings.threads)
        self._checkpoint = settings.checkpoint
        if self._is_cuda:
            # The fastest algorithm of the moment may differ from run to run; labels must not.
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
        prepare_thread(self._threads)
        self._background_threads = settings.background_threads or max(1, self._threads // 2)
        self._background: BackgroundWorker | None = None
        self._front = ExecutionContext(
            self._threads,
            torch.cuda.Stream(self._device, priority=-1) if self._is_cuda else None,
        )
        folded = network.fold().to(self._device, self._dtype)
        self._network: Dcfm | None = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._normalize = Normalizer(info.mean, info.std, self._device)

    @classmethod
    def load(cls, settings: EngineSettings) -> Engine:
        """Load the checkpoint that the settings name, or the shipped one.

        Raises:
            CheckpointError: it is missing or damaged.
            DeviceError: the device is absent.
        """
        path = Path(settings.checkpoint or resource(SHIPPED_CHECKPOINT))
        resolve_device(settings.device)  # tell of a missing device before reading any file
        return cls(load(path), read_info(path), settings)

    @property
    def resolved(self) -> ResolvedEngine:
        """The settings as they came out on this machine; equal ones give equal labels."""
        height, width = self._requested
        return ResolvedEngine(
            checkpoint=self._checkpoint or SHIPPED_CHECKPOINT,
            device=str(self._device),
            precision=str(self._dtype).removeprefix("torch."),
            threads=self._threads,
            network_height=height,
            network_width=width,
            torch=torch.__version__,
            opencv=cv2.__version__,
            background_threads=self._background_threads,
        )

    def resize(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 -> (h, w, 3) uint8: the size that the network sees."""
        size = network_size(rgb.shape[:2], self.info.training_size, self._requested)
        return resized(rgb, size)

    def upload(self, rgb: NDArray[np.uint8]) -> Tensor:
        """(h, w, 3) uint8 RGB at the network's size -> (1, 3, h, w) normalised, on the device."""
        with self._front.inference():
            return self._normalize(rgb).to(self._dtype)

    def shallow(self, x: Tensor) -> Tensor:
        """The independent feature of a frame (1, C1, h/4, w/4): cheap, of every frame."""
        with self._front.inference():
            return self._ready().independent(x)

    def deep(self, shallow: Tensor, context: ExecutionContext | None = None) -> Tensor:
        """The common feature to reuse, from the independent one of a key frame: the costly part.

        Args:
            context: of the background, in the computations that are made there.
        """
        network = self._ready()
        with (context or self._front).inference():
            return network.fusion.project(network.common(shallow))

    def decode(
        self, common: Tensor, shallow: Tensor, context: ExecutionContext | None = None
    ) -> Tensor:
        """Logits (1, classes, h', w') at feature resolution, from any frame's common feature."""
        with (context or self._front).inference():
            return self._ready().decode(common, shallow)

    def labels(
        self,
        logits: Tensor,
        size: tuple[int, int],
        context: ExecutionContext | None = None,
        *,
        confidence: bool = False,
        trust: float = 1.0,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Labels and confidence at image size, see `label_map`."""
        with (context or self._front).inference():
            return label_map(logits, size, confidence=confidence, trust=trust)

    def mean_confidence(self, logits: Tensor, context: ExecutionContext | None = None) -> float:
        """Mean softmax maximum, 0 … 1."""
        with (context or self._front).inference():
            return mean_confidence(logits)

    def in_background(self, compute: Callable[[ExecutionContext], T]) -> Future[T]:
        """Compute with this engine beside the frames, in the order of the calls.

        Shallow features and inputs that `compute` uses must not be changed until it is done.

        Args:
            compute: called with the context that it has to pass to this engine.
        """
        if self._background is None:
            self._background = BackgroundWorker(self._device, self._background_threads)
        with self._front.inference():
            return self._background.submit(compute)

    def warm_up(self, height: int, width: int) -> None:
        """Run a frame of a camera's size through all, so that the first real one is not slow."""
        shallow = self.shallow(self.upload(self.resize(np.zeros((height, width, 3), np.uint8))))
        common = self.deep(shallow)
        for _ in range(2):
            self.decode(common, shallow)

    def synchronize(self) -> None:
        """Wait for the device, so that stage times mean something."""
        if self._front.stream is not None:
            self._front.stream.synchronize()

    def release(self) -> None:
        """Free the network's memory; the engine is of no use afterwards."""
        if self._background is not None:
            self._background.close()
            self._background = None
        self._network = None
        gc.collect()
        if self._is_cuda:
            torch.cuda.empty_cache()

    @property
    def _is_cuda(self) -> bool:
        return self._device.type == "cuda"

    def _ready(self) -> Dcfm:
        if self._network is None:
            raise RuntimeError("this engine was released; load another one")
        return self._network
