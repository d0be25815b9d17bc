"""Results as a JUnit file, which `colcon test-result` and CI servers read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from dcfm_ros.errors import EvaluationError

_SUITE = "dcfm_ros.evaluate"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One thing that can go wrong: a recording, or a gate."""

    name: str
    group: str = "recordings"
    failure: str = ""
    """Why a gate failed."""
    error: str = ""
    """Why there is no result at all."""
    seconds: float = 0.0


def write_junit(cases: Sequence[Case], path: Path) -> None:
    """Write one test suite.

    Raises:
        EvaluationError: the file cannot be written.
    """
    seconds = sum(case.seconds for case in cases)
    suite = ET.Element(
        "testsuite",
        name=_SUITE,
        tests=str(len(cases)),
        errors=str(sum(bool(case.error) for case in cases)),
        failures=str(sum(bool(case.failure) for case in cases)),
        skipped="0",
        time=f"{seconds:.3f}",
    )
    for case in cases:
        element = ET.SubElement(
            suite,
            "testcase",
            classname=f"{_SUITE}.{case.group}",
            name=_clean(case.name),
            time=f"{case.seconds:.3f}",
        )
        for kind, message in (("error", case.error), ("failure", case.failure)):
            if message:
                first = _clean(message).splitlines()[0]
                problem = ET.SubElement(element, kind, type=kind, message=first)
                problem.text = _clean(message)
    ET.indent(suite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise EvaluationError(f"cannot write {path}: {error.strerror}") from None


def _clean(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)
