"""From a clean rendering to what a small camera in daylight records."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes, Floats, noise, rng_for


@dataclass(frozen=True)
class Look:
    """Air, lens and sensor of one video."""

    haze_per_m: float
    haze: tuple[float, float, float]
    exposure: tuple[float, float, float]
    gamma: float
    contrast: float
    saturation: float
    vignette: float
    blur_px: float
    grain: float
    flare: float


def draw_look(seed: int) -> Look:
    """Draw a look; dark streets under a bright sky are common."""
    rng = rng_for(seed, 40)
    exposure = float(np.exp(rng.normal(-0.12, 0.33)))
    warm = float(rng.normal(0, 0.05))
    grey = float(rng.uniform(170, 235))
    return Look(
        haze_per_m=float(rng.choice([0.0005, 0.002, 0.005], p=[0.45, 0.4, 0.15])),
        haze=(grey, grey, grey * float(rng.uniform(0.98, 1.06))),
        exposure=(exposure * (1 + warm), exposure, exposure * (1 - warm)),
        gamma=float(rng.uniform(0.85, 1.35)),
        contrast=float(rng.uniform(0.0, 0.5)),
        saturation=float(rng.uniform(0.45, 1.15)),
        vignette=float(rng.uniform(0.0, 0.4)),
        blur_px=float(rng.choice([0.0, 0.5, 0.8, 1.1], p=[0.3, 0.3, 0.25, 0.15])),
        grain=float(rng.uniform(0.8, 5.0)),
        flare=float(rng.choice([0.0, 0.1, 0.25], p=[0.4, 0.4, 0.2])),
    )


class Camera:
    """Applies a look; keeps what does not change from frame to frame."""

    def __init__(self, look: Look, width: int, height: int, seed: int) -> None:
        self.look, self.seed = look, seed
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        fall = 1 - look.vignette * np.clip((x * x + y * y) / 2, 0, 1)
        self.gain: Floats = (fall[..., None] * np.array(look.exposure)).astype(np.float32)
        level = np.linspace(0, 1, 256) ** look.gamma
        curved = level * level * (3 - 2 * level)
        mixed = (1 - look.contrast) * level + look.contrast * curved
        self.curve = np.clip(255 * mixed, 0, 255).astype(np.uint8)

    def record(self, rgb: Bytes, depth_m: Floats, index: int) -> Bytes:
        """Turn a rendering into a recorded picture.

        Args:
            rgb: (H, W, 3) uint8.
            depth_m: (H, W) float32, inf for the sky.
            index: number of the frame; chooses the sensor noise.
        """
        look = self.look
        clear = np.exp(-look.haze_per_m * np.minimum(depth_m, 1e4)).astype(np.float32)
        clear[~np.isfinite(depth_m)] = 1.0
        image = rgb.astype(np.float32)
        image *= clear[..., None]
        image += (1 - clear)[..., None] * np.array(look.haze, np.float32)
        if look.flare > 0:
            small = cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA)
            glow = cv2.GaussianBlur(np.maximum(small - 150, 0), (0, 0), 4)
            glow = cv2.resize(glow, (image.shape[1], image.shape[0]))
            image += np.float32(look.flare) * glow
        if look.blur_px > 0:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), look.blur_px), np.float32)
        image *= self.gain
        grey = image.mean(axis=2, keepdims=True)
        image = grey + np.float32(look.saturation) * (image - grey)
        image = cv2.LUT(np.clip(image, 0, 255).astype(np.uint8), self.curve).astype(np.float32)
        rng = rng_for(self.seed, 41, index)
        for channel in range(3):
            image[..., channel] += np.float32(look.grain) * noise(rng, "grain", *image.shape[:2])
        return np.clip(image, 0, 255).astype(np.uint8)
