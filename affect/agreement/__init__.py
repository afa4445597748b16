"""Agreement between raters: Kendall's W and its tests, mean correlations, Tables 3 and 4 and their ANOVA.

W of m raters lies between 0 and 1, and is 1/m in expectation if they have nothing in common, so that 16
experts and 35 crowd raters are not comparable by it. Beside it stands the mean rank correlation of two
raters, ``r = (m W - 1) / (m - 1)``, whose expectation is then 0 for any m.
"""

from affect.agreement.clips import agreement, between, summary
from affect.agreement.concordance import Concordance, kendall_w, mean_correlation, permutation_test
from affect.agreement.variance import NotComparable, anova, factorial

__all__ = [
    "Concordance",
    "NotComparable",
    "agreement",
    "anova",
    "between",
    "factorial",
    "kendall_w",
    "mean_correlation",
    "permutation_test",
    "summary",
]
