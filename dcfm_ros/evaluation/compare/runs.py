"""Two runs on the same recordings, figure by figure: what changed, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.compare.bootstrap import (
    DRAWS,
    FEWEST_BLOCKS,
    Floats,
    block_length,
    blocks,
    draw_weights,
    interval,
)
from dcfm_ros.evaluation.compare.estimates import Estimate, Resampled, agrees, estimate
from dcfm_ros.evaluation.compare.frame_log import FrameLog, FrameLogs, joined, read_frame_logs
from dcfm_ros.evaluation.measure.figures import MS, Figure, figures
from dcfm_ros.evaluation.report.document import SCHEMA

FILE = "metrics.json"


@dataclass(frozen=True)
class Run:
    """A metrics.json and where it lies."""

    path: Path
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One figure of two runs, all in its unit."""

    figure: Figure
    """Of the new run, or of the only one that has it."""
    old: float | None
    new: float | None
    low: float | None = None
    """Of the 95 % interval of new - old; None where frames do not give one."""
    high: float | None = None

    @property
    def change(self) -> float | None:
        """New - old; None where one of them is unknown."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves zero out."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """What became of every figure."""

    old: Run
    new: Run
    differences: dict[str, Difference]
    """By name, in the order of `figures`."""
    frames: int
    """That both runs have; 0 where one has no frame log."""
    blocks: int
    """That the bootstrap draws from."""
    block: int
    """Frames of the longest one."""
    notes: tuple[str, ...]


def load_run(path: Path) -> Run:
    """Read a metrics.json.

    Args:
        path: the file, or its folder.

    Raises:
        EvaluationError: no such file, or another kind of file.
    """
    file = path / FILE if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(
            f"cannot read {file}: {error.strerror}; --compare takes metrics.json files"
        ) from None
    except ValueError:
        raise EvaluationError(f"{file} is no JSON, expected a metrics.json") from None
    schema = str(document.get("schema", "")) if isinstance(document, dict) else ""
    if schema != SCHEMA:
        raise EvaluationError(
            f"{file}: schema is {schema!r}, expected {SCHEMA}: evaluate with this version of dcfm"
        )
    return Run(file, document)


def compare(old: Run, new: Run, draws: int = DRAWS) -> Comparison:
    """Compare two runs on the same recordings.

    Raises:
        EvaluationError: other recordings or classes, or a damaged frame log.
    """
    check_comparable(old, new)
    one, other = figures(old.document), figures(new.document)
    differences = {name: _difference(one.get(name), other.get(name)) for name in {**other, **one}}
    logs = [read_frame_logs(run.document, run.path.parent) for run in (old, new)]
    pairs = _pairs(*logs)
    lengths = [len(pair[0].stamps_ns) for pair in pairs]
    sizes = np.zeros(0, np.int64)
    if sum(lengths):
        sizes = blocks(lengths, block_length([_series(*pair) for pair in pairs]))
    if len(sizes) >= FEWEST_BLOCKS:
        weights = draw_weights(len(sizes), draws)
        drawn = [Resampled(joined(side), sizes, weights) for side in zip(*pairs, strict=True)]
        whole = [_whole(joined(list(log.values()))) for log in logs]
        for name, found in differences.items():
            make = estimate(found.figure, old.document["setup"])
            if make is not None and _is_estimated(found, make, whole):
                bounds = interval(make(drawn[1]) - make(drawn[0]))
                if bounds is not None:
                    differences[name] = replace(found, low=bounds[0], high=bounds[1])
    notes = _notes(old, new, sum(lengths), len(sizes))
    return Comparison(
        old,
        new,
        differences,
        frames=sum(lengths),
        blocks=len(sizes),
        block=int(sizes.max(initial=0)),
        notes=tuple(notes),
    )


def check_comparable(old: Run, new: Run) -> None:
    """Raises EvaluationError where the recordings, classes or protocols are not the same."""
    one, other = (_classes(run) for run in (old, new))
    if one != other:
        told = [*_only(old, one, other), *_only(new, other, one)]
        raise EvaluationError(
            f"the checkpoints' classes differ ({'; '.join(told) or 'in their order'}): compare "
            "runs of checkpoints with the same classes"
        )
    before, now = _frame_counts(old.document), _frame_counts(new.document)
    told = [*_only(old, before, now), *_only(new, now, before)]
    if told:
        raise EvaluationError(
            f"the recordings differ ({'; '.join(told)}): compare runs on the same recordings"
        )
    for name, frames in before.items():
        if frames != now[name]:
            raise EvaluationError(
                f"{name} has {frames} frames in {old.path}, {now[name]} in {new.path}: "
                "not the same recording"
            )
    for key in ("protocol", "absent_as_zero"):
        values = [run.document["setup"].get(key) for run in (old, new)]
        if values[0] != values[1]:
            raise EvaluationError(
                f"{key} differs: {values[0]} in {old.path}, {values[1]} in {new.path}; compare "
                "figures of the same conventions"
            )


def _classes(run: Run) -> list[str]:
    return [str(name) for name in run.document["setup"]["classes"]]


def _only(run: Run, mine: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """What one run has and the other has not, as one sentence or none."""
    names = sorted(set(mine) - set(theirs))
    return [f"only in {run.path}: {', '.join(names)}"] if names else []


def _frame_counts(document: Mapping[str, Any]) -> dict[str, int]:
    """How many frames each recording held, whatever became of them."""
    return {
        recording["name"]: recording["delivery"]["sent"]
        if recording.get("delivery")
        else recording["frames"] + recording["unreadable_frames"]
        for recording in document["recordings"]
    }


def _difference(old: Figure | None, new: Figure | None) -> Difference:
    known = new or old
    assert known is not None
    return Difference(known, old=old.value if old else None, new=new.value if new else None)


def _pairs(old: FrameLogs, new: FrameLogs) -> list[tuple[FrameLog, FrameLog]]:
    """The frames that both runs have, by recording; some with none of a live run."""
    pairs = []
    for name in old:
        if name not in new:
            continue
        one, other = old[name], new[name]
        if not np.array_equal(one.stamps_ns, other.stamps_ns):
            _, mine, theirs = np.intersect1d(one.stamps_ns, other.stamps_ns, return_indices=True)
            one, other = one.at(mine), other.at(theirs)
        pairs.append((one, other))
    return pairs


def _series(old: FrameLog, new: FrameLog) -> Floats:
    """(frames,) what differs by frame: accuracy where there is truth, else latency."""
    difference: Floats = new.miou - old.miou
    return new.total_ms - old.total_ms if np.isnan(difference).all() else difference


def _whole(log: FrameLog) -> Resampled:
    """Every frame once."""
    return Resampled(log, np.array([len(log.stamps_ns)]), np.ones((1, 1)))


def _is_estimated(found: Difference, make: Estimate, runs: Sequence[Resampled]) -> bool:
    """Whether the frame logs give the figures of the reports: another definition has no interval.

    Args:
        runs: all frames of the old run, and of the new one.
    """
    for value, run in zip((found.old, found.new), runs, strict=True):
        if value is None:
            return False
        if found.figure.unit != MS and not agrees(make(run)[0], value):
            return False
    return True


def _notes(old: Run, new: Run, frames: int, found: int) -> list[str]:
    notes = []
    setups = [run.document["setup"] for run in (old, new)]
    for what, values in (
        ("mode", [setup["mode"] for setup in setups]),
        ("device", [setup["engine"]["device"] for setup in setups]),
        ("precision", [setup["engine"]["precision"] for setup in setups]),
        ("threads", [setup["engine"]["threads"] for setup in setups]),
    ):
        if values[0] != values[1]:
            notes.append(f"{what}: {values[0]} then, {values[1]} now")
    if not frames:
        notes.append("no intervals: there is no frames.jsonl beside both metrics.json")
    elif found < FEWEST_BLOCKS:
        notes.append(f"no intervals: {frames} frames are too few")
    return notes
