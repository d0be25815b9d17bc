"""Class files: what they may say, and how they are held against a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcfm_ros.costmap import GridSettings, Kind, ProjectionSettings, load_classes, read_classes
from dcfm_ros.costmap.settings import CostmapSettings
from dcfm_ros.errors import CostmapError, SettingsError
from dcfm_ros.network import label_set
from dcfm_ros.resources import resource

TWO = """
label_set: two
classes:
  - {id: 0, name: road, color: [1, 2, 3], kind: ground, cost: 5}
  - {id: 1, name: wall, color: [4, 5, 6], kind: obstacle, cost: 100, height_m: 2}
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    return path


@pytest.mark.parametrize("name", ["camvid", "cityscapes"])
def test_the_shipped_files_fit_their_label_sets(name: str) -> None:
    labels = label_set(name)
    table = load_classes(resource(f"config/classes/{name}.yaml"), labels.classes)
    assert table.names == labels.classes
    assert tuple(rule.color for rule in table.rules) == labels.colors
    assert table.kinds()[labels.classes.index("road")] == Kind.GROUND
    assert table.costs(-1)[labels.classes.index("car")] == 100
    assert table.costs(-1)[255] == -1


def test_costs_change_without_another_file(two: Path) -> None:
    table = read_classes(two)
    assert table.with_costs(["road: 40"]).costs(-1)[0] == 40
    assert table.costs(-1)[0] == 5
    for line, message in (
        ("rood: 4", "no class 'rood' in two; nearest is 'road'"),
        ("road 4", "expected a class and its cost"),
        ("road: 99", "has cost 99, expected 0 to 98, or 100"),
    ):
        with pytest.raises(CostmapError, match=message):
            table.with_costs([line])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("road",), "has class 'wall', which the checkpoint has not"),
        (("road", "wal"), "has class 'wall', which the checkpoint has not; nearest is 'wal'"),
        (("road", "wall", "sky"), r"lacks class 'sky' of the checkpoint \(id 2\)"),
        (("wall", "road"), "gives class 'wall' id 1, but it has 0 in the checkpoint"),
    ],
)
def test_other_classes_than_the_checkpoints_are_named(
    two: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CostmapError, match=message):
        load_classes(two, names)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: ground", "kind: floor", "found kind 'floor', expected one of ignore, ground"),
        ("cost: 5", "price: 5", "unknown key 'price'"),
        (", cost: 5", "", "lacks 'cost'"),
        ("cost: 5", "cost: 5.5", "found cost 5.5, expected a whole number"),
        ("[1, 2, 3]", "[1, 2, 300]", "expected .red, green, blue., 0 to 255"),
        ("name: wall", "name: road", "stands twice"),
        ("id: 1", "id: 3", r"have ids \[0, 3\], expected 0 to 1"),
        ("classes:", "klasses:", "has no list 'classes'"),
        ("label_set: two", "label_set: [", "cannot read the classes"),
        ("height_m: 2", "height_m: tall", "found height_m 'tall'"),
    ],
)
def test_mistakes_in_a_file_are_named(two: Path, old: str, new: str, message: str) -> None:
    two.write_text(TWO.replace(old, new))
    with pytest.raises(CostmapError, match=message):
        read_classes(two)


def test_a_grid_that_would_not_fit_is_refused_with_its_size() -> None:
    with pytest.raises(SettingsError, match="10000 x 10000 = 100000000 cells, expected at most"):
        GridSettings(width_m=1000.0, height_m=1000.0)
    with pytest.raises(SettingsError, match="expected less than max_range_m"):
        ProjectionSettings(min_range_m=13.0)
    with pytest.raises(SettingsError, match="global_frame: found an empty name"):
        CostmapSettings(global_frame="")
    assert CostmapSettings().ground_frame_of(("base_link",)) == "base_link"


def test_the_ground_is_the_footprint_where_there_is_one_and_what_is_named_in_any_case() -> None:
    frames = ("base_link", "base_footprint", "r1/base_footprint")
    assert CostmapSettings().ground_frame_of(frames) == "base_footprint"
    own = CostmapSettings(robot_base_frame="r1/base_link")
    assert own.ground_frame_of(frames) == "r1/base_footprint"
    assert own.ground_frame_of(frames[:2]) == "r1/base_link"
    named = CostmapSettings(projection=ProjectionSettings(ground_frame="base_link"))
    assert named.ground_frame_of(frames) == "base_link"
