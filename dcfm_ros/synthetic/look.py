"""From a clean rendering to what a small camera in daylight records."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes, Floats, Mask, noise, rng_for


@dataclass(frozen=True)
class Look:
    """Air, lens and sensor of one video.

    Attributes:
        haze_per_m: share of light lost per m.
        haze: RGB of the air.
        brightness: mean grey value that the exposure aims at.
        balance: gain of red, green, blue.
        sheen: how much the far road brightens toward the sky.
        gamma: exponent of the tone curve.
        contrast: share of an S-shaped tone curve.
        saturation: 0 grey, 1 as drawn.
        vignette: loss of light in the corners.
        blur_px: deviation of the lens blur.
        sharpening: how much the camera emphasises edges where there is no lens blur.
        grain: deviation of the sensor noise, grey values.
        flare: share of the bright sky's light that spreads.
    """

    haze_per_m: float
    haze: tuple[float, float, float]
    brightness: float
    balance: tuple[float, float, float]
    sheen: float
    gamma: float
    contrast: float
    saturation: float
    vignette: float
    blur_px: float
    sharpening: float
    grain: float
    flare: float


def draw_look(seed: int) -> Look:
    """Draw a look; dark streets under a bright sky are common."""
    rng = rng_for(seed, 40)
    warm = float(rng.normal(0, 0.05))
    grey = float(rng.uniform(170, 235))
    return Look(
        haze_per_m=float(rng.choice([0.0005, 0.002, 0.005], p=[0.45, 0.4, 0.15])),
        haze=(grey, grey, grey * float(rng.uniform(0.98, 1.06))),
        brightness=float(np.clip(rng.normal(102, 28), 50, 170)),
        balance=(1 + warm, 1.0, 1 - warm),
        sheen=float(rng.choice([0.0, rng.uniform(0, 0.6)])),
        gamma=float(rng.uniform(0.85, 1.35)),
        contrast=float(rng.uniform(0.0, 0.7)),
        saturation=float(rng.uniform(0.45, 1.15)),
        vignette=float(rng.uniform(0.0, 0.4)),
        blur_px=float(rng.choice([0.0, 0.5, 0.9], p=[0.7, 0.2, 0.1])),
        sharpening=float(rng.uniform(0.0, 1.2)),
        grain=float(rng.uniform(0.8, 5.0)),
        flare=float(rng.choice([0.0, 0.1, 0.25], p=[0.4, 0.4, 0.2])),
    )


class ImageSensor:
    """The sensor and lens of a look; the exposure is set once, on a first picture."""

    def __init__(self, look: Look, first: Bytes, width: int, height: int, seed: int) -> None:
        """Set the exposure on `first`, a rendering of any size, (H, W, 3) uint8."""
        self.look, self.seed = look, seed
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        fall = 1 - look.vignette * np.clip((x * x + y * y) / 2, 0, 1)
        level = np.linspace(0, 1, 256) ** look.gamma
        curved = level * level * (3 - 2 * level)
        mixed = (1 - look.contrast) * level + look.contrast * curved
        self.curve = np.clip(255 * mixed, 0, 255).astype(np.uint8)
        exposure = _exposure(first, self.curve, look.brightness)
        gain = fall[..., None] * (exposure * np.array(look.balance))
        self.gain: Floats = np.ascontiguousarray(gain, np.float32)

    def record(self, rgb: Bytes, depth_m: Floats, road: Mask, index: int) -> Bytes:
        """Turn a rendering into a recorded picture.

        Args:
            rgb: (H, W, 3) uint8.
            depth_m: (H, W) float32, inf for the sky.
            road: (H, W) bool, where the road is seen.
            index: number of the frame; chooses the sensor noise.
        """
        look = self.look
        image = rgb.astype(np.float32)
        self._air(image, depth_m, road)
        if look.flare > 0:
            small = cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA)
            glow = cv2.GaussianBlur(np.maximum(small - 150, 0), (0, 0), 4)
            glow = cv2.resize(glow, (image.shape[1], image.shape[0]))
            image += np.float32(look.flare) * glow
        if look.blur_px > 0:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), look.blur_px), np.float32)
        else:
            soft = cv2.GaussianBlur(image, (5, 5), 0.9)
            amount = look.sharpening
            image = np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.float32)
        image *= self.gain
        image = np.asarray(cv2.transform(image, _saturation(look.saturation)), np.float32)
        image = cv2.LUT(np.clip(image, 0, 255).astype(np.uint8), self.curve).astype(np.float32)
        rng = rng_for(self.seed, 41, index)
        for channel in range(3):
            image[..., channel] += np.float32(look.grain) * noise(rng, "sensor", *image.shape[:2])
        return np.clip(image, 0, 255).astype(np.uint8)

    def _air(self, image: Floats, depth_m: Floats, road: Mask) -> None:
        """Veil what is far, and let the road mirror the sky at low angles; in place."""
        far = np.where(np.isfinite(depth_m), depth_m, np.float32(0))
        veil = 1 - np.exp(np.float32(-self.look.haze_per_m) * far)
        if self.look.sheen > 0:
            shine = np.float32(self.look.sheen) * (1 - np.exp(np.float32(-1 / 45) * far))
            veil = np.where(road, np.maximum(veil, shine), veil)
        for channel in range(3):
            layer = image[..., channel]
            layer += veil * (np.float32(self.look.haze[channel]) - layer)


def _saturation(amount: float) -> Floats:
    matrix = amount * np.eye(3) + (1 - amount) / 3
    return matrix.astype(np.float32)


def _exposure(first: Bytes, curve: Bytes, brightness: float) -> float:
    """Find the gain that brings a picture to a mean grey value, by bisection of its logarithm."""
    small = cv2.resize(first, (60, 45), interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = -2.0, 2.0
    for _ in range(12):
        middle = (low + high) / 2
        exposed = np.clip(small * np.float32(np.exp(middle)), 0, 255).astype(np.uint8)
        if float(curve[exposed].mean()) < brightness:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))
