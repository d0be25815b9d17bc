"""The Fast DDS profile: large best-effort images arrive, also where shared memory is small."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import rclpy
from ros_harness import CHECKOUT, keep_apart

PROFILE = CHECKOUT / "config" / "fastdds.xml"
FRAMES = 60
SIZE = ("720", "1280")
DRIVER = [sys.executable, str(CHECKOUT / "test" / "ros_driver.py")]
LISTENER = [sys.executable, str(CHECKOUT / "test" / "ros_listener.py")]
# Far more than without the profile; all, unless the machine is busy with other things.
SHARE = 0.5

needs_fast_dds = pytest.mark.skipif(
    rclpy.utilities.get_rmw_implementation_identifier() != "rmw_fastrtps_cpp",
    reason="another middleware than Fast DDS is in use",
)


def test_the_profile_replaces_the_transports_and_leaves_room_for_three():
    root = ET.parse(PROFILE).getroot()
    texts = {element.tag.rpartition("}")[2]: element.text for element in root.iter()}
    assert texts["useBuiltinTransports"] == "false"
    assert 3 * int(texts["segment_size"]) < 64 * 2**20
    kinds = [element.text for element in root.iter() if element.tag.endswith("}type")]
    assert kinds == ["SHM", "UDPv4"]


@pytest.fixture(autouse=True)
def profile(monkeypatch):
    keep_apart()
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.setenv(name, str(PROFILE))


def received(folder: Path, listeners: int, *prefix: str, first: str = "true") -> list[int]:
    """How many best-effort 720p images each listener gets at 30 Hz; one shell starts all."""
    topic, count = "/large", str(FRAMES)
    commands = [
        shlex.join([*LISTENER, topic, count]) + f" > listener_{n}" for n in range(listeners)
    ]
    driver = shlex.join([*DRIVER, topic, count, "30", *SIZE, "best_effort", str(listeners)])
    script = f"{first} && {{ {' & '.join([*commands, driver])}; wait; }}"
    outcome = subprocess.run(
        [*prefix, "sh", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "SHM" not in outcome.stderr, outcome.stderr
    counts = [int((folder / f"listener_{n}").read_text()) for n in range(listeners)]
    print(f"{counts} of {FRAMES} best-effort 720p images arrived")
    return counts


@needs_fast_dds
def test_720p_best_effort_images_arrive(tmp_path):
    assert min(received(tmp_path, 1)) >= SHARE * FRAMES


@needs_fast_dds
def test_three_participants_share_the_64_mb_that_containers_have(tmp_path):
    prefix, mount = ("unshare", "--mount"), "mount -t tmpfs -o size=64m tmpfs /dev/shm"
    if shutil.which("unshare") is None:
        pytest.skip("no unshare command here")
    allowed = subprocess.run(
        [*prefix, "sh", "-c", mount], capture_output=True, text=True, check=False
    )
    if allowed.returncode:
        pytest.skip(f"a mount of its own is not allowed here: {allowed.stderr.strip()}")
    assert min(received(tmp_path, 2, *prefix, first=mount)) >= SHARE * FRAMES
