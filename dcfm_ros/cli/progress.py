"""Progress bars on stderr, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

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
