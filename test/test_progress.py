"""Bars that somebody watches."""

from __future__ import annotations

import io
import sys

import pytest

from dcfm_ros.progress import progress, seconds_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch) -> Terminal:
    """In the test itself: pytest gives each of its phases another stderr."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


@pytest.mark.parametrize(
    ("total_s", "shown"), [(4.0, "| 1.5/4.0 s"), (None, "drive 1.5 s"), (0.0, "drive 1.5 s")]
)
def test_seconds_are_shown_of_what_ends_and_of_what_does_not(monkeypatch, total_s, shown):
    terminal = watched(monkeypatch)
    with seconds_bar("drive", total_s) as bar:
        bar.update(1.5)
        bar.refresh()
        assert shown in terminal.getvalue()


@pytest.mark.parametrize("total", [3, None])
def test_items_pass_unchanged(monkeypatch, total):
    terminal = watched(monkeypatch)
    assert list(progress(iter("abc"), "reading", "letters", total)) == ["a", "b", "c"]
    assert "reading" in terminal.getvalue()


def test_where_nobody_watches_nothing_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(progress(iter("ab"), "reading", "letters")) == ["a", "b"]
    assert sys.stderr.getvalue() == ""
