"""The costmap of a recording: what the node would publish, held against the true grid."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from costmap_street import CLASSES, Drive
from depth_camera import DepthCamera
from evaluation_harness import write_checkpoint
from frame_harness import segmented_frame

from dcfm_ros.bags import message_class, open_bag, write_bag
from dcfm_ros.cli.main import main
from dcfm_ros.costmap import CostmapSettings, ProjectionSettings
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.errors import BagError
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.report.pictures import beside, film_strip, top_view
from dcfm_ros.evaluation.run.costmap_run import CostmapRun, costmap_of
from dcfm_ros.images.depth import image_to_depth
from dcfm_ros.network import LabelSet, label_set
from dcfm_ros.synthetic import Street, StreetSettings, SyntheticFrame, write_street_bag

STREET = StreetSettings(seed=2, width=320, height=240, duration_s=0.8)
LABELS = label_set("camvid")
REGULAR = CostmapSettings(prompt_range_m=0.0)
ROAD = CLASSES.names.index("road")


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "street"
    write_street_bag(path, STREET)
    return path


@pytest.fixture(scope="module")
def frames() -> list[SyntheticFrame]:
    return list(Street(STREET).frames())


def perfect(frames: list[SyntheticFrame]) -> Iterator[SegmentedFrame]:
    """Frames with the labels that are true."""
    for index, frame in enumerate(frames):
        yield segmented_frame(
            frame.labels, index=index, stamp_ns=frame.stamp_ns, frame_id="camera_optical_frame",
            is_key_frame=True, rgb=frame.rgb, confidence=np.full_like(frame.labels, 255),
        )  # fmt: skip


def run(
    bag: Path,
    frames: list[SyntheticFrame],
    depth_topic: str = "",
    settings: CostmapSettings | None = None,
) -> CostmapRun:
    settings = settings or REGULAR
    with (
        open_source(bag, SourceOptions()) as source,
        costmap_of(source, settings, LABELS, depth_topic) as costmap,
    ):
        assert costmap is not None
        assert sum(1 for _ in costmap.watch(perfect(frames))) == len(frames)
    return costmap


def packed(bag: Path, out: Path, kind: str, suffix: str) -> Path:
    """A copy whose depth is packed as image_transport does; png: also without its header."""
    with open_bag(bag) as reader, write_bag(out) as writer:
        for record in reader.messages():
            topic, message = record.topic, record.message
            if topic == "/camera/depth":
                data = png_of(image_to_depth(message))
                header = bytes(12) if "compressedDepth" in kind else b""
                topic += suffix
                message = message_class("sensor_msgs/msg/CompressedImage")(
                    message.header, kind, np.frombuffer(header + data, np.uint8)
                )
            writer.write(topic, message, record.log_ns, latched=topic == "/tf_static")
    return out


def png_of(depth: np.ndarray) -> bytes:
    return cv2.imencode(".png", depth)[1].tobytes()


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("16UC1; compressedDepth png", "/compressedDepth"),
        ("16UC1; png compressed ", "/compressed"),
    ],
)
def test_packed_depth_gives_the_grid_of_raw_depth(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path, kind: str, suffix: str
) -> None:
    raw = run(bag, frames, "/camera/depth")
    found = run(packed(bag, tmp_path / "bag", kind, suffix), frames, "/camera/depth" + suffix)
    assert found.added == len(frames)
    assert not found.problems
    assert found.score.figures() == raw.score.figures()


@pytest.mark.parametrize("depth_topic", ["", "/camera/depth"])
def test_perfect_labels_give_the_true_grid(
    bag: Path, frames: list[SyntheticFrame], depth_topic: str
) -> None:
    costmap = run(bag, frames, depth_topic)
    assert (costmap.added, costmap.grids) == (len(frames), 2)
    assert not costmap.problems
    assert not costmap.warnings
    assert costmap.score.grids == 2
    assert costmap.score.ground > 2000
    assert costmap.score.ground_share > 0.98
    assert costmap.score.hidden_share < 0.02
    figures = json.loads(json.dumps(costmap.figures()))
    assert figures["depth_topic"] == (depth_topic or None)
    assert figures["truth_topic"] == "/gt/class_grid"
    assert figures["settings"]["grid"]["resolution_m"] == 0.1


def test_grids_are_those_of_the_builder_at_the_same_stamps(
    bag: Path, frames: list[SyntheticFrame]
) -> None:
    """Transforms of a bag go through messages and quaternions; else all is the same."""
    costmap = run(bag, frames)
    drive = Drive(Street(STREET))
    expected = {}
    for frame in frames:
        drive.add(frame)
        expected[frame.stamp_ns] = drive.builder.grid(frame.stamp_ns)
    assert len(costmap.shots()) == 2
    for shot in costmap.shots():
        grid = expected[shot.grid.stamp_ns]
        assert shot.grid.origin_m == grid.origin_m
        assert (shot.grid.class_ids != grid.class_ids).mean() < 1e-4


def test_pictures_show_the_robots_way_up(bag: Path, frames: list[SyntheticFrame]) -> None:
    costmap = run(bag, frames)
    shot = costmap.shots()[-1]
    view = top_view(shot, shot.grid.class_ids, CLASSES, 240)
    assert view.shape == (240, 240, 3)
    ahead = view[60, 110:130].reshape(-1, 3)  # some 8 m before the robot
    assert (ahead == CLASSES.rules[ROAD].color).all(axis=1).mean() > 0.5
    assert (view[235] == (228, 230, 233)).all(axis=1).all()  # behind, never seen
    height, width = shot.rgb.shape[:2]
    assert beside(shot, CLASSES).shape == (height, width + 2 * (height + 8), 3)
    assert film_strip(costmap.shots(), CLASSES, 100).shape == (100, 208, 3)


def rewritten(bag: Path, out: Path, delay_s: Callable[[str], float | None]) -> Path:
    """A copy whose messages were recorded later, by topic; None leaves them out."""
    with open_bag(bag) as reader, write_bag(out) as writer:
        held = [
            (record.log_ns + round(1e9 * delay), record.topic, record.message)
            for record in reader.messages()
            if (delay := delay_s(record.topic)) is not None
        ]
        for log_ns, topic, message in sorted(held, key=lambda entry: entry[0]):
            writer.write(topic, message, log_ns, latched=topic == "/tf_static")
    return out


def test_transforms_that_come_a_little_late_are_waited_for(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    late = rewritten(bag, tmp_path / "late", lambda topic: 0.15 if topic == "/tf" else 0.0)
    assert run(late, frames).added == len(frames)
    impatient = run(late, frames, settings=CostmapSettings(tf_timeout_s=0.05))
    assert impatient.added < len(frames)
    (reason,) = impatient.problems
    assert reason == "no transform from 'base_link' to 'odom' at their stamps"
    assert impatient.problems[reason] == len(frames) - impatient.added


def test_bags_without_transforms_or_calibration_have_none(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    for name, left_out in (("a", ("/tf", "/tf_static")), ("b", ("/camera/camera_info",))):
        poor = rewritten(
            bag, tmp_path / name, lambda topic, skip=left_out: None if topic in skip else 0.0
        )
        with (
            open_source(poor, SourceOptions()) as source,
            costmap_of(source, CostmapSettings(), LABELS) as costmap,
        ):
            assert costmap is None
    with open_source(bag, SourceOptions()) as source:
        with costmap_of(source, None, LABELS) as costmap:
            assert costmap is None
        with costmap_of(source, CostmapSettings(), label_set("vspw")) as costmap:
            assert costmap is None  # nobody says what its classes mean
        with (
            pytest.raises(BagError, match="/camera/deep"),
            costmap_of(source, CostmapSettings(), LABELS, "/camera/deep"),
        ):
            pass


def test_evaluate_shows_the_costmap(bag: Path, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    common = [
        "--checkpoint",
        str(checkpoint),
        "--device",
        "cpu",
        "--threads",
        "1",
        "--costmap-set",
        "prompt_range_m=0",
    ]
    found = {}
    for name, more in (
        ("plain", []),
        ("depth", ["--depth-topic", "/camera/depth", "--costmap-set", "rate_hz=5"]),
        ("none", ["--no-costmap"]),
    ):
        out = tmp_path / name
        assert main(["evaluate", str(bag), "-o", str(out), *common, *more]) == 0
        metrics = json.loads((out / "metrics.json").read_text())
        report = (out / "report.html").read_text()
        found[name] = metrics["recordings"][0].get("costmap")
        assert ('alt="costmap"' in report) is (name != "none")
    assert found["none"] is None
    assert found["plain"]["frames_added"] == 8
    assert found["plain"]["grids"] == 2
    assert found["plain"]["against_truth"]["grids"] == 2
    assert found["depth"]["grids"] == 4
    assert found["depth"]["settings"]["rate_hz"] == 5.0


def test_the_terminal_says_how_the_costmap_went(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    common = [
        "--checkpoint",
        str(checkpoint),
        "--device",
        "cpu",
        "--threads",
        "1",
        "--costmap-set",
        "prompt_range_m=0",
    ]
    nowhere = ["--costmap-set", "global_frame=nowhere"]
    for more, grids in (([], "2 grids; "), (nowhere, "0 grids")):
        assert main(["evaluate", str(bag), "-o", str(tmp_path / "out"), *common, *more]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert f"costmap {grids}" in out
        told = "note 8 of 8 frames not added to the costmap: no transform from 'base_link' to 'now"
        assert (told in out) is bool(more)
    assert "8 of 8 frames not added" in (tmp_path / "out" / "report.html").read_text()


def test_depth_of_a_wrong_unit_is_told_in_the_terminal(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Millimetres as 32FC1, which ROS takes as metres."""
    wrong = tmp_path / "wrong"
    with open_bag(bag) as reader, write_bag(wrong) as writer:
        for record in reader.messages():
            message = record.message
            if record.topic == "/camera/depth":
                values = np.frombuffer(message.data, np.uint16).astype(np.float32)
                message = replace(
                    message, encoding="32FC1", step=4 * message.width, data=values.view(np.uint8)
                )
            latched = record.topic == "/tf_static"
            writer.write(record.topic, message, record.log_ns, latched=latched)
    common = ["--depth-topic", "/camera/depth", "--device", "cpu", "--threads", "1"]
    for recording in (bag, wrong):
        out = tmp_path / "out"
        assert main(["evaluate", str(recording), "-o", str(out), *common]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert ("times what the camera's mount says" in said) is (recording == wrong)


def test_depth_that_measures_nothing_is_told(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    """A covered or switched off depth camera goes on publishing: no cell would ever be known."""
    path = tmp_path / "bag"
    with open_bag(bag) as reader, write_bag(path) as writer:
        for record in reader.messages():
            if record.topic == "/camera/depth":
                record.message.data = np.zeros_like(record.message.data)
            latched = record.topic == "/tf_static"
            writer.write(record.topic, record.message, record.log_ns, latched=latched)
    (warning,) = run(path, frames, "/camera/depth").warnings
    assert "its depth image measures nothing at any pixel" in warning


def test_mistaken_costmap_settings_are_named(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for given, message in (
        ("rate=2", "unknown setting 'rate'"),
        ("rate_hz", "expected NAME=VALUE"),
    ):
        assert main(["evaluate", str(bag), "-o", str(tmp_path), "--costmap-set", given]) != 0
        assert message in capsys.readouterr().err


def with_depth(bag: Path, out: Path, change: Callable[[Any], None]) -> Path:
    """A copy with other depth images."""
    with open_bag(bag) as reader, write_bag(out) as writer:
        for record in reader.messages():
            if record.topic == "/camera/depth":
                change(record.message)
            latched = record.topic == "/tf_static"
            writer.write(record.topic, record.message, record.log_ns, latched=latched)
    return out


def test_depth_whose_stamps_are_a_little_off_is_used_as_if_they_were_not(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    def later(depth: Any) -> None:
        depth.header.stamp.nanosec += 8_000_000

    off = run(with_depth(bag, tmp_path / "off", later), frames, "/camera/depth")
    exact = run(bag, frames, "/camera/depth")
    assert not off.warnings
    assert off.score.figures() == exact.score.figures()
    strict = CostmapSettings(projection=ProjectionSettings(depth_tolerance_s=0.004))
    refused = run(tmp_path / "off", frames, "/camera/depth", strict)
    (warning,) = refused.figures()["warnings"]
    assert f"{len(frames)} of {len(frames)} images had no depth" in warning
    assert "nearest is 8.0 ms off, expected at most 4.0 ms" in warning
    assert refused.score.figures() == run(bag, frames).score.figures()  # on flat ground


def test_depth_of_another_camera_is_refused_by_name(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    def elsewhere(depth: Any) -> None:
        depth.header.frame_id = "camera_depth_optical_frame"

    other = run(with_depth(bag, tmp_path / "other", elsewhere), frames, "/camera/depth")
    (warning,) = other.figures()["warnings"]
    assert "depth comes in frame 'camera_depth_optical_frame', expected 'camera_opt" in warning
    assert other.score.figures() == run(bag, frames).score.figures()


def test_depth_of_another_camera_is_registered_by_its_own_calibration_and_tf(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    """As good as depth that was aligned; and by the ground plane, said, where tf lacks the link."""
    camera = DepthCamera(Street(STREET), 256, 200)

    def copied(out: Path, linked: bool) -> Path:
        number = 0
        with open_bag(bag) as reader, write_bag(out) as writer:
            for record in reader.messages():
                topic, message = record.topic, record.message
                if topic == "/camera/depth":
                    message, number = camera.depth(number, message.header), number + 1
                if topic == "/camera/camera_info":
                    writer.write("/camera/depth/camera_info", camera.info(message), record.log_ns)
                if topic == "/tf_static" and linked:
                    message.transforms.append(camera.mount(message.transforms[0]))
                writer.write(topic, message, record.log_ns, latched=topic == "/tf_static")
        return out

    found = run(copied(tmp_path / "linked", True), frames, "/camera/depth")
    assert not found.warnings
    assert not found.problems
    assert found.figures()["depth_camera_info_topic"] == "/camera/depth/camera_info"
    aligned = run(bag, frames, "/camera/depth")
    for name, least in (("obstacles_near_share", 0.97), ("ground_right_share", 0.97)):
        shares = (one.score.figures()[name] for one in (found, aligned))
        assert next(shares) >= least * next(shares)
    unlinked = run(copied(tmp_path / "unlinked", False), frames, "/camera/depth")
    (warning,) = unlinked.figures()["warnings"]
    assert "depth in frame 'depth_optical_frame' cannot be registered to the image" in warning
    assert unlinked.score.figures() == run(bag, frames).score.figures()


def test_a_base_above_the_ground_has_the_ground_at_its_footprint(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    """REP-120: odom, base_footprint on the ground, base_link 0.35 m above it, camera."""
    height_m = 0.35
    with open_bag(bag) as reader, write_bag(tmp_path / "high") as writer:
        for record in reader.messages():
            for pose in getattr(record.message, "transforms", [])[:1]:
                if record.topic == "/tf":
                    pose.child_frame_id = "base_footprint"
                    continue
                foot = copy.deepcopy(pose)
                pose.transform.translation.z -= height_m
                foot.header.frame_id, foot.child_frame_id = "base_footprint", "base_link"
                shift, turn = foot.transform.translation, foot.transform.rotation
                shift.x, shift.y, shift.z = 0.0, 0.0, height_m
                turn.x, turn.y, turn.z, turn.w = 0.0, 0.0, 0.0, 1.0
                record.message.transforms.append(foot)
            latched = record.topic == "/tf_static"
            writer.write(record.topic, record.message, record.log_ns, latched=latched)
    high = run(tmp_path / "high", frames)
    level = run(bag, frames)
    assert high.added == len(frames)
    assert high.score.ground_share == pytest.approx(level.score.ground_share, abs=0.01)
    (warning,) = high.warnings
    assert "'base_link' is 0.35 m above 'base_footprint', whose plane is taken" in warning
    named = CostmapSettings(projection=ProjectionSettings(ground_frame="base_link"))
    assert run(tmp_path / "high", frames, settings=named).score.ground_share < 0.98


# --- as other people record --------------------------------------------------------------------


def renamed(bag: Path, out: Path, name: Callable[[str], str], d: list[float] | None = None) -> Path:
    """A copy with other topics, and with a lens's distortion if given."""
    with open_bag(bag) as reader, write_bag(out) as writer:
        for record in reader.messages():
            if d and record.topic.endswith("/camera_info"):
                record.message.d = np.array(d)
            latched = record.topic == "/tf_static"
            writer.write(name(record.topic), record.message, record.log_ns, latched=latched)
    return out


def namespaced(topic: str) -> str:
    return topic if topic.startswith("/gt") else "/robot1" + topic


@pytest.mark.parametrize("where", ["around the image", "the only ones"])
def test_transforms_of_a_namespace_are_taken(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path, where: str
) -> None:
    around = where == "around the image"
    path = renamed(
        bag, tmp_path / "bag", lambda t: namespaced(t) if around or t.startswith("/tf") else t
    )
    costmap = run(path, frames)
    assert costmap.added == len(frames)
    assert costmap.score.figures() == run(bag, frames).score.figures()
    assert [w for w in costmap.warnings if "-r /tf:=/robot1/tf" in w]
    assert [w for w in costmap.warnings if "-r /tf_static:=/robot1/tf_static" in w]


def remarks_on(bag: Path, labels: LabelSet = LABELS) -> list[str]:
    """Why there is no costmap."""
    with (
        open_source(bag, SourceOptions()) as source,
        costmap_of(source, CostmapSettings(), labels) as costmap,
    ):
        assert costmap is None
        return source.remarks


def test_transforms_of_several_other_robots_are_not_guessed(bag: Path, tmp_path: Path) -> None:
    with open_bag(bag) as reader, write_bag(tmp_path / "bag") as writer:
        for record in reader.messages():
            for robot in ("/a", "/b") if record.topic.startswith("/tf") else ("",):
                writer.write(robot + record.topic, record.message, record.log_ns)
    (remark,) = remarks_on(tmp_path / "bag")
    assert "no transforms for /camera/image_raw/compressed (/tf, /tf_static), only /a/tf" in remark


def test_half_of_what_a_costmap_needs_is_said(bag: Path, tmp_path: Path) -> None:
    info = renamed(
        bag, tmp_path / "info", lambda t: t.replace("camera/camera_info", "x/camera_info")
    )
    assert remarks_on(info) == [
        "No costmap: the bag has no camera_info on /camera/camera_info; there is /x/camera_info."
    ]
    alone = rewritten(bag, tmp_path / "tf", lambda t: None if t.startswith("/tf") else 0.0)
    (remark,) = remarks_on(alone)
    assert remark.startswith("No costmap: the bag has no transforms")


def test_own_labels_without_costs_are_said(bag: Path) -> None:
    (remark,) = remarks_on(bag, replace(LABELS, name="mine"))
    assert remark.startswith("No costmap: no costs are shipped for the classes of label set 'mine'")
    assert "costmap.classes" in remark


@pytest.mark.parametrize(("rectified", "told"), [(False, True), (True, False)])
def test_a_rectified_image_beside_a_raw_calibration_is_noticed(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path, rectified: bool, told: bool
) -> None:
    path = renamed(
        bag,
        tmp_path / "bag",
        lambda t: t.replace("image_raw/compressed", "image_rect/compressed"),
        d=[-0.32, 0.11, 0.0, 0.0, -0.02],
    )
    settings = CostmapSettings(projection=ProjectionSettings(rectified=rectified))
    costmap = run(path, frames, settings=settings)
    hints = [warning for warning in costmap.warnings if "projection.rectified=true" in warning]
    assert len(hints) == told


def test_a_frame_of_another_name_is_said(
    bag: Path, frames: list[SyntheticFrame], tmp_path: Path
) -> None:
    with open_bag(bag) as reader, write_bag(tmp_path / "bag") as writer:
        for record in reader.messages():
            for pose in getattr(record.message, "transforms", []):
                pose.header.frame_id = pose.header.frame_id.replace("odom", "robot1/odom")
            latched = record.topic == "/tf_static"
            writer.write(record.topic, record.message, record.log_ns, latched=latched)
    (warning,) = run(tmp_path / "bag", frames).warnings
    assert warning.startswith("no transform names the frame 'odom', only base_link, camera")
    assert "robot1/odom; set costmap.global_frame (--costmap-set global_frame=…)" in warning
    named = CostmapSettings(global_frame="robot1/odom")
    assert run(tmp_path / "bag", frames, settings=named).added == len(frames)
