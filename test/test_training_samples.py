"""Augmentation keeps image and labels together; sample k depends on the seed and k alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dcfm_ros.errors import DcfmError
from dcfm_ros.training.augment import AugmentSettings, augment_pair
from dcfm_ros.training.motion import simulate_motion
from dcfm_ros.training.samples import Order, Samples
from dcfm_ros.training.sources import ClipFolder, StillImages, read_labels, read_rgb

PLAIN = AugmentSettings(crop_height=48, crop_width=64, jitter=0.0, neighbour_jitter=0.0)


def coded_image() -> tuple[np.ndarray, np.ndarray]:
    """Labels that can be read off the image: the red value is 20 times the class."""
    labels = np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3), 30, 0).repeat(30, 1)
    rgb = np.zeros((*labels.shape, 3), np.uint8)
    rgb[..., 0] = 20 * labels
    return rgb, labels


@pytest.mark.parametrize("seed", range(8))
def test_labels_follow_the_image_through_zoom_rotation_flip_and_crop(seed: int) -> None:
    rgb, labels = coded_image()
    out, out_labels, neighbour = augment_pair(rgb, labels, rgb, PLAIN, np.random.default_rng(seed))
    assert out.shape == (48, 64, 3)
    assert out_labels.shape == (48, 64)
    np.testing.assert_array_equal(out, neighbour)  # the same geometry for both
    known = (out_labels != 255).astype(np.uint8)
    known[[0, -1]] = known[:, [0, -1]] = 0
    inside = cv2.erode(known, np.ones((7, 7))) > 0
    flat = cv2.morphologyEx(out_labels, cv2.MORPH_GRADIENT, np.ones((5, 5))) == 0
    sure = inside & flat
    assert sure.any()
    np.testing.assert_allclose(out[sure][:, 0], 20.0 * out_labels[sure], atol=2)


def test_outside_of_the_image_nothing_is_labelled() -> None:
    rgb, labels = coded_image()
    small = AugmentSettings(crop_height=240, crop_width=320, min_scale=0.5, max_scale=0.5)
    _, out_labels, _ = augment_pair(rgb, labels, None, small, np.random.default_rng(0))
    assert (out_labels == 255).mean() > 0.8


def test_jitter_recolours_but_labels_stay() -> None:
    rgb, labels = coded_image()
    strong = AugmentSettings(crop_height=48, crop_width=64, jitter=0.5)
    calm = augment_pair(rgb, labels, None, PLAIN, np.random.default_rng(1))
    loud = augment_pair(rgb, labels, None, strong, np.random.default_rng(1))
    np.testing.assert_array_equal(calm[1], loud[1])
    assert np.abs(calm[0].astype(int) - loud[0]).mean() > 1


def test_simulated_motion_grows_with_the_age() -> None:
    texture = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8), (0, 0), 3
    )
    change = {
        age: np.mean(
            [
                np.abs(
                    simulate_motion(texture, age, np.random.default_rng(s)).astype(int) - texture
                ).mean()
                for s in range(20)
            ]
        )
        for age in (1, 10)
    }
    assert change[10] > 1.3 * change[1] > 0


@pytest.fixture
def still(tmp_path: Path) -> StillImages:
    rgb, labels = coded_image()
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for i in range(3):
        Image.fromarray(np.roll(rgb, 5 * i, 1)).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray(labels).save(tmp_path / "labels" / f"{i}.png")
    return StillImages(tmp_path / "images", tmp_path / "labels", void=5)


def test_void_labels_become_unlabelled(still: StillImages) -> None:
    pair = still.pair(0, 3)
    assert pair.neighbour is None
    assert set(np.unique(pair.labels)) == {0, 1, 2, 3, 4, 255}


def test_palette_pngs_give_their_indices(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 7], [11, 3]], np.uint8), "P")
    image.putpalette([90, 10, 200] * 256)
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "p.png", 11), [[0, 7], [255, 3]])


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(DcfmError, match=r"broken\.png is missing or not an image"):
        read_rgb(tmp_path / "broken.png")
    with pytest.raises(DcfmError, match=r"broken\.png is missing or not a label PNG"):
        read_labels(tmp_path / "broken.png", 11)
    with pytest.raises(DcfmError, match="no images in"):
        StillImages(tmp_path / "none", tmp_path)
    with pytest.raises(DcfmError, match="1 of 1 images in .* have no label image"):
        StillImages(tmp_path, tmp_path / "labels")
    with pytest.raises(DcfmError, match="no clips in"):
        ClipFolder(tmp_path)


def test_clips_give_real_neighbours_and_turn_round_at_their_ends(tmp_path: Path) -> None:
    for part in ("rgb", "labels"):
        (tmp_path / "clip_0000" / part).mkdir(parents=True)
    for i in range(4):
        rgb = np.full((8, 8, 3), 60 * i, np.uint8)
        cv2.imwrite(str(tmp_path / f"clip_0000/rgb/{i:06d}.jpg"), rgb)
        cv2.imwrite(str(tmp_path / f"clip_0000/labels/{i:06d}.png"), np.full((8, 8), i, np.uint8))
    clips = ClipFolder(tmp_path)
    assert len(clips) == 4

    def neighbour(index: int, age: int) -> int:
        pair = clips.pair(index, age)
        assert pair.labels[0, 0] == index
        return round(int(pair.neighbour[0, 0, 0]) / 60)

    assert neighbour(1, 2) == 3
    assert neighbour(1, -1) == 0
    assert neighbour(3, 2) == 1  # past the end: the other way
    assert neighbour(0, -10) == 3  # further than the clip is long: as far as it goes


def test_a_sample_depends_on_the_seed_and_its_number_alone(still: StillImages) -> None:
    def draw(seed: int, order: list[int]) -> dict[int, torch.Tensor]:
        samples = Samples([(still, 1.0)], PLAIN, 10, seed)
        return {k: torch.cat([samples[k][0], samples[k][2]]) for k in order}

    forward, backward = draw(1, [0, 1, 2, 3]), draw(1, [3, 2, 1, 0])
    for k in range(4):
        torch.testing.assert_close(forward[k], backward[k], rtol=0, atol=0)
    assert not torch.equal(forward[0], forward[1])
    assert not torch.equal(forward[0], draw(2, [0])[0])


def test_samples_mix_sources_by_share(still: StillImages) -> None:
    class Marked:
        def __len__(self) -> int:
            return 1

        def pair(self, index: int, age: int):
            pair = still.pair(0, age)
            return type(pair)(pair.rgb, np.full_like(pair.labels, 9), pair.rgb)

    samples = Samples([(still, 3.0), (Marked(), 1.0)], PLAIN, 10, 0)
    marked = sum(bool((samples[k][1] == 9).any()) for k in range(200))
    assert 30 < marked < 70


def test_order_resumes_where_it_stopped() -> None:
    assert list(Order(6, 10)) == [6, 7, 8, 9]
    assert len(Order(6, 10)) == 4
