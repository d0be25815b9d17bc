"""What a fleet's jobs are called, and when a report counts as done."""

from __future__ import annotations

import os

import pytest

from dcfm_ros.evaluation.fleet.jobs import FOLDER, fingerprint, forget, is_done, mark_done, plan

SETTINGS = {"interval": 5}
REPORT = ("metrics.json", "frames.jsonl", "counts.npz", "report.html")


@pytest.fixture
def bag(tmp_path):
    folder = tmp_path / "bags" / "drive"
    folder.mkdir(parents=True)
    for name in ("drive_0.mcap", "metadata.yaml"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def done(bag, tmp_path):
    """A job whose report is whole."""
    (job,) = plan([bag], tmp_path / "out", SETTINGS)
    job.folder.mkdir(parents=True)
    for name in REPORT:
        (job.folder / name).write_text(name)
    mark_done(job)
    return job


def test_names_are_unique_and_stay_in_the_folder(bag, tmp_path):
    other = tmp_path / "other" / "drive"
    other.mkdir(parents=True)
    jobs = plan([bag, other, bag / "metadata.yaml"], tmp_path / "out", SETTINGS)
    assert [job.name for job in jobs] == ["drive", "drive_2", "drive_3"]
    assert [job.folder for job in jobs] == [tmp_path / "out" / FOLDER / j.name for j in jobs]
    assert jobs[0].size == len("drive_0.mcap") + len("metadata.yaml")


def test_a_fingerprint_names_every_file_of_a_bag(bag):
    names = [name for name, _, _ in fingerprint(bag)]
    assert names == ["drive/drive_0.mcap", "drive/metadata.yaml"]
    assert fingerprint(bag / "metadata.yaml") == fingerprint(bag)
    assert [name for name, _, _ in fingerprint(bag / "drive_0.mcap")] == ["drive_0.mcap"]


def test_a_whole_report_is_done(done):
    assert is_done(done)
    forget(done)
    assert not is_done(done)
    forget(done)


@pytest.mark.parametrize("name", REPORT)
def test_a_report_that_was_touched_is_not_done(done, name):
    (done.folder / name).write_text("else")
    assert not is_done(done)
    (done.folder / name).unlink()
    assert not is_done(done)


def test_half_a_marker_is_none(done):
    marker = done.folder / "done.json"
    marker.write_text(marker.read_text()[:40])
    assert not is_done(done)


def test_another_recording_or_setting_is_not_done(done, bag, tmp_path):
    (other,) = plan([bag], tmp_path / "out", {"interval": 6})
    assert not is_done(other)
    (bag / "drive_0.mcap").write_text("longer than before")
    (changed,) = plan([bag], tmp_path / "out", SETTINGS)
    assert not is_done(changed)


def test_a_recording_of_another_time_is_another(done, bag, tmp_path):
    os.utime(bag / "drive_0.mcap", ns=(1, 1))
    (changed,) = plan([bag], tmp_path / "out", SETTINGS)
    assert changed.key != done.key
