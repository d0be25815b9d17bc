"""The synthetic street: a deterministic video with exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic import surfaces
from dcfm_ros.synthetic.actors import Actors
from dcfm_ros.synthetic.builder import build_layout
from dcfm_ros.synthetic.faces import (
    FaceArray,
    Kind,
    Label,
    UprightArray,
    Vector,
    concatenate,
    face_array,
    ground_quad,
    quad,
    vec,
)
from dcfm_ros.synthetic.ground import Footprint, ground_truth
from dcfm_ros.synthetic.look import ImageSensor, draw_look
from dcfm_ros.synthetic.motion import trajectory
from dcfm_ros.synthetic.noise import Bytes, Floats, rng_for
from dcfm_ros.synthetic.render import render
from dcfm_ros.synthetic.settings import StreetSettings
from dcfm_ros.synthetic.sheet import Sheet
from dcfm_ros.synthetic.view import View

_SKY_M = 1000.0
_SMALL_PX = 120
_EARTH = Sheet(np.full((8, 8, 3), 96, np.uint8))
_OPTICAL_FROM_FORWARD = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])  # columns: x y z of optical


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """One frame and all that is known about it.

    Attributes:
        stamp_ns: time of exposure.
        rgb: (H, W, 3) uint8.
        labels: (H, W) uint8, CamVid's eleven classes, 255 unlabelled.
        depth_m: (H, W) float32 along the optical axis; inf for the sky, NaN for the own bonnet.
        world_from_base: (4, 4) base_link (x forward, y left, z up, on the ground) to world, m.
        base_from_camera: (4, 4) optical frame (x right, y down, z forward) to base_link, m.
        k: (3, 3) intrinsics in px, no distortion, pixel centres at integers.
    """

    stamp_ns: int
    rgb: Bytes
    labels: Bytes
    depth_m: Floats
    world_from_base: Vector
    base_from_camera: Vector
    k: Vector


class Street:
    """A street, its traffic and a camera car, all drawn from the settings' seed."""

    def __init__(self, settings: StreetSettings) -> None:
        self.settings = settings
        self._scenes = [_Scene(settings, settings.seed)]
        self._cut = settings.frame_count
        if settings.motion == "cut":
            self._cut = (settings.frame_count + 1) // 2
            self._scenes.append(_Scene(settings, settings.seed ^ 0x5EED))

    def __len__(self) -> int:
        return self.settings.frame_count

    def frames(self) -> Iterator[SyntheticFrame]:
        """Render all frames in order."""
        for index in range(len(self)):
            yield self.frame(index)

    def stamp_ns(self, index: int) -> int:
        """Stamp of a frame."""
        return self.settings.start_ns + round(index * 1e9 / self.settings.rate_hz)

    def frame(self, index: int) -> SyntheticFrame:
        """Render one frame.

        Raises:
            IndexError: index outside 0..len-1.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of a video of {len(self)}")
        return self._scene(index).frame(index, self.stamp_ns(index))

    def world_from_base(self, index: int) -> Vector:
        """(4, 4) base_link to world at the time of a frame, without rendering it."""
        return self._scene(index).world_from_base(index)

    def ground_truth_grid(self, index: int, points: Vector) -> npt.NDArray[np.uint8]:
        """Class of the ground plane and of what stands on it, at the time of a frame.

        Args:
            index: of the frame.
            points: (..., 2) world x, y in m.

        Returns:
            (...) uint8: class of the obstacle that covers a point, else of the ground there,
            255 where neither is known.
        """
        return self._scene(index).ground_truth(index, points)

    def footprints(self, index: int) -> list[Footprint]:
        """Ground polygons of all obstacles at the time of a frame."""
        return self._scene(index).footprints(index)

    def _scene(self, index: int) -> _Scene:
        return self._scenes[0] if index < self._cut else self._scenes[-1]


class _Scene:
    def __init__(self, settings: StreetSettings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.ego = trajectory(settings, seed)
        self.layout = build_layout(seed, self.ego.travel_m)
        self.actors = Actors(self.layout, self.ego, seed, settings.cars, settings.people)
        self.k, self.base_from_camera = _mount(settings, seed)
        pieces = [face for rect in self.layout.rects for face in rect.faces()]
        pieces.append(ground_quad(-900, -900, 900, 900, _EARTH, Label.UNLABELLED, kind=Kind.BASE))
        self.static = face_array(pieces + self.layout.faces)
        self.uprights = UprightArray(self.layout.uprights)
        self.sky = _sky(seed)
        self.sensor = ImageSensor(
            draw_look(seed), self._first_look(), settings.width, settings.height, seed
        )

    def time_s(self, index: int) -> float:
        return index / self.settings.rate_hz

    def world_from_base(self, index: int) -> Vector:
        x, y, yaw = self.ego.at(self.time_s(index))
        c, s = np.cos(yaw), np.sin(yaw)
        y = y + self.actors.lane_y
        return np.array([[c, -s, 0, x], [s, c, 0, y], [0, 0, 1, 0], [0, 0, 0, 1.0]])

    def frame(self, index: int, stamp_ns: int) -> SyntheticFrame:
        settings = self.settings
        world_from_base = self.world_from_base(index)
        view = self._view(world_from_base, self.k, settings.width, settings.height)
        raster = render(view, self.faces(index, view.position))
        depth = raster.depth_m()
        labels = raster.labels()
        rgb = self.sensor.record(raster.image(), depth, labels == Label.ROAD, index)
        if settings.bonnet:
            _draw_bonnet(rgb, labels, depth, self.seed)
        return SyntheticFrame(
            stamp_ns, rgb, labels, depth, world_from_base, self.base_from_camera, self.k
        )

    def _view(self, world_from_base: Vector, k: Vector, width: int, height: int) -> View:
        camera_from_world = np.linalg.inv(world_from_base @ self.base_from_camera)
        return View(k, np.asarray(camera_from_world, np.float64), width, height)

    def _first_look(self) -> Bytes:
        """A small picture of the beginning, for the exposure."""
        scale = _SMALL_PX / self.settings.width
        k = np.diag([scale, scale, 1.0]) @ self.k
        high = max(8, round(self.settings.height * scale))
        view = self._view(self.world_from_base(0), k, _SMALL_PX, high)
        return render(view, self.faces(0, view.position)).image()

    def faces(self, index: int, eye: Vector) -> FaceArray:
        moving = self.actors.faces(self.time_s(index), eye)
        sky = self.sky.moved(np.eye(3), eye)
        return concatenate([self.static, self.uprights.facing(eye), *moving, sky])

    def footprints(self, index: int) -> list[Footprint]:
        eye = (self.world_from_base(index) @ self.base_from_camera)[:3, 3]
        return self.layout.footprints + self.actors.footprints(self.time_s(index), eye)

    def ground_truth(self, index: int, points: Vector) -> npt.NDArray[np.uint8]:
        return ground_truth(points, self.layout.rects, self.footprints(index))


def _sky(seed: int) -> FaceArray:
    """Four upright squares at a great distance around the origin."""
    rng = rng_for(seed, 2)
    sheet, gain = surfaces.sky(rng), float(rng.uniform(0.9, 1.7))
    far = _SKY_M
    corners = [(far, far), (far, -far), (-far, -far), (-far, far)]
    window = (0.0, 0.0, float(sheet.width), sheet.height * 1.25)
    return face_array(
        [
            quad(
                vec(ax, ay, far),
                vec(bx, by, far),
                vec(ax, ay, -far / 4),
                sheet,
                Label.SKY,
                kind=Kind.SKY,
                gain=gain,
                window=window,
            )
            for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
        ]
    )


def _mount(settings: StreetSettings, seed: int) -> tuple[Vector, Vector]:
    """Draw intrinsics and the camera's place on the car."""
    rng = rng_for(seed, 50)
    focal = settings.focal_px or settings.width * float(rng.uniform(0.85, 1.3))
    k = np.array(
        [
            [focal, 0, (settings.width - 1) / 2],
            [0, focal, (settings.height - 1) / 2],
            [0, 0, 1.0],
        ]
    )
    height = settings.camera_height_m or float(rng.uniform(1.2, 1.75))
    pitch = float(np.deg2rad(rng.uniform(-2.5, 4.0)))  # positive looks down
    c, s = np.cos(pitch), np.sin(pitch)
    tilt = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    base_from_camera = np.eye(4)
    base_from_camera[:3, :3] = tilt @ _OPTICAL_FROM_FORWARD
    base_from_camera[:3, 3] = (0.8, 0.0, height)
    return k, base_from_camera


def _draw_bonnet(rgb: Bytes, labels: Bytes, depth: Floats, seed: int) -> None:
    """The own car's bonnet at the lower edge, unlabelled and without depth."""
    rng = rng_for(seed, 51)
    height, width = labels.shape
    shape = np.zeros_like(labels)
    axes = (int(width * rng.uniform(0.5, 0.8)), int(height * rng.uniform(0.05, 0.14)))
    cv2.ellipse(shape, (int(width * rng.uniform(0.4, 0.6)), height), axes, 0, 180, 360, 1, -1)
    inside = shape > 0
    tone = rng.uniform(10, 70)
    rows = np.linspace(0.6, 1.6, height)[:, None]
    painted = np.clip(tone * rows[..., None] * np.ones((1, width, 3)), 0, 255)
    rgb[inside] = (0.75 * painted + 0.25 * rgb.mean())[inside].astype(np.uint8)
    labels[inside] = Label.UNLABELLED
    depth[inside] = np.nan
