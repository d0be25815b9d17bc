"""The costs of a checkpoint's classes, wherever they come from."""

from __future__ import annotations

import pytest

from dcfm_ros.costmap import CostmapSettings
from dcfm_ros.costmap.shipped import classes_of
from dcfm_ros.errors import CostmapError, ResourceError
from dcfm_ros.network.labels import CAMVID11, CITYSCAPES19, VSPW124
from dcfm_ros.resources import resource


@pytest.mark.parametrize("labels", [CAMVID11, CITYSCAPES19])
def test_a_label_set_has_its_file(labels):
    assert classes_of(CostmapSettings(), labels.name, labels.classes).names == labels.classes


def test_costs_of_the_settings_go_before_those_of_the_file():
    table = classes_of(CostmapSettings(costs=("pavement: 7",)), "camvid", CAMVID11.classes)
    assert {rule.name: rule.cost for rule in table.rules}["pavement"] == 7
    with pytest.raises(CostmapError, match=r"costs: no class 'pavment' in camvid; .* 'pavement'"):
        classes_of(CostmapSettings(costs=("pavment: 7",)), "camvid", CAMVID11.classes)


def test_an_own_file_serves_a_label_set_without_one():
    with pytest.raises(ResourceError, match=r"label set 'vspw'; name a file .* costmap\.classes"):
        classes_of(CostmapSettings(), VSPW124.name, VSPW124.classes)
    own = CostmapSettings(classes=str(resource("config/classes/camvid.yaml")))
    assert classes_of(own, "mine", CAMVID11.classes).names == CAMVID11.classes
    with pytest.raises(CostmapError, match=r"camvid\.yaml"):
        classes_of(own, VSPW124.name, VSPW124.classes)
