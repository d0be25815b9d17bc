"""How old an obstacle near the robot is in the costmap: `python -m benchmarks.obstacle_age`.

- Waiting, by stamps, which no load changes: from the frame whose labels change a cell within 5 m
  from lethal to not lethal or back, to the frame with which a grid is published that has it so.
- Grids per second where nothing is to be told: labels of the shipped network on rendered drives.
- Work, by the clock: with a node of its own over DDS, from the arrival of ~/label_image to that of
  the grid of the same stamp at one subscriber.
"""

from __future__ import annotations

import argparse
import platform
import struct
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from benchmarks.costmap import tell
from benchmarks.markdown import table_lines
from benchmarks.obstacle_scenes import frames
from dcfm_ros.costmap import (
    CostGrid,
    CostmapBuilder,
    CostmapFeed,
    CostmapSettings,
    LabelledImage,
    read_classes,
)
from dcfm_ros.evaluation.evaluate import RunSettings
from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.replay.live import live_node
from dcfm_ros.resources import resource
from dcfm_ros.streaming import Engine, EngineSettings, Segmenter
from dcfm_ros.synthetic import Street, StreetSettings, SyntheticFrame, write_street_bag
from dcfm_ros.synthetic.bag import IMAGE_TOPIC

RANGE_M = 5.0
CLASSES = read_classes(resource("config/classes/camvid.yaml"))
SETTINGS = {
    "rate only, 2 Hz": CostmapSettings(prompt_range_m=0.0),
    "at once, at most 5 Hz (default)": CostmapSettings(),
    "at once, at most 10 Hz": CostmapSettings(max_rate_hz=10.0),
    "at once, at most 20 Hz": CostmapSettings(max_rate_hz=20.0),
}
DRIVES = {"drive": 4, "slow": 3, "stop_and_go": 2}
_SEEDS = (1, 2, 3, 4)
_LIVE_TOPICS = ("label_image", "status", "label_info", "class_grid")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--seconds", type=float, default=30.0, help="of each scene and drive")
    parser.add_argument("--machine", default="", help="what to call this machine in the report")
    args = parser.parse_args()
    machine = args.machine or platform.processor() or platform.machine()
    text = report(args.seconds, machine)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "obstacle_age.md").write_text(text, encoding="utf-8")
    print(text)


@dataclass(frozen=True, eq=False)
class Labelled:
    """A frame, with labels that may be a network's."""

    frame: SyntheticFrame
    image: LabelledImage


@dataclass
class Waits:
    """What became of the changes near the robot.

    Attributes:
        ms: of each changed cell, until a grid had it.
        undone: cells that changed back before any grid.
        grids: number of them.
        seconds: how long it took.
    """

    ms: list[float] = field(default_factory=list)
    undone: int = 0
    grids: int = 0
    seconds: float = 0.0


class Robot:
    """A feed with calibration and transforms of rendered frames."""

    def __init__(self, settings: CostmapSettings, depth: bool) -> None:
        self.buffer = TransformBuffer()
        self.depth = depth
        self.feed = CostmapFeed(
            CostmapBuilder(settings, CLASSES, self.buffer), [""] if depth else []
        )

    def see(self, labelled: Labelled) -> CostGrid | None:
        """Place a frame; the grid that is published with it."""
        frame, at = labelled.frame, labelled.frame.stamp_ns
        tell(self.buffer, "base_link", "camera", frame.base_from_camera, at, static=True)
        tell(self.buffer, "odom", "base_link", frame.world_from_base, at)
        self.feed.camera_info("", at, _info(frame))
        if self.depth:
            self.feed.depth("", at, _depth(frame))
        self.feed.put(labelled.image, at)
        (update,) = self.feed.take(None)
        if update.error is not None:
            raise update.error
        return update.grid


def true_labels(found: Iterable[SyntheticFrame]) -> Iterator[Labelled]:
    """Frames with the labels that are true."""
    for frame in found:
        yield Labelled(frame, LabelledImage("", "camera", frame.stamp_ns, frame.labels, None, 0.0))


def waits(robot: Robot, scene: Iterable[Labelled], into: Waits) -> None:
    """Add what becomes of a scene in which the robot stands."""
    pending: list[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]] = []
    before, first_ns, at = None, None, 0
    for labelled in scene:
        published = robot.see(labelled)
        at = labelled.frame.stamp_ns
        first_ns = at if first_ns is None else first_ns
        now = robot.feed.builder.grid(at).costs == 100
        if before is not None:
            pending.append((at, (now ^ before) & _near(robot, labelled), now))
        before = now
        if published is None:
            continue
        into.grids += 1
        for since, changed, state in pending:
            shown = changed & (state == now)
            into.ms += [(at - since) / 1e6] * int(shown.sum())
            into.undone += int(changed.sum() - shown.sum())
        pending = []
    into.seconds += (at - (first_ns or 0)) / 1e9


def _near(robot: Robot, labelled: Labelled) -> NDArray[np.bool_]:
    grid = robot.feed.builder.grid(labelled.frame.stamp_ns)
    x_m, y_m = labelled.frame.world_from_base[:2, 3]
    height, width = grid.costs.shape
    x = grid.origin_m[0] + (np.arange(width) + 0.5) * grid.resolution_m - x_m
    y = grid.origin_m[1] + (np.arange(height) + 0.5) * grid.resolution_m - y_m
    return np.asarray(x**2 + y[:, None] ** 2 <= RANGE_M**2)


def scenes(seconds: float) -> list[list[str]]:
    """Rows: what moves, at which rate of frames, and how long its cells wait with each setting."""
    rows = []
    for walk in (False, True):
        for rate_hz in (10.0, 30.0):
            found = {name: Waits() for name in SETTINGS}
            for name, settings in SETTINGS.items():
                for seed in _SEEDS:
                    for depth in (False, True):
                        scene = true_labels(frames(seed, rate_hz, seconds, walk))
                        waits(Robot(settings, depth), scene, found[name])
            what = "walk past" if walk else "appear and leave"
            for name, total in found.items():
                p50, p95, most = np.percentile(total.ms, [50, 95, 100])
                rate = f"{total.grids / total.seconds:.1f}"
                ms = [f"{value:.0f}" for value in (p50, p95, most)]
                cells = [str(len(total.ms)), str(total.undone)]
                rows.append([what, f"{rate_hz:.0f}", name, *ms, rate, *cells])
    return rows


def network_labels(motion: str, seed: int, seconds: float) -> list[Labelled]:
    """A rendered drive at 10 Hz, with what the shipped network says of it."""
    engine = Engine.load(EngineSettings(device="cpu"))
    segmenter, found = Segmenter(engine), []
    for frame in Street(StreetSettings(seed=seed, motion=motion, duration_s=seconds)).frames():
        result = segmenter.step(frame.rgb, frame.stamp_ns, confidence=True)
        labels = (result.labels, result.confidence, result.age_ns / 1e9)
        found.append(Labelled(frame, LabelledImage("", "camera", frame.stamp_ns, *labels)))
    engine.release()
    return found


def drives(seconds: float) -> list[list[str]]:
    """Rows of grids per second while driving and standing."""
    rows = []
    names = list(SETTINGS)[:2]
    for motion, seed in DRIVES.items():
        drive = network_labels(motion, seed, seconds)
        moves = [_speed_m_s(one, other) > 0.05 for one, other in pairwise(drive)]
        for depth in (False, True):
            row = [motion, "depth" if depth else "flat ground"]
            for name in names:
                robot = Robot(SETTINGS[name], depth)
                grids = [robot.see(labelled) for labelled in drive]
                published = [grid is not None for grid in grids[1:]]
                row += [_rate(published, moves, True), _rate(published, moves, False)]
            rows.append(row)
    return rows


def _rate(published: list[bool], moves: list[bool], wanted: bool) -> str:
    chosen = [grid for grid, moving in zip(published, moves, strict=True) if moving is wanted]
    return f"{10 * sum(chosen) / len(chosen):.1f}" if len(chosen) > 10 else ""


def _speed_m_s(one: Labelled, other: Labelled) -> float:
    way = other.frame.world_from_base[:2, 3] - one.frame.world_from_base[:2, 3]
    return float(np.linalg.norm(way) * 1e9 / (other.frame.stamp_ns - one.frame.stamp_ns))


class Arrivals:
    """A sink of the recorder: when labels and grids came, by stamp."""

    def __init__(self) -> None:
        self.by_topic: dict[str, dict[int, int]] = {}

    def write_raw(
        self, topic: str, kind: str, cdr: bytes, log_ns: int, *, latched: bool = False
    ) -> None:
        """Take a serialised message: it begins with its stamp."""
        sec, nanosec = struct.unpack_from("<iI", cdr, 4)
        self.by_topic.setdefault(topic, {})[sec * 1_000_000_000 + nanosec] = log_ns


def live_ms(seconds: float) -> NDArray[np.float64]:
    """From each label image to the grid of its stamp, by arrival at a subscriber; a live node."""
    arrivals = Arrivals()
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "street"
        write_street_bag(bag, StreetSettings(seed=4, duration_s=seconds), depth="none")
        settings = RunSettings(engine=EngineSettings(device="cpu"))
        topic, log = f"{IMAGE_TOPIC}/compressed", Path(folder) / "log"
        with live_node(bag, topic, settings, arrivals, _LIVE_TOPICS, log) as node:
            node.play(0.5, lambda _: None)
    labels = arrivals.by_topic["/segmenter/label_image"]
    grids = arrivals.by_topic["/segmenter/class_grid"]
    return np.array([(grids[at] - labels[at]) / 1e6 for at in sorted(grids) if at in labels])


def report(seconds: float, machine: str) -> str:
    """All tables as Markdown."""
    live = live_ms(seconds)
    scene = (
        f"A robot stands in a rendered street, perfect labels; four streets of {seconds:g} s, each "
        "on flat ground and with depth. People and a car come within 5 m of it, stay, and are gone "
        "again. Milliseconds from the frame whose labels change a cell, between lethal and not, to "
        "that with which a grid is published that has it, by stamps; cells of all scenes together. "
        "Undone: cells that had changed back before any grid. Of those who walk, some cells change "
        "with every frame: how long they wait is the highest rate's doing, and a single cell that "
        "touches no other changed one waits for the regular grid."
    )
    drive = (
        f"Grids per second on rendered drives of {seconds:g} s at 10 Hz, labels by the shipped "
        "network; standing includes the other traffic."
    )
    work = (
        f"On {machine}, with a live node over DDS and a drive played at half its rate, grids came "
        f"{np.median(live):.0f} ms after the label images of their stamps in the median, p95 "
        f"{np.percentile(live, 95):.0f} ms ({len(live)} grids, one subscriber): add that to the "
        "waits. What looking for changes costs a frame stands in costmap.md."
    )
    head = ["", "frames Hz", "grids", "p50 ms", "p95 ms", "most ms", "grids/s", "cells", "undone"]
    quiet_head = ["", "", *["2 Hz only: driving", "standing", "default: driving", "standing"]]
    parts = [
        "# Age of obstacles near the robot",
        "Written by `python -m benchmarks.obstacle_age`.",
        scene,
        table_lines([head, ["---"] * len(head), *scenes(seconds)]),
        drive,
        table_lines([quiet_head, ["---"] * len(quiet_head), *drives(seconds)]),
        work,
    ]
    return "\n\n".join(parts) + "\n"


def _info(frame: SyntheticFrame) -> SimpleNamespace:
    """As sensor_msgs/CameraInfo."""
    height, width = frame.labels.shape
    nothing = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    return SimpleNamespace(
        header=SimpleNamespace(frame_id="camera"), width=width, height=height,
        distortion_model="plumb_bob", d=[0.0] * 5, k=frame.k.ravel().tolist(), p=[0.0] * 12,
        binning_x=0, binning_y=0, roi=nothing,
    )  # fmt: skip


def _depth(frame: SyntheticFrame) -> SimpleNamespace:
    """As sensor_msgs/Image."""
    height, width = frame.depth_m.shape
    return SimpleNamespace(
        header=SimpleNamespace(frame_id="camera"), width=width, height=height, encoding="32FC1",
        is_bigendian=0, step=4 * width, data=frame.depth_m.astype(np.float32).tobytes(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
