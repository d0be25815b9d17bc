"""The transform buffer against hand-worked poses, tf2's answers, and tf2 itself where it is."""

from __future__ import annotations

import json
import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dcfm_ros.errors import DcfmError, TransformError
from dcfm_ros.geometry import TransformBuffer, inverse, rigid

S = 1_000_000_000
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def turned(yaw_deg: float) -> tuple[float, float, float, float]:
    half = math.radians(yaw_deg) / 2
    return 0.0, 0.0, math.sin(half), math.cos(half)


def message(child, parent, stamp_ns=0, xyz=(0.0, 0.0, 0.0), quaternion=UPRIGHT):
    """A tf2_msgs/TFMessage with one transform, by its fields."""
    stamp = SimpleNamespace(sec=stamp_ns // S, nanosec=stamp_ns % S)
    x, y, z, w = quaternion
    transform = SimpleNamespace(
        translation=SimpleNamespace(x=xyz[0], y=xyz[1], z=xyz[2]),
        rotation=SimpleNamespace(x=x, y=y, z=z, w=w),
    )
    header = SimpleNamespace(stamp=stamp, frame_id=parent)
    stamped = SimpleNamespace(header=header, child_frame_id=child, transform=transform)
    return SimpleNamespace(transforms=[stamped])


@pytest.fixture
def robot():
    """The base at 1 s and 2 s, in odom, and a camera fixed to it."""
    buffer = TransformBuffer()
    buffer.feed(message("base_link", "odom", 1 * S, (0, 0, 0), turned(0)))
    buffer.feed(message("base_link", "odom", 2 * S, (4, 0, 0), turned(90)))
    buffer.feed(message("camera", "base_link", 0, (1, 0, 0.5)), static=True)
    return buffer


def test_between_two_samples_position_goes_straight_and_rotation_by_angle(robot):
    """A quarter of the way: 1 m, 22.5 degrees."""
    pose = robot.lookup("odom", "base_link", S + S // 4)
    np.testing.assert_allclose(pose, rigid((1, 0, 0), turned(22.5)), atol=1e-12)


def test_a_chain_is_composed_with_the_static_part_at_any_time(robot):
    """At 2 s the base looks left: the camera is 1 m to the left of it."""
    pose = robot.lookup("odom", "camera", 2 * S)
    np.testing.assert_allclose(pose[:3, 3], (4, 1, 0.5), atol=1e-12)


def test_the_way_back_is_the_inverse(robot):
    there, back = robot.lookup("odom", "camera", 2 * S), robot.lookup("camera", "odom", 2 * S)
    np.testing.assert_allclose(back, inverse(there), atol=1e-12)


def test_two_branches_meet_at_their_common_parent(robot):
    robot.feed(message("lidar", "base_link", 0, (0, 2, 0)), static=True)
    pose = robot.lookup("camera", "lidar", 123)
    np.testing.assert_allclose(pose[:3, 3], (-1, 2, -0.5), atol=1e-12)


def test_rotation_takes_the_shorter_way_whatever_the_sign_of_the_quaternion():
    buffer = TransformBuffer()
    buffer.feed(message("b", "a", 1 * S, quaternion=turned(170)))
    opposite = tuple(-value for value in turned(-170))
    buffer.feed(message("b", "a", 2 * S, quaternion=opposite))
    middle = buffer.lookup("a", "b", S + S // 2)
    np.testing.assert_allclose(middle[:3, 0], (-1, 0, 0), atol=1e-9)


def test_the_latest_time_is_the_latest_that_all_frames_cover(robot):
    robot.feed(message("arm", "base_link", 1 * S, (0, 0, 1)))
    robot.feed(message("arm", "base_link", S + S // 2, (0, 0, 2)))
    assert robot.latest_ns("odom", "arm") == S + S // 2
    pose = robot.lookup("odom", "arm", None)
    np.testing.assert_allclose(pose[:3, 3], (2, 0, 2), atol=1e-12)
    assert robot.latest_ns("base_link", "camera") == 0


@pytest.mark.parametrize(
    ("stamp_ns", "reason", "may_come"),
    [
        (2 * S + 1, "'odom'.*'base_link'|'base_link'.*'odom'.*latest data", True),
        (1 * S - 1, "'base_link' to 'odom' at 1.000.*earliest data", False),
    ],
)
def test_extrapolation_is_an_error_that_names_both_frames(robot, stamp_ns, reason, may_come):
    with pytest.raises(TransformError, match=reason) as caught:
        robot.lookup("odom", "base_link", stamp_ns)
    assert (caught.value.target, caught.value.source) == ("odom", "base_link")
    assert caught.value.may_come is may_come
    assert isinstance(caught.value, DcfmError)


def test_a_single_sample_holds_for_its_own_time_only():
    buffer = TransformBuffer()
    buffer.feed(message("b", "a", 5 * S, (1, 2, 3)))
    np.testing.assert_array_equal(buffer.lookup("a", "b", 5 * S)[:3, 3], (1, 2, 3))
    with pytest.raises(TransformError, match=r"from 'b' to 'a' at 5\.100"):
        buffer.lookup("a", "b", 5 * S + S // 10)


def test_an_unknown_frame_is_named_with_those_that_are_known(robot):
    with pytest.raises(
        TransformError,
        match=r"from 'camara' to 'odom': frame 'camara' was not received "
        r"\(known: base_link, camera, odom\)",
    ):
        robot.lookup("odom", "camara", 1 * S)


def test_two_trees_are_said_to_be_two(robot):
    robot.feed(message("tag", "map", 1 * S), static=True)
    with pytest.raises(TransformError, match="'tag' to 'odom': they are not part of one tree"):
        robot.lookup("odom", "tag", 1 * S)
    with pytest.raises(TransformError, match="'tag' to 'odom': they are not part of one tree"):
        robot.lookup("odom", "tag", 0)


@pytest.mark.parametrize("stamp_ns", [0, 7])
def test_a_loop_is_found_and_named(stamp_ns):
    buffer = TransformBuffer()
    for child, parent in (("b", "a"), ("c", "b"), ("a", "c")):
        buffer.feed(message(child, parent), static=True)
    buffer.feed(message("x", "w"), static=True)
    with pytest.raises(TransformError, match="from 'b' to 'x': the tree of frames has a loop"):
        buffer.lookup("x", "b", stamp_ns)


def test_a_frame_in_itself_is_the_only_identity():
    np.testing.assert_array_equal(TransformBuffer().lookup("a", "a", 3), np.eye(4))


def test_a_frame_that_changes_its_parent_is_not_interpolated_between_them():
    """The older sample holds until the newer one, as in tf2."""
    buffer = TransformBuffer()
    buffer.feed(message("box", "table", 1 * S, (1, 0, 0)))
    buffer.feed(message("box", "hand", 2 * S, (9, 9, 9)))
    np.testing.assert_array_equal(buffer.lookup("table", "box", S + S // 2)[:3, 3], (1, 0, 0))
    np.testing.assert_array_equal(buffer.lookup("hand", "box", 2 * S)[:3, 3], (9, 9, 9))


def test_a_static_transform_can_be_corrected():
    buffer = TransformBuffer()
    for x in (1.0, 2.0):
        buffer.feed(message("b", "a", 0, (x, 0, 0)), static=True)
    assert buffer.lookup("a", "b", 99)[0, 3] == 2.0


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (message("a", "a", 1), "one frame as parent and child"),
        (message("", "a", 1), "empty frame name"),
        (message("b", "", 1), "empty frame name"),
        (message("b", "a", 1, (math.nan, 0, 0)), "expected finite numbers"),
        (message("b", "a", 1, (0, math.inf, 0)), "expected finite numbers"),
        (message("b", "a", 1, (0, 0, 0), (0.0, 0.0, 0.0, 0.0)), "quaternion of zeros"),
    ],
)
def test_what_cannot_be_a_transform_is_refused_with_a_reason(bad, problem):
    buffer = TransformBuffer()
    (said,) = buffer.feed(bad)
    assert problem in said
    with pytest.raises(TransformError):
        buffer.lookup("a", "b", 1)


def test_leading_slashes_of_ros_1_are_dropped_and_quaternions_made_unit():
    buffer = TransformBuffer()
    assert buffer.feed(message("/b", "/a", 1, (0, 0, 0), (0.0, 0.0, 2.0, 2.0))) == []
    np.testing.assert_allclose(buffer.lookup("a", "b", 1)[:3, 0], (0, 1, 0), atol=1e-12)


def test_old_samples_expire(robot):
    robot.feed(message("base_link", "odom", 12 * S))
    robot.feed(message("base_link", "odom", 13 * S))
    with pytest.raises(TransformError, match=r"earliest data is 0\.500 s newer"):
        robot.lookup("odom", "base_link", S + S // 2)


def test_a_late_sample_is_sorted_in(robot):
    robot.feed(message("base_link", "odom", S + S // 2, (0, 8, 0)))
    np.testing.assert_allclose(
        robot.lookup("odom", "base_link", S + S // 4)[:3, 3], (0, 4, 0), atol=1e-12
    )


def test_one_stray_old_sample_is_ignored_and_a_clock_set_back_starts_afresh(robot):
    robot.feed(message("base_link", "odom", 50 * S))
    (said,) = robot.feed(message("base_link", "odom", 3 * S))
    assert "47.000 s before the newest" in said
    assert robot.feed(message("base_link", "odom", 51 * S)) == []
    assert len(robot.feed(message("base_link", "odom", 3 * S))) == 1
    assert robot.jumps == 0
    assert robot.feed(message("base_link", "odom", 4 * S, (7, 0, 0))) == []
    assert robot.jumps == 1
    assert robot.lookup("odom", "camera", 4 * S)[0, 3] == 8.0  # static transforms stayed
    with pytest.raises(TransformError):
        robot.lookup("odom", "camera", 51 * S)


def test_after_a_jump_nothing_that_moves_is_known(robot):
    robot.clear()
    with pytest.raises(TransformError, match=r"'camera' to 'odom'.*since a jump") as caught:
        robot.lookup("odom", "camera", 2 * S)
    assert caught.value.may_come
    assert robot.lookup("base_link", "camera", 2 * S)[0, 3] == 1.0


def test_a_lookup_waits_for_what_may_still_come(robot):
    """The other thread feeds only once the waiting one must have seen that it is missing."""
    late = threading.Timer(0.05, lambda: robot.feed(message("base_link", "odom", 3 * S, (8, 0, 0))))
    late.start()
    pose = robot.lookup("odom", "base_link", 3 * S, timeout_s=30.0)
    late.join()
    assert pose[0, 3] == 8.0


def test_a_lookup_does_not_wait_for_the_past(robot):
    """It would take 300 s, and the test's own limit would end it."""
    with pytest.raises(TransformError, match="earliest data"):
        robot.lookup("odom", "base_link", 1, timeout_s=1e6)


def test_a_bag_read_ahead_keeps_everything():
    buffer = TransformBuffer(cache_s=math.inf)
    for second in range(1, 2000):
        buffer.feed(message("b", "a", second * S, (float(second), 0, 0)))
    assert buffer.lookup("a", "b", S + S // 2)[0, 3] == 1.5
    assert buffer.lookup("a", "b", 1999 * S)[0, 3] == 1999.0


ERRORS = {
    "FORWARD": "latest data",
    "BACKWARD": "earliest data",
    "NODATA": "data is|since a jump",
    "CONNECT": "not part of one tree",
    "LOOKUP": "was not received",
}


def test_the_recorded_answers_of_tf2(checkout):
    """What tf2::BufferCore took, refused and answered in a row of random sets and lookups."""
    recorded = json.loads((checkout / "test/data/tf2_answers.json").read_text())
    buffer = TransformBuffer(cache_s=3.0)
    for step in recorded["steps"]:
        if "set" in step:
            child, parent, stamp_ns, static, xyz, xyzw = step["set"]
            problems = buffer.feed(message(child, parent, stamp_ns, xyz, xyzw), static=static)
            assert (not problems) is step["taken"]
        elif "clear" in step:
            buffer.clear()
        elif "error" in step:
            with pytest.raises(TransformError, match=ERRORS[step["error"]]):
                buffer.lookup(*step["lookup"])
        else:
            expected = rigid(step["xyz"], step["xyzw"])
            np.testing.assert_allclose(buffer.lookup(*step["lookup"]), expected, atol=1e-5)


def test_the_same_poses_as_tf2():
    """Random trees, times and disorder, through tf2's own buffer and ours."""
    tf2_py = pytest.importorskip("tf2_py", reason="tf2 is not among the wheels of the index")
    from builtin_interfaces.msg import Time
    from geometry_msgs.msg import TransformStamped
    from rclpy.duration import Duration
    from rclpy.time import Time as Stamp

    rng = np.random.default_rng(3)
    theirs, ours = tf2_py.BufferCore(Duration(seconds=10)), TransformBuffer(10.0)
    parents = {"b": "a", "c": "b", "d": "b", "e": "d", "f": "z"}
    agreed = 0
    for step in range(600):
        child = str(rng.choice(list(parents)))
        now = 100 * S + step * S // 20
        stamp = now - int(rng.choice([0, 0, S // 10, S, 12 * S]))
        xyz, turn = rng.uniform(-5, 5, 3).tolist(), Rotation.random(rng=rng).as_quat().tolist()
        stamped = TransformStamped()
        stamped.header.stamp = Time(sec=stamp // S, nanosec=stamp % S)
        stamped.header.frame_id, stamped.child_frame_id = parents[child], child
        shift, spin = stamped.transform.translation, stamped.transform.rotation
        shift.x, shift.y, shift.z = xyz
        spin.x, spin.y, spin.z, spin.w = turn
        if child == "c":
            theirs.set_transform_static(stamped, "test")
        else:
            theirs.set_transform(stamped, "test")
        ours._names.update((child, parents[child]))
        ours._old.clear()  # tf2 forgets by the clock, not by the stamps
        ours.feed(message(child, parents[child], stamp, xyz, turn), static=child == "c")
        target, source = rng.choice(list("abcdef"), 2)
        asked = int(rng.choice([0, now, now - S // 7, now - 2 * S]))
        try:
            found = theirs.lookup_transform_core(
                str(target), str(source), Stamp(nanoseconds=asked)
            ).transform
        except tf2_py.TransformException:
            with pytest.raises(TransformError):
                ours.lookup(str(target), str(source), asked)
            continue
        spin, shift = found.rotation, found.translation
        expected = rigid((shift.x, shift.y, shift.z), (spin.x, spin.y, spin.z, spin.w))
        pose = ours.lookup(str(target), str(source), asked)
        np.testing.assert_allclose(pose, expected, atol=1e-8)
        agreed += 1
    assert agreed > 50
