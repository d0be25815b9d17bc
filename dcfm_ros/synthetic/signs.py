"""Traffic signs, traffic lights, name boards, poles and fences as sheets."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes, Rgb, jitter, noise, pick, tinted
from dcfm_ros.synthetic.sheet import Sheet

_RED, _BLUE, _WHITE, _BLACK = (190, 24, 30), (24, 70, 160), (236, 236, 232), (24, 24, 24)


def traffic_sign(rng: np.random.Generator) -> Sheet:
    """A round, triangular or square sign, 96×96."""
    rgb = np.full((96, 96, 3), 120, np.uint8)
    alpha = np.zeros((96, 96), np.uint8)
    style = int(rng.integers(6))
    rim = jitter(rng, _RED if style in (0, 1, 3) else _BLUE, 0.2)
    if style in (0, 2):
        cv2.circle(alpha, (48, 48), 46, 255, -1)
        cv2.circle(rgb, (48, 48), 46, rim, -1, cv2.LINE_AA)
        if style == 0:
            cv2.circle(rgb, (48, 48), 35, _WHITE, -1, cv2.LINE_AA)
    elif style in (1, 3):
        tip, base = (4, 88) if style == 1 else (92, 8)
        corners = np.array([[48, tip], [94, base], [2, base]], np.int32).reshape(-1, 1, 2)
        inner = ((corners - [[48, 60 if style == 1 else 36]]) * 0.68).astype(np.int32)
        inner += np.array([[48, 60 if style == 1 else 36]], np.int32)
        cv2.fillPoly(alpha, [corners], 255)
        cv2.fillPoly(rgb, [corners], rim, cv2.LINE_AA)
        cv2.fillPoly(rgb, [inner], _WHITE, cv2.LINE_AA)
    else:
        alpha[2:94, 6:90] = 255
        rgb[2:94, 6:90] = pick(rng, (_BLUE, _WHITE, (20, 100, 60), (220, 180, 40)), 0.2)
        rgb[6:90, 10:86] = jitter(rng, (*map(float, rgb[50, 50]),), 0.1)  # type: ignore[arg-type]
    if rng.random() < 0.15:  # seen from behind
        rgb[:] = pick(rng, ((120, 122, 124),), 0.2)
    else:
        ink = _BLACK if rgb[48, 48].mean() > 110 else _WHITE
        mark = str(rng.choice(list("20305P4HATLX")))
        cv2.putText(rgb, mark, (30, 66), cv2.FONT_HERSHEY_DUPLEX, 1.5, ink, 4, cv2.LINE_AA)
    shade = 1 + 0.06 * noise(rng, "coarse", 96, 96)[..., None]
    return Sheet(np.clip(rgb * shade, 0, 255).astype(np.uint8), alpha)


def traffic_light(rng: np.random.Generator) -> Sheet:
    """Three lamps in a dark box, 48×112."""
    rgb = tinted(jitter(rng, (30, 30, 32), 0.4), 0.1 * noise(rng, "coarse", 112, 48))
    if rng.random() < 0.3:
        cv2.rectangle(rgb, (0, 0), (47, 111), _WHITE, 3)
    lit = int(rng.integers(4))
    lamps: tuple[Rgb, ...] = ((255, 60, 50), (255, 180, 60), (90, 255, 190))
    for i, lamp in enumerate(lamps):
        color = lamp if i == lit else tuple(0.2 * c + 12 for c in lamp)
        cv2.circle(rgb, (24, 20 + 36 * i), 14, color, -1, cv2.LINE_AA)
    return Sheet(rgb)


def board(rng: np.random.Generator) -> Sheet:
    """A name board or hanging shop sign, 128×96."""
    color = pick(rng, ((200, 30, 40), (30, 60, 120), (230, 226, 214), (40, 90, 60), (24, 24, 26)))
    rgb = tinted(color, 0.05 * noise(rng, "coarse", 96, 128))
    ink = _BLACK if sum(color) > 380 else _WHITE
    cv2.rectangle(rgb, (3, 3), (124, 92), ink, 2)
    for row in range(int(rng.integers(1, 4))):
        word = "".join(chr(int(c)) for c in rng.integers(65, 91, int(rng.integers(3, 7))))
        cv2.putText(
            rgb, word, (12, 36 + 24 * row), cv2.FONT_HERSHEY_DUPLEX, 0.7, ink, 2, cv2.LINE_AA
        )
    return Sheet(rgb)


def pole(rng: np.random.Generator) -> Sheet:
    """The skin of a pole: lit from one side."""
    color = pick(
        rng, ((110, 112, 112), (60, 62, 62), (150, 152, 150), (34, 38, 40), (170, 168, 150))
    )
    across = np.linspace(0.3, -0.45, 16, dtype=np.float32)[None, :]
    relief = across + 0.06 * noise(rng, "coarse", 128, 16)
    return Sheet(tinted(color, relief if rng.random() < 0.5 else relief[:, ::-1]))


def railing(rng: np.random.Generator) -> Sheet:
    """Upright bars, 384×96 for 6 m; label and depth cover the gaps too."""
    alpha = np.zeros((96, 384), np.uint8)
    step, thick = int(rng.integers(6, 14)), int(rng.integers(2, 4))
    top = int(rng.integers(0, 14))
    for x in range(1, 384, step):
        alpha[top:, x : x + thick] = 255
    for y in (12, 84):
        alpha[y : y + 5] = 255
    alpha[:, ::96] = 255
    alpha[:, 1::96] = 255
    alpha[:, 2::96] = 255
    color = pick(rng, ((30, 32, 32), (60, 62, 60), (180, 182, 180), (40, 60, 46)), 0.2)
    mask = np.zeros((96, 384), np.uint8)
    mask[top:] = 255
    return Sheet(tinted(color, 0.1 * noise(rng, "grain", 96, 384)), alpha, mask)


def boards_fence(rng: np.random.Generator) -> Sheet:
    """A close-boarded or panelled fence, 384×96 for 6 m."""
    color = pick(
        rng, ((120, 92, 62), (96, 80, 64), (150, 140, 124), (70, 90, 110), (200, 200, 196))
    )
    relief: Bytes | np.ndarray = 0.08 * noise(rng, "leaf", 96, 384)
    relief = relief + 0.06 * noise(rng, "grain", 96, 384)
    step = int(rng.integers(6, 20))
    relief[:, ::step] -= 0.25
    relief[:, 1::step] -= 0.12
    relief[:4] += 0.15
    return Sheet(tinted(color, np.asarray(relief, np.float32)))
