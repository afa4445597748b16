"""Competitors for the tests of the harness: one that is right, and three that are not."""

import time

import fista
from benchmarks.solvers import Answer, Competitor


def fitted(case, tol, factor=1.0):
    weights = {k: factor * v if k in ("alpha", "rho1", "rho2") else v for k, v in case.weights.items()}
    return getattr(fista, case.estimator)(**weights, tol=tol, max_iter=10**6).fit(**case.data)


def competitor(name, solve, ladder=({"tol": 1e-3}, {"tol": 1e-10})):
    def prepare(case):
        return lambda settings: Answer(solve(case, **settings))

    return Competitor(name, "planted", prepare, ladder, lambda case: "", "import fista")


def right(case, tol):
    return dict(fitted(case, tol).parts_)


def wrong(case, tol):
    """The optimum of the loss times 1/2, however small its tolerance."""
    return dict(fitted(case, tol, factor=2.0).parts_)


def raising(case, tol):
    raise ZeroDivisionError("planted")


def hanging(case, tol):
    if case.n_features > 8 and tol < 1e-3:  # the warm-up is on 8 features
        time.sleep(60)
    return dict(fitted(case, 1e-1).parts_)


def dying(case, tol):
    if case.n_features > 8:
        raise SystemExit("planted death")
    return right(case, tol)


COMPETITORS = tuple(competitor(solve.__name__, solve) for solve in (right, wrong, raising, hanging, dying))
