"""Holds grids against the rendered street's ground truth, with nothing of the costmap's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dcfm_ros.costmap import CostGrid, CostmapBuilder, CostmapSettings, Kind, read_classes
from dcfm_ros.geometry import Camera, Matrix, TransformBuffer
from dcfm_ros.resources import resource
from dcfm_ros.synthetic import Street, SyntheticFrame

CLASSES = read_classes(resource("config/classes/camvid.yaml"))
KINDS = CLASSES.kinds()
RANGE_M = 12.0
OVERHANG_M = 0.5
_SECOND = 1_000_000_000
_SAMPLES = 3


@dataclass
class Score:
    """Cells counted over frames.

    Attributes:
        ground: cells of ground, without any obstacle in them, that are shown as ground.
        ground_right: those of the right class.
        contacts: cells where an obstacle touches the ground in view, by class.
        found: those within one cell of a cell shown as obstacle, by class.
        obstacles: cells shown as obstacle.
        astray: those further than two cells from a true obstacle, by class shown.
    """

    ground: int = 0
    ground_right: int = 0
    contacts: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    obstacles: int = 0
    astray: Counter[str] = field(default_factory=Counter)

    @property
    def ground_share(self) -> float:
        """Share of the ground that is right."""
        return self.ground_right / self.ground

    @property
    def contact_share(self) -> float:
        """Share of the contacts that are found."""
        return self.found.total() / self.contacts.total()

    def __str__(self) -> str:
        by_class = ", ".join(f"{k} {self.found[k]}/{n}" for k, n in self.contacts.items())
        return (
            f"ground {self.ground_share:.4f} of {self.ground}, contacts {self.contact_share:.4f} "
            f"({by_class}), obstacles {self.obstacles}, astray {dict(self.astray)}"
        )


class Drive:
    """One street through a builder."""

    def __init__(self, street: Street, settings: CostmapSettings | None = None) -> None:
        self.street = street
        self.buffer = TransformBuffer()
        self.builder = CostmapBuilder(settings or CostmapSettings(), CLASSES, self.buffer)

    def add(self, frame: SyntheticFrame, *, depth: bool = False, sure: bool = True) -> None:
        """Project a frame with its perfect labels."""
        stamp = frame.stamp_ns
        tell(self.buffer, "base_link", "camera", frame.base_from_camera, stamp, static=True)
        tell(self.buffer, "odom", "base_link", frame.world_from_base, stamp)
        height, width = frame.labels.shape
        k = frame.k
        camera = Camera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
        self.builder.add(
            "front",
            camera,
            "camera",
            frame.labels,
            np.full_like(frame.labels, 255) if sure else None,
            stamp,
            depth=frame.depth_m if depth else None,
        )

    def score(self, score: Score, index: int, frame: SyntheticFrame) -> CostGrid:
        """Hold the grid at a frame against the truth of that moment."""
        grid = self.builder.grid(frame.stamp_ns)
        eye = (frame.world_from_base @ frame.base_from_camera)[:3, 3]
        x, y = centres_m(grid)
        near = np.hypot(x[None] - eye[0], y[:, None] - eye[1]) < RANGE_M
        shown = np.where(near, KINDS[grid.class_ids], Kind.IGNORE)
        truth = true_cells(self.street, index, grid, grown(shown != Kind.IGNORE, 2))  # (H, W, S)
        stands = (KINDS[truth] == Kind.OBSTACLE).any(-1)
        ground = (shown == Kind.GROUND) & (KINDS[truth] == Kind.GROUND).all(-1)
        right = (truth == grid.class_ids[..., None]).sum(-1) * 2 >= truth.shape[-1]
        score.ground += int(ground.sum())
        score.ground_right += int((ground & right).sum())
        obstacle = shown >= Kind.OBSTACLE
        score.obstacles += int(obstacle.sum())
        hanging = overhang_cells(frame, grid)
        astray = obstacle & ~grown(stands, 2) & ~hanging
        score.astray.update(CLASSES.names[k] for k in grid.class_ids[astray])
        for cell, name in contact_cells(self.street, index, frame, grid).items():
            score.contacts[name] += 1
            score.found[name] += bool(grown(obstacle, 1).ravel()[cell])
        return grid


def tell(
    buffer: TransformBuffer,
    parent: str,
    child: str,
    parent_from_child: Matrix,
    stamp_ns: int,
    *,
    static: bool = False,
) -> None:
    """Feed one transform."""
    x, y, z = parent_from_child[:3, 3]
    turn = Rotation.from_matrix(parent_from_child[:3, :3]).as_quat()
    stamp = SimpleNamespace(sec=stamp_ns // _SECOND, nanosec=stamp_ns % _SECOND)
    transform = SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(x=x, y=y, z=z),
            rotation=SimpleNamespace(**dict(zip("xyzw", turn, strict=True))),
        ),
    )
    assert not buffer.feed(SimpleNamespace(transforms=[transform]), static=static)


def grown(mask: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    """All cells within a number of cells of those that are set."""
    kernel = np.ones((2 * cells + 1, 2 * cells + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), bool)


def centres_m(grid: CostGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (width,) and (height,) of the cells' centres."""
    height, width = grid.class_ids.shape
    x = grid.origin_m[0] + (np.arange(width) + 0.5) * grid.resolution_m
    y = grid.origin_m[1] + (np.arange(height) + 0.5) * grid.resolution_m
    return x, y


def true_cells(
    street: Street, index: int, grid: CostGrid, wanted: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """(H, W, 9) true classes at 3 x 3 points of wanted cells: poles are thinner than cells."""
    row, column = np.nonzero(wanted)
    offset = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    dx, dy = (part.ravel() for part in np.meshgrid(offset, offset))
    x = grid.origin_m[0] + (column[:, None] + dx) * grid.resolution_m
    y = grid.origin_m[1] + (row[:, None] + dy) * grid.resolution_m
    found = np.full((*wanted.shape, len(dx)), 255, np.uint8)
    found[wanted] = street.ground_truth_grid(index, np.stack([x, y], -1))
    return found


def cell_of(grid: CostGrid, points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Row-major cell of (N, 2) points; -1 outside."""
    height, width = grid.class_ids.shape
    at = np.floor((points - np.array(grid.origin_m)) / grid.resolution_m).astype(int)
    inside = ((at >= 0) & (at < [width, height])).all(axis=1)
    return np.where(inside, at[:, 1] * width + at[:, 0], -1)


def overhang_cells(frame: SyntheticFrame, grid: CostGrid) -> NDArray[np.bool_]:
    """Cells above which something is seen that hangs in the air, as crowns and signs do."""
    depth = frame.depth_m
    solid = np.isfinite(depth) & (KINDS[frame.labels] >= Kind.OBSTACLE)
    v, u = np.nonzero(solid)
    rays = np.linalg.inv(frame.k) @ np.vstack([u, v, np.ones(len(u))])
    world_from_camera = frame.world_from_base @ frame.base_from_camera
    points = (world_from_camera[:3, :3] @ (rays * depth[solid])).T + world_from_camera[:3, 3]
    cells = cell_of(grid, points[:, :2])
    lowest = np.full(grid.class_ids.size + 1, np.inf)
    np.minimum.at(lowest, cells, points[:, 2])
    found = (lowest[:-1] > OVERHANG_M) & np.isfinite(lowest[:-1])
    return grown(found.reshape(grid.class_ids.shape), 1)


def contact_cells(
    street: Street, index: int, frame: SyntheticFrame, grid: CostGrid
) -> dict[int, str]:
    """Cells where the first obstacle of a direction touches the ground in view, with its class."""
    eye = (frame.world_from_base @ frame.base_from_camera)[:3, 3]
    camera_from_world = np.linalg.inv(frame.world_from_base @ frame.base_from_camera)
    ahead = (frame.world_from_base @ frame.base_from_camera)[:2, 2]
    azimuth = np.arctan2(ahead[1], ahead[0]) + np.linspace(-0.75, 0.75, 601)
    way = np.arange(0.5, RANGE_M, 0.04)
    x, y = eye[0] + np.cos(azimuth)[:, None] * way, eye[1] + np.sin(azimuth)[:, None] * way
    classes = street.ground_truth_grid(index, np.stack([x, y], -1))
    first = (KINDS[classes] == Kind.OBSTACLE).argmax(axis=1)
    ray = np.arange(len(azimuth))
    stands = KINDS[classes[ray, first]] == Kind.OBSTACLE
    ray, first = ray[stands], first[stands]
    points = np.column_stack([x[ray, first], y[ray, first], np.zeros(len(ray))])
    turn, shift = cv2.Rodrigues(camera_from_world[:3, :3])[0], camera_from_world[:3, 3]
    pixels = cv2.projectPoints(points, turn, shift, frame.k, None)[0].reshape(-1, 2)
    depth = points @ camera_from_world[2, :3] + camera_from_world[2, 3]
    height, width = frame.labels.shape
    u, v = np.rint(pixels).astype(int).T
    inside = (depth > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    seen = np.zeros(len(points), bool)
    for offset in (-1, 0, 1, 2):  # else something nearer hides it
        row = np.clip(v[inside] + offset, 0, height - 1)
        measured = frame.depth_m[row, u[inside]]
        seen[inside] |= np.abs(measured - depth[inside]) < 0.04 * depth[inside] + 0.1
    cells = cell_of(grid, points[seen, :2])
    names = [CLASSES.names[k] for k in classes[ray[seen], first[seen]]]
    return {int(cell): name for cell, name in zip(cells, names, strict=True) if cell >= 0}
