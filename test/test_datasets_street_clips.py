"""Training clips on disk: deterministic, resumable, and told apart by their settings."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dcfm_ros.cli.main import main
from dcfm_ros.datasets.street_clips import (
    StreetClips,
    street_of,
    write_street_clips,
)
from dcfm_ros.errors import SettingsError
from dcfm_ros.synthetic import Street

TINY = StreetClips(clips=2, frames_per_clip=2, width=96, height=72)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "street"
    assert write_street_clips(folder, TINY, workers=2, progress=False) == 2
    return folder


def test_clips_hold_pictures_and_grey_labels(written: Path) -> None:
    assert sorted(contents(written)) == [
        f"clip_000{clip}/{name}"
        for clip in (0, 1)
        for name in (
            "clip.json",
            "labels/000000.png",
            "labels/000001.png",
            "rgb/000000.jpg",
            "rgb/000001.jpg",
        )
    ]
    frame = Street(street_of(TINY, 1)).frame(1)
    labels = cv2.imread(str(written / "clip_0001/labels/000001.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, frame.labels)
    picture = cv2.imread(str(written / "clip_0001/rgb/000001.jpg"))
    assert np.abs(picture[..., ::-1].astype(int) - frame.rgb).mean() < 5


def test_a_second_run_keeps_what_is_there_and_adds_what_is_missing(written: Path) -> None:
    before = contents(written)
    assert write_street_clips(written, TINY, workers=1, progress=False) == 0
    (written / "clip_0001" / "clip.json").unlink()
    (written / "clip_0001" / "rgb" / "000001.jpg").write_bytes(b"half")
    assert write_street_clips(written, TINY, workers=1, progress=False) == 1
    assert contents(written) == before


def test_clips_of_other_settings_are_refused(written: Path) -> None:
    other = dataclasses.replace(TINY, seed=9)
    with pytest.raises(SettingsError, match=r"clip\.json: found a clip of other settings"):
        write_street_clips(written, other, workers=1, progress=False)


def test_street_of_vary_and_do_not_depend_on_the_number_of_clips() -> None:
    many = dataclasses.replace(TINY, clips=500)
    drawn = [street_of(many, clip) for clip in range(40)]
    assert drawn[:2] == [street_of(TINY, clip) for clip in range(2)]
    assert len({settings.seed for settings in drawn}) == 40
    assert {settings.motion for settings in drawn} >= {"drive", "slow", "fast"}
    assert any(settings.swerve > 0 for settings in drawn)
    assert any(settings.bonnet for settings in drawn)


def test_no_clips_are_refused() -> None:
    with pytest.raises(SettingsError, match="found 0 clips of 6 frames"):
        StreetClips(clips=0)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "clips"
    size = ["--width", "64", "--height", "48", "--frames", "1", "--workers", "1"]
    assert main(["make-clips", str(out), "--clips", "1", *size]) == 0
    assert "1 clips written" in capsys.readouterr().out
    assert json.loads((out / "clip_0000/clip.json").read_text())["width"] == 64
    assert main(["make-clips", str(out), "--clips", "1", *size, "--seed", "2"]) == 2
    assert "error: " in capsys.readouterr().err
