"""Augmentation keeps image and labels together, and both frames alike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dcfm_ros.errors import SettingsError
from dcfm_ros.training.augment import AugmentSettings, augment_pair, paste_things
from dcfm_ros.training.motion import simulate_motion

PLAIN = AugmentSettings(crop_height=48, crop_width=64)


def coded_image() -> tuple[np.ndarray, np.ndarray]:
    """Labels that can be read off the image: the red value is 20 times the class."""
    labels = np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3), 30, 0).repeat(30, 1)
    rgb = np.zeros((*labels.shape, 3), np.uint8)
    rgb[..., 0] = 20 * labels
    return rgb, labels


@pytest.mark.parametrize("scaled", ["image", "window"])
@pytest.mark.parametrize("seed", range(6))
def test_labels_follow_the_image_through_scale_rotation_flip_and_crop(scaled, seed) -> None:
    rgb, labels = coded_image()
    settings = AugmentSettings(crop_height=48, crop_width=64, scaled=scaled)
    out, out_labels, neighbour = augment_pair(
        rgb, labels, rgb, settings, np.random.default_rng(seed)
    )
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


def test_pasted_things_bring_their_labels_and_leave_the_rest() -> None:
    """Of the donor, classes 2 and 3 are rare; 1 and what is not labelled stay behind."""
    rgb, labels = np.full((40, 60, 3), 7, np.uint8), np.zeros((40, 60), np.uint8)
    donor = np.ones((40, 60), np.uint8)
    donor[:4, :5], donor[30:34, 50:], donor[:, 20] = 2, 3, 255
    picture = np.repeat((10 * donor)[..., None], 3, 2)
    seen = set()
    for seed in range(40):
        out, out_labels = paste_things(
            (rgb, labels), (picture, donor), 0.03, np.random.default_rng(seed)
        )
        for c in (2, 3):
            places = {(donor == c).tobytes(), (donor[:, ::-1] == c).tobytes()}
            assert not (out_labels == c).any() or (out_labels == c).tobytes() in places
        pasted = out_labels > 0
        np.testing.assert_array_equal(out[pasted][:, 0], 10 * out_labels[pasted])
        assert (out[~pasted] == 7).all()
        seen.add(tuple(np.unique(out_labels)))
    assert seen == {(0,), (0, 2), (0, 3), (0, 2, 3)}
    assert not labels.any()  # the frame itself is not written to


def test_things_of_a_frame_of_another_size_are_resized() -> None:
    donor = np.zeros((20, 30), np.uint8)
    donor[5:10, 5:10] = 4
    target = np.zeros((40, 60, 3), np.uint8), np.ones((40, 60), np.uint8)
    counts = {
        int(
            (paste_things(target, (np.zeros((20, 30, 3), np.uint8), donor), 0.1, rng)[1] == 4).sum()
        )
        for rng in map(np.random.default_rng, range(20))
    }
    assert counts == {0, 100}


def test_outside_of_the_image_nothing_is_labelled() -> None:
    rgb, labels = coded_image()
    small = AugmentSettings(crop_height=240, crop_width=320, min_scale=0.5, max_scale=0.5)
    _, out_labels, _ = augment_pair(rgb, labels, rgb, small, np.random.default_rng(0))
    assert (out_labels == 255).mean() > 0.8


@pytest.mark.parametrize(("scaled", "width"), [("image", 20), ("window", 80)])
def test_the_scale_applies_to_the_image_or_to_the_window(scaled, width) -> None:
    """At scale 0.5 a bar of 40 px has 20 px in a smaller image, 80 px in a window half the crop."""
    labels = np.zeros((100, 200), np.uint8)
    labels[:, 80:120] = 1
    rgb = np.zeros((100, 200, 3), np.uint8)
    scale = 0.5
    settings = AugmentSettings(
        crop_height=32, crop_width=400, scaled=scaled, min_scale=scale, max_scale=scale,
        rotation_deg=0.0,
    )  # fmt: skip
    _, out, _ = augment_pair(rgb, labels, rgb, settings, np.random.default_rng(0))
    assert (out[16] == 1).sum() == pytest.approx(width, abs=1)


def jittered(**strengths: float) -> tuple[np.ndarray, np.ndarray]:
    """How far labelled frame and neighbour are from what they are without jitter."""
    rgb = cv2.cvtColor(
        cv2.resize(np.arange(180, dtype=np.uint8)[None], (90, 60)), cv2.COLOR_GRAY2RGB
    )
    rgb[..., 0] = 200
    labels = np.zeros(rgb.shape[:2], np.uint8)
    calm = augment_pair(rgb, labels, rgb, PLAIN, np.random.default_rng(1))
    settings = AugmentSettings(crop_height=48, crop_width=64, **strengths)
    loud = augment_pair(rgb, labels, rgb, settings, np.random.default_rng(1))
    np.testing.assert_array_equal(calm[1], loud[1])  # labels stay
    return tuple(np.abs(calm[i].astype(float) - loud[i]).mean() for i in (0, 2))


def test_jitter_recolours_both_frames_alike_or_each_on_its_own() -> None:
    assert jittered() == (0, 0)
    both = jittered(jitter=0.4)
    assert both[0] == both[1] > 1
    labelled = jittered(labelled_jitter=0.4)
    assert labelled[0] > 1
    assert labelled[1] == 0
    neighbour = jittered(neighbour_jitter=0.4)
    assert neighbour[0] == 0
    assert neighbour[1] > 1
    assert jittered(jitter=0.4, hue=1.0)[0] != both[0]


def test_scales_must_be_in_order() -> None:
    with pytest.raises(SettingsError, match=r"min_scale is 2\.0, expected at most"):
        AugmentSettings(min_scale=2.0, max_scale=1.0)


def displacement(age: int) -> np.ndarray:
    """(30, 360, 480): how far each pixel moves in 30 draws, px, by dense optical flow."""
    noise = np.random.default_rng(0).integers(0, 256, (360, 480), np.uint8)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    rgb = np.dstack([texture] * 3)
    optical_flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    rng = np.random.default_rng(1)
    flows = [
        optical_flow.calc(texture, simulate_motion(rgb, age, rng)[..., 0], None) for _ in range(30)
    ]
    return np.hypot(*np.moveaxis(flows, -1, 0))


def test_simulated_motion_is_that_of_driving_at_15_hz() -> None:
    """As measured on CamVid's validation clip: 4.3 px in the median, 12.6 px for a tenth."""
    moved = displacement(1)
    assert np.median(moved) == pytest.approx(4.3, rel=0.3)
    assert np.percentile(moved, 90) == pytest.approx(12.6, rel=0.4)
    bottom, horizon = moved[:, -40:], moved[:, 150:190, 180:300]
    assert np.median(bottom) > 1.5 * np.median(horizon)  # the ground is near, the horizon far


def test_simulated_motion_grows_with_the_age() -> None:
    assert np.median(displacement(3)) > 2.0 * np.median(displacement(1))
