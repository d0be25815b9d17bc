"""JUnit files, read as `colcon test-result` reads them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.compare.junit import Case, write_junit

CASES = (
    Case("drive", seconds=1.5),
    Case("broken\x00 <&> \x1b bag", error="no bag at x\nsecond line"),
    Case("miou < -0.5", "gates", failure='miou -2 "points"'),
)


@pytest.fixture
def suite(tmp_path):
    write_junit(CASES, tmp_path / "deep" / "evaluate.junit.xml")
    return ET.parse(tmp_path / "deep" / "evaluate.junit.xml").getroot()


def test_the_root_counts_what_colcon_wants(suite):
    """colcon_test_result takes `tests` and `failures`, which must be there, from the root."""
    assert suite.tag == "testsuite"
    counts = [int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")]
    assert counts == [3, 1, 1, 0]
    assert suite.attrib["time"] == "1.500"


def test_each_case_tells_its_problem(suite):
    good, broken, gate = suite
    assert (good.attrib["classname"], good.attrib["name"]) == (
        "dcfm_ros.evaluate.recordings",
        "drive",
    )
    assert list(good) == []
    assert broken.attrib["name"] == "broken? <&> ? bag"
    (error,) = broken
    assert (error.tag, error.attrib["message"]) == ("error", "no bag at x")
    assert error.text == "no bag at x\nsecond line"
    (failure,) = gate
    assert (failure.tag, failure.attrib["message"]) == ("failure", 'miou -2 "points"')


def test_colcon_itself_reads_it(suite, tmp_path):
    reader = pytest.importorskip("colcon_test_result.test_result.xunit")
    (result,) = reader.XunitTestResult().get_test_results(tmp_path, collect_details=True)
    assert Path(result.path).name == "evaluate.junit.xml"
    found = (result.test_count, result.error_count, result.failure_count, result.skipped_count)
    assert found == (3, 1, 1, 0)
    assert len(result.details) == 2


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EvaluationError, match=r"cannot write .*x.xml"):
        write_junit(CASES, tmp_path / "file" / "x.xml")
