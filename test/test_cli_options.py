"""Options that stand for settings say what the settings say, and take what they take."""

from __future__ import annotations

import argparse

import pytest

from dcfm_ros.cli.main import main
from dcfm_ros.cli.options import add_engine_options, engine_settings, key_frame_settings
from dcfm_ros.settings import flatten
from dcfm_ros.streaming import EngineSettings, KeyFrameSettings


class OneLineEach(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=60, width=999)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(formatter_class=OneLineEach)
    add_engine_options(made)
    return made


@pytest.mark.parametrize("settings", [EngineSettings(), KeyFrameSettings()])
def test_every_setting_is_explained_with_its_default(settings):
    text = parser().format_help()
    for name, option in flatten(settings).items():
        flag = "--key-frame-mode" if name == "mode" else f"--{name.replace('_', '-')}"
        (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{flag} ")]
        assert option.doc.rstrip(".") in line
        assert all(choice in line for choice in option.choices or ())
        if option.default != "":
            assert f"default {option.default}".removesuffix(".0") in line


def test_what_is_not_given_is_the_settings_default():
    args = parser().parse_args([])
    assert engine_settings(args) == EngineSettings()
    assert key_frame_settings(args) == KeyFrameSettings()


def test_what_is_given_arrives():
    args = parser().parse_args(
        ["--threads", "3", "--key-frame-mode", "background", "--max-gap-s", "2"]
    )
    assert engine_settings(args) == EngineSettings(threads=3)
    live = KeyFrameSettings(mode="background", max_gap_s=2.0)
    assert key_frame_settings(args, live=True) == live
    assert key_frame_settings(args).background_frames == 1, "labels must not depend on time"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (("--interval", "0"), "interval: found 0, expected 1 to 1000"),
        (("--precision", "float23"), "precision: found 'float23', expected one of auto, float32,"),
        (("--key-frame-mode", "blockin"), "mode: found 'blockin', expected one of blocking,"),
        (("--max-key-rate-hz", "0.1"), "max_key_rate_hz: found 0.1 Hz with a max_age_s of 3.0 s"),
        (("--live", "--policy", "oracle"), "oracle"),
    ],
)
def test_what_settings_refuse_is_one_line(tmp_path, capsys, given, error):
    assert main(["evaluate", str(tmp_path), "-o", str(tmp_path / "out"), *given]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert error in said
    assert said.count("\n") == 1
