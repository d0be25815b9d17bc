"""Progress bars on stderr, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def progress(items: Iterable[T], what: str, unit: str, total: int | None = None) -> Iterable[T]:
    """The same items, with a bar that moves while they are consumed.

    Args:
        total: how many are expected; None if unknown.
    """
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(
        items, desc=what, unit=f" {unit}", total=total or None, disable=None, leave=False
    )
    return bar


def seconds_bar(what: str, total_s: float | None) -> Any:
    """A bar to `update` with the seconds that have passed; use it in a `with` statement.

    Args:
        total_s: how many are expected; None if there is no end.
    """
    from tqdm import tqdm

    form = (
        "{desc} {percentage:3.0f}% |{bar}| {n:.1f}/{total:.1f} s" if total_s else "{desc} {n:.1f} s"
    )
    return tqdm(total=total_s, desc=what, bar_format=form, disable=None, leave=False)
