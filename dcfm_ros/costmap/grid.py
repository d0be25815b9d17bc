"""The rolling grid: class evidence per cell, decayed by stamps; cost and class follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import GridFrame
from dcfm_ros.costmap.classes import LETHAL, UNKNOWN_CLASS, ClassTable, Kind
from dcfm_ros.costmap.evidence import Cells, Evidence, Floats
from dcfm_ros.costmap.settings import GridSettings

KEEP = 0.2
"""Share of a cell's old evidence that one full look at it replaces."""

YIELD = 0.9
"""The same for evidence that a look contradicts: ground under an obstacle, what moves elsewhere."""

LEAVES_AFTER_NS = 250_000_000
"""What moves has left a cell in view when nothing was seen there for so long, by any camera."""

OBSTACLE_SHARE = 0.4
"""A cell is an obstacle's when obstacles have this share of its evidence: early, not late."""

LEAST = 0.05
"""Evidence below that, one full look being 1, says nothing."""

DOUBT = 1.0
"""Evidence that ignorance counts for in the confidence."""

_NEVER = -(1 << 62)
_MOST_HALVINGS = 40.0


@dataclass(frozen=True, eq=False)
class CostGrid:
    """The grid at one time, ready for nav_msgs/OccupancyGrid and dcfm_ros/ClassGrid.

    Attributes:
        costs: (height, width) int8, row-major from the cell at the origin; `unknown_value`, 0 to
            98, 100.
        class_ids: (height, width) uint8, 255 unknown.
        confidence: (height, width) uint8, 0 unknown.
        origin_m: (x, y) of the corner of cell (0, 0) in the grid's frame.
        resolution_m: side of a cell.
        stamp_ns: the time that it is for.
    """

    costs: NDArray[np.int8]
    class_ids: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    origin_m: tuple[float, float]
    resolution_m: float
    stamp_ns: int


class RollingGrid:
    """Evidence of the classes that stand on or form the ground, in cells that keep their place.

    An observation replaces a share of what a cell held and adds itself, so that evidence stays
    bounded and the newest looks count most; in between it halves with time. Evidence is stored as
    if it had been given at one reference time: adding 2^(age / half-life) times as much is the same
    as decaying all else, costs nothing for cells that are not seen, and does not depend on the
    order of the stamps.
    """

    def __init__(self, settings: GridSettings, classes: ClassTable) -> None:
        self._settings = settings
        kinds = classes.kinds()
        slots = np.flatnonzero((kinds == Kind.GROUND) | (kinds >= Kind.OBSTACLE))
        slots = slots[np.argsort(classes.dynamic()[slots], kind="stable")]  # what moves comes last
        self._slots = slots.astype(np.uint8)
        self._slot_of = np.full(256, -1, np.int64)
        self._slot_of[slots] = np.arange(len(slots))
        self._is_ground = kinds[slots] == Kind.GROUND
        dynamic = classes.dynamic()[slots]
        self._still = int(np.count_nonzero(~dynamic))
        half_s = np.where(dynamic, settings.dynamic_half_life_s, settings.static_half_life_s)
        self._per_ns = 1e-9 / half_s
        # what is left of each class after one full look at an obstacle
        self._gives_way = dynamic | self._is_ground
        self._width, self._height = settings.cells
        self._step = max(1, int(np.ceil(settings.step_m / settings.resolution_m - 1e-9)))
        self._evidence = np.zeros((self._width * self._height, len(slots)), np.float32)
        self._seen_ns = np.full(self._width * self._height, _NEVER, np.int64)
        self._reference_ns = 0
        self._frame: GridFrame | None = None

    def follow(self, x_m: float, y_m: float) -> GridFrame:
        """Keep a point within a step of the middle, and return the place of the grid."""
        size = self._settings.resolution_m
        half = self._width // 2, self._height // 2
        if self._frame is None:
            left = _whole_steps(x_m / size - half[0], self._step)
            bottom = _whole_steps(y_m / size - half[1], self._step)
            self._frame = GridFrame(left, bottom, self._width, self._height, size)
            return self._frame
        away = x_m / size - half[0] - self._frame.left, y_m / size - half[1] - self._frame.bottom
        if max(abs(away[0]), abs(away[1])) >= self._step:
            self._move(_whole_steps(away[0], self._step), _whole_steps(away[1], self._step))
        return self._frame

    def add(self, evidence: Evidence, stamp_ns: int) -> None:
        """Take what a frame says."""
        if evidence.empty:
            return
        gain = self._gain(stamp_ns)
        hidden = evidence.hidden[self._seen_ns[evidence.hidden] < stamp_ns - LEAVES_AFTER_NS]
        if len(hidden):
            self._evidence[hidden, self._still :] *= np.float32(1 - YIELD)
        if len(evidence.cells):
            self._add_ground(evidence, gain)
            self._touch(evidence.cells, stamp_ns)
        if len(evidence.obstacle_cells):
            self._add_obstacles(evidence, gain)
            self._touch(evidence.obstacle_cells, stamp_ns)

    def at(self, stamp_ns: int, classes: ClassTable) -> CostGrid:
        """Give cost, class and confidence of every cell at a time.

        Args:
            stamp_ns: not before the evidence, or that is taken as it was given.
            classes: the same classes, with the costs to use.
        """
        shape = (self._height, self._width)
        class_ids = np.full(shape, UNKNOWN_CLASS, np.uint8)
        confidence = np.zeros(shape, np.uint8)
        cells, slot, share = self._known(np.flatnonzero(self._recent(stamp_ns)), stamp_ns)
        class_ids.ravel()[cells] = self._slots[slot]
        confidence.ravel()[cells] = np.clip(np.rint(share * 255), 1, 255).astype(np.uint8)
        frame = self._frame or GridFrame(0, 0, self._width, self._height, 1.0)
        size = self._settings.resolution_m
        return CostGrid(
            classes.costs(self._settings.unknown_value)[class_ids],
            class_ids,
            confidence,
            (frame.left * size, frame.bottom * size),
            size,
            stamp_ns,
        )

    def lethal(
        self, rows: slice, columns: slice, stamp_ns: int, classes: ClassTable
    ) -> NDArray[np.bool_]:
        """(rows, columns) whether `at` would give the cells of a part of the grid as lethal."""
        shape = (self._height, self._width)
        weights = 1 / self._gain(stamp_ns)
        part = self._evidence.reshape(*shape, -1)[rows, columns]  # (h, w, C)
        against = part @ (weights * ~self._is_ground)
        maybe = np.zeros(shape, bool)  # all others are ground or unknown
        maybe[rows, columns] = (against > 0) & (against >= 0.9 * OBSTACLE_SHARE * (part @ weights))
        cells = np.flatnonzero(maybe.ravel() & self._recent(stamp_ns))
        cells, slot, _ = self._known(cells, stamp_ns)
        found = np.zeros(shape, bool)
        found.ravel()[cells] = (classes.costs(0) == LETHAL)[self._slots[slot]]
        return found[rows, columns]

    def clear(self) -> None:
        """Turn every cell unknown; the grid stays where it is until it follows."""
        self._evidence[:] = 0
        self._seen_ns[:] = _NEVER

    def _add_ground(self, evidence: Evidence, gain: Floats) -> None:
        weights, slots = evidence.weights, self._slot_of[evidence.classes]
        looked = evidence.shares.sum(axis=0)  # (N,)
        held = self._evidence.take(evidence.cells, axis=0)  # (N, C)
        held[:, : self._still] *= (1 - looked * weights * np.float32(KEEP))[:, None]
        held[:, self._still :] *= (1 - looked * np.float32(YIELD))[:, None]
        for slot, share in zip(slots, evidence.shares, strict=True):
            held[:, slot] += share * weights * gain[slot]
        self._evidence[evidence.cells] = held

    def _add_obstacles(self, evidence: Evidence, gain: Floats) -> None:
        cells, weights = evidence.obstacle_cells, evidence.obstacle_weights
        held = self._evidence.take(cells, axis=0)
        replaced = np.where(self._gives_way, np.float32(YIELD), weights[:, None] * np.float32(KEEP))
        held *= 1 - replaced
        slots = self._slot_of[evidence.obstacle_classes]
        held[np.arange(len(cells)), slots] += weights * gain[slots]
        self._evidence[cells] = held

    def _recent(self, stamp_ns: int) -> NDArray[np.bool_]:
        return self._seen_ns >= stamp_ns - round(self._settings.unknown_after_s * 1e9)

    def _known(self, cells: Cells, stamp_ns: int) -> tuple[Cells, NDArray[np.intp], Floats]:
        """Those of (N,) recent cells that are known, with the slot and the share of their class."""
        weights = 1 / self._gain(stamp_ns)  # first, as it may rescale the evidence
        held = self._evidence[cells] * weights  # (N, C)
        total = held.sum(axis=1)
        known = total >= LEAST
        cells, held, total = cells[known], held[known], total[known]
        slot = self._decide(held, total)
        return cells, slot, held[np.arange(len(cells)), slot] / (total + np.float32(DOUBT))

    def _decide(self, held: Floats, total: Floats) -> NDArray[np.intp]:
        """Slot of the class that each of (N, C) is."""
        grounds, obstacles = np.flatnonzero(self._is_ground), np.flatnonzero(~self._is_ground)
        against = held[:, obstacles]
        is_obstacle = against.sum(axis=1) >= OBSTACLE_SHARE * total
        best_ground = grounds[held[:, grounds].argmax(axis=1)]
        best_obstacle = obstacles[against.argmax(axis=1)]
        return np.asarray(np.where(is_obstacle, best_obstacle, best_ground), np.intp)

    def _gain(self, stamp_ns: int) -> Floats:
        """(C,) how much evidence of a time counts at the reference time."""
        halvings = (stamp_ns - self._reference_ns) * self._per_ns
        if halvings.max() > _MOST_HALVINGS:
            self._evidence *= np.exp2(-np.minimum(halvings, 200.0)).astype(np.float32)
            self._reference_ns = stamp_ns
            halvings = np.zeros_like(halvings)
        return np.exp2(np.maximum(halvings, -_MOST_HALVINGS)).astype(np.float32)

    def _touch(self, cells: Cells, stamp_ns: int) -> None:
        self._seen_ns[cells] = np.maximum(self._seen_ns[cells], stamp_ns)

    def _move(self, right: int, up: int) -> None:
        """Shift the window by whole cells; what leaves it is forgotten."""
        assert self._frame is not None
        shape = (self._height, self._width)
        target, source = _overlap(up, self._height), _overlap(right, self._width)
        for array, empty in ((self._evidence, 0), (self._seen_ns, _NEVER)):
            old = array.reshape(*shape, -1).copy()
            new = array.reshape(*shape, -1)
            new[:] = empty
            new[target[0], source[0]] = old[target[1], source[1]]
        self._frame = GridFrame(
            self._frame.left + right,
            self._frame.bottom + up,
            self._width,
            self._height,
            self._settings.resolution_m,
        )


def _whole_steps(cells: float, step: int) -> int:
    return int(np.floor(cells / step + 0.5)) * step


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Where cells go and where they come from when the window moves by `shift`."""
    kept = max(0, size - abs(shift))
    if shift >= 0:
        return slice(0, kept), slice(size - kept, size)
    return slice(size - kept, size), slice(0, kept)
