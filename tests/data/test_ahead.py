"""Work done ahead: in order, bounded, and no thread outlives the iterator."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from latens.data.ahead import ahead


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_results_come_in_the_order_of_the_items(count: int, threads: int) -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.002 * (number == 0))
        return number**2

    assert list(ahead(slow_first, range(20), count, threads=threads)) == [n**2 for n in range(20)]


def test_nothing_gives_nothing() -> None:
    assert list(ahead(str, [], 2)) == []


def test_no_more_is_taken_than_may_be_under_way() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    results = ahead(str, items(), 2)
    assert next(results) == "0" and len(taken) == 3
    assert next(results) == "1" and len(taken) == 4
    results.close()


def test_work_goes_on_while_a_result_is_used() -> None:
    done = threading.Event()

    def work(number: int) -> int:
        if number:
            done.set()
        return number

    results = ahead(work, range(2), 1)
    next(results)
    assert done.wait(5)
    results.close()


def test_an_error_comes_where_its_result_would_have() -> None:
    results = ahead(lambda number: 1 // (2 - number), range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_left_early_it_ends() -> None:
    for number in ahead(int, range(1000), 3, threads=2):
        if number == 4:
            break


def test_an_interruption_of_its_user_ends_it() -> None:
    with pytest.raises(KeyboardInterrupt):
        for _ in ahead(int, range(1000), 3):
            raise KeyboardInterrupt
