"""Exact proofs: balls around every number enclose F(W), a lower bound on its minimum, and their difference.

The data, the weights and the coefficients are floating-point numbers, so they are known exactly; every
quantity made of them is computed in ball arithmetic (python-flint's ``arb``), which encloses its true value.
Nothing here comes from `fista`: this module is all that has to be trusted, with `formulations.data`, which
reads the data.

With rows of weight c u (c = 2 for SSQ, 1 for the crowd of EG-MTL, 2 lam1 for its experts) and graph rows
of weight 2 lam g^2, F(W) = 1/2 ||b - M w||^2 + beta ||W||_F^2 + Omega(W). The dual point is s r, with
r = b - M v the residual at coefficients V (most often W itself) with the exact best intercept, so that it is
given by V and the number s. With E = ||r||^2 and G = M'r, and as b = r + M v,

    D = (s - s^2 / 2) E + s <V, G> - dist(s G, {polar <= 1})^2 / (4 beta)  <=  F*,

the last term being 0 or inf, according to polar(s G) <= 1, where beta = 0. Where the tasks are independent
there is one s a task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from formulations.data import Data, Rows
from formulations.graphs import Edge
from verification.files import whole_file

__all__ = ["ExactCertificate", "Point", "Statement", "check", "enclose", "load"]

Floats = NDArray[np.float64]
Columns = list[list[Any]]  # balls, by task and then by feature
DIGITS = 20
FORMAT = 1


# -- the objectives --------------------------------------------------------------------------------


def _entries(C: Columns) -> list[Any]:
    return [abs(x) for column in C for x in column]


def _root_of_squares(values: Iterable[Any]) -> Any:
    return _total(x * x for x in values).nonnegative_part().sqrt()


def _row_norms(C: Columns) -> list[Any]:
    return [_root_of_squares(row) for row in zip(*C, strict=True)]


def _column_norms(C: Columns) -> list[Any]:
    return [_root_of_squares(column) for column in C]


def _row_maxima(C: Columns) -> list[Any]:
    return [_largest(abs(x) for x in row) for row in zip(*C, strict=True)]


def _row_sums(C: Columns) -> list[Any]:
    return [_total(abs(x) for x in row) for row in zip(*C, strict=True)]


Levels = Callable[[Columns], list[Any]]
#: A norm is the sum of the first, its dual norm the maximum of the second.
NORMS: dict[str, tuple[Levels, Levels]] = {
    "l1": (_entries, _entries),
    "rows": (_row_norms, _row_norms),
    "columns": (_column_norms, _column_norms),
    "row maxima": (_row_maxima, _row_sums),
}


@dataclass(frozen=True)
class _Objective:
    norms: dict[str, tuple[str, str]]  # part -> (norm, its weight)
    ridge: str | None = None
    graph: str | None = None
    expert: str | None = None
    crowd: int = 2  # c: twice the factor of the sum of squares


OBJECTIVES = {
    "STLasso": _Objective({"W": ("l1", "alpha")}),
    "MTLasso": _Objective({"W": ("l1", "alpha")}, ridge="beta"),
    "L21MTL": _Objective({"W": ("rows", "alpha")}, ridge="beta"),
    "DirtyMTL": _Objective({"P": ("row maxima", "rho1"), "Q": ("l1", "rho2")}),
    "RobustMTL": _Objective({"P": ("rows", "rho1"), "Q": ("columns", "rho2")}),
    "SRMTL": _Objective({"W": ("l1", "beta")}, ridge="gamma", graph="alpha"),
    "EGMTL": _Objective({"W": ("l1", "lam3")}, graph="lam2", expert="lam1", crowd=1),
}


# -- what is stated, and its proof -----------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """An objective with its weights: everything but the data."""

    objective: str
    weights: dict[str, Any]  # a number each, or one a task
    edges: list[Edge]
    fit_intercept: bool
    tasks: list[Any]  # the labels, sorted

    def weight(self, name: str | None, task: int = 0) -> float:
        value = np.asarray(self.weights[name] if name else 0.0, dtype=np.float64)
        return float(value[task] if value.ndim else value)


@dataclass(frozen=True)
class Point:
    """Coefficients D x T by part, the intercept (None for the best one), and the dual point: V and s."""

    parts: Mapping[str, Floats]
    intercept: Floats | None
    dual: Floats
    scales: Sequence[float]


@dataclass(frozen=True)
class ExactCertificate:
    """Bounds that are true, for the coefficients and the data as they are stored.

    Attributes
    ----------
    primal : str
        Decimal number >= F(W).
    dual : str
        Decimal number <= the minimum of F; ``"-inf"`` where none could be proved.
    gap : str
        Decimal number >= F(W) - F*; ``"inf"`` where none could be proved.
    at_zero : str
        Decimal number <= F(0), the objective at W = 0 with its best intercept.
    precision : int
        Bits of the balls.
    reason : str
        Why there is no lower bound, if there is none.
    statement, point, data
        What is proved: the objective, the coefficients and dual point, and a hash of every array.
    """

    primal: str
    dual: str
    gap: str
    at_zero: str
    precision: int
    reason: str
    statement: Statement
    point: Point
    data: dict[str, str]

    def holds(self, tol: float) -> bool:
        """Whether F(W) - F* <= tol * F(0) is proved."""
        if self.reason:
            return False
        return Fraction(self.gap) <= Fraction(tol) * Fraction(self.at_zero)

    def __str__(self) -> str:
        if self.reason:
            return f"{self.statement.objective}: F(W) <= {self.primal}, no lower bound: {self.reason}"
        return (
            f"{self.statement.objective}: F(W) <= {self.primal}, F* >= {self.dual}, F(W) - F* <= {self.gap} "
            f"(proved with balls of {self.precision} bits)"
        )

    def save(self, path: str | Path) -> None:
        """Write a JSON file that `verification.exact.check` can check without a solver.

        The file appears whole or not at all.
        """
        content = self._as_json()
        content["digest"] = _digest(content)
        with whole_file(Path(path)) as file:
            json.dump(content, file, indent=1)

    def _as_json(self) -> dict[str, Any]:
        lists: dict[str, Any] = {
            "parts": {name: part.tolist() for name, part in self.point.parts.items()},
            "intercept": None if self.point.intercept is None else self.point.intercept.tolist(),
            "dual": self.point.dual.tolist(),
            "scales": [float(s) for s in self.point.scales],
        }
        statement = asdict(self.statement)
        statement["weights"] = {k: np.asarray(v).tolist() for k, v in self.statement.weights.items()}
        bounds = {k: getattr(self, k) for k in ("primal", "dual", "gap", "at_zero", "precision", "reason")}
        return {"format": FORMAT, "bounds": bounds, "statement": statement, "point": lists, "data": self.data}


def load(path: str | Path) -> ExactCertificate:
    """Read what `ExactCertificate.save` has written; it is not checked against data (see `check`).

    Raises
    ------
    ValueError
        If the file is not such a certificate, or is not as it was written.
    """
    try:
        text = Path(path).read_text()
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"{path}: found the format {content['format']!r}; expected {FORMAT}")
        if content["digest"] != _digest(content):
            raise ValueError(f"{path}: found content that is not what was written: its digest differs")
        # Several decimals of 17 digits are one floating-point number, and have one digest.
        if json.loads(text, parse_float=str) != json.loads(json.dumps(content), parse_float=str):
            raise ValueError(f"{path}: found digits that are not those that were written, of the same digest")
        point, statement = content["point"], content["statement"]
        for name in ("primal", "dual", "gap", "at_zero"):
            if Decimal(content["bounds"][name]).is_nan():
                raise TypeError(f"{name} is no number")
        return ExactCertificate(
            **content["bounds"],
            statement=Statement(**{**statement, "edges": [tuple(edge) for edge in statement["edges"]]}),
            point=Point(
                {name: np.array(part) for name, part in point["parts"].items()},
                None if point["intercept"] is None else np.array(point["intercept"]),
                np.array(point["dual"]),
                point["scales"],
            ),
            data=content["data"],
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if str(error).startswith(str(path)):  # said already
            raise
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: found no certificate ({what[:120]})") from None


def check(certificate: ExactCertificate, data: Data) -> list[str]:
    """Prove a certificate anew on the data; return what is wrong with it, which is nothing if it is true."""
    found, claimed = fingerprints(data), certificate.data
    wrong: list[str] = []
    for name in sorted(found.keys() | claimed.keys()):
        if found.get(name) != claimed.get(name):
            differs = "missing" if name not in found else "another" if name in claimed else "new"
            wrong.append(f"data: the array {name!r} is {differs}")
    if wrong:
        return wrong
    try:
        proved = enclose(certificate.statement, data, certificate.point, precision=certificate.precision)
    except ValueError as error:
        return [str(error)]
    for name, upper in (("primal", True), ("dual", False), ("gap", True), ("at_zero", False)):
        ours, theirs = Decimal(getattr(proved, name)), Decimal(getattr(certificate, name))
        if (theirs < ours) if upper else (theirs > ours):
            wrong.append(f"{name}: claims {theirs}, proved is {ours}")
    return wrong


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps({k: v for k, v in content.items() if k != "digest"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


# -- the enclosure ---------------------------------------------------------------------------------


def enclose(statement: Statement, data: Data, point: Point, *, precision: int = 128) -> ExactCertificate:
    """Bounds on F(W), on the minimum of F and on their difference, all of them true.

    Parameters
    ----------
    statement : Statement
    data : formulations.data.Data
    point : Point
        Any coefficients, and any dual point: what is not feasible gives no bound.
    precision : int
        Bits of the balls.
    """
    _refuse_nonsense(statement, data, point, precision)
    with _flint().ctx.workprec(precision):
        return _enclose(statement, data, point, precision)


def _refuse_nonsense(statement: Statement, data: Data, point: Point, precision: int) -> None:
    """What is not an objective on these data, with coefficients and a dual point for it, has no proof."""
    D, T = data.n_features, data.n_tasks
    if statement.objective not in OBJECTIVES:
        raise ValueError(f"objective: found {statement.objective!r}; expected one of {', '.join(OBJECTIVES)}")
    objective = OBJECTIVES[statement.objective]
    wanted = {name for _, name in objective.norms.values()}
    wanted |= {name for name in (objective.ridge, objective.graph, objective.expert) if name}
    if set(statement.weights) != wanted:
        raise ValueError(f"weights: found {sorted(statement.weights)}; expected {sorted(wanted)}")
    for name, value in statement.weights.items():
        weight = np.asarray(value, dtype=np.float64)
        if weight.shape not in ((), (T,)) or not np.all((weight >= 0) & np.isfinite(weight)):
            raise ValueError(f"{name}: found {value!r}; expected a finite weight >= 0, or one a task")
    for i, j, g in statement.edges:
        if not (isinstance(i, int) and isinstance(j, int) and 0 <= i < T and 0 <= j < T and i != j):
            raise ValueError(f"edges: found ({i!r}, {j!r}); expected two of the {T} tasks")
        if not (isinstance(g, int | float) and 0 <= g < np.inf):
            raise ValueError(f"edges: found the weight {g!r}; expected a finite number >= 0")
    if [str(t) for t in statement.tasks] != [str(t) for t in data.labels.tolist()]:
        raise ValueError(
            f"tasks: found {statement.tasks}; expected {data.labels.tolist()}, those of the data"
        )
    if set(point.parts) != set(objective.norms):
        raise ValueError(f"parts: found {sorted(point.parts)}; expected {sorted(objective.norms)}")
    shapes: dict[str, tuple[NDArray[Any], tuple[int, ...]]] = {
        **{name: (part, (D, T)) for name, part in point.parts.items()},
        "dual": (point.dual, (D, T)),
        "scales": (np.asarray(point.scales), (len(groups_of(statement, T)),)),
    }
    if point.intercept is not None:
        shapes["intercept"] = (point.intercept, (T,))
    for name, (array, shape) in shapes.items():
        if array.dtype.kind not in "fi" or array.shape != shape or not np.all(np.isfinite(array)):
            raise ValueError(f"{name}: found shape {array.shape}; expected {shape}, finite numbers")
    if not (isinstance(precision, int) and 2 <= precision <= 10_000):
        raise ValueError(f"precision: found {precision!r}; expected a number of bits")


@dataclass(frozen=True)
class Statistics:
    """What a dual point is proposed from, a group of tasks each, of r = b - M v; a proof does not use it."""

    energies: Floats  # ||r||^2
    fits: Floats  # <V, G>, G = M'r
    polars: Floats  # at least the polar of G
    G: Floats  # D x T


def statistics(statement: Statement, data: Data, V: Floats, *, precision: int = 128) -> Statistics:
    """The statistics of the residual at V, in floating point but right to the last bit."""
    with _flint().ctx.workprec(precision):
        blocks, edges = _smooth(statement, data)
        free = None if statement.fit_intercept else np.zeros(data.n_tasks)
        columns = _columns(V)
        energies, G = _energies(blocks, edges, columns, free, gradient=True)
        groups = groups_of(statement, data.n_tasks)
        fits = [_total(v * g for v, g in zip(*pair, strict=True)) for pair in zip(columns, G, strict=True)]

        def polar(group: list[int]) -> float:
            pairs = _levels(statement, [G[t] for t in group], group)
            return _up(_largest(_ratio(level, bound) for level, bound in pairs))

        return Statistics(
            np.array([float(_total(energies[t] for t in group).mid()) for group in groups]),
            np.array([float(_total(fits[t] for t in group).mid()) for group in groups]),
            np.array([polar(group) for group in groups]),
            np.array([[float(x.mid()) for x in column] for column in G]).T,
        )


def _ratio(level: Any, bound: Any) -> Any:
    return level / bound if not bound.is_zero() else _arb(0 if level.is_zero() else "inf")


def _up(ball: Any) -> float:
    """A float that is at least everything in the ball."""
    return float(np.nextafter(float(ball.upper()), np.inf))


def _levels(statement: Statement, G: Columns, group: list[int]) -> Iterable[tuple[Any, Any]]:
    """What G may not exceed, and the bound: polar(G) <= 1 says that no level exceeds its bound."""
    for kind, weight in OBJECTIVES[statement.objective].norms.values():
        if kind == "l1":  # the one norm whose weight may differ from task to task
            for t, column in zip(group, G, strict=True):
                bound = _arb(statement.weight(weight, t))
                yield from ((abs(x), bound) for x in column)
        else:
            bound = _arb(statement.weight(weight))
            yield from ((level, bound) for level in NORMS[kind][1](G))


def _smooth(statement: Statement, data: Data) -> tuple[list[tuple[Rows, Any]], list[tuple[int, int, Any]]]:
    """The rows with the factors c of their squares, and the edges with theirs."""
    objective = OBJECTIVES[statement.objective]
    blocks = [(data.crowd, _arb(objective.crowd))]
    if data.expert is not None and objective.expert:
        blocks.append((data.expert, 2 * _arb(statement.weight(objective.expert))))
    graph = 2 * _arb(statement.weight(objective.graph)) if objective.graph else _arb(0)
    return blocks, [(i, j, graph * _arb(g) * _arb(g)) for i, j, g in statement.edges]


def _enclose(statement: Statement, data: Data, point: Point, precision: int) -> ExactCertificate:
    objective = OBJECTIVES[statement.objective]
    blocks, edges = _smooth(statement, data)
    beta = _arb(statement.weight(objective.ridge))
    free = None if statement.fit_intercept else np.zeros(data.n_tasks)

    parts = {name: _columns(part) for name, part in point.parts.items()}
    W = _columns_sum(list(parts.values()))
    intercept = point.intercept if statement.fit_intercept else free
    primal_energies, _ = _energies(blocks, edges, W, intercept, gradient=False)
    energies, G = _energies(blocks, edges, V := _columns(point.dual), free, gradient=True)
    zeros = [[_arb(0)] * data.n_features] * data.n_tasks
    at_zero = _total(_energies(blocks, edges, zeros, free, gradient=False)[0]) / 2

    primal, dual, reason = _arb(0), _arb(0), ""
    for group, s in zip(groups_of(statement, data.n_tasks), point.scales, strict=True):
        own = {name: [part[t] for t in group] for name, part in parts.items()}
        squares = _total(x * x for t in group for x in W[t])
        energy = _total(energies[t] for t in group)
        fit = _total(v * g for t in group for v, g in zip(V[t], G[t], strict=True))
        scaled = [[_arb(s) * g for g in G[t]] for t in group]
        beyond, why = _conjugate(statement, beta, scaled, group)
        reason = reason or why
        primal += _total(primal_energies[t] for t in group) / 2 + beta * squares
        for name, (kind, weight) in objective.norms.items():
            if kind == "l1":  # the one norm whose weight may differ from task to task
                for t, column in zip(group, own[name], strict=True):
                    primal += _arb(statement.weight(weight, t)) * _total(_entries([column]))
            else:
                primal += _arb(statement.weight(weight)) * _total(NORMS[kind][0](own[name]))
        dual += (_arb(s) - _arb(s) * _arb(s) / 2) * energy + _arb(s) * fit - beyond
    gap = primal - dual
    if not (gap.is_finite() and primal.is_finite()):
        reason = reason or "numbers too large for the balls"
    return ExactCertificate(
        primal=_decimal(primal, up=True),
        dual="-inf" if reason else _decimal(dual, up=False),
        gap="inf" if reason else _decimal(gap, up=True),
        at_zero=_decimal(at_zero, up=False),
        precision=precision,
        reason=reason,
        statement=statement,
        point=point,
        data=fingerprints(data),
    )


def _energies(
    blocks: list[tuple[Rows, Any]],
    edges: list[tuple[int, int, Any]],
    W: Columns,
    intercept: Floats | None,
    *,
    gradient: bool,
) -> tuple[list[Any], Columns]:
    """||b - M w||^2, a task (edges are counted with their first one), and if asked for M'(b - M w)."""
    T, D = len(W), len(W[0])
    tables = [list(_rows(rows, W)) for rows, _ in blocks]
    if intercept is not None:
        means = [_arb(c) for c in intercept]
    else:  # the best one: the exact weighted mean of y - x w
        means = []
        for t in range(T):
            mass = sum((c * _total(of[t].u) for of, (_, c) in zip(tables, blocks, strict=True)), _arb(0))
            total = _total(c * of[t].weighted() for of, (_, c) in zip(tables, blocks, strict=True))
            means.append(_arb(0) if mass.is_zero() else total / mass)
    energies, G = [_arb(0)] * T, [[_arb(0)] * D for _ in range(T)]
    for of, (_, c) in zip(tables, blocks, strict=True):
        for t, table in enumerate(of):
            r = [x - means[t] for x in table.residual]
            ur = [c * u * x for u, x in zip(table.u, r, strict=True)]
            energies[t] += _total(x * y for x, y in zip(r, ur, strict=True))
            if gradient and ur:
                product = (_matrix([ur]) * table.design).entries()
                G[t] = [x + y for x, y in zip(G[t], product, strict=True)]
    for i, j, weight in edges:
        apart = [x - y for x, y in zip(W[i], W[j], strict=True)]
        energies[i] += weight * _total(x * x for x in apart)
        if gradient:
            G[i] = [x - weight * y for x, y in zip(G[i], apart, strict=True)]
            G[j] = [x + weight * y for x, y in zip(G[j], apart, strict=True)]
    return energies, G


@dataclass(frozen=True)
class _Table:
    """The rows of a task: design, weights, and y - x w."""

    design: Any
    u: list[Any]
    residual: list[Any]

    def weighted(self) -> Any:
        return _total(u * r for u, r in zip(self.u, self.residual, strict=True))


def _rows(rows: Rows, W: Columns) -> Iterable[_Table]:
    dense = rows.X.toarray() if hasattr(rows.X, "toarray") else np.asarray(rows.X)
    if rows.task is None:
        design = _matrix(dense)
        fitted = (design * _matrix(W).transpose()).entries()
        T = len(W)
        for t in range(T):
            y = [_arb(v) - f for v, f in zip(rows.y[:, t].tolist(), fitted[t::T], strict=True)]
            yield _Table(design, [_arb(u) for u in rows.u[:, t].tolist()], y)
        return
    for t, column in enumerate(W):
        of = rows.task == t
        if not of.any():
            yield _Table(None, [], [])
            continue
        design = _matrix(dense[of])
        fitted = (design * _matrix([column]).transpose()).entries()
        y = [_arb(v) - f for v, f in zip(rows.y[of].tolist(), fitted, strict=True)]
        yield _Table(design, [_arb(u) for u in rows.u[of].tolist()], y)


def _conjugate(statement: Statement, beta: Any, scaled: Columns, group: list[int]) -> tuple[Any, str]:
    """(beta ||.||^2 + Omega)* at s G, from above; or why it cannot be proved to be finite."""
    squares = _arb(0)
    for level, bound in _levels(statement, scaled, group):
        if level <= bound:
            continue
        if beta.is_zero():
            return _arb(0), "the dual point is not proved to be feasible"
        excess = (level - bound).nonnegative_part()
        squares += excess * excess
    return (squares if beta.is_zero() else squares / (4 * beta)), ""


def groups_of(statement: Statement, n_tasks: int) -> list[list[int]]:
    """The tasks in groups that nothing ties to each other: each group has a scale of its own."""
    kinds = {kind for kind, _ in OBJECTIVES[statement.objective].norms.values()}
    graph = statement.weight(OBJECTIVES[statement.objective].graph) > 0
    edges = [(i, j) for i, j, g in statement.edges if graph and g > 0]
    if kinds != {"l1"} or len(OBJECTIVES[statement.objective].norms) > 1:
        return [list(range(n_tasks))]
    ties = coo_array(
        (np.ones(len(edges)), tuple(np.array(edges, dtype=int).reshape(-1, 2).T)), (n_tasks, n_tasks)
    )
    count, label = connected_components(ties, directed=False)
    return [np.flatnonzero(label == k).tolist() for k in range(count)]


# -- balls, and decimal numbers that are true ------------------------------------------------------


def _flint() -> Any:
    try:
        import flint
    except ImportError:
        raise ImportError(
            "exact proofs: found no python-flint; expected it, install the extra: certified-mtl[exact]"
        ) from None
    return flint


def _arb(value: Any) -> Any:
    return _flint().arb(value)


def _matrix(rows: Any) -> Any:
    table = rows.tolist() if isinstance(rows, np.ndarray) else rows
    return _flint().arb_mat(len(table), len(table[0]), [x for row in table for x in row])


def _columns(part: Floats) -> Columns:
    return [[_arb(x) for x in column] for column in np.asarray(part, dtype=np.float64).T.tolist()]


def _columns_sum(parts: list[Columns]) -> Columns:
    return [[_total(xs) for xs in zip(*columns, strict=True)] for columns in zip(*parts, strict=True)]


def _total(balls: Iterable[Any]) -> Any:
    return sum(balls, _arb(0))


def _largest(values: Iterable[Any]) -> Any:
    first, *others = values
    for value in others:
        first = first.max(value)
    return first


def _decimal(ball: Any, *, up: bool) -> str:
    """A decimal number that is at least (at most) everything in the ball."""
    end = ball.upper() if up else ball.lower()
    if not end.is_finite():
        return "inf" if up else "-inf"
    mantissa, exponent = (int(x) for x in end.man_exp())
    value = Fraction(mantissa) * Fraction(2) ** exponent
    context = Context(prec=DIGITS, rounding=ROUND_CEILING if up else ROUND_FLOOR, Emin=-9999, Emax=9999)
    return str(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def fingerprints(data: Data) -> dict[str, str]:
    """A hash of every array that `fit` was given, in the form in which it is read."""
    found = {}
    for name, rows in (("crowd", data.crowd), ("expert", data.expert)):
        if rows is not None:
            dense = rows.X.toarray() if hasattr(rows.X, "toarray") else rows.X
            arrays = {"X": dense, "y": rows.y, "weight": rows.u, "task": rows.task}
            found.update({f"{name} {k}": _hash(v) for k, v in arrays.items() if v is not None})
    return found


def _hash(values: Any) -> str:
    array = np.ascontiguousarray(values)
    header = f"{array.dtype.kind}{array.shape};".encode()
    content = "\0".join(array).encode() if array.dtype.kind == "U" else array.tobytes()
    return hashlib.sha256(header + content).hexdigest()
