"""What to do when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dcfm_ros.errors import DeviceError
from dcfm_ros.training.settings import TrainSettings

_CPU_ALLOCATOR = "can't allocate memory"
_LOADER = "DataLoader worker"


@contextmanager
def explained(settings: TrainSettings, device: torch.device, processes: int) -> Iterator[None]:
    """Turn running out of memory into an error that says what to lower.

    Raises:
        DeviceError: in place of torch's or Python's own error.
    """
    try:
        yield
    except MemoryError:
        raise DeviceError(_advice(settings, device, processes)) from None
    except RuntimeError as error:
        if isinstance(error, torch.cuda.OutOfMemoryError) or _CPU_ALLOCATOR in str(error):
            raise DeviceError(_advice(settings, device, processes)) from None
        if _LOADER in str(error):
            reason = str(error).split("\n", maxsplit=1)[0]
            raise DeviceError(
                f"a process that loads images died ({reason}): main or shared memory may be full; "
                f"lower data.workers ({settings.data.workers}), or enlarge /dev/shm "
                "(docker run --shm-size)"
            ) from None
        raise


def _advice(settings: TrainSettings, device: torch.device, processes: int) -> str:
    batch, crop = settings.optimizer.batch, settings.augment
    advice = [f"optimizer.batch={max(batch // 2, processes)}"] if batch > processes else []
    advice.append(f"augment.crop_height={_smaller(crop.crop_height)}")
    advice.append(f"augment.crop_width={_smaller(crop.crop_width)}")
    if settings.precision == "float32":
        advice.append("precision=bfloat16")
    share = batch // processes
    return (
        f"out of memory on {device} with {share} pairs of {crop.crop_width}x{crop.crop_height} px; "
        f"lower what it takes with --set {' '.join(advice)}, or share the batch among more devices "
        "with torchrun"
    )


def _smaller(side: int) -> int:
    return max(32, side * 3 // 4 // 32 * 32)
