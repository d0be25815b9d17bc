"""A folder of results, whole or not there: a killed run leaves nothing that looks like a report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcfm_ros.errors import EvaluationError

_STAGE = ".part"


@contextmanager
def output_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder to write into; at the end its content moves to `out`.

    What is in `out` by the same name is replaced. An error inside the `with` block removes the
    hidden folder and leaves `out` as it was.

    Raises:
        EvaluationError: `out` is a file, or cannot be written.
    """
    if out.exists() and not out.is_dir():
        raise EvaluationError(f"{out} is a file, expected a folder for the results")
    stage = out / _STAGE
    try:
        shutil.rmtree(stage, ignore_errors=True)  # of a run that was killed
        stage.mkdir(parents=True)
    except OSError as error:
        raise EvaluationError(f"cannot write to {out}: {error.strerror}") from None
    try:
        yield stage
        for entry in sorted(stage.iterdir()):
            _replace(entry, out / entry.name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _replace(source: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    source.replace(target)
