"""Key frames in the background: who waits for what, and what labels come of it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_harness import pictures, stamps_ns, write_checkpoint

from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.device import ExecutionContext
from dcfm_ros.streaming.keyframes import KeyFrameReason, Scripted

COUNT = 12
DEADLINE_S = 30


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    path = write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")
    engine = Engine.load(EngineSettings(checkpoint=str(path), device="cpu", threads=2))
    yield engine
    engine.release()


@pytest.fixture
def gate(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Deep features in the background wait for this event."""
    event = threading.Event()
    deep = engine.deep

    def gated(shallow, *context):
        if threading.current_thread() is not threading.main_thread():
            assert event.wait(DEADLINE_S)
        return deep(shallow, *context)

    monkeypatch.setattr(engine, "deep", gated)
    yield event
    event.set()


def background(engine: Engine, keys, **settings) -> Segmenter:
    settings = {"mode": "background", "cut_correlation": -1.0, "max_gap_s": 100.0, **settings}
    return Segmenter(engine, KeyFrameSettings(**settings), policy=Scripted(keys))


def run(segmenter: Segmenter, count: int = COUNT):
    frames = zip(pictures(count), stamps_ns(count), strict=True)
    return [segmenter.step(picture, stamp) for picture, stamp in frames]


def test_ages_are_those_of_the_features_that_were_used(engine: Engine) -> None:
    """Key frames 3 and 8, each used two frames later; 9 comes while 8 is in work."""
    found = run(background(engine, {3, 8, 9}, background_frames=2))
    assert [r.is_key_frame for r in found] == [i in (0, 3, 8) for i in range(COUNT)]
    assert [r.age for r in found] == [0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 2, 3]
    assert [r.age_ns for r in found] == [100_000_000 * r.age for r in found]
    assert found[9].reason is KeyFrameReason.REUSE


def test_labels_are_those_of_the_network_with_that_common_feature(engine: Engine) -> None:
    found = run(background(engine, {3}, background_frames=2))
    blocking = run(Segmenter(engine, found_settings(), policy=Scripted({3})))
    for index in (0, 1, 2, 5, 6, 7):
        np.testing.assert_array_equal(found[index].labels, blocking[index].labels)
    first_only = run(Segmenter(engine, found_settings(), policy=Scripted(())))
    for index in (3, 4):
        np.testing.assert_array_equal(found[index].labels, first_only[index].labels)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_labels_on_cuda_are_those_of_that_common_feature_too(tmp_path: Path) -> None:
    """Streams beside each other hand features over whole, time after time."""
    path = write_checkpoint(tmp_path / "tiny.safetensors")
    engine = Engine.load(EngineSettings(checkpoint=str(path), device="cuda", precision="float32"))
    keys = set(range(2, 60, 3))
    one, two = (run(background(engine, keys, background_frames=1), 60) for _ in range(2))
    blocking = run(Segmenter(engine, found_settings(), policy=Scripted(keys)), 60)
    for index, (a, b, fresh) in enumerate(zip(one, two, blocking, strict=True)):
        np.testing.assert_array_equal(a.labels, b.labels)
        if index not in keys:
            np.testing.assert_array_equal(a.labels, fresh.labels)
    engine.release()


def found_settings() -> KeyFrameSettings:
    return KeyFrameSettings(cut_correlation=-1.0, max_gap_s=100.0, max_age_s=0.0)


def test_exact_mode_waits_and_so_repeats_to_the_bit(engine: Engine) -> None:
    one, two = (run(background(engine, {2, 5, 7}, background_frames=1)) for _ in range(2))
    assert [r.age for r in one] == [0, 1, 2, 1, 2, 3, 1, 2, 1, 2, 3, 4]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        assert (a.reason, a.age, a.mean_confidence) == (b.reason, b.age, b.mean_confidence)


def test_live_frames_do_not_wait(engine: Engine, gate: threading.Event) -> None:
    """Frames 2 to 5 are answered while frame 2's deep features hang; then they are used."""
    segmenter = background(engine, {2})
    frames = list(zip(pictures(8), stamps_ns(8), strict=True))
    before = [segmenter.step(*frame) for frame in frames[:6]]
    assert [r.age for r in before] == [0, 1, 2, 3, 4, 5]
    gate.set()
    segmenter._pending.key.result(DEADLINE_S)
    assert [segmenter.step(*frame).age for frame in frames[6:]] == [4, 5]


def test_no_feature_is_used_beyond_its_age_though_the_next_one_is_slow(engine: Engine) -> None:
    """Begun at nine tenths of the limit of 0.5 s, waited for when the limit is passed."""
    found = run(background(engine, (), background_frames=100, max_age_s=0.5))
    assert [r.reason.name for r in found[:7]] == ["FIRST", *["REUSE"] * 4, "MAX_AGE", "REUSE"]
    assert [r.age for r in found] == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1]
    assert max(r.age_ns for r in found) <= 500_000_000


def test_where_frames_are_further_apart_than_the_age_they_block(engine: Engine) -> None:
    segmenter = background(engine, (), max_age_s=0.05)
    assert [r.age for r in run(segmenter, 4)] == [0, 0, 0, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ranks threads")
def test_the_worker_gives_way_to_the_frames(engine: Engine) -> None:
    def niceness(context: ExecutionContext | None = None) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    assert engine.in_background(niceness).result(DEADLINE_S) == min(19, before + 15)
    assert niceness() == before


@pytest.mark.parametrize("what", ["cut", "requested cut", "resize", "gap", "reset"])
def test_what_nothing_old_does_for_blocks_and_drops_the_key_frame_in_work(
    engine: Engine, gate: threading.Event, what: str
) -> None:
    segmenter = background(engine, {2}, cut_correlation=0.6, max_gap_s=1.0)
    found = run(segmenter, 4)
    assert [r.is_key_frame for r in found] == [True, False, True, False]
    picture, stamp = pictures(5)[4], stamps_ns(5)[4]
    if what == "requested cut":
        segmenter.request_key_frame()
    if "cut" in what:
        picture = np.ascontiguousarray(255 - picture)
    elif what == "resize":
        picture = np.ascontiguousarray(picture[:40])
    elif what == "gap":
        stamp += 2_000_000_000
    else:
        segmenter.reset()
    forced = segmenter.step(picture, stamp)
    assert (forced.is_key_frame, forced.age) == (True, 0)
    assert forced.reason.name in {"CUT", "RESIZE", "STAMP_GAP", "FIRST"}
    gate.set()
    after = segmenter.step(picture, stamp + 100_000_000)
    assert (after.is_key_frame, after.age) == (False, 1)


def test_a_request_goes_to_the_background_and_waits_for_its_turn(engine: Engine) -> None:
    segmenter = background(engine, {1}, background_frames=2)
    frames = list(zip(pictures(6), stamps_ns(6), strict=True))
    found = [segmenter.step(*frame) for frame in frames[:2]]
    segmenter.request_key_frame()
    found += [segmenter.step(*frame) for frame in frames[2:]]
    assert [r.reason.name for r in found] == [
        "FIRST", "INTERVAL", "REUSE", "REQUEST", "REUSE", "REUSE",
    ]  # fmt: skip
    assert [r.age for r in found] == [0, 1, 2, 2, 3, 2]


def test_errors_in_the_background_surface(engine: Engine, monkeypatch) -> None:
    segmenter = background(engine, {1, 4}, background_frames=1)
    frames = list(zip(pictures(6), stamps_ns(6), strict=True))
    deep = engine.deep

    def broken(shallow, *context):
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError("no memory for deep features")
        return deep(shallow, *context)

    monkeypatch.setattr(engine, "deep", broken)
    assert [segmenter.step(*frame).age for frame in frames[:2]] == [0, 1]
    with pytest.raises(MemoryError, match="no memory for deep features"):
        segmenter.step(*frames[2])
    monkeypatch.setattr(engine, "deep", deep)
    assert segmenter.step(*frames[3]).age == 2  # the failed frame was not processed
    assert not segmenter.step(*frames[4]).reason.is_key_frame  # the script's frame 3


def test_release_waits_for_what_is_in_work(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "tiny.safetensors")
    engine = Engine.load(EngineSettings(checkpoint=str(path), device="cpu", background_threads=1))
    assert engine.resolved.background_threads == 1
    segmenter = background(engine, {1})
    run(segmenter, 2)
    engine.release()
    assert segmenter._pending.key.done()
