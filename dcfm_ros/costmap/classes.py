"""What each class means to a planner: kind, cost, height, and whether it moves."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import CostmapError

UNKNOWN_CLASS = 255
LETHAL = 100
GRADED_TO = 98
MOST_CLASSES = 255


class Kind(IntEnum):
    """How a class is projected."""

    IGNORE = 0
    GROUND = 1
    OBSTACLE = 2
    OVERHEAD = 3


@dataclass(frozen=True)
class ClassRule:
    """One class. `color` is RGB; `height_m` 0 where nothing is expected."""

    id: int
    name: str
    color: tuple[int, int, int]
    kind: Kind
    cost: int = 0
    height_m: float = 0.0
    dynamic: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.id < MOST_CLASSES:
            raise CostmapError(f"class {self.name!r} has id {self.id}, expected 0 to 254")
        if not (0 <= self.cost <= GRADED_TO or self.cost == LETHAL):
            raise CostmapError(
                f"class {self.name!r} has cost {self.cost}, expected 0 to {GRADED_TO}, or {LETHAL} "
                "for lethal"
            )
        if not 0 <= self.height_m < 100:
            raise CostmapError(
                f"class {self.name!r} has height_m {self.height_m}, expected 0 to 100"
            )


@dataclass(frozen=True)
class ClassTable:
    """All classes of a label set, in the order of their ids."""

    label_set: str
    rules: tuple[ClassRule, ...]

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        for rule in self.rules:
            if names.count(rule.name) > 1:
                raise CostmapError(f"class {rule.name!r} stands twice in {self.label_set}")
        if [rule.id for rule in self.rules] != list(range(len(self.rules))):
            raise CostmapError(
                f"the classes of {self.label_set} have ids {[rule.id for rule in self.rules]}, "
                f"expected 0 to {len(self.rules) - 1} in this order"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""
        return tuple(rule.name for rule in self.rules)

    def kinds(self) -> NDArray[np.uint8]:
        """(256,) `Kind` by label value; IGNORE where there is no class."""
        table = np.full(256, Kind.IGNORE, np.uint8)
        table[: len(self.rules)] = [rule.kind for rule in self.rules]
        return table

    def costs(self, unknown: int) -> NDArray[np.int8]:
        """(256,) cost by class id; `unknown` where there is no class."""
        table = np.full(256, unknown, np.int8)
        table[: len(self.rules)] = [rule.cost for rule in self.rules]
        return table

    def heights_m(self) -> NDArray[np.float32]:
        """(256,) expected height by class id, in m."""
        table = np.zeros(256, np.float32)
        table[: len(self.rules)] = [rule.height_m for rule in self.rules]
        return table

    def dynamic(self) -> NDArray[np.bool_]:
        """(256,) whether a class moves, by class id."""
        table = np.zeros(256, np.bool_)
        table[: len(self.rules)] = [rule.dynamic for rule in self.rules]
        return table

    def with_costs(self, changes: Iterable[str]) -> ClassTable:
        """A copy with other costs.

        Args:
            changes: lines `name: cost`, e.g. `pavement: 20`.

        Raises:
            CostmapError: a line of another form, an unknown class or an invalid cost.
        """
        costs = dict(map(self._change, changes))
        return replace(
            self,
            rules=tuple(replace(rule, cost=costs.get(rule.name, rule.cost)) for rule in self.rules),
        )

    def check_against(self, names: Sequence[str], source: str) -> None:
        """Make sure that these are the classes of a checkpoint, with the same ids.

        Args:
            names: the checkpoint's class names by id.
            source: where this table comes from, for the error.

        Raises:
            CostmapError: a class is missing, extra, misspelt or has another id; names the nearest.
        """
        for rule in self.rules:
            if rule.name not in names:
                raise CostmapError(
                    f"{source} has class {rule.name!r}, which the checkpoint has not"
                    f"{_nearest(rule.name, [n for n in names if n not in self.names] or names)}"
                )
        for index, name in enumerate(names):
            if name not in self.names:
                raise CostmapError(
                    f"{source} lacks class {name!r} of the checkpoint (id {index})"
                    f"{_nearest(name, self.names)}; add it with its kind and cost"
                )
            if self.names.index(name) != index:
                raise CostmapError(
                    f"{source} gives class {name!r} id {self.names.index(name)}, but it has "
                    f"{index} in the checkpoint; use the checkpoint's ids"
                )

    def _change(self, line: str) -> tuple[str, int]:
        name, colon, cost = (part.strip() for part in line.rpartition(":"))
        if not colon or not cost.removeprefix("-").isdigit():
            raise CostmapError(f"found {line!r}, expected a class and its cost, as 'pavement: 20'")
        if name not in self.names:
            raise CostmapError(f"no class {name!r} in {self.label_set}{_nearest(name, self.names)}")
        return name, int(cost)


def _nearest(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; nearest is {found[0]!r}" if found else ""
