"""Write many short synthetic clips as a folder of pictures for training."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from dcfm_ros.errors import DcfmError, SettingsError
from dcfm_ros.settings import to_dict
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.settings import StreetSettings
from dcfm_ros.synthetic.street import Street

JPEG_QUALITY = 92
_DONE = "clip.json"


@dataclass(frozen=True)
class DatasetSettings:
    """What `write_street_dataset` writes."""

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


def clip_settings(dataset: DatasetSettings, clip: int) -> StreetSettings:
    """Draw the street of one clip; depends on the dataset's seed and the clip's number only."""
    rng = rng_for(dataset.seed, 60, clip)
    motion = str(rng.choice(["drive", "slow", "fast", "stop_and_go"], p=[0.6, 0.15, 0.15, 0.1]))
    return StreetSettings(
        seed=int(rng.integers(1 << 31)),
        width=dataset.width,
        height=dataset.height,
        rate_hz=dataset.rate_hz,
        duration_s=dataset.frames_per_clip / dataset.rate_hz,
        motion=motion,
        cars=float(rng.uniform(0.3, 1.5)),
        people=float(rng.uniform(0.7, 2.2)),
        swerve=float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.6, 0.4])),
        bonnet=bool(rng.random() < 0.15),
    )


def write_street_dataset(
    folder: Path, dataset: DatasetSettings, *, workers: int = 0, progress: bool = True
) -> int:
    """Write clips as clip_0000/rgb/000000.jpg and clip_0000/labels/000000.png.

    Labels are grey PNG: CamVid's eleven classes, 255 unlabelled. Clips that a former run
    completed are kept; the same settings always give the same files.

    Args:
        folder: made where absent.
        dataset: what to write.
        workers: processes; 0 = one per available core.
        progress: show a bar.

    Returns:
        The number of clips written now.

    Raises:
        SettingsError: the folder holds clips of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [clip for clip in range(dataset.clips) if not _is_done(folder, dataset, clip)]
    count = workers or len(os.sched_getaffinity(0))
    job = partial(_write_clip, folder, dataset)
    bar = tqdm(total=len(missing), unit="clip", disable=not progress)
    with bar, multiprocessing.get_context("spawn").Pool(count) as pool:
        for _ in pool.imap_unordered(job, missing):
            bar.update()
    return len(missing)


def _clip_folder(folder: Path, clip: int) -> Path:
    return folder / f"clip_{clip:04d}"


def _is_done(folder: Path, dataset: DatasetSettings, clip: int) -> bool:
    note = _clip_folder(folder, clip) / _DONE
    if not note.is_file():
        return False
    found = json.loads(note.read_text())
    expected = to_dict(clip_settings(dataset, clip))
    if found != expected:
        raise SettingsError(
            f"{note}: found a clip of other settings (seed {found.get('seed')}), expected seed "
            f"{expected['seed']}; choose an empty folder"
        )
    return True


def _write_clip(folder: Path, dataset: DatasetSettings, clip: int) -> None:
    cv2.setNumThreads(1)
    settings = clip_settings(dataset, clip)
    target = _clip_folder(folder, clip)
    for name in ("rgb", "labels"):
        (target / name).mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(Street(settings).frames()):
        picture = str(target / "rgb" / f"{index:06d}.jpg")
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(picture, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), quality)
        cv2.imwrite(str(target / "labels" / f"{index:06d}.png"), frame.labels)
    unfinished = target / (_DONE + ".part")
    unfinished.write_text(json.dumps(to_dict(settings), indent=1))
    unfinished.replace(target / _DONE)


def main(arguments: list[str] | None = None) -> int:
    """Command line: OUT --clips N."""
    parser = argparse.ArgumentParser(
        prog="python -m dcfm_ros.datasets.rendered", description=__doc__
    )
    default = DatasetSettings(clips=1)
    parser.add_argument("out", type=Path, help="folder for the clips")
    parser.add_argument("--clips", type=int, required=True, help="number of clips")
    parser.add_argument("--frames", type=int, default=default.frames_per_clip, help="per clip")
    parser.add_argument("--rate-hz", type=float, default=default.rate_hz)
    parser.add_argument("--width", type=int, default=default.width)
    parser.add_argument("--height", type=int, default=default.height)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 = one per core")
    given = parser.parse_args(arguments)
    try:
        dataset = replace(
            default,
            clips=given.clips,
            frames_per_clip=given.frames,
            rate_hz=given.rate_hz,
            width=given.width,
            height=given.height,
            seed=given.seed,
        )
        written = write_street_dataset(given.out, dataset, workers=given.workers)
    except DcfmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{written} clips written, {dataset.clips} in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
