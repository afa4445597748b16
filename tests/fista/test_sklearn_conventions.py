"""The estimators are scikit-learn citizens."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from fista import EGMTL, L21MTL, SRMTL, DirtyMTL, MTLasso, RobustMTL, STLasso

ESTIMATORS = [STLasso(), MTLasso(), L21MTL(), DirtyMTL(), RobustMTL(), SRMTL(), EGMTL()]


@parametrize_with_checks(ESTIMATORS)
def test_check_estimator(estimator, check):
    check(estimator)
