"""What README.md and CONTRIBUTING.md tell people to type exists."""

from __future__ import annotations

import re

import pytest

from dcfm_ros.cli.main import VERBS

DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def typed_lines(text):
    """The lines of code blocks of a shell or of no language, and code inside sentences."""
    blocks = re.findall(
        r"^```(?:|bash|sh|shell|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    lines = [line for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return lines + re.findall(r"`([^`\n]+)`", prose)


@pytest.fixture(params=DOCUMENTS)
def lines(request, checkout):
    return typed_lines((checkout / request.param).read_text())


def words_after(lines, command):
    """First word after each use of a command at the start of a line or of a part of it."""
    return {
        match[1]
        for line in lines
        for match in re.finditer(rf"(?:^|&& |; |\$ )\s*{command} ([\w./-]+)", line)
    }


def test_make_targets_exist(lines, checkout):
    targets = set(re.findall(r"^([a-z]+):", (checkout / "Makefile").read_text(), re.MULTILINE))
    assert words_after(lines, "make") <= targets


def test_verbs_of_dcfm_exist(lines):
    used = words_after(lines, "(?:ros2 run dcfm_ros )?dcfm")
    assert {word for word in used if not word.startswith("-")} <= set(VERBS)


def test_launch_files_and_executables_exist(lines, checkout):
    launched = words_after(lines, "ros2 launch dcfm_ros")
    assert all((checkout / "launch" / name).is_file() for name in launched)
    assert words_after(lines, "ros2 run dcfm_ros") <= {"dcfm", "segment_node"}


def test_requirement_files_exist(lines, checkout):
    for name in re.findall(r"pip install -r (\S+)", "\n".join(lines)):
        assert (checkout / name).is_file()


def test_the_readme_shows_the_two_commands_and_both_ways_to_install(checkout):
    typed = typed_lines((checkout / "README.md").read_text())
    assert {"demo", "test"} <= words_after(typed, "make")
    assert "build" in words_after(typed, "colcon")
    assert "segment.launch.py" in words_after(typed, "ros2 launch dcfm_ros")


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_inside_the_repository_lead_somewhere(checkout, document):
    text = (checkout / document).read_text()
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text):
        assert (checkout / target).exists(), target
