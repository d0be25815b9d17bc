"""Many short clips of the synthetic street, as the folders that training takes."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from dcfm_ros.errors import SettingsError
from dcfm_ros.settings import to_dict
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.settings import StreetSettings
from dcfm_ros.synthetic.street import Street

JPEG_QUALITY = 92
_DONE = "clip.json"


@dataclass(frozen=True)
class StreetClips:
    """What `write_street_clips` writes."""

    clips: int
    frames_per_clip: int = 6
    rate_hz: float = 10.0
    width: int = 480
    height: int = 360
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips < 1 or self.frames_per_clip < 1:
            raise SettingsError(
                f"found {self.clips} clips of {self.frames_per_clip} frames, expected at least one"
            )


def street_of(settings: StreetClips, clip: int) -> StreetSettings:
    """Draw the street of one clip; depends on the settings' seed and the clip's number only."""
    rng = rng_for(settings.seed, 60, clip)
    motion = str(rng.choice(["drive", "slow", "fast", "stop_and_go"], p=[0.6, 0.15, 0.15, 0.1]))
    return StreetSettings(
        seed=int(rng.integers(1 << 31)),
        width=settings.width,
        height=settings.height,
        rate_hz=settings.rate_hz,
        duration_s=settings.frames_per_clip / settings.rate_hz,
        motion=motion,
        cars=float(rng.uniform(0.3, 1.5)),
        people=float(rng.uniform(0.7, 2.2)),
        swerve=float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.6, 0.4])),
        bonnet=bool(rng.random() < 0.15),
    )


def write_street_clips(
    folder: Path, settings: StreetClips, *, workers: int = 0, progress: bool = True
) -> int:
    """Write clips as clip_0000/rgb/000000.jpg and clip_0000/labels/000000.png.

    Labels are grey PNG: CamVid's eleven classes, 255 unlabelled. Clips that a former run
    completed are kept; the same settings always give the same files.

    Args:
        folder: made where absent.
        settings: what to write.
        workers: processes; 0 = one per available core.
        progress: show a bar.

    Returns:
        The number of clips written now.

    Raises:
        SettingsError: the folder holds clips of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [clip for clip in range(settings.clips) if not _is_done(folder, settings, clip)]
    count = workers or len(os.sched_getaffinity(0))
    job = partial(_write_clip, folder, settings)
    bar = tqdm(total=len(missing), unit="clip", disable=not progress)
    with bar, multiprocessing.get_context("spawn").Pool(count) as pool:
        for _ in pool.imap_unordered(job, missing):
            bar.update()
    return len(missing)


def _clip_folder(folder: Path, clip: int) -> Path:
    return folder / f"clip_{clip:04d}"


def _is_done(folder: Path, settings: StreetClips, clip: int) -> bool:
    note = _clip_folder(folder, clip) / _DONE
    if not note.is_file():
        return False
    found = json.loads(note.read_text())
    expected = to_dict(street_of(settings, clip))
    if found != expected:
        raise SettingsError(
            f"{note}: found a clip of other settings (seed {found.get('seed')}), expected seed "
            f"{expected['seed']}; choose an empty folder"
        )
    return True


def _write_clip(folder: Path, settings: StreetClips, clip: int) -> None:
    cv2.setNumThreads(1)
    street = street_of(settings, clip)
    target = _clip_folder(folder, clip)
    for name in ("rgb", "labels"):
        (target / name).mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(Street(street).frames()):
        picture = str(target / "rgb" / f"{index:06d}.jpg")
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(picture, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), quality)
        cv2.imwrite(str(target / "labels" / f"{index:06d}.png"), frame.labels)
    unfinished = target / (_DONE + ".part")
    unfinished.write_text(json.dumps(to_dict(street), indent=1))
    unfinished.replace(target / _DONE)
