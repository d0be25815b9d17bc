"""Where obstacles touch the ground: the lowest contact in each vertical plane of a ground view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.classes import Kind
from dcfm_ros.costmap.ground_view import GroundView
from dcfm_ros.costmap.pixel_table import Floats, PixelTable

_SPECK_SHARE = 0.15
_APART_CELLS = 2.0
_APART_PIXELS = 3.0
_BESIDE_M = 0.6
_NARROW_M = 0.8


@dataclass(frozen=True, eq=False)
class Contacts:
    """One entry for each direction that has one.

    Attributes:
        directions: (M,) rows of the ground view.
        points_m: (M, 2) x, y in the ground frame.
        ranges_m: (M,) distance from the camera's foot.
        classes: (M,) class of the obstacle.
        tops_m: (M,) how high above the ground the obstacle is seen to reach.
        steps: (M,) step of the obstacle's lowest pixel.
    """

    directions: NDArray[np.intp]
    points_m: Floats
    ranges_m: Floats
    classes: NDArray[np.uint8]
    tops_m: Floats
    steps: NDArray[np.intp]


def no_contacts() -> Contacts:
    """Nothing stands in view."""
    indices, floats = np.zeros(0, np.intp), np.zeros(0, np.float32)
    points = np.zeros((0, 2), np.float32)
    return Contacts(indices, points, floats, np.zeros(0, np.uint8), floats, indices)


def first_obstacles(kinds: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Find the first obstacle step of each direction of (A, R) kinds; R where there is none."""
    obstacle = kinds == Kind.OBSTACLE
    first = np.asarray(obstacle.argmax(axis=1), np.intp)
    first[~obstacle[np.arange(len(first)), first]] = kinds.shape[1]
    return first


def find_contacts(
    view: GroundView,
    pixels: PixelTable,
    labels: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    first: NDArray[np.intp],
    heights_m: Floats,
    resolution_m: float,
) -> Contacts:
    """Find the contacts of a frame.

    A contact is an obstacle pixel with a ground pixel right below it. It does not count where it
    hangs on the side of a nearer obstacle (an edge, a mirror, a crown), nor where the obstacle
    rises by far less than its class does before the ground goes on behind it (a speck).

    Args:
        view: the sampling.
        pixels: the camera on its mount.
        labels: (A, R) sampled labels.
        kinds: (A, R) their kinds.
        first: (A,) first obstacle step of each direction.
        heights_m: (256,) expected heights by class.
        resolution_m: side of a cell.
    """
    rows = np.flatnonzero(first < view.reach)
    steps = first[rows]
    below = np.maximum(steps - 1, 0)
    stands = kinds[rows, below] == Kind.GROUND  # else its foot is hidden or outside the image
    upper = view.source[rows, steps]
    lower = np.where(stands, view.source[rows, below], upper)
    points, ranges = _between_pixels(pixels, lower, upper)
    tops, ends_in_ground = _tops(view, kinds, rows, steps, ranges)
    classes = labels[rows, steps]
    found = Contacts(rows, points, ranges, classes, tops, steps)
    keep = ~(ends_in_ground & (tops < _SPECK_SHARE * heights_m[classes]))
    found, stands = _chosen(found, keep), stands[keep]
    if len(found.steps) == 0:
        return found
    pixel = found.ranges_m**2 / np.float32(pixels.camera.fy * view.height_m)
    return _chosen(found, stands & ~_hangs(view, labels, found, stands, pixel, resolution_m))


def _chosen(found: Contacts, keep: NDArray[np.bool_]) -> Contacts:
    return Contacts(
        found.directions[keep],
        found.points_m[keep],
        found.ranges_m[keep],
        found.classes[keep],
        found.tops_m[keep],
        found.steps[keep],
    )


def _between_pixels(
    pixels: PixelTable, lower: NDArray[np.int32], upper: NDArray[np.int32]
) -> tuple[Floats, Floats]:
    """Ground points half-way between two pixels, and their distances from the camera's foot."""
    directions = []
    for index in (lower, upper):
        ray = pixels.directions[:, index]
        directions.append(ray / np.maximum(np.hypot(ray[0], ray[1]), np.float32(1e-9)))
    middle = (directions[0] + directions[1]) / 2
    length = np.hypot(middle[0], middle[1])
    ranges = np.float32(pixels.height_m) * length / np.maximum(-middle[2], np.float32(1e-6))
    place = pixels.position[:2].astype(np.float32)
    return (place[:, None] + middle[:2] / length * ranges).T, ranges


def _tops(
    view: GroundView,
    kinds: NDArray[np.uint8],
    rows: NDArray[np.intp],
    steps: NDArray[np.intp],
    ranges_m: Floats,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Height at which the obstacle ends in each direction, and whether ground goes on there."""
    count = kinds.shape[1]
    gone = kinds[rows] != Kind.OBSTACLE
    gone &= np.arange(count) > steps[:, None]
    end = gone.argmax(axis=1)
    unbroken = ~gone[np.arange(len(rows)), end]
    end[unbroken] = count - 1
    tops = np.float32(view.height_m) - ranges_m * view.slopes[end]
    return tops, ~unbroken & (kinds[rows, end] == Kind.GROUND)


def _hangs(
    view: GroundView,
    labels: NDArray[np.uint8],
    found: Contacts,
    stands: NDArray[np.bool_],
    pixel_m: Floats,
    resolution_m: float,
) -> NDArray[np.bool_]:
    """Whether a contact is what hangs in the air at the side of an obstacle that stands nearer.

    Contacts of neighbouring directions at like distances form a chain. A short chain is a thing
    that stands where it is nearest: its own outline farther away hangs, and it hangs as a whole
    where it is one piece, in the image, with the nearest contact of a chain of its class close
    beside it.
    """
    ranges, classes, rows = found.ranges_m, found.classes, found.directions
    apart = np.maximum(_APART_PIXELS * pixel_m, np.float32(_APART_CELLS * resolution_m))
    jump = (np.diff(rows) > 2) | (np.abs(np.diff(ranges)) > apart[1:])
    jump |= (np.diff(classes) != 0) | (np.diff(stands) != 0)
    chain = np.concatenate([[0], np.cumsum(jump)])
    numbers = np.arange(int(chain[-1]) + 1)
    first, last = np.searchsorted(chain, numbers), np.searchsorted(chain, numbers, "right") - 1
    short = np.hypot(*(found.points_m[last] - found.points_m[first]).T) < _NARROW_M
    order = np.lexsort((ranges, chain))
    feet = order[np.searchsorted(chain[order], numbers)]  # nearest contact of each chain
    hangs = short[chain] & (ranges > ranges[feet][chain] + np.maximum(pixel_m, resolution_m))
    beside = np.abs(view.azimuths[rows][:, None] - view.azimuths[rows[feet]]) * ranges[feet]
    nearer = ranges[:, None] - ranges[feet] > np.where(stands[feet], apart[:, None] / 2, 0)
    maybe = (beside < _BESIDE_M) & nearer
    maybe &= (classes[:, None] == classes[feet]) & short[chain][:, None]
    maybe &= chain[:, None] != numbers  # (M, chains)
    for class_id in np.unique(classes[maybe.any(axis=1)]):
        pieces = cv2.connectedComponents((labels == class_id).view(np.uint8))[1]
        piece = pieces[rows, found.steps]
        one = maybe & (piece[:, None] == piece[feet]) & (classes == class_id)[:, None]
        hangs |= one.any(axis=1)
    return np.asarray(hangs, np.bool_)
