"""The smallest example at which something fails, and how many were tried until the first."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample

__all__ = ["Search"]

Example = TypeVar("Example")


class Search(Generic[Example]):
    """A search for an example at which ``fails`` is true.

    Attributes
    ----------
    tried : int
        Examples until the first that failed; those made of it, to be smaller, do not count.
    last : Example or None
        The last that failed.
    """

    def __init__(self, fails: Callable[[Example], bool]) -> None:
        self._fails = fails
        self.tried = 0
        self.last: Example | None = None

    def __call__(self, example: Example) -> bool:
        self.tried += self.last is None
        fails = self._fails(example)
        if fails:
            self.last = example
        return fails

    def smallest(
        self,
        strategy: st.SearchStrategy[Example],
        *,
        examples: int,
        seed: int,
        phases: tuple[Phase, ...] = (Phase.generate, Phase.shrink),
    ) -> Example | None:
        """Return the smallest that was found, or None."""
        quiet = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=phases,
        )
        try:
            return find(strategy, self, settings=quiet, random=Random(int(seed)))
        except NoSuchExample:
            return None
        except Flaky:  # the same example fails at one time and not at another
            return self.last
