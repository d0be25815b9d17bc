from __future__ import annotations

import pytest

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.run.output import output_folder


def names(folder) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_results_appear_at_the_end_and_replace_earlier_ones(tmp_path):
    out = tmp_path / "deep" / "out"
    for text in ("first", "second"):
        with output_folder(out) as stage:
            (stage / "metrics.json").write_text(text)
            (stage / "labels").mkdir()
            (stage / "labels" / text).touch()
            assert stage.parent == out
    assert names(out) == ["labels", "metrics.json"]
    assert (out / "metrics.json").read_text() == "second"
    assert names(out / "labels") == ["second"]


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with output_folder(tmp_path) as stage:
        (stage / "report.html").touch()
    assert names(tmp_path) == ["report.html", "thesis.tex"]


def interrupted_while_writing(folder) -> None:
    with output_folder(folder) as stage:
        (stage / "report.html").write_text("half")
        raise KeyboardInterrupt


def test_an_error_leaves_the_former_results(tmp_path):
    with output_folder(tmp_path) as stage:
        (stage / "report.html").write_text("whole")
    with pytest.raises(KeyboardInterrupt):
        interrupted_while_writing(tmp_path)
    assert names(tmp_path) == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "whole"


def test_what_a_killed_run_left_is_cleared(tmp_path):
    (tmp_path / ".part").mkdir()
    (tmp_path / ".part" / "report.html").write_text("half")
    with output_folder(tmp_path) as stage:
        assert names(stage) == []
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("out", "out is a file, expected a folder"),
        ("out/deeper", "cannot write to .*: Not a directory"),
    ],
)
def test_a_file_in_the_way_is_named(tmp_path, place, error):
    (tmp_path / "out").touch()
    with pytest.raises(EvaluationError, match=error), output_folder(tmp_path / place):
        pass
