"""`dcfm evaluate --compare`, `--fail-if` and `--junit`: whether a run is good enough, for CI."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dcfm_ros.errors import DcfmError, SettingsError

if TYPE_CHECKING:
    from dcfm_ros.evaluation.compare.gate import Gate, Verdict
    from dcfm_ros.evaluation.compare.junit import Case
    from dcfm_ros.evaluation.compare.runs import Run

COMPARISON = "comparison.json"
_TRIPPED = 1


def add_judge_options(parser: argparse.ArgumentParser) -> None:
    """What a run is held against."""
    group = parser.add_argument_group("compare and gate")
    group.add_argument(
        "--compare",
        nargs="+",
        type=Path,
        default=[],
        metavar="METRICS",
        help="metrics.json of a former run to compare with; without BAG two of them: old and new",
    )
    group.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="GATE",
        help="exit with 1 if a figure has changed by that much, e.g. 'miou < -0.5' (points) or "
        "'latency.p99 > +10%%' (of the old value); may be given several times",
    )
    group.add_argument(
        "--junit", type=Path, metavar="FILE", help="write recordings and gates as a JUnit file"
    )
    group.add_argument(
        "--json", action="store_true", help="with two METRICS: print the comparison as JSON"
    )


class Judge:
    """Everything that can be told wrong before a run is told wrong by its constructor.

    Args:
        args: of `add_judge_options`, with `recordings` and `out`.

    Raises:
        SettingsError: options that do not go together, or a gate of another form.
        EvaluationError: the former run cannot be read, or has no value of a gate's figure.
    """

    def __init__(self, args: argparse.Namespace, *, evaluates: bool) -> None:
        first = os.environ.get("RANK", "0") == "0"  # of the processes of torchrun
        self._junit: Path | None = args.junit if first else None
        self._json: bool = args.json
        self._evaluates = evaluates
        self._cases: list[Case] = []
        self._old: Run | None = None
        self._new: Path | None = None
        self._gates: list[Gate] = []
        _check(args, evaluates=evaluates)
        if args.compare:
            from dcfm_ros.evaluation.compare.gate import Gate, check_gates
            from dcfm_ros.evaluation.compare.runs import load_run

            self._gates = [Gate.parse(text) for text in args.fail_if]
            self._old = load_run(args.compare[0])
            self._new = args.compare[1] if len(args.compare) > 1 else None
            check_gates(self._gates, self._old)
            if evaluates and self._old.path.resolve().parent == args.out.resolve():
                raise SettingsError(
                    f"{self._old.path} would be replaced by the new report: choose another --out"
                )

    @contextmanager
    def watching(self, recordings: Sequence[str]) -> Iterator[None]:
        """Note how recordings fare: as well as nothing is raised, or `add` says otherwise."""
        started_s = time.monotonic()
        try:
            yield
        except DcfmError as error:
            if not self._cases:
                self._add(recordings, started_s, str(error))
            self._write()
            raise
        if not self._cases:
            self._add(recordings, started_s)

    def add(self, recording: str, seconds: float, error: str = "") -> None:
        """Note how one recording fared."""
        from dcfm_ros.evaluation.compare.junit import Case

        self._cases.append(Case(recording, error=error, seconds=seconds))

    def verdict(self, out: Path) -> int:
        """Compare the report in a folder with the former run, if there is one.

        Returns:
            1 if a gate trips, else 0.

        Raises:
            DcfmError: the runs cannot be compared, or a file cannot be written.
        """
        try:
            code = 0 if self._old is None else self._compare(self._old, self._new or out, out)
        except DcfmError as error:
            self.add("comparison", 0.0, str(error))
            raise
        finally:
            self._write()
        return code

    def _compare(self, old: Run, new: Path, out: Path) -> int:
        from dcfm_ros.evaluation.compare.gate import judge
        from dcfm_ros.evaluation.compare.runs import compare, load_run
        from dcfm_ros.evaluation.compare.text import comparison_document, comparison_text

        comparison = compare(old, load_run(new))
        verdicts = [judge(gate, comparison) for gate in self._gates]
        content = json.dumps(comparison_document(comparison, verdicts), indent=2) + "\n"
        if self._json:
            print(content, end="")
        else:
            print(comparison_text(comparison, verdicts))
        if self._evaluates:
            (out / COMPARISON).write_text(content, encoding="utf-8")
        self._note(verdicts)
        return _TRIPPED if any(verdict.tripped for verdict in verdicts) else 0

    def _note(self, verdicts: Sequence[Verdict]) -> None:
        from dcfm_ros.evaluation.compare.junit import Case

        for verdict in verdicts:
            failure = str(verdict) if verdict.tripped else ""
            self._cases.append(Case(verdict.gate.text, "gates", failure=failure))

    def _add(self, recordings: Sequence[str], started_s: float, error: str = "") -> None:
        share_s = (time.monotonic() - started_s) / max(len(recordings), 1)
        for recording in recordings:
            self.add(recording, share_s, error)

    def _write(self) -> None:
        if self._junit is None:
            return
        from dcfm_ros.evaluation.compare.junit import write_junit

        write_junit(self._cases, self._junit)


def _check(args: argparse.Namespace, *, evaluates: bool) -> None:
    """Raises SettingsError."""
    count = len(args.compare)
    if args.fail_if and not count:
        raise SettingsError("--fail-if needs --compare: a metrics.json to compare with")
    if evaluates and count > 1:
        raise SettingsError(
            f"--compare: found {count} files, expected one beside recordings to evaluate"
        )
    if not evaluates and count != 2:
        raise SettingsError(
            "no BAG to evaluate: give one, or two metrics.json files to --compare; BAG stands "
            "before --compare"
        )
    if args.json and evaluates:
        raise SettingsError(f"--json is for two METRICS: a run writes {COMPARISON} anyway")
