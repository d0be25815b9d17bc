"""A child process that tries a line of Python, and takes the blow where it goes wrong."""

from __future__ import annotations

import signal

import pytest

from dcfm_ros.cli.packages import Tried, probe


def test_what_the_line_prints_comes_back():
    assert probe("print(6 * 7)") == Tried(True, "42")


def test_the_child_has_this_import_path(tmp_path, monkeypatch):
    (tmp_path / "lonely_module.py").write_text("there = 'yes'\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert probe("import lonely_module; print(lonely_module.there)") == Tried(True, "yes")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("from dcfm_ros.errors import BagError; raise BagError('no bag')", "BagError: no bag"),
        ("raise SystemExit(1)", "no message"),
    ],
)
def test_a_failure_is_its_last_line(code, reason):
    assert probe(code) == Tried(False, reason)


def test_an_abort_names_its_signal():
    tried = probe("import os; os.abort()")
    assert not tried.worked
    assert tried.text.startswith(f"died of signal {signal.SIGABRT.value}: ")


def test_a_line_that_hangs_is_given_up():
    tried = probe("import threading; threading.Event().wait()", deadline_s=0.5)
    assert tried == Tried(False, "did not answer in 0.5 s")
