"""The same property as `test_agreement`, at length and with fresh random problems: `make test-deep`."""

import pytest

from tests.verification.agreement import assert_agreement
from verification.strategies import DESIGNS, OBJECTIVES


@pytest.mark.deep
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fista_and_every_oracle_agree(objective, design, part):
    assert_agreement(objective, design, max_examples=500, derandomize=False)
