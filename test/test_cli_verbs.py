"""The commands on small inputs: import, inspect, make-bag, segment, train; and wrong inputs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from evaluation_harness import (
    IMAGE_TOPIC,
    LABEL_TOPIC,
    START_NS,
    pictures,
    segmented,
    write_recording,
)
from PIL import Image

from dcfm_ros.bags import open_bag, write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.bags.types import message_class
from dcfm_ros.cli.main import main
from dcfm_ros.images import rgb_to_png, to_labels, to_rgb
from dcfm_ros.network import read_info
from dcfm_ros.streaming import KeyFrameSettings

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("bag") / "drive", pictures(6))


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def fails(capsys, *arguments) -> str:
    """The one line that a command ends with."""
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


# --- inspect, import -------------------------------------------------------------------------


def test_inspect_shows_what_a_checkpoint_is(checkpoint, capsys):
    assert run("inspect", checkpoint) == 0
    text = capsys.readouterr().out
    for part in (
        "resnet18, blocks 2-2-2-2,",
        "0.73 M",
        "64x48 px",
        "pedestrian",
        "rgb(64, 64, 0)",
        "iou: [0.5, 0.25]",
    ):
        assert part in text


def test_inspect_for_programs(checkpoint, capsys):
    assert run("inspect", checkpoint, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labels"]["classes"][3] == "road"
    assert found["cost"]["key"] > found["cost"]["non_key"] > 0


def test_import_of_a_published_pair(tmp_path, capsys):
    """Tensors of the names and shapes that the authors' files have."""
    name = "cityscapes_mitb1"
    shapes = dict(json.loads((DATA / f"{name}.json").read_text()))
    for part in ("encoder", "decoder"):
        state = {
            "module." + key.removeprefix(part + "."): torch.zeros(shape)
            for key, shape in shapes.items()
            if key.startswith(part)
        }
        torch.save(state, tmp_path / f"{part}_epoch_1.pth")
    pair = (tmp_path / "encoder_epoch_1.pth", tmp_path / "decoder_epoch_1.pth")
    out = tmp_path / "deep" / "mitb1.safetensors"
    assert run("import", *pair, "--config", name, "-o", out) == 0
    assert "19 classes, 1024x512" in capsys.readouterr().out
    assert read_info(out).name == name
    error = fails(capsys, "import", *pair, "--config", "cityscapes_resnet18", "-o", out)
    assert "does not fit a resnet18 network" in error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("inspect", "nowhere.safetensors"), "no checkpoint at nowhere.safetensors"),
        (("import", "a.pth", "b.pth", "--config", "vspw_mitb", "-o", "c"), "did you mean"),
        (("import", "a.pth", "b.pth", "--config", "vspw_mitb2", "-o", "."), "is a folder"),
        (("import", "a", "b", "--config", "vspw_mitb2", "-o", "/dev/null/x/y"), "cannot write to"),
        (("evaluate", "nowhere"), "no bag at nowhere"),
        (("segment", "nowhere.mp4"), "no video at nowhere.mp4"),
        (("demo", "nowhere"), "no bag at nowhere"),
        (("make-bag", "street", "--motion", "fly", "-o", "b"), "motion: found 'fly'"),
        (("make-bag", "street", "--duration", "-1", "-o", "b"), "duration_s: found -1"),
        (("make-bag", "camvid", "nowhere", "-o", "b"), "no pictures in nowhere/val"),
        (("train", "nowhere.yaml", "-o", "run"), "nowhere.yaml"),
    ],
)
def test_what_is_not_there_is_one_line(arguments, error, checkpoint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extra = ("--checkpoint", checkpoint) if arguments[0] in ("evaluate", "segment", "demo") else ()
    assert error in fails(capsys, *arguments, *extra)


# --- wrong recordings ------------------------------------------------------------------------


def evaluate_fails(capsys, tmp_path, checkpoint, *arguments) -> str:
    return fails(capsys, "evaluate", *arguments, "--checkpoint", checkpoint, "-o", tmp_path / "out")


def test_an_empty_bag_file(capsys, tmp_path, checkpoint):
    (tmp_path / "empty.mcap").touch()
    error = evaluate_fails(capsys, tmp_path, checkpoint, tmp_path / "empty.mcap")
    assert "is empty (0 bytes)" in error
    assert not (tmp_path / "out").exists()


def test_a_truncated_bag(capsys, tmp_path, checkpoint, recording):
    (whole,) = recording.glob("*.mcap")
    (tmp_path / "cut.mcap").write_bytes(whole.read_bytes()[:2000])
    error = evaluate_fails(capsys, tmp_path, checkpoint, tmp_path / "cut.mcap")
    assert "damaged, or the recording was cut off" in error


def test_a_bag_without_images(capsys, tmp_path, checkpoint):
    with write_bag(tmp_path / "bag") as bag:
        bag.write("/chatter", message_class("std_msgs/msg/String")("hello"), START_NS)
    error = evaluate_fails(capsys, tmp_path, checkpoint, tmp_path / "bag")
    assert "has no camera image topic" in error


def test_several_image_topics_are_listed(capsys, tmp_path, checkpoint):
    png = rgb_to_png(pictures(1)[0])
    with write_bag(tmp_path / "bag") as bag:
        for topic in ("/front/compressed", "/rear/compressed"):
            bag.write(topic, compressed_image(START_NS, "camera", "png", png), START_NS)
    error = evaluate_fails(capsys, tmp_path, checkpoint, tmp_path / "bag")
    assert "/front/compressed (CompressedImage, 1 messages), /rear/compressed" in error
    out = tmp_path / "o"
    chosen = ("--image-topic", "/rear/compressed", "--checkpoint", checkpoint, "-o", out)
    assert run("evaluate", tmp_path / "bag", *chosen) == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--image-topic", "/camera/image_rw"), "has no topic /camera/image_rw, did you mean"),
        (("--gt-topic", "/gt/label"), "has no topic /gt/label"),
        (("--gt-tolerance-ms", -1), "tolerance of ground truth: found -1.0 ms"),
        (("--checkpoint", "nowhere.safetensors"), "no checkpoint at nowhere.safetensors"),
        (("--device", "tpu"), "device 'tpu' is unknown"),
        (("--interval", 0), "interval: found 0, expected 1 to 1000"),
        (("--policy", "never"), "policy: found 'never', expected one of auto, always, fixed"),
        (("--threads", -1), "threads: found -1"),
        (("--network-height", -8), "network_height: found -8"),
    ],
)
def test_wrong_options_are_one_line(capsys, tmp_path, checkpoint, recording, options, error):
    given = ("evaluate", recording, "--checkpoint", checkpoint, *options, "-o", tmp_path / "out")
    assert error in fails(capsys, *given)


def test_a_video_has_no_topics(capsys, tmp_path, checkpoint):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0.png").write_bytes(rgb_to_png(pictures(1)[0]))
    error = evaluate_fails(
        capsys, tmp_path, checkpoint, tmp_path / "frames", "--image-topic", "/camera"
    )
    assert "is a video and has no topic /camera" in error


def test_the_last_of_several_recordings_is_looked_at_first(capsys, tmp_path, checkpoint, recording):
    error = evaluate_fails(capsys, tmp_path, checkpoint, recording, tmp_path / "missing")
    assert "no bag at" in error
    assert not (tmp_path / "out").exists()


# --- segment ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def segments(tmp_path_factory, checkpoint, recording):
    out = tmp_path_factory.mktemp("segments")
    options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", 1)
    kinds = ("--write", "labels", "video", "bag")
    assert run("segment", recording, "-o", out, *kinds, *options) == 0
    return out


@pytest.fixture(scope="module")
def labels(checkpoint):
    return segmented(checkpoint, pictures(6), KeyFrameSettings())


def test_label_images_hold_ids_and_show_colours(segments, labels):
    files = sorted((segments / "labels").iterdir())
    assert [file.name for file in files] == [f"{index:06d}.png" for index in range(6)]
    for file, expected in zip(files, labels, strict=True):
        with Image.open(file) as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.array(image), expected)
            colour = image.getpalette()[3 * 3 : 3 * 3 + 3]
        assert colour == [128, 64, 128]
    classes = json.loads((segments / "classes.json").read_text())
    assert classes[3] == {"id": 3, "name": "road", "rgb": [128, 64, 128]}


def test_the_video_has_the_rate_of_the_stamps(segments):
    video = cv2.VideoCapture(str(segments / "overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    shapes = []
    while (frame := video.read())[0]:
        shapes.append(frame[1].shape)
    assert shapes == [(48, 64, 3)] * 6


def test_the_bag_has_the_topics_of_the_node(segments, labels):
    with open_bag(segments / "bag") as bag:
        assert {topic.name: topic.count for topic in bag.topics} == {
            "/segmenter/label_image": 6, "/segmenter/label_info": 1, "/segmenter/status": 6,
            "/segmenter/color_image/compressed": 6,
        }  # fmt: skip
        for frame, expected in zip(bag.frames("/segmenter/label_image"), labels, strict=True):
            np.testing.assert_array_equal(to_labels(frame.message), expected)
            assert frame.frame_id == "camera"
        (info,) = bag.messages(["/segmenter/label_info"])
        statuses = [record.message for record in bag.messages(["/segmenter/status"])]
    assert [c.class_name for c in info.message.class_map][:2] == ["sky", "building"]
    assert [status.is_key_frame for status in statuses] == [True] + [False] * 4 + [True]
    assert statuses[-1].published == 6


def test_pictures_keep_their_names(tmp_path, checkpoint, capsys):
    (tmp_path / "in").mkdir()
    for name, image in zip(("left", "right"), pictures(2), strict=True):
        (tmp_path / "in" / f"{name}.png").write_bytes(rgb_to_png(image))
    options = ("--checkpoint", checkpoint, "--write", "labels")
    assert run("segment", tmp_path / "in", "-o", tmp_path / "out", *options) == 0
    assert sorted(f.name for f in (tmp_path / "out" / "labels").iterdir()) == [
        "left.png", "right.png"
    ]  # fmt: skip
    assert "2 frames as labels" in capsys.readouterr().out


def test_the_network_sees_the_size_that_is_asked_for(tmp_path, checkpoint, recording, labels):
    options = ("--checkpoint", checkpoint, "--threads", 1, "--network-height", 32)
    written = ("--write", "labels", "-o", tmp_path)
    assert run("segment", recording, *written, *options, "--network-width", 40) == 0
    expected = segmented(
        checkpoint, pictures(6), KeyFrameSettings(), network_height=32, network_width=40
    )
    assert not np.array_equal(expected, labels)
    for index in range(6):
        with Image.open(tmp_path / "labels" / f"{index:06d}.png") as image:
            np.testing.assert_array_equal(np.array(image), expected[index])


def test_frames_of_several_sizes_make_one_video(tmp_path, checkpoint):
    (tmp_path / "in").mkdir()
    for index, size in enumerate(((64, 48), (32, 24))):
        image = cv2.resize(pictures(1)[0], size)
        (tmp_path / "in" / f"{index}.png").write_bytes(rgb_to_png(image))
    options = ("--checkpoint", checkpoint, "--write", "video")
    assert run("segment", tmp_path / "in", "-o", tmp_path / "out", *options) == 0
    video = cv2.VideoCapture(str(tmp_path / "out" / "overlay.mp4"))
    assert [video.read()[0] for _ in range(3)] == [True, True, False]


def test_nothing_readable_is_an_error(tmp_path, checkpoint, capsys):
    with write_bag(tmp_path / "bag") as bag:
        bag.write(IMAGE_TOPIC, compressed_image(START_NS, "camera", "jpeg", b"x"), START_NS)
    given = ("segment", tmp_path / "bag", "-o", tmp_path / "out", "--checkpoint", checkpoint)
    assert "could be segmented: frame 0:" in fails(capsys, *given)
    assert list((tmp_path / "out").iterdir()) == []


# --- make-bag, train -------------------------------------------------------------------------


def test_make_bag_renders_the_street_of_the_seed(tmp_path, capsys):
    size = ("--width", 64, "--height", 48, "--duration", 0.3, "--depth", "none")
    assert run("make-bag", "street", "--seed", 4, *size, "-o", tmp_path / "bag") == 0
    assert "3 frames" in capsys.readouterr().out
    with open_bag(tmp_path / "bag") as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
        (first, *_) = bag.frames(IMAGE_TOPIC)
    assert counts[IMAGE_TOPIC] == counts[LABEL_TOPIC] == 3
    assert to_rgb(first.message).shape == (48, 64, 3)
    assert "exists already" in fails(capsys, "make-bag", "street", *size, "-o", tmp_path / "bag")
