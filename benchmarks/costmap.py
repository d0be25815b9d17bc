"""Time of one costmap update: `python -m benchmarks.costmap`.

A rendered frame of 640x480 with its labels goes into the grid of 240x240 cells as the node does it:
transforms, projection, obstacle points, evidence. Measured on one core as CPU time of the thread,
which other processes lengthen less than wall time, and as a ratio to one bilinear `cv2.remap` of
the same image, run in turns.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from dcfm_ros.costmap import CostmapBuilder, CostmapSettings, read_classes
from dcfm_ros.geometry import Camera, Matrix, TransformBuffer
from dcfm_ros.resources import resource
from dcfm_ros.synthetic import Street, StreetSettings, SyntheticFrame

_WIDTH, _HEIGHT = 640, 480
_NS = 1_000_000_000
_GOALS_MS = {"ground plane": 4.0, "depth": 8.0}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--machine", default="", help="what to call this machine in the report")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    times = measure(tasks(), args.turns)
    text = report(times, args.turns, args.machine or platform.processor() or platform.machine())
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "costmap.md").write_text(text, encoding="utf-8")
    print(text)


def tasks() -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    street = Street(StreetSettings(seed=1, width=_WIDTH, height=_HEIGHT))
    frame = street.frame(10)
    around = [(index, street.frame(index).world_from_base) for index in (9, 11)]
    stamp_ns = street.stamp_ns(10)
    builder = CostmapBuilder(
        CostmapSettings(),
        read_classes(resource("config/classes/camvid.yaml")),
        _transforms(frame, [(street.stamp_ns(index), pose) for index, pose in around]),
    )
    k = frame.k
    camera = Camera(_WIDTH, _HEIGHT, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    confidence = np.full_like(frame.labels, 200)
    depth = np.nan_to_num(frame.depth_m, posinf=0.0)
    depth_mm = np.where(depth < 65, depth * 1e3, 0).astype(np.uint16)
    columns, rows = np.meshgrid(np.arange(_WIDTH), np.arange(_HEIGHT))
    maps = cv2.convertMaps(np.float32(columns + 0.3), np.float32(rows + 0.3), cv2.CV_16SC2)

    builder.add("front", camera, "camera", frame.labels, confidence, stamp_ns)
    published = builder.grid(stamp_ns)

    def update(depth: np.ndarray | None) -> Callable[[], object]:
        fixed = ("front", camera, "camera", frame.labels, confidence, stamp_ns, 0.1)
        return lambda: builder.add(*fixed, depth)

    return {
        "cv2.remap": lambda: cv2.remap(frame.rgb, *maps, cv2.INTER_LINEAR),
        "ground plane": update(None),
        "depth": update(depth_mm),
        "grid": lambda: builder.grid(stamp_ns),
        "changes": lambda: builder.obstacles_changed(published, stamp_ns, 5.0),
    }


def measure(found: dict[str, Callable[[], object]], turns: int) -> dict[str, np.ndarray]:
    """Milliseconds of CPU time of each task in each turn."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(turns + 5):
        for name, task in found.items():
            started = time.thread_time_ns()
            task()
            if turn >= 5:
                times[name].append((time.thread_time_ns() - started) / 1e6)
    return {name: np.array(values) for name, values in times.items()}


def report(times: dict[str, np.ndarray], turns: int, machine: str) -> str:
    """The table as Markdown."""
    names = {
        "cv2.remap": "`cv2.remap`, bilinear, RGB",
        "ground plane": "update, ground plane",
        "depth": "update, 16UC1 depth",
        "grid": "grid to publish (2 to 5 Hz)",
        "changes": "look for changes within 5 m",
    }
    about = (
        f"Written by `python -m benchmarks.costmap` on {machine}. One update of a rendered street "
        f"{_WIDTH}x{_HEIGHT} into 240x240 cells of 0.1 m, with confidence: transforms, projection, "
        f"obstacle points and evidence. CPU time of one thread over {turns} turns, in which all "
        "rows run one after the other; the ratio is the median of the turns' ratios. Other work "
        "on the machine's cores lengthens all rows, so the ratios say more than the times."
    )
    lines = [
        "# Costmap",
        "",
        about,
        "",
        "| | least ms | median ms | ratio to `cv2.remap` | goal ms |",
        "|---|---|---|---|---|",
    ]
    for name, title in names.items():
        ratio = float(np.median(times[name] / times["cv2.remap"]))
        goal = f"{_GOALS_MS[name]:g}" if name in _GOALS_MS else ""
        lines.append(
            f"| {title} | {times[name].min():.2f} | {np.median(times[name]):.2f} | {ratio:.2f} | "
            f"{goal} |"
        )
    return "\n".join(lines) + "\n"


def _transforms(frame: SyntheticFrame, poses: list[tuple[int, Matrix]]) -> TransformBuffer:
    """The mount, and poses before and after the frame: the lookup interpolates."""
    buffer = TransformBuffer()
    tell(buffer, "base_link", "camera", frame.base_from_camera, frame.stamp_ns, static=True)
    for stamp_ns, pose in poses:
        tell(buffer, "odom", "base_link", pose, stamp_ns)
    return buffer


def tell(
    buffer: TransformBuffer, parent: str, child: str, pose: Matrix, at: int, *, static: bool = False
) -> None:
    """Feed one transform."""
    x, y, z = pose[:3, 3]
    turn = dict(zip("xyzw", Rotation.from_matrix(pose[:3, :3]).as_quat(), strict=True))
    stamp = SimpleNamespace(sec=at // _NS, nanosec=at % _NS)
    transform = SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(x=x, y=y, z=z), rotation=SimpleNamespace(**turn)
        ),
    )
    buffer.feed(SimpleNamespace(transforms=[transform]), static=static)


if __name__ == "__main__":
    main()
