"""scikit-learn's own checks, for every oracle."""

from sklearn.utils.estimator_checks import parametrize_with_checks

import formulations

ORACLES = [getattr(formulations, name)() for name in formulations.OBJECTIVES]


@parametrize_with_checks(ORACLES)
def test_check_estimator(estimator, check):
    check(estimator)
