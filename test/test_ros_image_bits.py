"""A 12-bit camera at the real node: it says so, and labels are right once it is told the bits."""

from __future__ import annotations

from array import array

import numpy as np
from ros_harness import rgb_image, running_node, running_peer, wait_until, write_checkpoint
from sensor_msgs.msg import Image

from dcfm_ros.images import image_to_labels


def mono16(bits: int, number: int) -> Image:
    """The same picture from a sensor of so many bits."""
    image = rgb_image(seed=0, stamp_ns=(number + 1) * 100_000_000)
    grey = np.asarray(image.data, np.uint16).reshape(image.height, image.width, 3)[..., 1]
    image.encoding, image.step = "mono16", 2 * image.width
    image.data = array("B", (grey * np.uint16((2**bits - 1) // 255)).astype("<u2").tobytes())
    return image


def test_a_12_bit_camera_is_noticed_and_can_be_told(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    labels = {}
    with running_peer() as peer:
        cases = {"unset": (12, {}), "set": (12, {"image_bits": 12}), "full": (16, {})}
        for name, (bits, more) in cases.items():
            parameters = {"engine.checkpoint": checkpoint, "key_frames.policy": "always", **more}
            with running_node(tmp_path / f"{name}.log", name, parameters) as process:
                publisher = peer.node.create_publisher(Image, f"/{name}/image", 5)
                found = peer.collect(Image, f"/{name}/segmenter/label_image")
                wait_until(publisher.get_subscription_count, "the node's subscription")
                wait_until(
                    lambda at=name: peer.node.count_publishers(f"/{at}/segmenter/label_image"),
                    "the node's publisher",
                )
                for number in range(12):
                    publisher.publish(mono16(bits, number))
                    wait_until(lambda n=number, f=found: len(f) > n, f"label image {number}")
                if name == "unset":
                    process.wait_for_log(
                        "the sensor has 12 bits and pictures are 16 times too dark"
                    )
                    process.wait_for_log("set image_bits to 12")
                assert ("too dark" in process.log) == (name == "unset")
                labels[name] = image_to_labels(found[-1])
    assert (labels["set"] == labels["full"]).mean() > 0.98
