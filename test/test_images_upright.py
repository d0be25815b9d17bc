"""Picture files with an EXIF orientation, wherever they are read, and the labels beside them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dcfm_ros.bags import open_bag, write_bag
from dcfm_ros.bags.convert import compressed_image, frames_to_bag
from dcfm_ros.bags.video import open_video
from dcfm_ros.datasets import bags, clip_folder, read_rgb
from dcfm_ros.datasets.labelled_bags import BagOptions
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.datasets.split import DatasetSplit, timed, write_dataset_bag
from dcfm_ros.images import labels_to_png, to_labels, to_rgb
from dcfm_ros.images.upright import labels_upright, orientation, upright_file

HEIGHT, WIDTH = 40, 64
ORIENTATIONS = range(1, 9)
ON_ITS_SIDE = (5, 6, 7, 8)


def stored() -> np.ndarray:
    """Three quarters of different colours; the fourth is black."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:20, :32], picture[20:, :32], picture[:20, 32:] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    return picture


def ids() -> np.ndarray:
    """Class ids of the quarters of `stored`."""
    return (stored() > 128) @ np.array([1, 2, 3], np.uint8)


def ids_seen_in(rgb: np.ndarray) -> np.ndarray:
    """The class ids by the colours of a picture."""
    return (rgb > 128) @ np.array([1, 2, 3], np.uint8)


def file(value: int, kind: str = "JPEG") -> bytes:
    """The picture as a file that names an orientation."""
    exif, data = Image.Exif(), io.BytesIO()
    exif[0x0112] = value
    tags = {"tiffinfo": {0x0112: value}} if kind == "TIFF" else {"exif": exif}
    options = {"subsampling": 0, "quality": 95} if kind == "JPEG" else {}
    Image.fromarray(stored()).save(data, kind, **tags, **options)
    return data.getvalue()


def as_viewers_show(value: int) -> np.ndarray:
    """The class ids of the picture, turned by Pillow."""
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(file(value, "PNG"))))
    assert shown is not None
    return ids_seen_in(np.asarray(shown))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("value", ORIENTATIONS)
def test_pictures_of_a_folder_are_as_viewers_show_them(
    tmp_path: Path, value: int, kind: str
) -> None:
    (tmp_path / f"phone.{kind.lower()}").write_bytes(file(value, kind))
    video = open_video(tmp_path)
    rgb = to_rgb(next(video.frames()).message)
    assert (video.height, video.width) == rgb.shape[:2] == as_viewers_show(value).shape
    assert (ids_seen_in(rgb) == as_viewers_show(value)).mean() > 0.95


@pytest.mark.parametrize("value", ORIENTATIONS)
def test_they_are_upright_in_a_bag_made_of_them(tmp_path: Path, value: int) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/phone.jpg").write_bytes(file(value))
    frames_to_bag(open_video(tmp_path / "in").frames(), tmp_path / "bag")
    with open_bag(tmp_path / "bag") as bag:
        frame = next(bag.frames("/camera/image_raw/compressed"))
    assert (ids_seen_in(to_rgb(frame.message)) == as_viewers_show(value)).mean() > 0.95


def test_messages_of_a_camera_stay_as_stored(tmp_path: Path) -> None:
    message = compressed_image(1, "camera", "jpeg", file(6))
    assert to_rgb(message).shape == (HEIGHT, WIDTH, 3)
    with write_bag(tmp_path / "bag") as bag:
        bag.write("/camera/compressed", message, 1)
        bag.write("/gt/label", compressed_image(1, "camera", "png", labels_to_png(ids())), 1)
    clips = bags([tmp_path / "bag"], BagOptions(), tmp_path / "cache", "abcd")
    path = clips.frame(0)
    assert path is not None
    assert read_rgb(path).shape == (HEIGHT, WIDTH, 3)
    assert (clips.labels(0) == ids()).all()


@pytest.mark.parametrize(
    ("value", "upright"),
    [(value, True) for value in ORIENTATIONS] + [(value, False) for value in ON_ITS_SIDE],
)
def test_training_pictures_and_their_labels_agree(
    tmp_path: Path, value: int, upright: bool
) -> None:
    """Labels drawn on what the tool shows; or on the stored pixels, where the shape tells."""
    for name in ("rgb", "labels"):
        (tmp_path / "clip" / name).mkdir(parents=True)
    (tmp_path / "clip/rgb/1.jpg").write_bytes(file(value))
    labels = as_viewers_show(value) if upright else ids()
    (tmp_path / "clip/labels/1.png").write_bytes(labels_to_png(labels))
    clips = clip_folder(tmp_path)
    path = clips.frame(0)
    assert path is not None
    assert (ids_seen_in(read_rgb(path)) == as_viewers_show(value)).mean() > 0.95
    assert (clips.labels(0) == as_viewers_show(value)).all()


@pytest.mark.parametrize("labels", [as_viewers_show(6), ids()], ids=["upright", "as_stored"])
def test_ground_truth_in_a_folder_agrees_with_its_picture(
    tmp_path: Path, labels: np.ndarray
) -> None:
    for name in ("in", "truth"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/phone.jpg").write_bytes(file(6))
    (tmp_path / "truth/phone.png").write_bytes(labels_to_png(labels))
    with open_source(tmp_path / "in", SourceOptions(label_folder=tmp_path / "truth")) as source:
        frame = next(source.frames())
    assert frame.truth is not None
    assert (frame.truth() == as_viewers_show(6)).all()


def test_a_data_set_is_upright_as_recording_and_as_bag(tmp_path: Path) -> None:
    picture, label = tmp_path / "1.jpg", tmp_path / "1.png"
    picture.write_bytes(file(8))
    label.write_bytes(labels_to_png(ids()))
    frames = timed([("clip", [(0, picture, label)])], 10.0)
    dataset = DatasetSplit("own", tmp_path, (), frames, lambda path: ids())
    frame = next(dataset.source().frames())
    assert frame.truth is not None
    assert (frame.truth() == as_viewers_show(8)).all()
    assert to_rgb(frame.frame.message).shape == (WIDTH, HEIGHT, 3)
    write_dataset_bag(dataset, tmp_path / "bag")
    with open_bag(tmp_path / "bag") as bag:
        (image,) = bag.frames("/camera/image_raw/compressed")
        (truth,) = bag.frames("/gt/label/compressed")
    assert (ids_seen_in(to_rgb(image.message)) == as_viewers_show(8)).mean() > 0.95
    assert (to_labels(truth.message) == as_viewers_show(8)).all()


def test_labels_of_another_scale_are_turned_as_well() -> None:
    half = ids()[::2, ::2]
    assert (labels_upright(half, file(6)) == as_viewers_show(6)[::2, ::2]).all()


@pytest.mark.parametrize("end", [0, 1, 3, 12, 20, 30, 34, 200])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_short_counts_as_upright_or_not_but_never_fails(end: int, kind: str) -> None:
    data = file(6, kind)[:end]
    assert orientation(data) in (1, 6)
    upright_file("x", data)


def test_nonsense_in_the_tag_counts_as_upright() -> None:
    data = file(6)
    at = data.index(b"Exif\0\0") + 6
    for value in (0, 9, 255):
        changed = bytearray(data)
        changed[data.index(b"\x01\x12", at) + 9] = value
        assert orientation(bytes(changed)) == 1
