"""Classes to costs, labels to the ground, and the rolling grid. Knows nothing of torch or ROS."""

from __future__ import annotations

from dcfm_ros.costmap.builder import CostmapBuilder
from dcfm_ros.costmap.class_file import load_classes, read_classes
from dcfm_ros.costmap.classes import ClassRule, ClassTable, Kind
from dcfm_ros.costmap.feed import CostmapFeed, LabelledImage, MapUpdate, MatchedImage
from dcfm_ros.costmap.grid import CostGrid, RollingGrid
from dcfm_ros.costmap.ground_plane import GroundPlane, ground_tables
from dcfm_ros.costmap.nav_points import reduce_nearest
from dcfm_ros.costmap.obstacle_points import ObstaclePoints
from dcfm_ros.costmap.pixel_table import pixel_table
from dcfm_ros.costmap.settings import CostmapSettings, GridSettings, ProjectionSettings

__all__ = [
    "ClassRule",
    "ClassTable",
    "CostGrid",
    "CostmapBuilder",
    "CostmapFeed",
    "CostmapSettings",
    "GridSettings",
    "GroundPlane",
    "Kind",
    "LabelledImage",
    "MapUpdate",
    "MatchedImage",
    "ObstaclePoints",
    "ProjectionSettings",
    "RollingGrid",
    "ground_tables",
    "load_classes",
    "pixel_table",
    "read_classes",
    "reduce_nearest",
]
