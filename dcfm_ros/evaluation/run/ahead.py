"""Reading ahead: a thread reads and decodes while the network computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
DEPTH = 4
"""Items that are held ready."""

_POLL_S = 0.1


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _End:
    """After the last item."""


def read_ahead(start: Callable[[], Iterator[T]], depth: int = DEPTH) -> Iterator[T]:
    """Iterate in a thread of its own, at most `depth` items ahead.

    Args:
        start: called in that thread, so that files are opened and closed where they are read.

    Raises:
        BaseException: what the iterator raises, where its item would have been.
    """
    return _Reader(start, depth).items()


class _Reader(Generic[T]):
    def __init__(self, start: Callable[[], Iterator[T]], depth: int) -> None:
        self._start = start
        self._ready: queue.Queue[T | _Failure | _End] = queue.Queue(depth)
        self._stopped = threading.Event()

    def items(self) -> Iterator[T]:
        thread = threading.Thread(target=self._run, name="dcfm_reader", daemon=True)
        thread.start()
        try:
            while True:
                item = self._ready.get()
                if isinstance(item, _Failure):
                    raise item.error
                if isinstance(item, _End):
                    return
                yield item
        finally:
            self._stopped.set()
            thread.join()

    def _run(self) -> None:
        try:
            for item in self._start():
                self._put(item)
                if self._stopped.is_set():
                    return
        except BaseException as error:  # raised again by the other thread
            self._put(_Failure(error))
        else:
            self._put(_End())

    def _put(self, item: T | _Failure | _End) -> None:
        """Wait for room, unless nobody takes items any more."""
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._ready.put(item, timeout=_POLL_S)
                return
