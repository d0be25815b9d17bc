from __future__ import annotations

import itertools
import threading

import pytest

from dcfm_ros.evaluation.run.exact import read_ahead


def test_items_come_in_order_from_another_thread():
    threads = set()

    def items():
        for number in range(50):
            threads.add(threading.current_thread())
            yield number

    assert list(read_ahead(items, depth=3)) == list(range(50))
    assert threading.current_thread() not in threads


def test_an_error_comes_where_the_item_would_have_been():
    def items():
        yield 1
        raise ValueError("damaged")

    found = read_ahead(items)
    assert next(found) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(found)


def test_no_more_is_read_than_was_asked_for():
    """Two are held ready, one waits to be."""
    read: list[int] = []
    third = threading.Event()

    def items():
        for number in itertools.count():
            read.append(number)
            if len(read) == 4:
                third.set()
            yield number

    found = read_ahead(items, depth=2)
    assert next(found) == 0
    assert third.wait(30)
    assert len(read) == 4
    found.close()


def test_an_endless_reader_ends_with_its_consumer():
    closed = threading.Event()

    def items():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    before = threading.active_count()
    for number in read_ahead(items):
        if number == 10:
            break
    assert closed.wait(30)
    assert threading.active_count() <= before + 1


def test_files_are_closed_by_the_thread_that_opened_them():
    places = []

    def items():
        places.append(threading.current_thread())
        try:
            yield from range(100)
        finally:
            places.append(threading.current_thread())

    found = read_ahead(items, depth=2)
    next(found)
    found.close()
    assert places[0] is places[1]
