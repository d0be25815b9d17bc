"""Memory stays flat with the length of a bag: peak memory of real processes on generated bags."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_harness import IMAGE_TOPIC, LABEL_TOPIC, START_NS, STEP_NS, write_checkpoint

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.bags.types import message_class
from dcfm_ros.images import labels_to_png

CHECKOUT = Path(__file__).resolve().parents[1]
SHORT, LONG = 48, 384
HEIGHT, WIDTH = 240, 320
DEADLINE_S = 280.0


def write_long_bag(path: Path, count: int) -> Path:
    """Raw images of 230 kB each with noise in them: 11 MB, or 88 MB."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    truth = labels_to_png(cv2.resize(np.arange(12, dtype=np.uint8).reshape(3, 4), (WIDTH, HEIGHT)))
    header, time = (
        message_class("std_msgs/msg/Header"),
        message_class("builtin_interfaces/msg/Time"),
    )
    with write_bag(path) as bag:
        for index in range(count):
            stamp = START_NS + index * STEP_NS
            image = message_class("sensor_msgs/msg/Image")(
                header=header(stamp=time(sec=stamp // 10**9, nanosec=stamp % 10**9), frame_id="c"),
                height=HEIGHT,
                width=WIDTH,
                encoding="rgb8",
                is_bigendian=0,
                step=3 * WIDTH,
                data=np.roll(noise, index, 1).reshape(-1),
            )
            bag.write(IMAGE_TOPIC.removesuffix("/compressed"), image, stamp)
            bag.write(LABEL_TOPIC, compressed_image(stamp, "c", "png", truth), stamp)
    return path


def peak_mib(bag: Path, checkpoint: Path, out: Path) -> float:
    options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", "1", "-o", out)
    command = [sys.executable, "-m", "dcfm_ros.cli", "evaluate", bag, *options, "--measure", "all"]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads((out / "metrics.json").read_text())
    return content["timings"]["peak_memory"]["host_mib"]


@pytest.mark.timeout(900)
def test_eight_times_the_frames_need_no_more_memory(tmp_path):
    """88 MB of images; all that may grow is 300 bytes a frame."""
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    peaks = {}
    for count in (SHORT, LONG):
        bag = write_long_bag(tmp_path / f"bag_{count}", count)
        peaks[count] = peak_mib(bag, checkpoint, tmp_path / f"out_{count}")
    assert peaks[LONG] - peaks[SHORT] < 20.0, peaks
