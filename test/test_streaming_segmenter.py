"""The segmenter: which frames are key frames, what state it keeps, what labels come back."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dcfm_ros import Segmenter
from dcfm_ros.errors import CheckpointError, DeviceError, ImageError
from dcfm_ros.network import CheckpointInfo, Dcfm, label_set, load, named_config, save
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameReason, KeyFrameSettings
from dcfm_ros.streaming.device import resolve_device, resolve_precision, resolve_threads
from dcfm_ros.streaming.label_map import label_map, mean_confidence
from dcfm_ros.streaming.network_input import Normalizer, network_size

STEP_NS = 100_000_000


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = named_config("camvid_tiny")
    torch.manual_seed(3)
    network = Dcfm(named.network)
    for p in network.parameters():
        if p.ndim > 1:
            torch.nn.init.kaiming_normal_(p)
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    info = CheckpointInfo("tiny", named.network, label_set("camvid"), (72, 96))
    save(network, info, path)
    return path


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Engine:
    return Engine.load(EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=2))


def frame(seed: int, size: tuple[int, int] = (72, 96)) -> np.ndarray:
    """Noise over a scene that stays: consecutive frames are no cut."""
    rows, columns = np.indices(size) // 3
    scene = 40 * ((3 * rows + 5 * columns) % 6)
    noise = np.random.default_rng(seed).integers(0, 40, (*size, 3))
    return (scene[..., None] + noise).astype(np.uint8)


def reasons(segmenter: Segmenter, stamps_ns: list[int]) -> list[str]:
    return [segmenter.step(frame(i), stamp).reason.name for i, stamp in enumerate(stamps_ns)]


@pytest.mark.filterwarnings("error")
def test_pictures_that_must_not_be_written_to_are_taken_without_a_copy_or_a_warning() -> None:
    """Messages of a bag are such; torch warns of them by itself."""
    picture = np.frombuffer(frame(1).tobytes(), np.uint8).reshape(72, 96, 3)
    before = picture.copy()
    normalize = Normalizer((0.5,) * 3, (0.2,) * 3, torch.device("cpu"))
    found = normalize(picture)
    assert torch.equal(found, normalize(before))
    assert not picture.flags.writeable
    np.testing.assert_array_equal(picture, before)


def test_fixed_interval_on_a_steady_stream(engine: Engine) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=3))
    found = [segmenter.step(frame(i), i * STEP_NS) for i in range(7)]
    assert [r.reason.name for r in found] == [
        "FIRST", "REUSE", "REUSE", "INTERVAL", "REUSE", "REUSE", "INTERVAL",
    ]  # fmt: skip
    assert [r.is_key_frame for r in found] == [True, False, False, True, False, False, True]
    assert [r.age for r in found] == [0, 1, 2, 0, 1, 2, 0]
    assert [r.age_ns for r in found] == [k * STEP_NS for k in (0, 1, 2, 0, 1, 2, 0)]


def test_a_stamp_that_goes_back_or_a_gap_forces_a_key_frame(engine: Engine) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=100, max_gap_s=1.0))
    second = 1_000_000_000
    stamps = [5 * second, 6 * second, 7 * second + 1, 3 * second, 3 * second, 4 * second]
    assert reasons(segmenter, stamps) == [
        "FIRST", "REUSE", "STAMP_GAP", "STAMP_GAP", "REUSE", "REUSE",
    ]  # fmt: skip


def test_stamps_of_zero_are_a_stream_without_time(engine: Engine) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=2))
    assert reasons(segmenter, [0, 0, 0, 0]) == ["FIRST", "REUSE", "INTERVAL", "REUSE"]


def test_another_size_forces_a_key_frame_and_labels_keep_the_image_size(engine: Engine) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=100))
    sizes = [(72, 96), (72, 96), (50, 131), (50, 131), (1, 1), (300, 20)]
    found = [segmenter.step(frame(i, size), i * STEP_NS) for i, size in enumerate(sizes)]
    assert [r.labels.shape for r in found] == sizes
    assert all(r.labels.dtype == np.uint8 and r.labels.max() < 11 for r in found)
    assert [r.reason.name for r in found] == [
        "FIRST", "REUSE", "RESIZE", "REUSE", "RESIZE", "RESIZE",
    ]  # fmt: skip


def test_requests_and_resets(engine: Engine) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=100))
    segmenter.step(frame(0), 0)
    segmenter.request_key_frame()
    assert segmenter.step(frame(1), STEP_NS).reason is KeyFrameReason.REQUEST
    assert segmenter.step(frame(2), 2 * STEP_NS).reason is KeyFrameReason.REUSE
    segmenter.reset()
    assert segmenter.step(frame(3), 3 * STEP_NS).reason is KeyFrameReason.FIRST


def test_settings_change_at_run_time_without_losing_the_common_feature(engine: Engine) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=100))
    segmenter.step(frame(0), 0)
    segmenter.configure(KeyFrameSettings(interval=2))
    assert segmenter.step(frame(1), STEP_NS).reason is KeyFrameReason.REUSE
    assert segmenter.step(frame(2), 2 * STEP_NS).reason is KeyFrameReason.INTERVAL


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
    ],
)
def test_what_is_no_image_is_refused_and_changes_nothing(engine: Engine, bad: np.ndarray) -> None:
    segmenter = Segmenter(engine, KeyFrameSettings(interval=100))
    segmenter.step(frame(0), 0)
    with pytest.raises(ImageError, match=r"expected a non-empty \(height, width, 3\) uint8"):
        segmenter.step(bad, STEP_NS)
    assert segmenter.step(frame(1), STEP_NS).age == 1


def test_labels_are_those_of_the_network(engine: Engine, checkpoint: Path) -> None:
    """Folding, channel order and the split into stages change nothing."""
    segmenter = Segmenter(engine, KeyFrameSettings(interval=100))
    network = load(checkpoint)
    mean = torch.tensor(engine.info.mean).view(1, 3, 1, 1)
    std = torch.tensor(engine.info.std).view(1, 3, 1, 1)

    def normalised(rgb: np.ndarray) -> torch.Tensor:
        return (torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255.0 - mean) / std

    with torch.inference_mode():
        key, common = network.forward_key(normalised(frame(0)))
        non_key = network.forward_non_key(normalised(frame(1)), common)
    for seed, logits in ((0, key), (1, non_key)):
        found = segmenter.step(frame(seed), seed * STEP_NS, confidence=True)
        assert (found.labels == logits.argmax(1)[0].numpy()).mean() > 0.999
        share = logits.softmax(1).amax(1)[0].numpy()
        assert found.confidence is not None
        assert np.abs(found.confidence - 255 * share).max() < 1.0
        assert found.mean_confidence == pytest.approx(share.mean(), abs=0.05)


def test_two_runs_in_different_threads_agree_to_the_bit(checkpoint: Path) -> None:
    settings = EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=2)

    def labels() -> list[np.ndarray]:
        segmenter = Segmenter(Engine.load(settings), KeyFrameSettings(interval=2))
        return [segmenter.step(frame(i), i * STEP_NS).labels for i in range(4)]

    here, there = labels(), []
    worker = threading.Thread(target=lambda: there.extend(labels()))
    worker.start()
    worker.join()
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)


def test_cameras_share_the_network_but_not_the_state(engine: Engine) -> None:
    front = Segmenter(engine, KeyFrameSettings(interval=4))
    rear = Segmenter(engine, KeyFrameSettings(interval=4), phase=2)
    sequence = ""
    for i in range(9):
        for segmenter in (front, rear):
            sequence += "K" if segmenter.step(frame(i), i * STEP_NS).is_key_frame else "."
    assert sequence[0::2] == "K...K...K"
    assert sequence[1::2] == "K.K...K.."


def test_denormal_numbers_are_flushed_where_the_network_runs(engine: Engine) -> None:
    """In a thread of its own, as in the node: without the flag the product stays above zero."""
    products: list[float] = []

    def compute() -> None:
        Segmenter(engine).step(frame(0), 0)
        tiny = torch.full((1_000_000,), 1e-39)
        products.append(float((tiny * 0.5).abs().max()))

    worker = threading.Thread(target=compute)
    worker.start()
    worker.join()
    assert products == [0.0]


def test_a_released_engine_says_so(checkpoint: Path) -> None:
    engine = Engine.load(EngineSettings(checkpoint=str(checkpoint), device="cpu"))
    engine.warm_up(72, 96)
    engine.release()
    with pytest.raises(RuntimeError, match="released"):
        engine.warm_up(72, 96)


def test_resolved_settings_name_what_decides_about_the_labels(engine: Engine) -> None:
    resolved = engine.resolved
    assert (resolved.device, resolved.precision, resolved.threads) == ("cpu", "float32", 2)
    assert resolved.torch == torch.__version__


def test_load_takes_plain_arguments(checkpoint: Path) -> None:
    segmenter = Segmenter.load(str(checkpoint), device="cpu", threads=1)
    assert segmenter.engine.resolved.threads == 1
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Segmenter.load("nowhere.safetensors")


def test_devices_that_are_not_there() -> None:
    with pytest.raises(DeviceError, match="'gpu' is unknown, expected auto, cpu, cuda"):
        resolve_device("gpu")
    with pytest.raises(DeviceError, match="'meta' is not supported"):
        resolve_device("meta")
    with pytest.raises(DeviceError, match="float16 needs CUDA"):
        resolve_precision("float16", torch.device("cpu"))
    assert resolve_precision("bfloat16", torch.device("cpu")) is torch.bfloat16
    assert resolve_threads(3) == 3
    assert resolve_threads(0) >= 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_cuda_device_is_one_clear_line() -> None:
    with pytest.raises(DeviceError, match="finds no CUDA device; use device cpu"):
        Segmenter.load("nowhere.safetensors", device="cuda")
    assert resolve_device("auto").type == "cpu"


@pytest.mark.parametrize(
    ("image", "requested", "expected"),
    [
        ((360, 480), (0, 0), (360, 480)),  # the training size itself
        ((720, 960), (0, 0), (360, 480)),  # its aspect
        ((540, 960), (0, 0), (312, 552)),  # wider: the same area, multiples of 8
        ((1080, 1920), (0, 0), (312, 552)),
        ((960, 540), (0, 0), (552, 312)),
        ((720, 960), (240, 0), (240, 320)),
        ((720, 960), (0, 320), (240, 320)),
        ((720, 960), (100, 333), (100, 333)),
    ],
)
def test_network_size(image, requested, expected) -> None:
    assert network_size(image, (360, 480), requested) == expected


class TestLabelMap:
    """Against interpolation and argmax in torch."""

    @pytest.mark.parametrize("size", [(90, 120), (37, 53), (11, 7)])
    def test_equals_interpolated_argmax(self, size: tuple[int, int]) -> None:
        logits = F.interpolate(torch.randn(1, 6, 5, 8), (23, 31), mode="bicubic")
        full = F.interpolate(logits, size, mode="bilinear", align_corners=False)[0]
        labels, confidence = label_map(logits, size, confidence=True)
        assert confidence is not None
        best = full.sort(0).values
        decided = ((best[-1] - best[-2]) > 1e-4).numpy()  # rounding decides ties
        np.testing.assert_array_equal(labels[decided], full.argmax(0).numpy()[decided])
        np.testing.assert_allclose(confidence, 255 * full.softmax(0).amax(0).numpy(), atol=0.51)

    def test_the_device_path_agrees_with_the_cpu_path(self) -> None:
        from dcfm_ros.streaming.label_map import _on_cpu, _on_device

        logits = F.interpolate(torch.randn(1, 6, 5, 8), (23, 31), mode="bicubic")
        on_cpu = _on_cpu(logits[0].numpy(), (46, 62), confidence=True)
        on_device = _on_device(logits, (46, 62), confidence=True)
        assert (on_cpu[0] == on_device[0]).mean() > 0.999
        assert np.abs(on_cpu[1].astype(int) - on_device[1]).max() <= 1
        assert _on_device(logits, (46, 62), confidence=False)[1] is None

    def test_mean_confidence_by_hand(self) -> None:
        logits = torch.log(torch.tensor([[0.75, 0.5], [0.25, 0.5]])).view(1, 2, 1, 2)
        assert mean_confidence(logits) == pytest.approx(0.625)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(checkpoint: Path) -> None:
    labels = {}
    for device, precision in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "float16")):
        settings = EngineSettings(checkpoint=str(checkpoint), device=device, precision=precision)
        segmenter = Segmenter(Engine.load(settings), KeyFrameSettings(interval=2))
        labels[device, precision] = [segmenter.step(frame(i), i * STEP_NS).labels for i in range(4)]
    for other, share in ((("cuda", "float32"), 0.999), (("cuda", "float16"), 0.98)):
        same = np.equal(labels["cpu", "float32"], labels[other]).mean()
        assert same > share, (other, same)
