"""Agreement with cv_bridge: with what it computed once, and with itself where it is installed.

`data/cv_bridge_1_16.npz` holds, per encoding, random rows of a 6 x 10 px image and, under
`<encoding>:rgb8`, what `CvBridge().imgmsg_to_cv2(message, "rgb8")` of cv_bridge 1.16.2 with
OpenCV 4.6 made of them.
"""

from __future__ import annotations

import array
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dcfm_ros.images import image_to_rgb

HEIGHT, WIDTH = 6, 10
with np.load(Path(__file__).parent / "data" / "cv_bridge_1_16.npz") as _file:
    VECTORS: dict[str, np.ndarray] = dict(_file)
CONVERTED = tuple(name for name in VECTORS if ":" not in name)


@pytest.mark.parametrize("encoding", CONVERTED)
def test_equal_to_what_cv_bridge_computed(encoding: str) -> None:
    rows = VECTORS[encoding]
    message = SimpleNamespace(
        height=HEIGHT,
        width=WIDTH,
        encoding=encoding,
        is_bigendian=0,
        step=rows.shape[1],
        data=rows.tobytes(),
    )
    np.testing.assert_array_equal(image_to_rgb(message), VECTORS[f"{encoding}:rgb8"])


@pytest.mark.parametrize("encoding", CONVERTED)
def test_equal_to_the_installed_cv_bridge(encoding: str) -> None:
    cv_bridge = pytest.importorskip("cv_bridge", exc_type=ImportError)
    images = pytest.importorskip("sensor_msgs.msg", exc_type=ImportError)
    rows = np.random.default_rng(3).integers(0, 256, VECTORS[encoding].shape, np.uint8)
    message = images.Image()
    message.height, message.width = HEIGHT, WIDTH
    message.encoding = encoding
    message.step = rows.shape[1]
    message.data = array.array("B", rows.tobytes())
    expected = cv_bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")
    np.testing.assert_array_equal(image_to_rgb(message), expected)
