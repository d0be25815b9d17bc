"""What the test of the processes runs in each of two, started by torchrun."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from dcfm_ros.evaluation.fleet.run import sum_counts
from dcfm_ros.evaluation.measure.counts import no_counts
from dcfm_ros.evaluation.measure.tally import Measures
from dcfm_ros.processes import joined_processes, plain_environment


def main(folder: Path) -> None:
    with joined_processes("cpu") as processes:
        counts = no_counts(2, Measures())
        counts["truth.all"] += np.array([[1, 2], [3, 4]]) * 10**12 * (processes.rank + 1)
        counts["vc.sums"] += 0.25
        total = sum_counts(counts, processes)
        found = {
            "rank": processes.rank,
            "local": [processes.local_rank, processes.local_count],
            "own": list(processes.own("abcde")),
            "truth": total["truth.all"].tolist(),
            "sums": total["vc.sums"].tolist(),
            "gathered": processes.gather([f"row {processes.rank}"]),
            "from_first": processes.from_first(lambda: processes.rank + 7),
            "left": sorted(k for k in plain_environment() if "RANK" in k or "WORLD" in k),
        }
    (folder / f"{found['rank']}.json").write_text(json.dumps(found))


main(Path(sys.argv[1]))
