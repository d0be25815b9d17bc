"""What a run tells on the way: one line of JSON each, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class RunLog:
    """Writes `log.jsonl` and `tensorboard/` in the folder of a run.

    Args:
        folder: of the run.
        step: that the run continues from; what an interrupted run wrote after it is dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "log.jsonl"
        self._drop_after(step)
        self._board = _tensorboard(folder / "tensorboard", step)

    def write(self, step: int, values: dict[str, Any], board: dict[str, float]) -> None:
        """Add a line with `values`, and the scalars in `board` to TensorBoard."""
        line = {"step": step, "time": round(time.time(), 1), **json_safe(values)}
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if self._board is not None:
            for name, value in board.items():
                self._board.add_scalar(name, value, step)

    def picture(self, step: int, name: str, rgb: NDArray[np.uint8]) -> None:
        """Add a (H, W, 3) picture to TensorBoard."""
        if self._board is not None:
            self._board.add_image(name, rgb, step, dataformats="HWC")

    @property
    def shows_pictures(self) -> bool:
        """Whether there is any use in making pictures."""
        return self._board is not None

    def close(self) -> None:
        """Write what is still in memory."""
        if self._board is not None:
            self._board.close()

    def _drop_after(self, step: int) -> None:
        if self._path.is_file():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if _step(line) <= step]
            self._path.write_text("".join(kept), encoding="utf-8")


def json_safe(values: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(values, dict):
        return {str(name): json_safe(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [json_safe(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # half a line, from a machine that went down


def _tensorboard(folder: Path, step: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        tqdm.write("TensorBoard is not installed (pip install tensorboard): log.jsonl only")
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
