"""A child process that tries a line of Python, and takes the blow where it goes wrong."""

from __future__ import annotations

import signal

import pytest

from dcfm_ros.cli.packages import Tried, probe, probe_all


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


def test_several_are_tried_together():
    """Both print the process that they ran in."""
    tried = probe_all(
        {"one": "import os; print(os.getpid())", "two": "import os; print(os.getpid())"}
    )
    assert tried["one"] == tried["two"]
    assert tried["one"].worked


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("raise SystemExit(1)", "no message"),
        ("import os; os.abort()", f"died of signal {signal.SIGABRT.value}: "),
    ],
)
def test_one_that_fails_takes_no_other_along(bad, reason):
    tried = probe_all({"first": "print('a')", "bad": bad, "last": "print('z')"})
    assert list(tried) == ["first", "bad", "last"]
    assert tried["first"] == Tried(True, "a")
    assert tried["last"] == Tried(True, "z")
    assert not tried["bad"].worked
    assert tried["bad"].text.startswith(reason)
