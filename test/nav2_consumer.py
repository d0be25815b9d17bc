"""What Nav2's costmap layers do with messages, written from their published rules; in numpy.

Rules: nav2_ros_common/validate_messages.hpp, nav2_costmap_2d (costmap_2d, static_layer,
obstacle_layer, observation_buffer) and semantic_segmentation_layer, as of 2026.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import Image, PointCloud2, PointField
from vision_msgs.msg import LabelInfo

from dcfm_ros.geometry import Matrix

FREE, INSCRIBED, LETHAL, UNKNOWN = 0, 253, 254, 255
_DTYPES = {PointField.FLOAT32: "<f4", PointField.UINT8: "u1"}


def map_faults(grid: OccupancyGrid) -> list[str]:
    """Why Nav2 rejects a map; empty if it does not."""
    info, turn, place = grid.info, grid.info.origin.orientation, grid.info.origin.position
    norm = turn.x**2 + turn.y**2 + turn.z**2 + turn.w**2
    checks = {
        "nanosec": grid.header.stamp.nanosec < 10**9,
        "empty frame_id": bool(grid.header.frame_id),
        "origin": all(math.isfinite(v) for v in (place.x, place.y, place.z, norm)),
        "quaternion": abs(norm - 1) < 1e-4,
        "resolution": math.isfinite(info.resolution) and info.resolution >= 1e-6,
        "size": 0 < info.width <= 32767 and 0 < info.height <= 32767,
        "data": len(grid.data) == info.width * info.height,
    }
    return [name for name, is_good in checks.items() if not is_good]


@dataclass
class Master:
    """A rolling costmap: (height, width) costs from the corner `origin_m`."""

    resolution_m: float
    width: int
    height: int
    origin_m: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Master:
        assert parameters["rolling_window"]
        size = parameters["resolution"]
        return cls(size, round(parameters["width"] / size), round(parameters["height"] / size))

    def roll_to(self, x_m: float, y_m: float) -> None:
        """Move by whole cells towards the robot in the middle, and forget all."""
        size = self.resolution_m
        wanted = x_m - self.width * size / 2, y_m - self.height * size / 2
        steps = (int((w - o) / size) for w, o in zip(wanted, self.origin_m, strict=True))
        self.origin_m = tuple(o + s * size for o, s in zip(self.origin_m, steps, strict=True))
        self.costs = np.full((self.height, self.width), UNKNOWN, np.uint8)

    def centres(self) -> np.ndarray:
        """(height, width, 2) world x, y of the cells' centres."""
        x = self.origin_m[0] + (np.arange(self.width) + 0.5) * self.resolution_m
        y = self.origin_m[1] + (np.arange(self.height) + 0.5) * self.resolution_m
        return np.stack(np.meshgrid(x, y), -1)

    def cell(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column, row and whether they are inside."""
        return _cell(x, y, self.origin_m, self.resolution_m, self.costs.shape)


class StaticLayer:
    """Holds the last map; writes it into a rolling master."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self.costs: np.ndarray | None = None

    def incoming_map(self, grid: OccupancyGrid) -> None:
        assert map_faults(grid) == []
        values = np.asarray(grid.data, np.int8).view(np.uint8)
        self.costs = self._interpreted(values).reshape(grid.info.height, grid.info.width)
        place = grid.info.origin.position
        self._origin_m, self._resolution_m = (place.x, place.y), grid.info.resolution
        self.frame_id = grid.header.frame_id

    def update(self, master: Master, map_from_global: Matrix) -> None:
        """Overwrite every cell of the master that lies in the map; its origin's yaw is ignored."""
        centres = master.centres()
        x, y = (centres @ map_from_global[axis, :2].T + map_from_global[axis, 3] for axis in (0, 1))
        column, row, inside = _cell(x, y, self._origin_m, self._resolution_m, self.costs.shape)
        found = self.costs[row[inside], column[inside]]
        if self._parameters["use_maximum"]:
            found = np.maximum(found, master.costs[inside])
        master.costs[inside] = found

    def _interpreted(self, values: np.ndarray) -> np.ndarray:
        given = self._parameters
        threshold = max(0, min(100, given["lethal_cost_threshold"]))
        unknown = UNKNOWN if given["track_unknown_space"] else FREE
        table = np.zeros(256, np.uint8)
        for value in range(256):
            if value == given["unknown_cost_value"]:
                table[value] = unknown
            elif value == 99:
                table[value] = INSCRIBED
            elif value >= threshold:
                table[value] = LETHAL
            elif not given["trinary_costmap"]:
                table[value] = int(value / threshold * LETHAL)
        return table[values]


class ObstacleLayer:
    """Marks the points of a cloud."""

    def __init__(self, source: dict[str, Any]) -> None:
        assert source["data_type"] == "PointCloud2"
        self._source = source

    def mark(self, master: Master, cloud: PointCloud2, global_from_cloud: Matrix) -> None:
        points = in_frame(xyz(cloud).reshape(-1, 3), global_from_cloud)
        source = self._source
        kept = points[:, 2] >= source["min_obstacle_height"]
        kept &= points[:, 2] <= source["max_obstacle_height"]
        away = np.hypot(*(points[:, :2] - global_from_cloud[:2, 3]).T)
        kept &= (away <= source["obstacle_max_range"]) & (away >= source["obstacle_min_range"])
        column, row, inside = master.cell(points[kept, 0], points[kept, 1])
        master.costs[row[inside], column[inside]] = LETHAL


class SemanticLayer:
    """Takes masks, confidence and points that belong together, once it knows the classes."""

    def __init__(self, layer: dict[str, Any], source: dict[str, Any]) -> None:
        self._exact = not layer["use_approximate_time_sync"]
        self._source = source
        self.rules = {
            name: source[kind] for kind in source["class_types"] for name in source[kind]["classes"]
        }
        self._rule_of_id: dict[int, dict[str, Any]] = {}
        self.ignored: list[str] = []
        self.tiles: dict[tuple[int, int], list[tuple[int, float]]] = {}

    def label_info(self, info: LabelInfo) -> None:
        for entry in info.class_map:
            assert entry.class_id <= 255
            if entry.class_name in self.rules:
                self._rule_of_id[entry.class_id] = self.rules[entry.class_name]
            else:
                self.ignored.append(entry.class_name)

    def synchronised(
        self,
        mask: Image,
        confidence: Image,
        cloud: PointCloud2,
        global_from_cloud: Matrix,
        master: Master,
    ) -> str:
        """Take three messages; gives why they are not taken, or nothing."""
        stamps = {(m.header.stamp.sec, m.header.stamp.nanosec) for m in (mask, confidence, cloud)}
        if self._exact and len(stamps) > 1:
            return "stamps"
        if mask.width * mask.height != cloud.width * cloud.height:
            return "sizes"
        if len(mask.data) < mask.width * mask.height:
            return "data"
        if not self._rule_of_id:
            return "no label info"
        pixels = mask.width * mask.height
        ids = np.frombuffer(mask.data, np.uint8)[:pixels]  # data[v * width + u]: step is ignored
        sure = np.frombuffer(confidence.data, np.uint8)[:pixels]
        points = in_frame(xyz(cloud).reshape(-1, 3), global_from_cloud)
        away = np.linalg.norm(points - global_from_cloud[:3, 3], axis=1)
        low, high = self._source["min_obstacle_distance"], self._source["max_obstacle_distance"]
        usable = np.isfinite(points[:, 2]) & (away > low) & (away < high)
        best: dict[tuple[int, int], int] = {}
        for pixel in np.flatnonzero(usable):
            tile = tuple(np.floor(points[pixel, :2] / master.resolution_m).astype(int).tolist())
            if tile not in best or self._dearer(ids, pixel, best[tile]):
                best[tile] = pixel
        for tile, pixel in best.items():
            rule = self._rule_of_id.get(int(ids[pixel]))
            if rule is None:
                continue
            if rule["dominant_priority"]:
                self.tiles[tile] = [
                    entry
                    for entry in self.tiles.get(tile, [])
                    if self._rule_of_id[entry[0]]["dominant_priority"]
                ]
            self.tiles.setdefault(tile, []).append((int(ids[pixel]), float(sure[pixel])))
        return ""

    def update(self, master: Master) -> None:
        """Write the larger of the layer's and the master's costs; unknown counts as none."""
        for tile, seen in self.tiles.items():
            x, y = (np.array([(index + 0.5) * master.resolution_m]) for index in tile)
            column, row, inside = master.cell(x, y)
            if not inside[0]:
                continue
            dominant = max({i for i, _ in seen}, key=lambda i: sum(e[0] == i for e in seen))
            rule = self._rule_of_id[dominant]
            sure = [value for index, value in seen if index == dominant]
            enough = len(sure) >= rule["samples_to_max_cost"]
            certain = sum(sure) / len(sure) > rule["mark_confidence"]
            cost = rule["max_cost"] if enough and certain else rule["base_cost"]
            before = master.costs[row[0], column[0]]
            if before == UNKNOWN or before < cost:
                master.costs[row[0], column[0]] = cost

    def _dearer(self, ids: np.ndarray, one: int, other: int) -> bool:
        costs = [
            self._rule_of_id.get(int(ids[i]), {"max_cost": 0})["max_cost"] for i in (one, other)
        ]
        return costs[0] > costs[1]


def xyz(cloud: PointCloud2) -> np.ndarray:
    """(height, width, 3) float32, by the offsets that the fields give."""
    return np.stack([field(cloud, name) for name in "xyz"], -1)


def field(cloud: PointCloud2, name: str) -> np.ndarray:
    """(height, width) values of a field."""
    (found,) = [f for f in cloud.fields if f.name == name]
    shape, strides = (cloud.height, cloud.width), (cloud.row_step, cloud.point_step)
    if 0 in shape:
        return np.zeros(shape, _DTYPES[found.datatype])
    data = np.frombuffer(cloud.data, np.uint8)
    return np.ndarray(shape, _DTYPES[found.datatype], data, found.offset, strides)


def in_frame(points: np.ndarray, target_from_source: Matrix) -> np.ndarray:
    """(N, 3) points in another frame."""
    return points.astype(np.float64) @ target_from_source[:3, :3].T + target_from_source[:3, 3]


def _cell(
    x: np.ndarray,
    y: np.ndarray,
    origin_m: tuple[float, float],
    resolution_m: float,
    shape: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    column = np.floor((x - origin_m[0]) / resolution_m).astype(int)
    row = np.floor((y - origin_m[1]) / resolution_m).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < shape[1]) & (row < shape[0])
    return column, row, inside
