"""Work that is done ahead, in threads, while its earlier results are used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    work: Callable[[T], R], items: Iterable[T], count: int, *, threads: int = 1
) -> Generator[R, None, None]:
    """What `work` makes of each item, in their order; `count` of them are under way, no more.

    An error comes where its result would have. The threads end with the iterator, also where it is
    left early: closed, by an error or by Ctrl-C.
    """
    pending: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
