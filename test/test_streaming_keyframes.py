"""Key-frame sequences worked out by hand."""

from __future__ import annotations

from dcfm_ros.streaming.keyframes import Always, FixedInterval, KeyFrameReason, make_policy
from dcfm_ros.streaming.settings import KeyFrameSettings

REUSE, INTERVAL = KeyFrameReason.REUSE, KeyFrameReason.INTERVAL


def run(policy, frames: int) -> str:
    """K for key frames, . for others; the first frame is forced."""
    sequence, age = "K", 0
    for _ in range(frames - 1):
        reason = policy.decide(age + 1)
        sequence += "K" if reason.is_key_frame else "."
        age = 0 if reason.is_key_frame else age + 1
    return sequence


def test_fixed_intervals() -> None:
    assert run(FixedInterval(3), 10) == "K..K..K..K"
    assert run(FixedInterval(1), 4) == "KKKK"


def test_a_phase_shortens_the_first_interval_only() -> None:
    assert run(FixedInterval(4, phase=1), 12) == "K..K...K...K"
    assert run(FixedInterval(4, phase=2), 12) == "K.K...K...K."
    assert run(FixedInterval(4, phase=4), 9) == "K...K...K"


def test_reset_brings_the_phase_back() -> None:
    policy = FixedInterval(4, phase=2)
    assert run(policy, 7) == "K.K...K"
    policy.reset()
    assert run(policy, 7) == "K.K...K"


def test_always() -> None:
    assert run(Always(), 5) == "KKKKK"
    assert isinstance(make_policy(KeyFrameSettings(policy="always")), Always)


def test_only_reuse_and_an_empty_budget_are_no_key_frames() -> None:
    not_key = {reason.name for reason in KeyFrameReason if not reason.is_key_frame}
    assert not_key == {"REUSE", "BUDGET_EXHAUSTED"}
