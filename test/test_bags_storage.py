"""Finding the files of a bag, before anything is parsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcfm_ros.bags import BagError
from dcfm_ros.bags.storage import MCAP, ROS1, SQLITE3, find_files, natural_key

MAGIC = {
    ".bag": b"#ROSBAG V2.0\n",
    ".mcap": b"\x89MCAP0\r\n",
    ".db3": b"SQLite format 3\0",
    ".zstd": b"\x28\xb5\x2f\xfd",
}


def touch(folder: Path, *names: str) -> Path:
    """Files that start as their names say."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(MAGIC[Path(name).suffix] + bytes(8))
    return folder


def list_in_metadata(folder: Path, *names: str) -> Path:
    """A metadata.yaml that lists the names."""
    lines = "".join(f"    - {name}\n" for name in names)
    text = f"rosbag2_bagfile_information:\n  relative_file_paths:\n{lines}"
    (folder / "metadata.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(("name", "kind"), [("a.bag", ROS1), ("a.mcap", MCAP), ("a.db3", SQLITE3)])
def test_a_file_is_known_by_its_ending(tmp_path: Path, name: str, kind: str) -> None:
    (file,) = find_files(touch(tmp_path, name) / name)
    assert (file.path, file.kind, file.compressed) == (tmp_path / name, kind, False)


def test_packed_files_are_known_as_such(tmp_path: Path) -> None:
    (file,) = find_files(touch(tmp_path, "a.db3.zstd"))
    assert (file.kind, file.compressed) == (SQLITE3, True)


def test_splits_without_metadata_are_ordered_by_number(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a_{number}.mcap" for number in range(12)))
    names = [file.path.name for file in find_files(tmp_path)]
    assert names == [f"a_{number}.mcap" for number in range(12)]


def test_a_ring_of_splits_may_start_anywhere(tmp_path: Path) -> None:
    touch(tmp_path, "a_7.db3", "a_8.db3")
    assert len(find_files(tmp_path)) == 2


def test_a_gap_between_splits_is_a_missing_split(tmp_path: Path) -> None:
    touch(tmp_path, "a_0.mcap", "a_1.mcap", "a_3.mcap")
    with pytest.raises(BagError, match=r"lacks a_2.mcap \(3 of 4 files are there\)"):
        find_files(tmp_path)
    assert len(find_files(tmp_path, skip_missing=True)) == 3


def test_metadata_decides_about_order_and_old_folder_names_do_not_matter(tmp_path: Path) -> None:
    touch(tmp_path, "b.db3", "a.db3", "unrelated.db3")
    list_in_metadata(tmp_path, "old_name/b.db3", "old_name/a.db3")
    assert [file.path.name for file in find_files(tmp_path)] == ["b.db3", "a.db3"]


@pytest.mark.parametrize(
    ("listed", "there"), [("a.mcap", "a.mcap.zstd"), ("a.mcap.zstd", "a.mcap")]
)
def test_files_packed_or_unpacked_by_hand_are_found(
    tmp_path: Path, listed: str, there: str
) -> None:
    list_in_metadata(touch(tmp_path, there), listed)
    assert [file.path.name for file in find_files(tmp_path)] == [there]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"does not list the files of a bag \(.*: remove it to read the storage"),
        ("[unclosed", "does not list the files of a bag"),
        ("rosbag2_bagfile_information: {version: 9}", "'relative_file_paths'"),
        ("rosbag2_bagfile_information: {relative_file_paths: []}", "lists no files, expected"),
        ("rosbag2_bagfile_information: {relative_file_paths: [a.mcap]}", r"lacks a.mcap \(0 of 1"),
        ("\0", "does not list the files of a bag"),
    ],
)  # fmt: skip
def test_a_metadata_file_that_helps_nobody(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "metadata.yaml").write_text(text)
    with pytest.raises(BagError, match=expected) as caught:
        find_files(tmp_path, skip_missing=True)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        BagError, match=r"no bag at .*nothing: expected a ROS 1 .bag, .*check the path"
    ):
        find_files(tmp_path / "nothing")


def test_a_folder_without_bag(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no bag")
    with pytest.raises(BagError, match=r"no bag in folder .*: expected a ROS 1 .bag"):
        find_files(tmp_path)


def test_a_folder_of_bag_folders_names_them(tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        list_in_metadata(touch(tmp_path / name, "a.mcap"), "a.mcap")
    with pytest.raises(BagError, match="the bags in it are monday, tuesday: give one of them"):
        find_files(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("a.mcap", "b.mcap"),
        ("a.bag", "a.db3"),
        ("a_0.mcap", "b_1.mcap"),
        ("a_0.mcap", "a_1.db3"),
        ("a_20240130.mcap", "a_20240131.mcap"),
    ],
)
def test_a_folder_of_unrelated_bags_is_not_one_bag(tmp_path: Path, names: tuple[str, str]) -> None:
    touch(tmp_path, *names)
    with pytest.raises(
        BagError, match=r"holds several bags \(.*\) and no metadata.yaml .*: give one"
    ):
        find_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.mcap", b"", r"is empty \(0 bytes\)"),
        ("a.db3", b"#ROSBAG V2.0\n", r"starts with 23 52 4f .* expected 53 51 4c .* of a sqlite3"),
        ("run.bag.active", b"#ROSBAG V2.0\n", r"is a ROS 1 bag by its content: rename it"),
        ("run.txt", b"hello", "run.txt is not a bag, expected a ROS 1 .bag, a ROS 2 bag folder"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_bag(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BagError, match=expected):
        find_files(tmp_path / name)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").symlink_to("/proc/self/mem")  # exists, and fails to read at its start
    with pytest.raises(BagError, match=r"cannot read .*a.mcap: Input/output error"):
        find_files(tmp_path / "a.mcap")


def test_names_sort_as_people_count() -> None:
    assert sorted(["f10", "f9", "f1a", "f1"], key=natural_key) == ["f1", "f1a", "f9", "f10"]
