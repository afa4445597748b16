"""The property behind `test_agreement` and `test_deep_agreement`: FISTA and every oracle agree."""

from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings

from verification import verify
from verification.report import MOST_INCONCLUSIVE
from verification.strategies import cases

#: Ridge and graph weights reach a condition number of 1e6, which takes FISTA some 1e5 iterations.
MAX_ITER = 1_000_000


def assert_agreement(objective: str, design: str, *, max_examples: int, derandomize: bool) -> None:
    """Draw problems; each must agree with all oracles, and few oracles may be inconclusive.

    Examples are only counted in the first pass; while Hypothesis shrinks a failure the count is moot.
    """
    verdicts: dict[str, Counter[str]] = {}
    undecided: list[str] = []

    @settings(
        max_examples=max_examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=(Phase.generate, Phase.shrink),
        print_blob=True,
    )
    @given(cases(objective, design))
    def agree(case):
        result = verify(case.model(max_iter=MAX_ITER), **case.data)
        for comparison in result.comparisons:
            verdicts.setdefault(comparison.solver, Counter())[comparison.verdict] += 1
            if comparison.verdict == "inconclusive":
                undecided.append(f"{comparison.solver}: {comparison.findings[0]}{case!r}")
        assert result.certified, str(result)
        assert not result.disagree, str(result)

    agree()
    for solver, counts in sorted(verdicts.items()):
        print(f"{objective} {design} {solver}: {dict(counts)}")
    total = sum(verdicts.values(), Counter())
    assert total["agree"] >= max_examples
    assert total["inconclusive"] <= MOST_INCONCLUSIVE * total.total(), "\n\n".join(undecided)
