"""FISTA converges to the minimisers of the declared objectives, on random problems of every kind."""

import pytest

from tests.verification.agreement import assert_agreement
from verification.strategies import DESIGNS, OBJECTIVES


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fista_and_every_oracle_agree(objective, design):
    assert_agreement(objective, design, max_examples=200, derandomize=True)
