"""Settings of the execution engine and of key-frame selection."""

from __future__ import annotations

from dataclasses import dataclass

from dcfm_ros.settings import check, option


@dataclass(frozen=True)
class EngineSettings:
    """Where and how the network runs."""

    checkpoint: str = option("", "Checkpoint file (.safetensors); empty: the shipped street model.")
    device: str = option("auto", "Torch device: auto, cpu, cuda, cuda:1, …; auto: CUDA if present.")
    precision: str = option(
        "auto",
        "Arithmetic; auto: float16 on CUDA, float32 on CPU.",
        choices=("auto", "float32", "float16", "bfloat16"),
    )
    threads: int = option(
        0, "CPU threads of the network; 0: all cores of the process.", low=0, high=256
    )
    network_height: int = option(
        0, "Height that the network sees in px; 0: from the training size.", low=0, high=8192
    )
    network_width: int = option(
        0, "Width that the network sees in px; 0: from the training size.", low=0, high=8192
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class KeyFrameSettings:
    """When the common feature is computed afresh."""

    policy: str = option(
        "fixed",
        "always: every frame is a key frame; fixed: every `interval`-th frame.",
        choices=("always", "fixed"),
    )
    interval: int = option(5, "Frames from one key frame to the next.", low=1, high=1000)
    max_gap_s: float = option(
        1.0, "A gap between stamps above this forces a key frame, in s.", low=0.0, high=3600.0
    )

    def __post_init__(self) -> None:
        check(self)
