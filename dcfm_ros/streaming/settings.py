"""Settings of the execution engine and of key-frame selection."""

from __future__ import annotations

from dataclasses import dataclass

from dcfm_ros.errors import SettingsError
from dcfm_ros.settings import check, option

ORACLE = "oracle"
POLICIES = ("auto", "always", "fixed", "input_difference", "adaptive", ORACLE)


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
    background_threads: int = option(
        0,
        "CPU threads of key frames in the background, which give way to others; 0: half of "
        "`threads`, at least 1.",
        low=0,
        high=256,
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
        "auto",
        "always: every frame is a key frame; fixed: every `interval`-th frame; adaptive: where it "
        "would change the labels; input_difference: where the image differs; auto: adaptive where "
        "the checkpoint is calibrated, else fixed; oracle: in retrospect, for recordings only.",
        choices=POLICIES,
    )
    interval: int = option(5, "fixed: frames from key frame to key frame.", low=1, high=1000)
    max_label_change: float = option(
        0.03,
        "adaptive: share of pixels, as a mean over all frames, whose label may differ from what "
        "a key frame would give.",
        low=0.0001,
        high=1.0,
    )
    target_key_share: float = option(
        0.0,
        "adaptive: mean share of key frames to hold instead of max_label_change; 0: none.",
        low=0.0,
        high=1.0,
    )
    input_threshold: float = option(
        0.3,
        "input_difference: mean absolute difference of the normalised image to the key frame's.",
        low=0.0,
        high=10.0,
    )
    min_interval: int = option(
        1, "Frames from one key frame to the next at least, unless forced.", low=1, high=1000
    )
    max_age_s: float = option(
        3.0,
        "Deep features are not reused for longer than this, in s; in the background the next ones "
        "are begun at nine tenths of it; 0: no limit.",
        low=0.0,
        high=3600.0,
    )
    max_key_rate_hz: float = option(
        0.0,
        "Key frames per second of stamps at most, unless forced; 0: no limit.",
        low=0.0,
        high=1000.0,
    )
    key_rate_burst: int = option(
        1, "Key frames that may come in a row under max_key_rate_hz.", low=1, high=1000
    )
    mode: str = option(
        "blocking",
        "blocking: a key frame's labels wait for its deep features; background: they come with the "
        "old ones, and the new ones are used as soon as they are ready.",
        choices=("blocking", "background"),
    )
    background_frames: int = option(
        0,
        "background: use new deep features exactly so many frames later, waiting if need be, which "
        "makes labels independent of time; 0: as soon as they are ready.",
        low=0,
        high=1000,
    )
    max_gap_s: float = option(
        1.0, "A gap between stamps above this forces a key frame, in s.", low=0.0, high=3600.0
    )
    cut_correlation: float = option(
        0.6,
        "A correlation of consecutive images below this is a cut and forces a key frame; -1: off.",
        low=-1.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self)
        if 0.0 < self.max_key_rate_hz * self.max_age_s < 1.0:
            raise SettingsError(
                f"max_key_rate_hz: found {self.max_key_rate_hz} Hz with a max_age_s of "
                f"{self.max_age_s} s, which needs {1 / self.max_age_s:.3g} Hz; raise one of them"
            )
