"""The files that make up a bag, found and told apart before anything is parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ruamel.yaml import YAML

from dcfm_ros.errors import BagError

ROS1, MCAP, SQLITE3 = "ROS 1 bag", "mcap", "sqlite3"
_KINDS = {".bag": ROS1, ".mcap": MCAP, ".db3": SQLITE3}
_MAGIC = {ROS1: b"#ROSBAG V", MCAP: b"\x89MCAP0\r\n", SQLITE3: b"SQLite format 3\0"}
_ZSTD = ".zstd"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SPLIT_NAME = re.compile(r"(.*_)(\d{1,5})((?:\.\w+)+)")  # longer numbers are dates
_EXPECTED = "expected a ROS 1 .bag, a ROS 2 bag folder, .mcap or .db3"


@dataclass(frozen=True)
class BagFile:
    """One storage file of a bag."""

    path: Path
    kind: str
    """`ROS1`, `MCAP` or `SQLITE3`."""
    compressed: bool = False
    """Whether the file as a whole is zstd-compressed."""


def find_files(path: Path, *, skip_missing: bool = False) -> list[BagFile]:
    """The storage files of a bag in recording order.

    Args:
        path: a storage file, a bag folder, or the metadata.yaml in it.
        skip_missing: go on with the splits that are there where others are missing.

    Raises:
        BagError: nothing there, no bag, an empty file, or a missing split.
    """
    if path.name == "metadata.yaml":
        path = path.parent
    if not path.exists():
        raise BagError(f"no bag at {path}: {_EXPECTED}; check the path")
    if not path.is_dir():
        return [_classify(path)]
    listed = path / "metadata.yaml"
    names = _listed_names(listed) if listed.is_file() else _names_in(path)
    names = [_packed_or_not(path, name) for name in names]
    there = [name for name in names if (path / name).is_file()]
    missing = [name for name in names if name not in there]
    if missing and not (skip_missing and there):
        raise BagError(
            f"bag {path} lacks {', '.join(missing)} ({len(there)} of {len(names)} files are "
            "there): copy the missing split into the folder, or leave it out with --skip-missing "
            "(all commands but train), in Python skip_missing=True"
        )
    return [_classify(path / name) for name in there]


def natural_key(name: str) -> list[Any]:
    """Sorts names so that frame_10 comes after frame_9."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _listed_names(metadata: Path) -> list[str]:
    try:
        content: Any = YAML(typ="safe", pure=True).load(metadata.read_text(encoding="utf-8"))
        # Old bags list paths from the folder above; once it is renamed only the name holds.
        paths = content["rosbag2_bagfile_information"]["relative_file_paths"]
        names = [PurePath(path).name for path in paths]
    except Exception as error:  # whatever a damaged YAML file provokes
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise BagError(
            f"{metadata} does not list the files of a bag ({reason}): "
            "remove it to read the storage files directly"
        ) from None
    if not names:
        raise BagError(f"{metadata} lists no files, expected at least one: the bag is empty")
    return names


def _names_in(folder: Path) -> list[str]:
    """The storage files of a folder without metadata.yaml, and those that its numbers lack."""
    entries = sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name))
    names = [entry.name for entry in entries if storage_kind(entry) is not None]
    if not names:
        bags = [entry.name for entry in entries if (entry / "metadata.yaml").is_file()]
        inside = f"; the bags in it are {', '.join(bags)}: give one of them" if bags else ""
        raise BagError(f"no bag in folder {folder}: {_EXPECTED}{inside}")
    if len(names) == 1:
        return names
    numbered = [match for name in names if (match := _SPLIT_NAME.fullmatch(name))]
    if len(numbered) < len(names) or len({(match[1], match[3]) for match in numbered}) > 1:
        raise BagError(
            f"folder {folder} holds several bags ({', '.join(names)}) and no metadata.yaml "
            "that says they belong together: give one of them"
        )
    start, end = numbered[0][1], numbered[0][3]
    numbers = [int(match[2]) for match in numbered]
    return [f"{start}{number}{end}" for number in range(numbers[0], numbers[-1] + 1)]


def _packed_or_not(folder: Path, name: str) -> str:
    """The name of a listed file as it is: it may have been packed or unpacked by hand since."""
    other = name[: -len(_ZSTD)] if name.endswith(_ZSTD) else name + _ZSTD
    return other if (folder / other).is_file() and not (folder / name).is_file() else name


def storage_kind(path: Path) -> str | None:
    """The kind of storage file that a name stands for; None where it stands for none."""
    suffix = Path(path.stem).suffix if path.suffix == _ZSTD else path.suffix
    return _KINDS.get(suffix)


def _classify(path: Path) -> BagFile:
    kind = storage_kind(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise BagError(f"cannot read {path}: {error.strerror}") from None
    if size == 0:
        raise BagError(f"{path} is empty (0 bytes), {_EXPECTED}: the recording wrote nothing")
    if kind is None:
        for known, magic in _MAGIC.items():
            if start.startswith(magic):
                suffix = next(s for s, k in _KINDS.items() if k == known)
                raise BagError(f"{path} is a {known} by its content: rename it to end in {suffix}")
        raise BagError(f"{path} is not a bag, {_EXPECTED}")
    compressed = path.suffix == _ZSTD
    magic = ZSTD_MAGIC if compressed else _MAGIC[kind]
    if not start.startswith(magic):
        name = "zstd" if compressed else kind
        raise BagError(
            f"{path} starts with {start[:8].hex(' ')}, expected {magic[:8].hex(' ')} "
            f"of a {name} file: it is damaged or was renamed"
        )
    return BagFile(path, kind, compressed)
