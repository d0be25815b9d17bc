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
    targets = set(re.findall(r"^([a-z-]+):", (checkout / "Makefile").read_text(), re.MULTILINE))
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


def test_pip_is_run_in_a_virtual_environment_only(checkout):
    """Ubuntu 24.04 refuses it elsewhere: externally managed."""
    text = (checkout / "README.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    installs = [block for block in blocks if "pip install" in block]
    assert len(installs) == 2
    for block in installs:
        assert "bin/activate" in block.partition("pip install ")[0]
    # with a distribution the environment has to see its packages, and colcon must not build it
    assert "venv --system-site-packages .venv" in installs[0]
    assert ".venv/COLCON_IGNORE" in installs[0]


def test_minimum_versions_are_the_same_wherever_they_stand(checkout):
    """What `make test-oldest` runs with is what run.txt, package.xml and the README state."""

    def versions(name, operator):
        text = (checkout / "requirements" / name).read_text()
        return dict(re.findall(rf"^([\w.-]+){operator}([\d.]+)", text, re.MULTILINE))

    oldest, least = versions("oldest.txt", "=="), versions("run.txt", ">=")
    package = re.findall(
        r'version_gte="([\d.]+)">python3-(\w+)', (checkout / "package.xml").read_text()
    )
    for name in ("numpy", "scipy", "matplotlib", "pillow", "jinja2", "tqdm", "rosbags"):
        assert oldest[name].startswith(least[name]), name
    stated = {name: version for version, name in package}
    assert stated["numpy"] == oldest["numpy"]
    assert stated["pil"] == oldest["pillow"]
    readme = (checkout / "README.md").read_text()
    for name, version in (("NumPy", "numpy"), ("SciPy", "scipy"), ("Matplotlib", "matplotlib")):
        assert f"{name} {oldest[version]}" in readme


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_inside_the_repository_lead_somewhere(checkout, document):
    text = (checkout / document).read_text()
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text):
        assert (checkout / target).exists(), target
