"""Labels meet their frames: exact or nearest stamps, sparse labels, clocks that jump."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcfm_ros.bags import ImageFrame, pair_labels

MS = 1_000_000


def frames(topic: str, stamps_ms: list[int], logs_ms: list[int] | None = None) -> list[ImageFrame]:
    """Frames without pictures."""
    logs_ms = stamps_ms if logs_ms is None else logs_ms
    return [
        ImageFrame(topic, stamp * MS, log * MS, "camera", None)
        for stamp, log in zip(stamps_ms, logs_ms, strict=True)
    ]


def paired(
    images_ms: list[int],
    labels_ms: list[int],
    tolerance_ms: int = 0,
    image_logs_ms: list[int] | None = None,
    label_logs_ms: list[int] | None = None,
) -> list[int | None]:
    """The stamp in ms of each frame's label."""
    pairs = list(
        pair_labels(
            frames("/image", images_ms, image_logs_ms),
            frames("/gt/label", labels_ms, label_logs_ms),
            tolerance_ms * MS,
        )
    )
    assert [pair.frame.stamp_ns // MS for pair in pairs] == images_ms
    return [pair.label.stamp_ns // MS if pair.label else None for pair in pairs]


@pytest.mark.parametrize(
    ("images", "labels", "tolerance", "expected"),
    [
        ([0, 100, 200], [0, 100, 200], 0, [0, 100, 200]),
        ([0, 100, 200, 300], [200], 0, [None, None, 200, None]),
        ([0, 100, 200], [1, 99, 201], 0, [None, None, None]),
        ([0, 100, 200], [1, 99, 201], 1, [1, 99, 201]),
        ([0, 100, 200], [40], 60, [40, None, None]),
        ([0, 100, 200], [60], 60, [None, 60, None]),
        ([0, 100, 200], [50], 50, [50, None, None]),
        ([0, 33, 66], [30, 34], 40, [None, 34, None]),
        ([100, 200], [0, 50, 300, 400], 10, [None, None]),
        ([0, 100], [], 10, [None, None]),
        ([], [0, 100], 10, []),
    ],
    ids=[
        "all", "sparse", "never equal", "within tolerance", "nearer to the first",
        "nearer to the second", "half-way goes to the first", "two near one frame",
        "before and after", "no labels", "no frames",
    ],
)  # fmt: skip
def test_labels_go_to_the_nearest_frame(
    images: list[int], labels: list[int], tolerance: int, expected: list[int | None]
) -> None:
    assert paired(images, labels, tolerance) == expected


def test_labels_may_be_logged_much_later_than_their_frames() -> None:
    """An annotation tool writes when it is done; the stamp says what it annotated."""
    logs = [90_000, 90_001, 90_002]
    assert paired([0, 100, 200], [0, 100, 200], label_logs_ms=logs) == [0, 100, 200]


def test_small_disorder_is_no_jump() -> None:
    assert paired([0, 100, 200, 300], [100, 0, 300, 200], 0, None, [0, 0, 200, 200]) == [
        0,
        100,
        200,
        300,
    ]


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        ([0, 100, 200, 200, 300, 400], [0, 100, 200, 300, 400], [0, 100, 200, None, 300, 400]),
        ([0, 0, 100], [0, 0, 100], [0, 0, 100]),
        ([0, 100, 200], [0, 100, 100, 200], [0, 100, 200]),
        ([0, 100, 300, 200, 400], [0, 100, 200, 300, 400], [0, 100, 300, 200, 400]),
        ([0, 300, 200, 100, 400], [100, 200, 300], [None, 300, 200, 100, None]),
        ([0, 200, 100], [62], [None, None, 62]),
        ([0, 200, 100, 300], [300, 95, 190], [None, 190, 95, 300]),
    ],
    ids=[
        "frame twice", "both twice", "label twice", "two swapped", "three turned round",
        "nearer to one overtaken", "labels swapped as well",
    ],
)  # fmt: skip
def test_frames_recorded_twice_or_out_of_order_lose_no_label(
    images: list[int], labels: list[int], expected: list[int | None]
) -> None:
    logs = list(range(0, 100 * len(images), 100))
    found = paired(images, labels, 62, logs, [logs[0]] * len(labels))
    assert found == expected


def test_stamps_that_were_never_set_leave_it_to_the_time_of_recording() -> None:
    pairs = pair_labels(
        frames("/image", [0] * 12, list(range(0, 1200, 100))),
        frames("/gt/label", [0, 0], [301, 902]),
    )
    assert [number for number, pair in enumerate(pairs) if pair.label] == [3, 9]


def test_a_clock_that_starts_again_starts_matching_again() -> None:
    """The recording was looped: the second run has the stamps of the first."""
    images = [10_000, 10_100, 10_200, 0, 100, 200]
    labels = [10_000, 10_200, 13_000, 100, 200]
    logs = [0, 100, 200, 300, 400, 500]
    label_logs = [0, 200, 210, 400, 500]
    expected = [10_000, None, 10_200, None, 100, 200]
    assert paired(images, labels, 0, logs, label_logs) == expected


def test_labels_logged_after_the_jump_are_kept_for_it() -> None:
    assert paired([10_000, 5_000, 12_000], [12_000], 0, [0, 200, 300], [250]) == [
        None,
        None,
        12_000,
    ]


def test_labels_are_read_no_further_than_needed() -> None:
    """Both streams stay streams."""
    read: list[int] = []

    def labels() -> Iterator[ImageFrame]:
        for frame in frames("/gt/label", list(range(0, 100_000, 100))):
            read.append(frame.stamp_ns // MS)
            yield frame

    pairs = pair_labels(frames("/image", list(range(0, 100_000, 100))), labels())
    for number in range(5):
        pair = next(pairs)
        assert pair.label is not None
        assert max(read) <= number * 100 + 1200  # a second for disorder


@given(
    images=st.lists(st.integers(0, 2000), max_size=30, unique=True).map(sorted),
    labels=st.lists(st.integers(0, 2000), max_size=30, unique=True).map(sorted),
    tolerance=st.integers(0, 200),
)
@settings(deadline=None)
def test_each_label_once_and_only_where_it_is_nearest(
    images: list[int], labels: list[int], tolerance: int
) -> None:
    found = paired(images, labels, tolerance)
    given_away = [label for label in found if label is not None]
    assert len(given_away) == len(set(given_away))
    for stamp, label in zip(images, found, strict=True):
        if label is not None:
            assert abs(label - stamp) <= tolerance
            assert abs(label - stamp) == min(abs(label - other) for other in images)
    for label in set(labels) - set(given_away):  # too far off, or a nearer one was there
        nearest = min(images, key=lambda stamp: abs(label - stamp), default=None)
        if nearest is not None and abs(label - nearest) <= tolerance:
            rival = found[images.index(nearest)]
            assert rival is not None
            assert abs(rival - nearest) <= abs(label - nearest)
