"""The mutants: each a mistake that somebody makes, where it is planted, and the check that is meant for it.

A mutant replaces one piece of text, which occurs exactly once in its file. Mistakes that change nothing that
anybody could see (a longer way to the same optimum within the promised number of steps) are not entered.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.checks import Check, Claims, Oracle, Penalty, Solver, Tests

__all__ = ["MUTANTS", "Mutant"]

EXPERTS = ("X_expert",)
WEIGHTS = ("sample_weight",)
INTERCEPT = ("fit_intercept",)
STATES = "tests/fista/test_solver.py::test_the_start_comes_first_and_is_not_changed"
COUNT = "tests/fista/test_solver.py::test_the_count_of_iterations_is_bounded"
THEORY = "tests/fista/test_solver.py::test_convergence_is_as_fast_as_the_theory_says"
CONSTANT = "tests/fista/test_solver.py::test_the_constant_bounds_the_whole_hessian"
WARNING = "tests/fista/test_solver.py::test_max_iter_ends_with_a_warning_that_states_the_gap"
FORMS = "tests/fista/test_solver.py::test_gram_and_operator_form_are_the_same_quadratic"
OF_TASKS = "tests/fista/test_penalties.py::test_tasks_have_their_own_values_and_polars"
VALUE = "tests/fista/test_penalties.py::test_value_is_the_formula"
EVERY_TASK = "tests/fista/test_certificate.py::test_a_task_that_is_not_solved_spoils_the_promise"
NEARLY = "tests/fista/test_semi_norms.py::test_without_the_rank_there_is_no_number"
UNSETTLED = "tests/fista/test_semi_norms.py::test_what_is_not_settled_is_paid_for"
SETTLED = "tests/fista/test_semi_norms.py::test_settling_changes_the_loss_only"
SETTINGS = "tests/fista/test_pipelines.py::test_new_settings_take_effect_at_the_next_fit"
PREDICTIONS = "tests/fista/test_pipelines.py::test_predictions_are_what_the_coefficients_say"
DEFINITION = "tests/fista/test_losses.py::test_the_value_is_the_definition"
SLOPES = "tests/fista/test_losses.py::test_the_derivatives_are_those_of_the_value"
LAGRANGIAN = "tests/fista/test_losses.py::test_the_dual_value_is_the_least_of_the_lagrangian"
RISE = "tests/fista/test_losses.py::test_the_rise_bounds_the_excess_over_the_tangent"
HUBER = "tests/fista/test_losses.py::test_huber_brackets_the_minimum_of_cvxpy"
PROVES = "tests/fista/test_losses.py::test_the_dual_point_proves_the_bound"
LIMIT = "tests/fista/test_losses.py::test_a_large_delta_is_squares"
LAYOUTS = "tests/fista/test_losses.py::test_layouts_of_predictions"
NO_HIGHER = "tests/fista/test_newton.py::test_a_step_never_raises_the_objective"
RIGHT_SIGNS = "tests/fista/test_newton.py::test_with_the_right_signs_one_step_solves_a_lasso"
TANGENT = "tests/fista/test_newton.py::test_the_tangent_is_the_penalty_to_second_order"
NO_PROOF = "tests/fista/test_soundness.py::test_a_gap_below_zero_is_no_proof"
NO_NORM = "tests/verification/test_prototype.py::test_what_is_no_norm_is_not_taken_for_one"
RECESSION = "tests/formulations/test_recession.py::test_the_recession_is_the_limit"
PRIMAL = "tests/verification/test_exact.py::test_the_primal_is_enclosed"
BELOW = "tests/verification/test_exact.py::test_no_coefficients_reach_below_the_dual"
DIGITS = "tests/verification/test_exact.py::test_every_digit_counts"


@dataclass(frozen=True)
class Mutant:
    """One planted mistake: ``old`` becomes ``new`` in ``path``, and ``check`` is to find it."""

    name: str
    path: str
    old: str
    new: str
    check: Check


MUTANTS = (
    # -- the iteration: the five faults of the published Algorithm 1 ---------------------------------
    Mutant(
        "Algorithm 1 (a): a step along the gradient, not against it",
        "fista/solver.py",
        "        gradient = problem.gradient(Z, image_Z)\n        V",
        "        gradient = -problem.gradient(Z, image_Z)\n        V",
        Solver("EGMTL", takes=EXPERTS),
    ),
    Mutant(
        "Algorithm 1 (b): L doubles in every iteration, without a test",
        "fista/solver.py",
        "L_next = L if kept else max(shrink * L, largest / 50)",
        "L_next = 2.0 * L",
        Tests(COUNT),
    ),
    Mutant(
        "Algorithm 1 (c): the graph term is left to soft thresholding, which does not know it",
        "fista/losses.py",
        "return HW if self.coupling is None else np.asarray(HW + W @ self.coupling)",
        "return HW",
        Solver("EGMTL"),
    ),
    Mutant(
        "Algorithm 1 (d): the crowd is stepped by 2/L, the experts by 1/L of their gradient",
        "fista/estimators.py",
        'factors=(1.0, 2.0 * weight("lam1", self.lam1))',
        'factors=(2.0, 2.0 * weight("lam1", self.lam1))',
        Solver("EGMTL", takes=EXPERTS),
    ),
    Mutant(
        "Algorithm 1 (e): momentum from the extrapolated point",
        "fista/solver.py",
        "        Z = V + momentum * step\n        image_Z = image_V + momentum * (image_V - image_W)\n",
        "        Z, image_Z = V + momentum * (V - Z), image_V + momentum * (image_V - image_Z)\n",
        Tests(COUNT),
    ),
    # -- the iteration ---------------------------------------------------------------------------------
    Mutant(
        "the restart fires where the momentum helps",
        "fista/solver.py",
        "onward = inner(d, step) >= 0.0",
        "onward = inner(d, step) <= 0.0",
        Tests(COUNT),
    ),
    Mutant(
        "the restart test compares with the loss, not with 0",
        "fista/solver.py",
        "onward = inner(d, step) >= 0.0",
        "onward = inner(d, step) >= problem.at_zero().sum()",
        Tests(COUNT),
    ),
    Mutant(
        "gap and momentum come from the residual of a step that was taken back",
        "fista/solver.py",
        "            image_V = image_of(V)\n            d = V - Z\n        # Restart",
        "            d = V - Z\n        # Restart",
        Tests(STATES),
    ),
    Mutant(
        "the prox is given L for 1/L",
        "fista/solver.py",
        "        gradient = problem.gradient(Z, image_Z)\n        V = prox(Z - gradient / L, 1.0 / L)\n",
        "        gradient = problem.gradient(Z, image_Z)\n        V = prox(Z - gradient / L, L)\n",
        Solver("MTLasso"),
    ),
    Mutant(
        "backtracking gives up and goes on with the step that failed",
        "fista/solver.py",
        "while some(highest > L) and",
        "while False and",
        Solver("L21MTL"),
    ),
    Mutant(
        "the step is cut only in half where it fails its test, and taken as it is",
        "fista/solver.py",
        "            L = np.where(needed > L, np.minimum(1.5 * needed, highest), L)\n",
        "            L, highest = np.minimum(0.5 * needed, highest), 0.0\n",
        Tests(THEORY),
    ),
    Mutant(
        "a Jacobi step: both parts at 1/L of one, not at 1/(2L)",
        "fista/problem.py",
        "largest * self.penalty.n_parts + 2 * self.ridge",
        "largest + 2 * self.ridge",
        Tests(THEORY),
    ),
    Mutant(
        "the Lipschitz constant forgets the ridge",
        "fista/problem.py",
        "largest * self.penalty.n_parts + 2 * self.ridge",
        "largest * self.penalty.n_parts",
        Tests(CONSTANT),
    ),
    Mutant(
        "the Lipschitz constant forgets the graph",
        "fista/losses.py",
        "np.max(largest) + self._coupling_norm), exact",
        "np.max(largest)), exact",
        Tests(CONSTANT),
    ),
    Mutant(
        "the Hessian forgets the ridge",
        "fista/problem.py",
        "return HW + (2 * self.ridge) * total if self.ridge else HW",
        "return HW",
        Solver("MTLasso"),
    ),
    Mutant(
        "the ridge's derivative lacks its factor 2",
        "fista/problem.py",
        "return HW + (2 * self.ridge) * total if self.ridge else HW",
        "return HW + self.ridge * total if self.ridge else HW",
        Solver("L21MTL"),
    ),
    Mutant(
        "the iteration stops when the coefficients hardly change, and calls that converged",
        "fista/solver.py",
        "            if last or seems_solved(problem, state.W, state.image, state.n_iter, tol):\n"
        "                certificate = certify(problem, state.W, tol=tol, n_iter=state.n_iter)\n",
        "            change = np.linalg.norm(state.W - locals().get('before', np.inf))\n"
        "            before = state.W\n"
        "            if last or change <= 1e-3 * np.linalg.norm(before):\n"
        "                certificate = certify(problem, state.W, tol=1.0, n_iter=state.n_iter)\n",
        Solver("DirtyMTL", max_iter=200_000),
    ),
    # -- penalties ---------------------------------------------------------------------------------------
    Mutant(
        "soft thresholding at twice the threshold",
        "fista/penalties/norms.py",
        "threshold = np.asarray(step * self.alpha, dtype=V.dtype)",
        "threshold = np.asarray(2 * step * self.alpha, dtype=V.dtype)",
        Penalty("L1"),
    ),
    Mutant(
        "t where 1/t belongs: the prox divides by the step",
        "fista/penalties/norms.py",
        "threshold = np.asarray(step * self.alpha, dtype=V.dtype)",
        "threshold = np.asarray(self.alpha / np.maximum(step, TINY), dtype=V.dtype)",
        Penalty("L1"),
    ),
    Mutant(
        "hard thresholding for soft",
        "fista/penalties/norms.py",
        "return np.asarray(V - np.minimum(np.maximum(V, -threshold), threshold))",
        "return np.where(np.abs(V) > threshold, V, V - V)",
        Penalty("L1"),
    ),
    Mutant(
        "weights of tasks are applied along the features",
        "fista/penalties/norms.py",
        "threshold = np.asarray(step * self.alpha, dtype=V.dtype)",
        "threshold = np.resize(np.asarray(step * self.alpha, dtype=V.dtype), (len(V), 1))",
        Penalty("L1", ([0.5, 2.0, 1.0],), n_tasks=3),
    ),
    Mutant(
        "the prox writes into its argument",
        "fista/penalties/norms.py",
        "return np.asarray(V - np.minimum(np.maximum(V, -threshold), threshold))",
        "V -= np.minimum(np.maximum(V, -threshold), threshold)\n        return V",
        Penalty("L1"),
    ),
    Mutant(
        "the l1 norm forgets its weight",
        "fista/penalties/norms.py",
        "return np.asarray(self.alpha * np.abs(W).sum(axis=0))",
        "return np.abs(W).sum(axis=0)",
        Penalty("L1"),
    ),
    Mutant(
        "the polar of the l1 norm is an l1 norm",
        "fista/penalties/norms.py",
        "return largest_ratio(np.abs(G), self.l1_weights(G.shape)",
        "return largest_ratio(np.abs(G).sum(axis=0), self.l1_weights(G.shape)",
        Penalty("L1"),
    ),
    Mutant(
        "the polar of a single task is an l1 norm",
        "fista/penalties/norms.py",
        "sizes = np.abs(G).max(axis=0)",
        "sizes = np.abs(G).sum(axis=0)",
        Tests(OF_TASKS),
    ),
    Mutant(
        "rows and columns change places in the row norm",
        "fista/penalties/norms.py",
        '    squares, across = "dt,dt->d", 1\n',
        '    squares, across = "dt,dt->t", 1\n',
        Tests(VALUE),
    ),
    Mutant(
        "the group prox shrinks by the squared norm",
        "fista/penalties/norms.py",
        "shrink = 1.0 - threshold / np.maximum(self._norms(V), threshold + TINY)",
        "shrink = 1.0 - threshold / np.maximum(np.square(self._norms(V)), np.maximum(threshold, TINY))",
        Penalty("RowL21"),
    ),
    Mutant(
        "the polar of the group norm sums over the groups",
        "fista/penalties/norms.py",
        "return largest_ratio(self._norms(G), self._weights(G.shape[1 - self.across]))",
        "return largest_ratio(self._norms(G).sum(), self.alpha)",
        Penalty("ColumnL21"),
    ),
    Mutant(
        "the polar of a weighted norm is multiplied by the weight",
        "fista/penalties/interface.py",
        "return float(size / weight) if weight > 0 else np.inf",
        "return float(size * weight) if weight > 0 else np.inf",
        Penalty("RowL21"),
    ),
    Mutant(
        "the projection on the l1 ball counts one entry too many",
        "fista/penalties/norms.py",
        "np.arange(1, sizes.shape[1] + 1, dtype=sizes.dtype)",
        "np.arange(2, sizes.shape[1] + 2, dtype=sizes.dtype)",
        Penalty("RowL1Linf"),
    ),
    Mutant(
        "the l1/l-infinity norm takes the largest entry of a column",
        "fista/penalties/norms.py",
        "return float((self._weights(len(W)) * np.abs(W).max(axis=1)).sum())",
        "return float(self.alpha * np.abs(W).max(axis=0).sum())",
        Penalty("RowL1Linf"),
    ),
    Mutant(
        "the polar of the l1/l-infinity norm is the largest entry",
        "fista/penalties/norms.py",
        "return largest_ratio(np.abs(G).sum(axis=1), self._weights(len(G)))",
        "return largest_ratio(np.abs(G).max(axis=1), self._weights(len(G)))",
        Penalty("RowL1Linf"),
    ),
    Mutant(
        "the polar of an infimal convolution is the smaller of its two",
        "fista/penalties/combinations.py",
        "return max((gauge(p, A) for p, A in self._seen(self._pieces(G))), default=0.0)",
        "return min((gauge(p, A) for p, A in self._seen(self._pieces(G))), default=0.0)",
        Penalty("InfimalConvolution", (Penalty("RowL1Linf"), Penalty("L1", (0.5,)))),
    ),
    Mutant(
        "the second part takes the prox of the first",
        "fista/penalties/combinations.py",
        "W[k] = penalty.prox(V[k], step)",
        "W[k] = self.penalties[0].prox(V[k], step)",
        Penalty("InfimalConvolution", (Penalty("RowL21"), Penalty("ColumnL21", (0.5,)))),
    ),
    Mutant(
        "total variation goes along the features",
        "fista/penalties/structured.py",
        "return float(self.alpha * np.abs(np.diff(W, axis=1)).sum())",
        "return float(self.alpha * np.abs(np.diff(W, axis=0)).sum())",
        Penalty("FusedTasks"),
    ),
    Mutant(
        "the polar of a semi-norm sees what the semi-norm does not",
        "fista/penalties/structured.py",
        "return np.asarray(np.abs(np.cumsum(centred, axis=1)[:, :-1]).max(axis=1, initial=0.0))",
        "return np.asarray(np.abs(np.cumsum(G, axis=1)).max(axis=1, initial=0.0))",
        Penalty("FusedTasks"),
    ),
    Mutant(
        "the k-support norm counts one entry too many",
        "fista/penalties/sorted.py",
        "return float(np.linalg.norm(-np.sort(-sizes)[: self.k]))",
        "return float(np.linalg.norm(-np.sort(-sizes)[: self.k + 1]))",
        Penalty("KSupport", (2,)),
    ),
    Mutant(
        "the ridge of a part is half of what it is",
        "fista/penalties/combinations.py",
        "shrink = 1.0 / (1.0 + 2 * float(step) * self.beta)",
        "shrink = 1.0 / (1.0 + float(step) * self.beta)",
        Penalty("Elastic", (Penalty("L1"), 0.5)),
    ),
    # -- data, rows and the loss ---------------------------------------------------------------------
    Mutant(
        "the loss lacks its factor 2",
        "fista/base.py",
        "factors: tuple[float, float] = (2.0, 0.0)",
        "factors: tuple[float, float] = (1.0, 0.0)",
        Solver("STLasso"),
    ),
    Mutant(
        "the loss is divided by the number of rows",
        "fista/data.py",
        "        weight = factor * self.weight\n",
        "        weight = factor * self.weight / len(self.weight)\n",
        Solver("L21MTL"),
    ),
    Mutant(
        "sample weights are applied twice",
        "fista/rows.py",
        "return matrix_product(self.X.T, self.weight * R)",
        "return np.asarray(self.X.T @ (self.weight * self.weight * R))",
        Solver("MTLasso", takes=WEIGHTS),
    ),
    Mutant(
        "the square roots of sample weights are forgotten in the Gram matrix",
        "fista/rows.py",
        "    scaled = scaled * np.sqrt(weight)[:, None]\n",
        "    scaled = scaled * weight[:, None]\n",
        Solver("DirtyMTL", "per-task", takes=WEIGHTS),
    ),
    Mutant(
        "the intercept is that of unweighted targets",
        "fista/rows.py",
        "    def target_sums(self) -> Floats:\n        return self.task_sums(self.Y)",
        "    def target_sums(self) -> Floats:\n        return self.Y.sum(axis=0) * self.weight.mean()",
        Solver("MTLasso", takes=WEIGHTS + INTERCEPT),
    ),
    Mutant(
        "the intercept adds the mean fit where it subtracts it",
        "fista/losses.py",
        "return np.asarray(self.targets - (self.features * W).sum(axis=0))",
        "return np.asarray(self.targets + (self.features * W).sum(axis=0))",
        Claims("MTLasso"),
    ),
    Mutant(
        "a task's rows are sorted, their targets are not",
        "fista/rows.py",
        "self.y, self.weight = y[self.order], weight[self.order]",
        "self.y, self.weight = y, weight[self.order]",
        Solver("L21MTL", "per-task"),
    ),
    Mutant(
        "the square of the means has the wrong sign where sparse rows are centred",
        "fista/rows.py",
        "G - np.outer(center, sums) - np.outer(sums, center) + weight.sum()",
        "G - np.outer(center, sums) - np.outer(sums, center) - weight.sum()",
        Tests(FORMS),
    ),
    Mutant(
        "the Gram matrix is accumulated in single precision",
        "fista/rows.py",
        "    scaled = X - center if center.any() else X\n",
        "    scaled = (X - center).astype(np.float32)\n",
        Tests(FORMS),
    ),
    Mutant(
        "wide designs are not centred",
        "fista/losses.py",
        "shift = -(mean * W).sum(axis=0) if self.centering.fit_intercept else None",
        "shift = None",
        Tests(FORMS),
    ),
    Mutant(
        "graph weights are not squared",
        "fista/graphs.py",
        "entries = np.concatenate([self.weight, -self.weight])",
        "entries = np.concatenate([np.sqrt(self.weight), -np.sqrt(self.weight)])",
        Solver("SRMTL"),
    ),
    Mutant(
        "both ends of an edge have the same sign",
        "fista/graphs.py",
        "entries = np.concatenate([self.weight, -self.weight])",
        "entries = np.concatenate([self.weight, self.weight])",
        Solver("SRMTL"),
    ),
    Mutant(
        "expert rows are ignored where lam1 is small",
        "fista/base.py",
        "            if population is not None\n",
        "            if population is not None and factor > 0.5\n",
        Solver("EGMTL", takes=EXPERTS),
    ),
    Mutant(
        "the experts' squares are halved like the crowd's",
        "fista/estimators.py",
        'factors=(1.0, 2.0 * weight("lam1", self.lam1))',
        'factors=(1.0, weight("lam1", self.lam1))',
        Solver("EGMTL", takes=EXPERTS),
    ),
    Mutant(
        "rows and columns change places in the robust model",
        "fista/estimators.py",
        "return Terms(InfimalConvolution(features, outliers))",
        "return Terms(InfimalConvolution(outliers, features))",
        Solver("RobustMTL", max_iter=200_000),
    ),
    # -- Newton steps --------------------------------------------------------------------------------
    Mutant(
        "a Newton step is taken though the objective is higher there",
        "fista/newton.py",
        "lower = np.less(change, 0)",
        "lower = np.full(np.shape(change), True)",
        Tests(NO_HIGHER),
    ),
    Mutant(
        "what is tied is eliminated as if the rest did not answer",
        "fista/newton.py",
        "* sign - cross.T @ cross",
        "* sign",
        Tests("tests/fista/test_dirty.py::test_a_system_of_entries_and_levels_is_solved_exactly"),
    ),
    Mutant(
        "a step that is too long for one task is shortened in all",
        "fista/solver.py",
        "            L = np.where(needed > L, np.minimum(1.5 * needed, highest), L)\n",
        "            L = np.minimum(1.5 * np.max(needed), highest) + 0.0 * np.asarray(L)\n",
        Tests("tests/fista/test_solver.py::test_steps_are_searched_task_by_task"),
    ),
    Mutant(
        "the momentum goes on from where it was before a Newton step",
        "fista/solver.py",
        "Z, image_Z = W + ahead, image_W + image_ahead",
        "pass",
        Tests("tests/fista/test_newton.py::test_a_jump_takes_the_momentum_along"),
    ),
    Mutant(
        "a Newton step up the slope of the penalty",
        "fista/newton.py",
        "problem.loss.linear - image - tangent.gradient)",
        "problem.loss.linear - image + tangent.gradient)",
        Tests(RIGHT_SIGNS),
    ),
    Mutant(
        "the length of a row bends along the row, too",
        "fista/penalties/norms.py",
        "lambda d: bend * (d - U * (U * d).sum(axis=along, keepdims=True))",
        "lambda d: bend * d",
        Tests(TANGENT),
    ),
    # -- certificates --------------------------------------------------------------------------------
    Mutant(
        "a negative gap counts as zero",
        "fista/certificate.py",
        "    if np.any(found < -rounding):\n",
        "    if False:\n",
        Tests(NO_PROOF),
    ),
    Mutant(
        "the dual point is not scaled into the dual ball",
        "fista/certificate.py",
        "limit = np.minimum(room / np.maximum(bound, TINY), 2.0)",
        "limit = 2.0",
        Claims("DirtyMTL"),
    ),
    Mutant(
        "the elastic-net dual pays half of what it owes",
        "fista/certificate.py",
        "np.square(distance) / (4 * beta))",
        "np.square(distance) / (8 * beta))",
        Claims("MTLasso"),
    ),
    Mutant(
        "the gap is measured with the residual of an earlier intercept",
        "fista/certificate.py",
        "    intercept = problem.loss.centering.intercept(W)\n    return",
        "    intercept = problem.loss.centering.intercept(0 * W)\n    return",
        Claims("MTLasso"),
    ),
    Mutant(
        "the gap forgets the graph rows",
        "fista/certificate.py",
        "        energy = energy + float(squares.sum())\n",
        "",
        Claims("SRMTL"),
    ),
    Mutant(
        "converged says the solver, whatever the gap",
        "fista/certificate.py",
        "        converged = converged and bool(",
        "        converged = True or bool(",
        Claims("DirtyMTL", max_iter=3),
    ),
    Mutant(
        "the rank of the design on a null space is taken for certain",
        "fista/certificate.py",
        "        if not problem.null.certain:\n",
        "        if False:\n",
        Tests(NEARLY),
    ),
    Mutant(
        "what is left along a null space is not paid for",
        "fista/certificate.py",
        "        eta = problem.null.distance(G, E)\n",
        "        eta = 0.0\n",
        Tests(UNSETTLED),
    ),
    Mutant(
        "W stays where it is along a null space",
        "fista/problem.py",
        "        if self.null is None:\n",
        "        if True:\n",
        Tests(SETTLED),
    ),
    Mutant(
        "the promise to every task is kept for their sum only",
        "fista/certificate.py",
        "            converged = bool(np.all(gap <= targets + rounding))\n",
        "            converged = bool(np.sum(gap) <= np.sum(targets + rounding))\n",
        Tests(EVERY_TASK),
    ),
    Mutant(
        "the objective is reported at half the scale that it is minimised at",
        "fista/certificate.py",
        "    primal = float(np.sum(0.5 * energy + omega + ridge))",
        "    primal = float(np.sum(0.5 * energy + omega + ridge)) / 2",
        Claims("L21MTL"),
    ),
    Mutant(
        "dual rows are weighted by u, not by its square root",
        "fista/rows.py",
        "return np.asarray(np.sqrt(self.weight) * R)",
        "return np.asarray(self.weight * R)",
        Claims("DirtyMTL"),
    ),
    # -- losses that are not squares -------------------------------------------------------------------
    Mutant(
        "the conjugate of Huber's loss lacks its 1/2",
        "fista/pointwise.py",
        "        return np.asarray(tau * (y - 0.5 * tau))",
        "        return np.asarray(tau * (y - tau))",
        Tests(LAGRANGIAN),
    ),
    Mutant(
        "Huber's loss is linear from twice delta on",
        "fista/pointwise.py",
        "        tau = np.clip(r, -self.delta, self.delta)",
        "        tau = np.clip(r, -2 * self.delta, 2 * self.delta)",
        Tests(DEFINITION),
    ),
    Mutant(
        "the logistic loss takes the labels for 0 and 1 in its gradient",
        "fista/pointwise.py",
        "        return np.asarray(y * expit(-y * z))",
        "        return np.asarray((y > 0) - expit(-z))",
        Tests(SLOPES),
    ),
    Mutant(
        "the entropy counts one class only",
        "fista/pointwise.py",
        "        return np.asarray(entr(q) + entr(1.0 - q))",
        "        return np.asarray(entr(q))",
        Tests(LAGRANGIAN),
    ),
    Mutant(
        "the bound on the curvature of the logistic loss is that of the point it starts from",
        "fista/pointwise.py",
        "self.second(y, z) * np.exp(np.minimum(size, 2.0))",
        "self.second(y, z)",
        Tests(RISE),
    ),
    Mutant(
        "the intercept of Huber's loss is the mean residual, as of squares",
        "fista/smooth.py",
        "        return self._root(image, self._offset_at_zero)\n",
        "        return self.rows.task_sums(self.targets - image) / np.maximum(self.mass, TINY)\n",
        Tests(HUBER),
    ),
    Mutant(
        "the gradient of a smooth loss forgets the ridge",
        "fista/smooth.py",
        "        slope = (2 * self.ridge) * W\n",
        "        slope = np.zeros_like(W)\n",
        Tests(LIMIT),
    ),
    Mutant(
        "the dual point of a smooth loss is not scaled into the ball",
        "fista/fenchel.py",
        "        return [(s, problem.conjugate(G, E, s))]\n",
        "        return [(1.0, problem.conjugate(G, E, s))]\n",
        Tests(PROVES),
    ),
    Mutant(
        "the bound of a smooth loss forgets what the graph rows pay",
        "fista/fenchel.py",
        "        return rows - 0.5 * s * s * graph_energy - paid\n",
        "        return rows - paid\n",
        Tests(PROVES),
    ),
    Mutant(
        "with a ridge, the bound of a smooth loss pays half of what it owes",
        "fista/fenchel.py",
        "beyond**2 / (4 * problem.ridge)))",
        "beyond**2 / (8 * problem.ridge)))",
        Tests(LIMIT),
    ),
    Mutant(
        "probabilities are those of the other class",
        "fista/classifier.py",
        "np.column_stack([expit(-odds), expit(odds)])",
        "np.column_stack([expit(odds), expit(-odds)])",
        Tests(LAYOUTS),
    ),
    # -- estimators ------------------------------------------------------------------------------------
    Mutant(
        "the last iteration comes without a warning",
        "fista/base.py",
        "        if not certificate.converged:\n",
        "        if False:\n",
        Tests(WARNING),
    ),
    Mutant(
        "weights go stale after set_params",
        "fista/base.py",
        "        terms = self._terms(data.n_tasks)\n",
        '        terms = self.__dict__.setdefault("_kept_terms", self._terms(data.n_tasks))\n',
        Tests(SETTINGS),
    ),
    Mutant(
        "centring writes into the caller's targets",
        "fista/rows.py",
        "return SharedRows(_moved(self.X, features[:, 0]), self.Y - targets, self.weight)",
        "Y = np.subtract(self.Y, targets, out=self.Y)\n"
        "        return SharedRows(_moved(self.X, features[:, 0]), Y, self.weight)",
        Solver("MTLasso", takes=INTERCEPT),
    ),
    Mutant(
        "coef_ is features x tasks",
        "fista/base.py",
        "self.coef_ = np.ascontiguousarray(W.T)",
        "self.coef_ = np.ascontiguousarray(W)",
        Tests(PREDICTIONS),
    ),
    Mutant(
        "predictions lack the intercept",
        "fista/base.py",
        "every = np.asarray(design @ self.coef_.T + self.intercept_)",
        "every = np.asarray(design @ self.coef_.T)",
        Tests(PREDICTIONS),
    ),
    # -- oracles ---------------------------------------------------------------------------------------
    Mutant(
        "the oracle takes the induced norm for the sum of absolute values",
        "formulations/objectives.py",
        "return ssq(crowd(W)) + alpha * cp.norm1(W) + beta * ssq(W)",
        "return ssq(crowd(W)) + alpha * cp.norm(W, 1) + beta * ssq(W)",
        Oracle("MTLasso"),
    ),
    Mutant(
        "the oracle lacks the 1/2 of the crowd",
        "formulations/objectives.py",
        "return 0.5 * ssq(crowd(W)) + lam1",
        "return ssq(crowd(W)) + lam1",
        Oracle("EGMTL"),
    ),
    Mutant(
        "the oracle groups the outlying tasks by rows",
        "formulations/objectives.py",
        "rows, columns = cp.norm(P, 2, axis=1), cp.norm(Q, 2, axis=0)",
        "rows, columns = cp.norm(P, 2, axis=1), cp.norm(Q, 2, axis=1)",
        Oracle("RobustMTL"),
    ),
    Mutant(
        "the oracle's graph weights are not squared",
        "formulations/terms.py",
        "E[q, i], E[q, j] = g, -g",
        "E[q, i], E[q, j] = g**0.5, -(g**0.5)",
        Oracle("SRMTL"),
    ),
    Mutant(
        "the oracle's ridge is normalised like a norm",
        "formulations/oracle.py",
        '"square": 1 / b / b / k / k,',
        '"square": 1 / a / b / k / k,',
        Oracle("L21MTL"),
    ),
    Mutant(
        "the oracle's polar forgets the second norm",
        "formulations/dual.py",
        "return max(_over(A.sum(axis=1), rho1), _over(A, rho2))",
        "return _over(A.sum(axis=1), rho1)",
        Oracle("DirtyMTL"),
    ),
    Mutant(
        "the oracle's multipliers of the graph have the wrong sign",
        "formulations/oracle.py",
        "theta[term] = (s.a / s.b) * s.h * factor * nu",
        "theta[term] = -(s.a / s.b) * s.h * factor * nu",
        Oracle("SRMTL"),
    ),
    # -- prototypes ----------------------------------------------------------------------------------
    Mutant(
        "a constant that is added is forgotten: what is bounded passes for a cone, a dead zone for a norm",
        "formulations/recession.py",
        "            self.homogeneous &= not np.any(stored)\n",
        "",
        Tests(NO_NORM),
    ),
    Mutant(
        "squares grow no faster than norms",
        "formulations/recession.py",
        "            self.constraints.append(far <= 0)\n",
        "            pass\n",
        Tests(RECESSION),
    ),
    Mutant(
        "the level of the dirty model is one entry too low",
        "fista/penalties/dirty.py",
        "k = max(ceil(min(self.rho1 / self.rho2, T + 1)), 1)",
        "k = ceil(min(self.rho1 / self.rho2, T + 1)) + 1",
        Tests("tests/fista/test_dirty.py::test_the_value_is_the_least_cost_of_two_parts"),
    ),
    Mutant(
        "sparse rows are gone through where their Gram matrices are at hand",
        "fista/entry_sets.py",
        "sparse and isinstance(loss, OperatorLoss)",
        "sparse",
        Tests("tests/fista/test_entry_sets.py::test_gram_matrices_that_are_at_hand_are_used_of_sparse_rows"),
    ),
    Mutant(
        "one long task leaves all to the rows",
        "fista/entry_sets.py",
        "width**2 > rows or",
        "width > 4 * _mean_column(self.loss) or",
        Tests("tests/fista/test_entry_sets.py::test_one_long_task_does_not_leave_all_to_the_rows"),
    ),
    Mutant(
        "the prox of the dirty model takes the level of P alone",
        "fista/penalties/dirty.py",
        "        if both.any():\n",
        "        if False:\n",
        Tests("tests/fista/test_dirty.py::test_the_prox_and_what_it_takes_off_are_in_balance"),
    ),
    Mutant(
        "steps know nothing of what connected tasks have in common",
        "fista/newton.py",
        "for group in loss.connected:",
        "for group in []:",
        Tests("tests/fista/test_newton.py::test_the_preconditioner_inverts_what_it_says"),
    ),
    Mutant(
        "steps are damped as much as a graph is strong",
        "fista/newton.py",
        "max(axis=-1) + 2 * problem.ridge",
        "max(axis=-1) + np.max(problem.other_diagonal)",
        Tests("tests/fista/test_newton.py::test_a_strong_chain_takes_no_more_iterations_than_a_weak_one"),
    ),
    Mutant(
        "tied tasks are drawn to half of what they have in common",
        "fista/cliques.py",
        "U = Z + c * m[:, None]",
        "U = Z + 0.5 * c * m[:, None]",
        Tests("tests/fista/test_cliques.py::test_the_prox_meets_the_optimality_conditions"),
    ),
    Mutant(
        "edges in the prox are in the gradient, too",
        "fista/problem.py",
        "        if self.implicit is None:\n            return self.image(W)\n",
        "        return self.image(W)\n",
        Tests("tests/fista/test_cliques.py::test_the_answer_is_that_of_edges_in_the_gradient"),
    ),
    Mutant(
        "tasks that are tied count as tied by the strongest edge",
        "fista/cliques.py",
        ".min(initial=np.inf)",
        ".max(initial=0.0)",
        Tests("tests/fista/test_cliques.py::test_groups_are_those_in_which_all_are_tied"),
    ),
    Mutant(
        "edges in the prox make steps short",
        "fista/problem.py",
        "self.loss.rows_lipschitz\n            largest",
        "self.loss.lipschitz()\n            largest",
        Tests("tests/fista/test_cliques.py::test_strong_edges_take_no_more_iterations"),
    ),
    # -- working sets ------------------------------------------------------------------------------------
    Mutant(
        "the Gram matrix of one task is taken for that of another",
        "fista/entry_sets.py",
        "before, known = self.known.get(task, (",
        "before, known = self.known.get(next(iter(self.known), task), (",
        Tests("tests/fista/test_entry_sets.py::test_the_loss_on_entries_is_that_of_the_rows"),
    ),
    Mutant(
        "a task that is done is solved again with the others",
        "fista/entry_sets.py",
        "_together(np.flatnonzero(gaps > aim), size, ",
        "_together(np.arange(T), size, ",
        Tests("tests/fista/test_entry_sets.py::test_a_task_that_is_solved_is_left_alone"),
    ),
    Mutant(
        "rows that were shuffled are taken to follow each other",
        "fista/data.py",
        "alike = np.array_equal(positions, np.arange(first, first + len(positions)))",
        "alike = int(positions[-1]) - first + 1 == len(positions)",
        Tests("tests/fista/test_entry_sets.py::test_rows_in_any_order_are_taken_in_that_order"),
    ),
    Mutant(
        "entries never fall out of use along a path",
        "fista/homotopy.py",
        "-sign * dw, self.taken",
        "0 * dw, self.taken",
        Tests("tests/fista/test_homotopy.py::test_the_end_of_a_path_is_optimal"),
    ),
    Mutant(
        "a path forgets the ridge",
        "fista/homotopy.py",
        "entries] += self.ridge",
        "entries] += 0.0",
        Tests("tests/fista/test_homotopy.py::test_the_end_of_a_path_is_optimal"),
    ),
    Mutant(
        "the end of a path is taken, however bad",
        "fista/homotopy.py",
        "np.where(better, V, W)",
        "V",
        Tests("tests/fista/test_homotopy.py::test_a_path_that_leads_nowhere_leaves_what_there_was"),
    ),
    Mutant(
        "columns that depend on each other come into use",
        "fista/homotopy.py",
        "rest > INDEPENDENT * square",
        "rest > -np.inf",
        Tests("tests/fista/test_homotopy.py::test_equal_columns_do_not_end_a_path"),
    ),
    Mutant(
        "paths begin again at zero where a solution is near",
        "fista/entry_sets.py",
        "D <= FOLLOWED and not W.any()",
        "D <= FOLLOWED",
        Tests("tests/fista/test_homotopy.py::test_fits_from_zero_follow_paths_and_others_do_not"),
    ),
    Mutant(
        "an entry that has left may come back at once",
        "fista/homotopy.py",
        "self.unused & (self.left <= 0)",
        "self.unused",
        Tests("tests/fista/test_homotopy.py::test_ties_do_not_go_round_in_circles"),
    ),
    Mutant(
        "an entry that has left may not come back with another sign",
        "fista/homotopy.py",
        "self.unused & (self.left <= 0)",
        "self.unused & (self.left == 0)",
        Tests("tests/fista/test_homotopy.py::test_the_end_of_a_path_is_optimal"),
    ),
    Mutant(
        "paths are followed whatever is left of max_iter",
        "fista/entry_sets.py",
        "left > homotopy.STEPS * len(V) and ",
        "",
        Tests(
            "tests/fista/test_homotopy.py::test_paths_are_left_alone_where_iterations_would_be_cut_short_or_few"
        ),
    ),
    Mutant(
        "a path that ended short is followed again",
        "fista/entry_sets.py",
        " and not ended[tasks].all()",
        "",
        Tests("tests/fista/test_homotopy.py::test_no_path_is_followed_twice_to_an_end_that_is_not_optimal"),
    ),
    Mutant(
        "a projected dual point is taken for exact",
        "fista/certificate.py",
        "_Direction(projection, inside, fixed, problem.inner(fixed, V))]",
        "_Direction(projection, inside, None, 0.0)]",
        Tests(
            "tests/verification/test_exact.py::test_dual_points_carry_their_bounds_beside_strong_edges_and_small_weights"
        ),
    ),
    Mutant(
        "rounding excuses whatever it amounts to",
        "fista/certificate.py",
        "EXCUSED * at_zero.sum()",
        "np.inf",
        Tests("tests/fista/test_soundness.py::test_rounding_as_large_as_the_problem_excuses_nothing"),
    ),
    Mutant(
        "later certificates take a projected dual point, however much worse",
        "fista/certificate.py",
        "points, key=lambda point: np.sum(np.maximum(point.gap, 0.0) + point.rounding)",
        "points, key=lambda point: point.projection is None",
        Tests("tests/fista/test_soundness.py::test_later_certificates_of_the_same_coefficients_are_no_worse"),
    ),
    # -- exact proofs ------------------------------------------------------------------------------------
    Mutant(
        "the exact proof forgets the 2 of 2 lam1",
        "verification/exact.py",
        "(data.expert, 2 * _arb(",
        "(data.expert, _arb(",
        Tests(PRIMAL),
    ),
    Mutant(
        "the exact dual value loses half of its square",
        "verification/exact.py",
        "(_arb(s) - _arb(s) * _arb(s) / 2) * energy",
        "(_arb(s) - _arb(s) * _arb(s) / 4) * energy",
        Tests(BELOW),
    ),
    Mutant(
        "every point counts as feasible",
        "verification/exact.py",
        "        if level <= bound:\n            continue\n",
        "        if True:\n            continue\n",
        Tests(BELOW),
    ),
    Mutant(
        "upper bounds are rounded down",
        "verification/exact.py",
        "ROUND_CEILING if up else ROUND_FLOOR",
        "ROUND_FLOOR if up else ROUND_CEILING",
        Tests(PRIMAL),
    ),
    Mutant(
        "a changed file is not noticed",
        "verification/exact.py",
        'if content["digest"] != _digest(content):',
        "if False:",
        Tests(DIGITS),
    ),
)
