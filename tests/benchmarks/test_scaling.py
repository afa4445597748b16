"""The page on how costs grow: its exponents, and that every growth can be measured."""

import numpy as np
import pytest

from benchmarks.scaling import GROWTHS, Growth, Measured, data, exponent, fit_of, measure, section
from fista import L21MTL


def test_the_exponent_is_that_of_a_power():
    sizes = [1.0, 2.0, 4.0, 8.0, 16.0]
    assert exponent(sizes, [3 * n**1.5 for n in sizes]) == pytest.approx(1.5)
    # What is small does not count.
    assert exponent(sizes, [100.0, 4.0, 16.0, 64.0, 256.0]) == pytest.approx(2.0)


@pytest.mark.parametrize("own", [False, True])
def test_a_fit_is_certified_and_measured(own):
    growth = Growth("rows", "D 12", [20], lambda n: fit_of(L21MTL(beta=0.0), data(int(n), 12, 3, own=own)))
    assert growth.fit(20)().certificate_.converged
    found = measure(growth, 20, repeats=1)
    assert found.size == 20
    assert found.seconds > 0
    assert found.memory > 0
    assert found.n_iter >= 1


def test_neighbours_are_correlated_as_asked():
    """Of 20,000 rows; the standard error of a correlation of 0.9 is 0.19 / sqrt(20,000) = 0.0014."""
    X = data(20_000, 10, 2, correlation=0.9)["X"]
    found = np.corrcoef(X.T)
    assert np.abs(np.diagonal(found, 1) - 0.9).max() < 6 * 0.0014


def test_a_section_states_the_exponents():
    measured = [Measured(n, 1e-3 * n, int(1e6 * n**2), 7) for n in (1.0, 2.0, 4.0, 8.0)]
    lines = section(GROWTHS[0], measured)
    assert lines[0] == "## Rows"
    assert "Time grows with the power 1.00, memory with 2.00." in lines[2]
    assert lines[-2] == "| 8 | 8 | 7 | 64 |"
