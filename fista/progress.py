"""How far long work is, for those who watch."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

__all__ = ["shown"]

Item = TypeVar("Item")
PATIENCE = 1.0  # seconds before anything is shown


def shown(items: Iterable[Item], n_items: int, what: str) -> Iterator[Item]:
    """Pass items on; on a terminal, count those of long work in one line that is written over."""
    start, written = monotonic(), False
    try:
        for k, item in enumerate(items, 1):
            if sys.stderr.isatty() and (written or monotonic() - start > PATIENCE):
                print(f"\r\x1b[2K{k} of {n_items} {what}", end="", file=sys.stderr, flush=True)
                written = True
            yield item
    finally:  # also where it is interrupted
        if written:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
