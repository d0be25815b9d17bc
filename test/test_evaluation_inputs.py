"""Recordings as they come: `dcfm evaluate` ends with a report that says so, or with one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bag_harness import list_missing_split
from evaluation_harness import (
    IMAGE_TOPIC,
    LABEL_TOPIC,
    START_NS,
    STEP_NS,
    pictures,
    write_recording,
)

from dcfm_ros.bags import message_class, write_bag
from dcfm_ros.bags.convert import compressed_image, header
from dcfm_ros.cli.main import main
from dcfm_ros.images import labels_to_png, rgb_to_png


@pytest.fixture
def evaluate(checkpoint, tmp_path):
    """Runs the command; gives its exit code and, where there is one, the content of metrics.json.

    Frames are read from frames.jsonl beside it.
    """

    def run(*arguments):
        options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", 1)
        out = tmp_path / "out"
        code = main([str(a) for a in ("evaluate", *arguments, *options, "-o", out)])
        if code:
            assert not (out / "metrics.json").exists()
            return code, None, []
        frames = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
        return code, json.loads((out / "metrics.json").read_text()), frames

    return run


def one_line(capsys) -> str:
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    return told[0]


def raw_image(stamp_ns, encoding, pixels):
    return message_class("sensor_msgs/msg/Image")(
        header=header(stamp_ns, "camera"),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=np.ascontiguousarray(pixels).view(np.uint8).reshape(-1),
    )


@pytest.mark.parametrize(("encoding", "dtype"), [("32FC1", np.float32), ("16UC1", np.uint16)])
def test_depth_instead_of_pictures(evaluate, tmp_path, capsys, encoding, dtype):
    with write_bag(tmp_path / "bag") as bag:
        depth = np.ones((48, 64), dtype)
        bag.write("/camera/image", raw_image(START_NS, encoding, depth), START_NS)
    assert evaluate(tmp_path / "bag")[0] == 2
    assert encoding in one_line(capsys)


def test_a_clock_that_jumps_back(evaluate, tmp_path):
    """As of a recording in a loop: a key frame follows the jump, and all frames count."""
    images = pictures(6)
    with write_bag(tmp_path / "bag") as bag:
        for index, image in enumerate(images):
            stamp = START_NS + index % 3 * STEP_NS
            picture = compressed_image(stamp, "camera", "png", rgb_to_png(image))
            bag.write(IMAGE_TOPIC, picture, START_NS + index * STEP_NS)
            png = labels_to_png(np.full((48, 64), index, np.uint8))
            label = compressed_image(stamp, "camera", "png", png)
            bag.write(LABEL_TOPIC, label, START_NS + index * STEP_NS)
    _, metrics, frames = evaluate(tmp_path / "bag", "--policy", "fixed", "--measure", "all")
    assert [frame["reason"] for frame in frames] == [
        "FIRST", "REUSE", "REUSE", "STAMP_GAP", "REUSE", "REUSE"
    ]  # fmt: skip
    assert metrics["total"]["frames"] == 6


def test_a_camera_that_changes_its_size(evaluate, tmp_path):
    """Labels have the size of their frame; what compares frames starts anew."""
    images = [*pictures(3), *(image[:32, :48] for image in pictures(3))]
    labels = [np.zeros(image.shape[:2], np.uint8) for image in images]
    bag = write_recording(tmp_path / "bag", [np.ascontiguousarray(i) for i in images], labels)
    options = ("--policy", "fixed", "--measure", "all", "--reference", "same", "--bag")
    _, metrics, frames = evaluate(bag, *options)
    assert [frame["reason"] for frame in frames][3] == "RESIZE"
    assert metrics["total"]["accuracy"]["pixels"] == 3 * 48 * 64 + 3 * 32 * 48


@pytest.mark.parametrize("shape", [(24, 32), (96, 128), (50, 60)])
def test_ground_truth_of_another_size(evaluate, tmp_path, shape):
    labels = [np.full(shape, 3, np.uint8)] * 2
    bag = write_recording(tmp_path / "bag", pictures(2), labels)
    _, metrics, _ = evaluate(bag, "--measure", "all")
    assert metrics["total"]["accuracy"]["pixels"] == 2 * shape[0] * shape[1]
    unnamed, note = metrics["recordings"][0]["notes"]
    assert "do not name their classes" in unnamed
    assert f"Ground truth of {shape[1]}x{shape[0]} px differs from the image" in note
    assert ("another aspect ratio" in note) == (shape == (50, 60))


def test_one_image_is_enough_for_every_measure(evaluate, tmp_path):
    bag = write_recording(tmp_path / "bag", pictures(1), [np.zeros((48, 64), np.uint8)])
    options = ("--measure", "all", "--reference", "same", "--bag")
    _, metrics, _ = evaluate(bag, *options)
    assert metrics["total"]["consistency"] == {"vc8": None, "vc16": None, "flow": None}
    assert metrics["total"]["reference"]["agreement"] == 1.0


def test_ground_truth_that_matches_no_stamp(evaluate, tmp_path):
    labels = [np.zeros((48, 64), np.uint8)] * 3
    bag = write_recording(tmp_path / "bag", pictures(3), labels, label_offset_ns=30_000_000)
    _, metrics, _ = evaluate(bag)
    assert metrics["total"]["accuracy"] is None
    assert "a larger --gt-tolerance-ms may help" in metrics["recordings"][0]["notes"][0]
    _, metrics, _ = evaluate(bag, "--gt-tolerance-ms", 31)
    assert metrics["total"]["accuracy"]["frames"] == 3


def test_ground_truth_of_a_folder(evaluate, tmp_path):
    """Named as pictures are, and by stamp beside a bag."""
    (tmp_path / "frames").mkdir()
    labels = labels_to_png(np.zeros((48, 64), np.uint8))
    for folder, names in (("seen", ("a", "b", "c")), ("stamped", (START_NS,))):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.png").write_bytes(labels)
    for name, image in zip("abc", pictures(3), strict=True):
        (tmp_path / "frames" / f"{name}.png").write_bytes(rgb_to_png(image))
    _, metrics, _ = evaluate(tmp_path / "frames", "--gt-folder", tmp_path / "seen")
    assert metrics["total"]["accuracy"]["frames"] == 3
    bag = write_recording(tmp_path / "bag", pictures(3))
    _, metrics, _ = evaluate(bag, "--gt-folder", tmp_path / "stamped")
    assert metrics["total"]["accuracy"]["frames"] == 1


def test_a_missing_split_is_refused_or_skipped_on_request(evaluate, tmp_path, capsys):
    bag = write_recording(tmp_path / "bag", pictures(2))
    list_missing_split(bag)
    code, _, _ = evaluate(bag)
    assert code == 2
    assert "gone.mcap" in one_line(capsys)
    _, metrics, _ = evaluate(bag, "--skip-missing")
    assert metrics["recordings"][0]["frames"] == 2


def test_ground_truth_without_a_labelled_pixel(evaluate, tmp_path):
    labels = [np.full((48, 64), 255, np.uint8)] * 2
    _, metrics, frames = evaluate(
        write_recording(tmp_path / "bag", pictures(2), labels), "--measure", "all"
    )
    assert metrics["total"]["accuracy"]["miou"] is None
    assert metrics["total"]["calibration"] is None
    assert frames[0]["miou"] is None
    assert "The ground truth holds no labelled pixel." in metrics["recordings"][0]["notes"]


@pytest.mark.parametrize(
    ("bag", "expected"),
    [
        ("ros1_compressed_camera_info.bag", None),
        ("ros1_raw_and_png.bag", "several image topics"),
        ("ros2_old_type_names_no_metadata.db3", "several image topics"),
    ],
)
def test_real_bags_of_other_tools(evaluate, shared_dir, capsys, bag, expected):
    code, metrics, _ = evaluate(shared_dir / "bags" / bag)
    if expected is None:
        assert (code, metrics["total"]["frames"]) == (0, 1)
    else:
        assert code == 2
        assert expected in one_line(capsys)


@pytest.mark.parametrize("bag", ["ros1_raw_and_png.bag", "ros2_old_type_names_no_metadata.db3"])
def test_real_bags_with_the_topic_named(evaluate, shared_dir, bag):
    code, metrics, _ = evaluate(shared_dir / "bags" / bag, "--image-topic", "image")
    assert (code, metrics["total"]["frames"]) == (0, 1)
