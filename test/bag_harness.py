"""What the tests of several rooms do to bags."""

from __future__ import annotations

from pathlib import Path

import yaml


def list_missing_split(bag: Path) -> None:
    """Let the metadata of a bag name one more file, `gone.mcap`, which is not there."""
    metadata = bag / "metadata.yaml"
    content = yaml.safe_load(metadata.read_text())
    content["rosbag2_bagfile_information"]["relative_file_paths"].append("gone.mcap")
    metadata.write_text(yaml.safe_dump(content))
