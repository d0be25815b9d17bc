"""Sample k depends on the seed and k alone, and processes share the samples of each step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dcfm_ros.datasets import Clip, Clips, LabelValues
from dcfm_ros.datasets.clips import nearest_frame
from dcfm_ros.errors import DcfmError
from dcfm_ros.training.augment import AugmentSettings
from dcfm_ros.training.samples import Order, TrainingSamples, collate, read_labelled

PLAIN = AugmentSettings(
    crop_height=32, crop_width=32, min_scale=1.0, max_scale=1.0, rotation_deg=0.0
)


def clip(folder: Path, grey: list[int], labelled: list[int]) -> Clip:
    """Pictures of one grey each; labels say which frame it is."""
    folder.mkdir()
    for number, value in enumerate(grey):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((32, 32, 3), value, np.uint8))
        cv2.imwrite(str(folder / f"{number}_labels.png"), np.full((32, 32), number, np.uint8))
    return Clip(
        {number: str(folder / f"{number}.png") for number in range(len(grey))},
        {number: str(folder / f"{number}_labels.png") for number in labelled},
    )


@pytest.fixture
def source(tmp_path: Path) -> Clips:
    grey = [10 * n for n in range(12)]
    return Clips("test", [clip(tmp_path / "clip", grey, [0, 5, 6])], LabelValues.identity(12))


def test_neighbours_at_a_clips_ends_come_from_the_other_side(source: Clips) -> None:
    def found(index: int, age: int) -> int:
        path = nearest_frame(source, index, age)
        return int(Path(path).stem)

    assert found(1, 4) == 9
    assert found(1, -4) == 1
    assert found(0, -4) == 4  # before the first: the other way
    assert found(2, 10) == 0  # neither 16 nor -4 is there: 0 is the furthest
    lonely = Clips("still", [Clip({7: "a.png"}, {7: "b.png"})], LabelValues.identity(2))
    assert nearest_frame(lonely, 0, 3) is None


def test_the_neighbour_is_drawn_over_all_ages_in_both_directions(source: Clips) -> None:
    samples = TrainingSamples([(source, 1.0)], PLAIN, (2, 4), seed=3)
    ages = set()
    for k in range(200):
        _, labels, neighbour = samples[k]
        number, other = int(labels.max()), int(neighbour.max()) // 10
        if number == 5:
            ages.add(other - number)
    assert ages == {-4, -3, -2, 2, 3, 4}


def test_without_neighbours_motion_is_simulated(tmp_path: Path) -> None:
    still = Clips("still", [clip(tmp_path / "still", [100], [0])], LabelValues.identity(2))
    labelled, labels, neighbour = TrainingSamples([(still, 1.0)], PLAIN, (1, 10), 0)[0]
    assert (labelled == 100).all()
    assert not labels.any()
    assert not torch.equal(neighbour, labelled)
    assert abs(float(neighbour.float().mean()) - 100) < 30


def test_samples_before_the_first_pair_are_without_neighbours(source: Clips) -> None:
    samples = TrainingSamples([(source, 1.0)], PLAIN, (1, 10), 0, paired_from=4)
    before, from_there = (collate([samples[k] for k in step]) for step in (range(4), range(4, 8)))
    assert before[2] is None
    assert before[0].shape == from_there[0].shape == from_there[2].shape == (4, 3, 32, 32)
    assert before[1].shape == (4, 32, 32)


def test_a_sample_depends_on_the_seed_and_its_number_alone(source: Clips) -> None:
    def draw(seed: int, order: list[int]) -> dict[int, torch.Tensor]:
        samples = TrainingSamples([(source, 1.0)], AugmentSettings(32, 32), (1, 10), seed)
        return {k: torch.cat([samples[k][0], samples[k][2]]) for k in order}

    forward, backward = draw(1, [0, 1, 2, 3]), draw(1, [3, 2, 1, 0])
    for k in range(4):
        torch.testing.assert_close(forward[k], backward[k], rtol=0, atol=0)
    assert not torch.equal(forward[0], forward[1])
    assert not torch.equal(forward[0], draw(2, [0])[0])


def test_things_are_pasted_into_frames_without_recorded_neighbours(tmp_path: Path) -> None:
    """And before motion is simulated, so that the neighbour shows them as well."""
    whole = clip(tmp_path / "clip", [100, 200], [0, 1])
    labels = np.zeros((32, 32), np.uint8)
    labels[12:16, 12:20] = 1
    for path in whole.labels.values():
        cv2.imwrite(path, labels)
    alone = [Clip({k: whole.frames[k]}, {k: whole.labels[k]}) for k in (0, 1)]
    settings = replace(PLAIN, paste=1.0, paste_below=0.1)

    def colours(clips: list[Clip], paired_from: int) -> set[tuple[int, int, bool]]:
        """Of the frame, of the thing in it, and whether the neighbour's thing is bright."""
        source = Clips("two greys", clips, LabelValues.identity(2))
        samples = TrainingSamples([(source, 1.0)], settings, (1, 1), 0, paired_from=paired_from)
        found = set()
        for image, of, neighbour in (samples[k] for k in range(40)):
            assert torch.equal(of, torch.from_numpy(labels))
            other = image if neighbour is None else neighbour
            found.add((int(image[0, 0, 0]), int(image[0, 14, 16]), bool(other[0, 14, 16] > 150)))
        return found

    every_pair = {(a, b, b == 200) for a in (100, 200) for b in (100, 200)}
    assert colours(alone, paired_from=100) == every_pair
    assert colours(alone, paired_from=0) == every_pair
    assert colours([whole], paired_from=0) == {(100, 100, True), (200, 200, False)}


def test_samples_mix_sources_by_share(source: Clips, tmp_path: Path) -> None:
    other = Clips("other", [clip(tmp_path / "other", [255], [0])], LabelValues.identity(1))
    samples = TrainingSamples([(source, 3.0), (other, 1.0)], PLAIN, (1, 10), 0)
    of_other = sum(int(samples[k][0].max()) == 255 for k in range(200))
    assert 30 < of_other < 70


def test_pictures_can_be_resized_first(source: Clips) -> None:
    rgb, labels = read_labelled(source, 0, height=16)
    assert rgb.shape == (16, 16, 3)
    assert labels.shape == (16, 16)
    small = TrainingSamples([(source, 1.0)], PLAIN, (1, 1), 0, height=16)[0]
    assert (small[1] == 255).float().mean() == pytest.approx(0.75, abs=0.02)


def test_an_unreadable_file_comes_out_as_the_error_that_names_it(tmp_path: Path) -> None:
    bad = clip(tmp_path / "clip", [1, 2], [0, 1])
    Path(bad.frames[0]).write_bytes(b"no picture")
    samples = TrainingSamples(
        [(Clips("bad", [bad], LabelValues.identity(2)), 1.0)], PLAIN, (1, 1), 0
    )
    error = collate([samples[k] for k in range(4)])
    assert isinstance(error, DcfmError)
    assert "0.png is no whole picture" in str(error)


def test_frames_and_labels_of_different_sizes_are_told(tmp_path: Path) -> None:
    bad = clip(tmp_path / "clip", [1, 2], [0])
    cv2.imwrite(bad.labels[0], np.zeros((16, 32), np.uint8))
    with pytest.raises(DcfmError, match=r"0\.png is 32x32 px, its labels .* 32x16 px"):
        read_labelled(Clips("bad", [bad], LabelValues.identity(2)), 0)


def test_a_step_has_the_same_samples_however_many_processes_share_it() -> None:
    alone = list(Order(range(3, 5), 4))
    assert alone == [[12, 13, 14, 15], [16, 17, 18, 19]]
    first, second = (list(Order(range(3, 5), 4, rank, 2)) for rank in (0, 1))
    assert [a + b for a, b in zip(first, second, strict=True)] == alone
    assert len(Order(range(3, 5), 4, 1, 2)) == 2
