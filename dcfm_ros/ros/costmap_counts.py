"""What became of the frames that were handed to the costmap, for diagnostics."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CostmapCounts:
    """Since activation."""

    added: int = 0
    refused: int = 0
    """For want of a transform, or with a calibration or depth that cannot be used."""
    overtaken: int = 0
    """Left out because the costmap did not keep up."""
    grids: int = 0
    last_problem: str = ""
    """Of the last refused frame; stays when others are added."""


class CostmapCounter:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = CostmapCounts()

    def add(self) -> None:
        """A frame is in the grid."""
        with self._lock:
            self._counts = replace(self._counts, added=self._counts.added + 1)

    def refuse(self, problem: str) -> None:
        """A frame could not be added."""
        with self._lock:
            refused = self._counts.refused + 1
            self._counts = replace(self._counts, refused=refused, last_problem=problem)

    def overtake(self) -> None:
        """A frame was left out for newer ones."""
        with self._lock:
            self._counts = replace(self._counts, overtaken=self._counts.overtaken + 1)

    def publish(self) -> None:
        """A grid went out."""
        with self._lock:
            self._counts = replace(self._counts, grids=self._counts.grids + 1)

    def read(self) -> CostmapCounts:
        """The counts now."""
        with self._lock:
            return self._counts
