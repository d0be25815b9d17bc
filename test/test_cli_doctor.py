"""`dcfm doctor` on real environments: a whole one, an empty one, broken ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from dcfm_ros.cli import doctor
from dcfm_ros.ros.environment import PROFILE_VARIABLES


def run_doctor(checkout, *options, **variables):
    environment = {**os.environ, **variables}
    command = [sys.executable, *options, "-m", "dcfm_ros.cli", "doctor"]
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def states(printed):
    """What -> state, of the lines of the report."""
    known = ("ok", "note", "absent", "MISSING")
    words = [line.split() for line in printed.splitlines() if line.startswith("  ")]
    return {word[1]: word[0] for word in words if word[0] in known}


def one(findings, what):
    [finding] = [finding for finding in findings if finding.what == what]
    return finding


def test_here_everything_that_the_main_job_needs_is_there(checkout):
    ran = run_doctor(checkout)
    found = states(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert "rmw_" in ran.stdout
    assert {"torch", "checkpoint", "rclpy", "dcfm_ros.msg", "vision_msgs.msg"} <= set(found)
    assert "MISSING" not in found.values()
    assert ran.stdout.splitlines()[-1].startswith("ready: ")


def test_without_any_package_it_still_reports_and_says_how_to_get_each(checkout):
    """-S leaves out site-packages, and so all but the standard library and the checkout."""
    ran = run_doctor(checkout, "-S")
    found = states(ran.stdout)
    assert ran.returncode == 1
    assert ran.stderr == ""
    for what in ("numpy", "torch", "rosbags", "rclpy", "sensor_msgs.msg", "dcfm_ros.msg"):
        assert found[what] == "MISSING"
    missing = sum(state == "MISSING" for state in found.values())
    assert ran.stdout.count("-> ") >= missing
    assert f"not ready: {missing} of the above" in ran.stdout


def test_a_foreign_middleware_is_named_as_the_likely_reason(checkout):
    ran = run_doctor(checkout, RMW_IMPLEMENTATION="rmw_of_another_shell")
    assert ran.returncode == 1
    assert states(ran.stdout)["rclpy"] == "MISSING"
    assert "-> RMW_IMPLEMENTATION is set: try a shell where no other ROS is sourced" in ran.stdout


def test_a_package_that_does_not_import_is_missing(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: no such file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    finding = one(doctor.findings(), "torch")
    assert finding.state == "MISSING"
    assert finding.detail == "ImportError: libcudart.so.13: no such file"
    assert finding.advice == "pip install torch"


@pytest.mark.parametrize(
    ("values", "state", "detail"),
    [
        ({}, "note", "not set here"),
        (dict.fromkeys(PROFILE_VARIABLES, __file__), "ok", __file__),
        ({PROFILE_VARIABLES[0]: "/nowhere.xml"}, "note", "/nowhere.xml, which is not a file"),
    ],
)
def test_the_fast_dds_profile_of_this_shell(monkeypatch, values, state, detail):
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    finding = doctor.fast_dds_profile()
    assert finding.state == state
    assert detail in finding.detail
    assert ("export" in finding.advice) == (state == "note")


def test_little_shared_memory_is_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "_SHM_MIB", 10**9)
    finding = doctor.shared_memory()
    assert finding.state == "note"
    assert "--shm-size" in finding.advice


def test_a_folder_called_launch_is_not_the_launch_package(tmp_path, monkeypatch):
    (tmp_path / "tf2_ros").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert one(doctor.optional_packages(), "tf2_ros").state == "absent"


@pytest.mark.parametrize(
    ("version", "state"),
    [("1.21.5", "ok"), ("1.21.4", "note"), ("2.4.0", "ok"), ("1.21", "note"), ("1.22rc1", "ok")],
)
def test_a_version_that_is_too_old_is_told(version, state):
    finding = doctor.not_too_old(doctor.Finding("ok", "numpy", version), "1.21.5")
    assert finding.state == state
    if state == "note":
        assert finding.detail == f"{version}, older than 1.21.5, the oldest that is tested"
        assert finding.advice == "pip install 'numpy>=1.21.5'"


def test_the_oldest_versions_are_those_of_the_requirements(checkout):
    text = (checkout / "requirements/run.txt").read_text()
    stated = dict(re.findall(r"^([\w.-]+)>=([\d.]+)", text, re.MULTILINE))
    for name, oldest in doctor._PYTHON_PACKAGES.items():
        package = doctor.how_to_get(name).removeprefix("pip install ")
        assert stated[package] == oldest, name
    assert stated["torch"] == doctor._TORCH_AT_LEAST
