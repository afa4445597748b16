"""How far long work is, for those who watch."""

from __future__ import annotations

import sys

__all__ = ["show"]


def show(text: str) -> None:
    """One line that is written over, on a terminal only; an empty one clears it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
