"""`dcfm evaluate` as a whole, on small bags whose figures can be worked out."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from evaluation_harness import (
    IMAGE_TOPIC,
    LABEL_TOPIC,
    START_NS,
    STEP_NS,
    pictures,
    segmented,
    write_recording,
)

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.cli.main import main
from dcfm_ros.images import labels_to_png, rgb_to_png
from dcfm_ros.streaming import KeyFrameSettings

COUNT = 11


@pytest.fixture(scope="module")
def labels(checkpoint):
    """What the network makes of the pictures with a key frame in every four."""
    return segmented(checkpoint, pictures(COUNT), KeyFrameSettings(interval=4))


@pytest.fixture(scope="module")
def evaluate(checkpoint):
    """Runs the command on recordings; gives the content of metrics.json."""

    def run(out, *arguments):
        options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", 1, "--interval", 4)
        assert main([str(a) for a in ("evaluate", *arguments, "-o", out, *options)]) == 0
        return json.loads((out / "metrics.json").read_text())

    return run


@pytest.fixture(scope="module")
def result(tmp_path_factory, evaluate, labels):
    """A bag whose ground truth is what the network says, but for the left half of two frames."""
    folder = tmp_path_factory.mktemp("result")
    truth = [image.copy() for image in labels]
    for index in (2, 3):
        truth[index][:, :32] = 11
    bag = write_recording(folder / "street", pictures(COUNT), truth)
    return bag, folder / "out", evaluate(folder / "out", bag)


def test_the_harness_segments_as_the_segmenter_does(result):
    """Ground truth made by the segmenter itself is met to the last pixel."""
    _, _, metrics = result
    accuracy = metrics["total"]["accuracy"]
    assert accuracy["frames"] == COUNT
    assert accuracy["pixels"] == COUNT * 48 * 64 - 2 * 48 * 32
    assert accuracy["miou"] == 1.0


def test_metrics_tell_all_that_they_depend_on(result, checkpoint):
    bag, _, metrics = result
    assert metrics["schema"] == "dcfm_ros/metrics/2"
    setup = metrics["setup"]
    assert setup["mode"] == "exact"
    assert setup["checkpoint"]["file"] == checkpoint.name
    assert len(setup["checkpoint"]["sha256"]) == 64
    assert (setup["engine"]["device"], setup["engine"]["threads"]) == ("cpu", 1)
    assert setup["key_frames"] == asdict(KeyFrameSettings(interval=4))
    (recording,) = metrics["recordings"]
    assert recording["name"] == "street"
    assert recording["path"] == str(bag)
    assert (recording["image_topic"], recording["label_topic"]) == (IMAGE_TOPIC, LABEL_TOPIC)
    assert recording["image_size"] == {"width": 64, "height": 48}
    assert recording["camera_hz"] == 10.0
    assert recording["key_frames"]["reasons"] == {"FIRST": 1, "INTERVAL": 2, "REUSE": 8}
    assert any("hold id 11" in note for note in recording["notes"])


def test_every_frame_has_its_line(result):
    _, out, _ = result
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(COUNT))
    assert [line["stamp_ns"] for line in lines] == [START_NS + i * STEP_NS for i in range(COUNT)]
    assert [line["age"] for line in lines] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    assert [line["key"] for line in lines] == [line["age"] == 0 for line in lines]
    for line in lines:
        stages = line["ms"]
        parts = stages["preprocess"] + stages["network"] + stages["postprocess"]
        assert stages["total"] == pytest.approx(parts, abs=0.002)


def test_two_runs_differ_in_times_alone(result, evaluate, tmp_path):
    bag, out, _ = result
    evaluate(tmp_path, bag)
    former, again = (
        (folder / "metrics.json").read_text().splitlines() for folder in (out, tmp_path)
    )

    def without_times(lines):
        end = lines.index('  "timings": {')
        return [line for line in lines[:end] if not line.startswith('  "created": ')]

    assert without_times(former) == without_times(again)
    records = [
        [{**json.loads(line), "ms": None} for line in (folder / "frames.jsonl").open()]
        for folder in (out, tmp_path)
    ]
    assert records[0] == records[1]


def test_several_recordings_add_up(result, evaluate, tmp_path, labels):
    """The second bag's ground truth is one class off everywhere, and its stamps are 4 ms off."""
    bag, _, first = result
    wrong = [((image + 1) % 11).astype(np.uint8) for image in labels]
    other = write_recording(
        tmp_path / "other" / "street", pictures(COUNT), wrong, label_offset_ns=4_000_000
    )
    metrics = evaluate(tmp_path / "out", bag, other)
    one, two = metrics["recordings"]
    assert [one["name"], two["name"]] == ["street", "street_2"]
    assert one["accuracy"] == first["recordings"][0]["accuracy"]
    assert two["accuracy"]["pixel_accuracy"] == 0.0
    pixels = one["accuracy"]["pixels"] + two["accuracy"]["pixels"]
    accuracy = metrics["total"]["accuracy"]
    assert accuracy["pixels"] == pixels
    assert accuracy["pixel_accuracy"] == one["accuracy"]["pixels"] / pixels
    assert set(metrics["timings"]["recordings"]) == {"street", "street_2"}
    assert "street_2" in (tmp_path / "out" / "report.html").read_text()


def test_unreadable_frames_are_left_out_and_told(evaluate, tmp_path, capsys):
    images = pictures(3)
    with write_bag(tmp_path / "bag") as bag:
        for index, data in enumerate([b"no image", rgb_to_png(images[1]), rgb_to_png(images[2])]):
            stamp = START_NS + index * STEP_NS
            bag.write(IMAGE_TOPIC, compressed_image(stamp, "camera", "png", data), stamp)
    metrics = evaluate(tmp_path / "out", tmp_path / "bag")
    assert metrics["total"]["frames"] == 2
    assert metrics["total"]["accuracy"] is None
    assert metrics["recordings"][0]["unreadable_frames"] == 1
    assert "1 frames could not be read and were left out: frame 0:" in capsys.readouterr().out


def test_a_folder_of_pictures_needs_no_bag(evaluate, tmp_path):
    (tmp_path / "frames").mkdir()
    for index, image in enumerate(pictures(3)):
        (tmp_path / "frames" / f"{index}.png").write_bytes(rgb_to_png(image))
    metrics = evaluate(tmp_path / "out", tmp_path / "frames", "--picture-rate", 5)
    (recording,) = metrics["recordings"]
    assert (recording["frames"], recording["camera_hz"]) == (3, 5.0)
    assert "mean confidence" in (tmp_path / "out" / "report.html").read_text()


def test_a_bag_without_one_readable_frame_is_an_error(checkpoint, tmp_path, capsys):
    with write_bag(tmp_path / "bag") as bag:
        bag.write(IMAGE_TOPIC, compressed_image(START_NS, "camera", "jpeg", b"x"), START_NS)
    code = main(
        [
            "evaluate",
            str(tmp_path / "bag"),
            "--checkpoint",
            str(checkpoint),
            "-o",
            str(tmp_path / "o"),
        ]
    )
    assert code == 2
    assert "no frame of" in capsys.readouterr().err
    assert list((tmp_path / "o").iterdir()) == []


def test_ground_truth_that_is_no_label_image_is_an_error(checkpoint, tmp_path, capsys):
    images = pictures(1)
    with write_bag(tmp_path / "bag") as bag:
        png = rgb_to_png(images[0])
        bag.write(IMAGE_TOPIC, compressed_image(START_NS, "camera", "png", png), START_NS)
        bag.write(LABEL_TOPIC, compressed_image(START_NS, "camera", "png", png), START_NS)
    code = main(
        [
            "evaluate",
            str(tmp_path / "bag"),
            "--checkpoint",
            str(checkpoint),
            "-o",
            str(tmp_path / "o"),
        ]
    )
    assert code == 2
    assert f"ground truth on {LABEL_TOPIC} at stamp 1700000000.000 s" in capsys.readouterr().err


def test_ground_truth_topic_can_be_named(evaluate, tmp_path, labels):
    images = pictures(2)
    with write_bag(tmp_path / "bag") as bag:
        for index, image in enumerate(images):
            stamp = START_NS + index * STEP_NS
            png = rgb_to_png(image)
            bag.write(IMAGE_TOPIC, compressed_image(stamp, "camera", "png", png), stamp)
            for topic, ids in (("/gt/label_a", labels[index]), ("/gt/label_b", 0 * labels[index])):
                png = labels_to_png(ids)
                bag.write(topic, compressed_image(stamp, "camera", "png", png), stamp)
    metrics = evaluate(
        tmp_path / "out",
        *(tmp_path / "bag", "--gt-topic", "/gt/label_a", "--image-topic", IMAGE_TOPIC),
    )
    assert metrics["total"]["accuracy"]["miou"] == 1.0


def test_the_shared_camvid_clip(evaluate, shared_dir, tmp_path):
    """101 frames, all with ground truth, whose void value 11 is ignored."""
    bag = shared_dir / "bags" / "camvid_val_15hz"
    metrics = evaluate(tmp_path, bag)
    (recording,) = metrics["recordings"]
    assert recording["accuracy"]["frames"] == recording["frames"] == 101
    assert recording["camera_hz"] == pytest.approx(15.0, abs=0.01)
    assert any("hold id 11, no class of this network" in note for note in recording["notes"])
