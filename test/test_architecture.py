"""docs/architecture.md names files, classes and functions that exist, and every room."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from test_import_boundaries import ARROWS, BASE

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = CHECKOUT / "dcfm_ros"
NAMED = sorted(set(re.findall(r"`([\w/]+\.py): ([\w.]+)`", PAGE)))
FILES = sorted(set(re.findall(r"`([\w/]+(?:\.py|/))[:`]", PAGE)))


def has(nodes: list[ast.stmt], names: list[str]) -> bool:
    """Whether a class or function of these names, one inside the other, is among the nodes."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == names[0]:
            return len(names) == 1 or has(node.body, names[1:])
    return False


def test_the_page_names_enough_to_be_followed():
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: part)
def test_what_the_page_names_exists(file, name):
    assert has(ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body, name.split("."))


@pytest.mark.parametrize("file", FILES)
def test_files_of_the_page_exist(file):
    assert (PACKAGE / file).exists() or (CHECKOUT / file).exists()


def test_a_name_that_is_not_there_is_noticed():
    tree = ast.parse("class A:\n    def b(self): ...\n")
    assert has(tree.body, ["A", "b"])
    assert not has(tree.body, ["A", "c"])
    assert not has(tree.body, ["b"])


def test_every_room_has_a_row():
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    for room in ARROWS:
        place = room.replace(".", "/")
        assert f"| `{place}/`" in rows or f"| `{place}.py`" in rows, room


def test_the_base_is_listed():
    for name in BASE:
        assert f"`{name}.py`" in PAGE
