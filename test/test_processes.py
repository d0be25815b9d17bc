"""Two processes under torchrun, talking by gloo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from dcfm_ros.evaluation.fleet.run import sum_counts
from dcfm_ros.evaluation.measure.counts import no_counts
from dcfm_ros.evaluation.measure.tally import Measures
from dcfm_ros.processes import joined_processes

HERE = Path(__file__).resolve().parent


def test_alone_everything_is_as_it_is():
    counts = no_counts(2, Measures())
    with joined_processes("cpu") as processes:
        assert processes.is_first
        assert list(processes.own("abc")) == ["a", "b", "c"]
        assert sum_counts(counts, processes) is counts
        assert processes.gather([1, 2]) == [1, 2]
        assert processes.from_first(lambda: 3) == 3


def test_two_processes_sum_counts_and_gather_rows(tmp_path):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        str(HERE / "processes_script.py"), str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=HERE.parent, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert [first["own"], second["own"]] == [["a", "c", "e"], ["b", "d"]]
    assert [first["local"], second["local"]] == [[0, 2], [1, 2]]
    for found in (first, second):
        np.testing.assert_array_equal(found["truth"], np.array([[1, 2], [3, 4]]) * 3 * 10**12)
        assert found["sums"] == [0.5, 0.5]
        assert found["from_first"] == 7
        assert found["left"] == []
    assert first["gathered"] == ["row 0", "row 1"]
    assert second["gathered"] == ["row 1"]
