"""The estimators of both packages as functions that `check_solver` takes."""

DATA = ("tasks", "sample_weight", "X_expert", "y_expert", "tasks_expert", "sample_weight_expert")


def solver_of(package, objective, **settings):
    """Fit the estimator of that name: its weights are told from its data by name."""

    def solve(X, y, **keywords):
        data = {k: v for k, v in keywords.items() if k in DATA}
        weights = {k: v for k, v in keywords.items() if k not in DATA}
        return getattr(package, objective)(**weights, **settings).fit(X, y, **data)

    return solve
