"""Sensors of 8 to 14 bits in 16-bit messages: noticed wherever images are read, and shifted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from evaluation_harness import pictures, stamps_ns, write_checkpoint

from dcfm_ros.bags import message_class, write_bag
from dcfm_ros.bags.convert import compressed_image, header
from dcfm_ros.cli.main import main
from dcfm_ros.datasets import bags
from dcfm_ros.datasets.labelled_bags import BagOptions
from dcfm_ros.datasets.source import SourceOptions
from dcfm_ros.errors import ImageError, SettingsError
from dcfm_ros.images import PictureDecoder, labels_to_png

COUNT = 12
TOPIC = "/camera/image_raw"


def image(encoding: str, pixels: np.ndarray, stamp_ns: int = 1) -> Any:
    """A sensor_msgs/Image as bags hold it."""
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    return message_class("sensor_msgs/msg/Image")(
        header(stamp_ns, "camera"), height, width, encoding, 0, data.strides[0],
        data.view(np.uint8).reshape(-1),
    )  # fmt: skip


def grey(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def sixteen(encoding: str, bits: int) -> Callable[[np.ndarray, int], Any]:
    """Makes messages of a sensor of so many bits, whose values start at the lowest."""

    def make(rgb: np.ndarray, stamp_ns: int = 1) -> Any:
        values = rgb if encoding == "rgb16" else grey(rgb)
        scaled = values.astype(np.uint16) * np.uint16((2**bits - 1) // 255)
        if encoding == "png":
            png = cv2.imencode(".png", scaled)[1].tobytes()
            return compressed_image(stamp_ns, "camera", "mono16; png compressed ", png)
        return image(encoding, scaled.astype("<u2"), stamp_ns)

    return make


def eight(rgb: np.ndarray, encoding: str) -> np.ndarray:
    """What an 8-bit camera would give."""
    values = rgb if encoding == "rgb16" else grey(rgb)
    name = {"rgb16": "rgb8", "bayer_rggb16": "bayer_rggb8"}.get(encoding, "mono8")
    return PictureDecoder().rgb(image(name, values))


@pytest.mark.parametrize("encoding", ["mono16", "bayer_rggb16", "rgb16", "png"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_a_sensor_of_few_bits_is_noticed_and_shifted(encoding: str, bits: int) -> None:
    decoder, told = PictureDecoder(), PictureDecoder(bits)
    for number, rgb in enumerate(pictures(COUNT)):
        assert bool(decoder.hint) == (number >= 5)
        decoder.rgb(sixteen(encoding, bits)(rgb, 1))
        shifted = told.rgb(sixteen(encoding, bits)(rgb, 1))
        assert np.abs(shifted.astype(int) - eight(rgb, encoding)).max() <= 4
    assert f"the sensor has {bits} bits" in decoder.hint
    assert f"{2 ** (16 - bits)} times too dark; set image_bits to {bits} (" in decoder.hint
    assert not told.hint


@pytest.mark.parametrize("encoding", ["mono16", "bayer_rggb16", "png"])
def test_full_range_is_no_matter(encoding: str) -> None:
    decoder = PictureDecoder()
    for rgb in pictures(COUNT):
        decoder.rgb(sixteen(encoding, 16)(rgb, 1))
    assert not decoder.hint


def test_a_camera_that_starts_in_the_dark_is_taken_back() -> None:
    decoder = PictureDecoder()
    for rgb in pictures(COUNT):
        decoder.rgb(sixteen("mono16", 12)(rgb, 1))
    assert decoder.hint
    decoder.rgb(sixteen("mono16", 16)(pictures(1)[0], 1))
    assert not decoder.hint


def test_black_and_8_bit_images_are_no_matter() -> None:
    decoder = PictureDecoder()
    for rgb in pictures(COUNT):
        decoder.rgb(image("mono16", np.zeros((48, 64), "<u2")))
        decoder.rgb(image("rgb8", rgb // 16))
    assert not decoder.hint


def test_values_above_the_bits_are_noticed() -> None:
    decoder = PictureDecoder(12)
    for rgb in pictures(COUNT):
        decoder.rgb(sixteen("mono16", 16)(rgb, 1))
    assert "more than 12 bits hold: bright parts are lost; set image_bits to 16 " in decoder.hint


def test_a_broken_message_is_refused_as_ever() -> None:
    message = sixteen("mono16", 12)(pictures(1)[0], 1)
    message.data = message.data[:-1]
    with pytest.raises(ImageError, match="cut short"):
        PictureDecoder().rgb(message)


@pytest.mark.parametrize("bits", [0, 7, 17])
def test_impossible_bits_are_refused(bits: int) -> None:
    with pytest.raises(ImageError, match=f"image bits are {bits}, expected 8 to 16"):
        PictureDecoder(bits)
    with pytest.raises(SettingsError, match=f"image bits: found {bits}, expected 8 to 16"):
        SourceOptions(image_bits=bits)


# --- the commands ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag of a 12-bit camera, with labels."""
    path = tmp_path_factory.mktemp("bag") / "twelve"
    with write_bag(path) as bag:
        for stamp, rgb in zip(stamps_ns(COUNT), pictures(COUNT), strict=True):
            bag.write(TOPIC, sixteen("mono16", 12)(rgb, stamp), stamp)
            png = labels_to_png(np.zeros((48, 64), np.uint8))
            bag.write("/gt/label", compressed_image(stamp, "camera", "png", png), stamp)
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_the_report_says_it(twelve: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name, options in {"plain": [], "told": ["--image-bits", 12]}.items():
        assert not run("evaluate", twelve, "-o", tmp_path / name, "--checkpoint", checkpoint,
                       "--device", "cpu", *options)  # fmt: skip
    notes = {
        name: json.loads((tmp_path / name / "metrics.json").read_text())["recordings"][0]["notes"]
        for name in ("plain", "told")
    }
    assert any("the sensor has 12 bits" in note for note in notes["plain"])
    assert not any("16-bit" in note for note in notes["told"])


def test_segment_says_it(twelve: Path, checkpoint: Path, tmp_path: Path, capsys: Any) -> None:
    options = ("--checkpoint", checkpoint, "--device", "cpu", "--write", "labels")
    assert not run("segment", twelve, "-o", tmp_path / "plain", *options)
    assert "note: the 16-bit values of 12 images never exceed" in capsys.readouterr().out
    assert not run("segment", twelve, "-o", tmp_path / "told", "--image-bits", 12, *options)
    assert "note" not in capsys.readouterr().out


def test_calibrate_says_it(twelve: Path, checkpoint: Path, tmp_path: Path, capsys: Any) -> None:
    run("calibrate", checkpoint, twelve, "-o", tmp_path / "out.safetensors", "--ages", 3)
    assert "the sensor has 12 bits" in capsys.readouterr().out


def test_training_frames_are_shifted(twelve: Path, tmp_path: Path, capsys: Any) -> None:
    means = {}
    for bits in (16, 12):
        clips = bags([twelve], BagOptions(image_bits=bits), tmp_path / "cache", ["road"])
        path = clips.frame(0)
        assert path is not None
        means[bits] = float(cv2.imread(path).mean())
    assert means[12] == pytest.approx(grey(pictures(1)[0]).mean(), abs=2)
    assert means[16] < means[12] / 10
    said = capsys.readouterr()
    assert "the sensor has 12 bits" in said.out + said.err
