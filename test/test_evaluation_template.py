"""The templates of the report pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from dcfm_ros.evaluation.report import write
from dcfm_ros.evaluation.report.write import render

FOLDER = Path(write.__file__).with_name("templates")
HOSTILE = "<script>alert('\"&')</script>"


def test_every_text_is_escaped():
    found = {"sentence": HOSTILE, "trials": [(HOSTILE,), (HOSTILE,)], "kept_pace": [True]}
    html = render("max_rate.html.j2", max_rate=found)
    assert html.count("&lt;script&gt;alert(&#39;&#34;&amp;&#39;)&lt;/script&gt;") == 3
    assert "<script" not in html.lower()


def test_a_name_that_nobody_gave_is_an_error():
    with pytest.raises(UndefinedError, match="max_rate"):
        render("max_rate.html.j2")


def test_no_template_takes_text_as_it_is_and_none_needs_a_script_or_another_file():
    files = [path for path in FOLDER.iterdir() if path.suffix == ".j2"]
    assert files
    for path in files:
        text = path.read_text()
        for word in ("safe", "autoescape", "<script", "http:", "https:", "<link"):
            assert word not in text, (path.name, word)
