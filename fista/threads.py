"""BLAS threads, where work is so short that they would mostly wait for each other."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["SHORT", "few_threads"]

SHORT = 10_000_000  # multiplications at a time, some milliseconds on one core


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def few_threads(multiplications: int) -> AbstractContextManager[object]:
    """One BLAS thread, where there is so little to do at a time."""
    if multiplications > SHORT:
        return nullcontext()
    limit: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limit
