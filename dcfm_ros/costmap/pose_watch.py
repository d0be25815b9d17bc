"""Notices when the robot's pose in the grid's frame jumps, so that the grid cannot be trusted."""

from __future__ import annotations

import numpy as np

from dcfm_ros.geometry import Matrix

_SLACK_M, _SLACK_RAD = 0.5, 0.35
_FASTEST_M_S, _FASTEST_RAD_S = 60.0, 6.0
_HARDEST_M_S2, _HARDEST_RAD_S2 = 15.0, 20.0
_SHORTEST_S = 0.01
_LONGEST_S = 3.0
_BACK_S = 2.0


class PoseWatch:
    """Holds each pose against the last and its speed.

    Odometry is continuous by REP-105, so a pose that is far from where the last speed leads, by
    more than any vehicle can brake or swerve, means that odometry or the clock was reset.
    """

    def __init__(self) -> None:
        self._stamp_ns = 0
        self._pose: Matrix | None = None  # (3,) x, y in m, yaw in rad
        self._speed: Matrix | None = None  # (3,) per s

    def reset(self) -> None:
        """Forget the past."""
        self._pose = self._speed = None

    def check(self, global_from_base: Matrix, stamp_ns: int) -> str:
        """Take the pose of a frame.

        Args:
            global_from_base: (4, 4) base frame to the grid's frame.
            stamp_ns: its time; a little before the last one is no jump, as cameras overtake.

        Returns:
            What is wrong; empty if nothing is.
        """
        yaw = np.arctan2(global_from_base[1, 0], global_from_base[0, 0])
        pose = np.array([*global_from_base[:2, 3], yaw])
        if self._pose is None:
            self._start(pose, stamp_ns)
            return ""
        passed_s = (stamp_ns - self._stamp_ns) / 1e9
        if passed_s < -_BACK_S:
            self._start(pose, stamp_ns)
            return f"stamps went back by {-passed_s:.1f} s"
        moved = _difference(pose, self._pose)
        if self._jumped(moved, abs(passed_s)):
            self._start(pose, stamp_ns)
            return (
                f"the pose jumped by {np.hypot(moved[0], moved[1]):.2f} m and "
                f"{np.rad2deg(abs(moved[2])):.0f} degrees within {abs(passed_s):.2f} s"
            )
        if passed_s >= _SHORTEST_S:
            self._pose, self._stamp_ns, self._speed = pose, stamp_ns, moved / passed_s
        return ""

    def _start(self, pose: Matrix, stamp_ns: int) -> None:
        self._pose, self._stamp_ns, self._speed = pose, stamp_ns, None

    def _jumped(self, moved: Matrix, passed_s: float) -> bool:
        if self._speed is None or passed_s > _LONGEST_S:
            off = moved
            most_m = _SLACK_M + _FASTEST_M_S * passed_s
            most_rad = _SLACK_RAD + _FASTEST_RAD_S * passed_s
        else:
            off = moved - self._speed * passed_s
            most_m = _SLACK_M + _HARDEST_M_S2 * passed_s**2 / 2
            most_rad = _SLACK_RAD + _HARDEST_RAD_S2 * passed_s**2 / 2
        turned = abs(np.remainder(off[2] + np.pi, 2 * np.pi) - np.pi)
        return bool(np.hypot(off[0], off[1]) > most_m or turned > most_rad)


def _difference(pose: Matrix, before: Matrix) -> Matrix:
    moved = pose - before
    moved[2] = np.remainder(moved[2] + np.pi, 2 * np.pi) - np.pi
    return moved
