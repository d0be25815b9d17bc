"""The mean of two networks' weights: what each is better at, at the cost of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network.checkpoint import CheckpointInfo, load, read_info, save


def mix(
    first: Path | str, second: Path | str, share: float, out: Path | str, *, half: bool = False
) -> CheckpointInfo:
    """Write `1 - share` of the first checkpoint's weights plus `share` of the second's.

    It works where one was trained further from the other, or both from a third: their weights then
    lie in one basin of the loss (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
    2022). Running statistics of the normalisation are averaged, too.

    Args:
        share: 0 … 1.
        half: store as float16.

    Returns:
        What the file says of itself: as the first, without its validation and key-frame
        calibration, which are those of other weights.

    Raises:
        CheckpointError: a file cannot be used, or the two are of different networks or classes.
    """
    info, other = read_info(first), read_info(second)
    for what, own, found in (
        ("network", info.network, other.network),
        ("classes", info.labels.classes, other.labels.classes),
        ("normalisation", (info.mean, info.std), (other.mean, other.std)),
    ):
        if own != found:
            raise CheckpointError(
                f"{second} has {what} {found}, {first} has {own}; weights can be mixed only where "
                "one network was trained further from the other, or both from a third"
            )
    network = load(first)
    tensors, others = network.state_dict(), load(second).state_dict()
    for key, tensor in tensors.items():
        if tensor.is_floating_point():
            tensor.lerp_(others[key], share)
    mixed = {"with": other.name, "share": share, "notes": other.notes}
    notes = info.notes | {"validation": None, "mixed": mixed}
    info = replace(info, notes=notes, calibration={})
    save(network, info, out, half=half)
    return info
