"""What `ros2 launch FILE name:=value …` does, for environments that have launch but not ros2cli."""

from __future__ import annotations

import sys

from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from launch import LaunchDescription, LaunchService


def main(file: str, *given: str) -> int:
    arguments = [tuple(argument.split(":=", 1)) for argument in given]
    service = LaunchService()
    include = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(file), launch_arguments=arguments
    )
    service.include_launch_description(LaunchDescription([include]))
    return service.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
