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
    there = [name for name in names if (path / name).is_file()]
    missing = [name for name in names if name not in there]
    if missing and not (skip_missing and there):
        raise BagError(
            f"bag {path} lacks {', '.join(missing)} ({len(there)} of {len(names)} files are there): "
            "copy the missing split into the folder, or ask to skip missing splits"
        )
    files = [_classify(path / name) for name in there]
    if len({file.kind for file in files}) > 1:
        raise BagError(
            f"folder {path} mixes storage kinds ({', '.join(sorted({f.kind for f in files}))}), "
            "expected the files of one bag: give one of the files"
        )
    return files


def _listed_names(metadata: Path) -> list[str]:
    try:
        content: Any = YAML(typ="safe", pure=True).load(metadata.read_text(encoding="utf-8"))
        # Old bags list paths that start with the folder; renamed folders break them. The name stays.
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
    """Storage files in a folder without metadata.yaml, with those whose number is left out between others."""
    names = sorted(
        (entry.name for entry in folder.iterdir() if _kind_of(entry) is not None), key=_natural
    )
    if not names:
        raise BagError(f"no bag in folder {folder}: {_EXPECTED}")
    numbered = [re.fullmatch(r"(.*_)(\d+)(\D+)", name) for name in names]
    if not all(numbered) or len({(m[1], m[3]) for m in numbered if m}) > 1:
        return names
    found = [int(m[2]) for m in numbered if m]
    first = numbered[0]
    assert first is not None
    return [f"{first[1]}{number}{first[3]}" for number in range(found[0], found[-1] + 1)]


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _kind_of(path: Path) -> str | None:
    suffix = Path(path.stem).suffix if path.suffix == _ZSTD else path.suffix
    return _KINDS.get(suffix)


def _classify(path: Path) -> BagFile:
    kind = _kind_of(path)
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
            f"{path} starts with {start[:8].hex(' ')}, expected {magic[:8].hex(' ')} of a {name} file: "
            "it is damaged or was renamed"
        )
    return BagFile(path, kind, compressed)
