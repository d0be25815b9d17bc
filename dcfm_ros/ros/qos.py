"""Quality of service of the node's topics, and the choice of reliability for image inputs."""

from __future__ import annotations

from collections.abc import Collection

from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    QoSReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions


def _profile(
    depth: int,
    reliability: QoSReliabilityPolicy = QoSReliabilityPolicy.RELIABLE,
    durability: QoSDurabilityPolicy = QoSDurabilityPolicy.VOLATILE,
) -> QoSProfile:
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


def image_output() -> QoSProfile:
    """Images: reliable serves reliable and best-effort subscribers; no queue of old ones."""
    return _profile(2)


def status_output() -> QoSProfile:
    """One small message per frame, for recorders that want all of them."""
    return _profile(10)


def latched_output() -> QoSProfile:
    """The last message is kept for subscribers that come later."""
    return _profile(1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def image_input(reliability: QoSReliabilityPolicy) -> QoSProfile:
    """Only the latest image is of interest."""
    return _profile(1, reliability)


def transforms_input(static: bool) -> QoSProfile:
    """No transform may be missed; those of /tf_static are latched by their publishers."""
    durability = QoSDurabilityPolicy
    return _profile(100, durability=durability.TRANSIENT_LOCAL if static else durability.VOLATILE)


def camera_info_input() -> QoSProfile:
    """Takes what reliable and best-effort publishers offer; it comes again with each image."""
    return _profile(5, QoSReliabilityPolicy.BEST_EFFORT)


def latched_camera_info_input() -> QoSProfile:
    """Takes what was published before the node was there."""
    return _profile(1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def output_overrides() -> QoSOverridingOptions:
    """Let users set history, depth, reliability and durability of an output by parameter."""
    return QoSOverridingOptions(
        (
            QoSPolicyKind.HISTORY,
            QoSPolicyKind.DEPTH,
            QoSPolicyKind.RELIABILITY,
            QoSPolicyKind.DURABILITY,
        )
    )


def input_overrides() -> QoSOverridingOptions:
    """As for outputs, but reliability, which `image_reliability` and its own override decide."""
    return QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH))


def choose_reliability(
    requested: str,
    offered: Collection[QoSReliabilityPolicy],
    current: QoSReliabilityPolicy | None = None,
) -> QoSReliabilityPolicy:
    """The reliability to subscribe with.

    Args:
        requested: auto, reliable or best_effort.
        offered: what each discovered publisher offers.
        current: what is in use; kept under auto while there is no publisher, so that a best-effort
            camera that restarts is not missed.
    """
    if requested == "reliable":
        return QoSReliabilityPolicy.RELIABLE
    if requested == "best_effort":
        return QoSReliabilityPolicy.BEST_EFFORT
    if not offered:
        return current or QoSReliabilityPolicy.RELIABLE
    if all(policy == QoSReliabilityPolicy.RELIABLE for policy in offered):
        return QoSReliabilityPolicy.RELIABLE
    return QoSReliabilityPolicy.BEST_EFFORT
