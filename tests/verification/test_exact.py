"""Exact proofs: true to the last digit, against the formulas in decimal arithmetic of 60 digits."""

import json
import re
import warnings
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

import fista
import verification.__main__ as command
from formulations import declare
from formulations.data import read_data
from verification import certify
from verification.exact import check, enclose, load
from verification.strategies import DESIGNS, OBJECTIVES, Case, cases

DIGITS = 60
EPS = float(np.finfo(float).eps)
rng = np.random.default_rng(0)
X = rng.standard_normal((12, 3))
Y = X @ rng.standard_normal((3, 2)) + rng.standard_normal((12, 2))


def norm(values):
    return sum(v * v for v in values).sqrt()


class Explicit:
    """F(W) and D(theta) by loops over ratings and edges, in decimal arithmetic."""

    def __init__(self, case):
        with localcontext(prec=DIGITS):
            self._read(case)

    def _read(self, case):
        data, self.parameters = case.data, case.parameters
        self.name, self.intercept = case.objective, case.parameters["fit_intercept"]
        crowd, expert = (1, 2 * Decimal(self.parameters["lam1"])) if self.name == "EGMTL" else (2, 0)
        labels = np.unique(data["tasks"]).tolist() if "tasks" in data else None
        self.T = len(labels) if labels else data["y"].shape[1]
        self.D = data["X"].shape[1]
        self.ratings = []  # task, x, y, c u, where its dual variable is
        for where, c, suffix in (("crowd", crowd, ""), ("expert", expert, "_expert")):
            if f"X{suffix}" not in data:
                continue
            for n, x in enumerate(data[f"X{suffix}"].tolist()):
                x = [Decimal(v) for v in x]
                weight = data.get(f"sample_weight{suffix}")
                for t in range(self.T) if labels is None else [labels.index(data[f"tasks{suffix}"][n])]:
                    at = (n, t) if labels is None else n
                    y = data[f"y{suffix}"][at]
                    u = 1.0 if weight is None else weight[at if weight.ndim == 2 else n]
                    if u > 0:
                        self.ratings.append((t, x, Decimal(float(y)), c * Decimal(float(u)), (where, at)))
        self.edges = []
        if self.name in ("SRMTL", "EGMTL"):
            lam = Decimal(float(self.parameters["alpha" if self.name == "SRMTL" else "lam2"]))
            edges = fista.graphs.read_edges(self.parameters["graph"], self.T)
            self.edges = [(i, j, 2 * lam, Decimal(float(g))) for i, j, g in edges]
        ridge = {"MTLasso": "beta", "L21MTL": "beta", "SRMTL": "gamma"}.get(self.name)
        self.beta = Decimal(float(self.parameters[ridge])) if ridge else Decimal(0)

    def weight(self, name, t=0):
        value = np.asarray(self.parameters[name], dtype=float)
        return Decimal(float(value[t] if value.ndim else value))

    def primal(self, parts, intercept):
        with localcontext(prec=DIGITS):
            parts = {
                k: [[Decimal(v) for v in row] for row in np.asarray(p).tolist()] for k, p in parts.items()
            }
            W = [[sum(p[d][t] for p in parts.values()) for t in range(self.T)] for d in range(self.D)]
            c = [Decimal(float(v)) for v in intercept]
            value = self.beta * sum(w * w for row in W for w in row) + self.penalty(parts)
            for t, x, y, cu, _ in self.ratings:
                residual = y - sum(x[d] * W[d][t] for d in range(self.D)) - c[t]
                value += cu * residual * residual / 2
            for i, j, lam, g in self.edges:
                value += lam / 2 * g * g * sum((row[i] - row[j]) ** 2 for row in W)
            return value

    def penalty(self, parts):
        if self.name == "DirtyMTL":
            maxima = sum(max(map(abs, row)) for row in parts["P"])
            sizes = sum(abs(v) for row in parts["Q"] for v in row)
            return self.weight("rho1") * maxima + self.weight("rho2") * sizes
        if self.name == "RobustMTL":
            rows, columns = map(norm, parts["P"]), map(norm, zip(*parts["Q"], strict=True))
            return self.weight("rho1") * sum(rows) + self.weight("rho2") * sum(columns)
        if self.name == "L21MTL":
            return self.weight("alpha") * sum(map(norm, parts["W"]))
        name = {"SRMTL": "beta", "EGMTL": "lam3"}.get(self.name, "alpha")
        return sum(self.weight(name, t) * abs(row[t]) for row in parts["W"] for t in range(self.T))

    def polar(self, G):
        """The levels of G over their bounds, for positive weights."""
        if self.name == "DirtyMTL":
            sums = [sum(map(abs, row)) / self.weight("rho1") for row in G]
            return max(*sums, *(abs(v) / self.weight("rho2") for row in G for v in row))
        if self.name == "RobustMTL":
            rows = [norm(row) / self.weight("rho1") for row in G]
            return max(*rows, *(norm(column) / self.weight("rho2") for column in zip(*G, strict=True)))
        name = {"SRMTL": "beta", "EGMTL": "lam3"}.get(self.name, "alpha")
        if self.name == "L21MTL":
            return max(norm(row) / self.weight(name) for row in G)
        return max(abs(v) / self.weight(name, t) for row in G for t, v in enumerate(row))

    def dual(self, theta):
        """The dual objective (without ridge) at theta, centred and scaled into the dual ball."""
        with localcontext(prec=DIGITS):
            rho = [Decimal(float(theta[where][at])) for *_, (where, at) in self.ratings]
            if self.intercept:
                mass, total = [Decimal(0)] * self.T, [Decimal(0)] * self.T
                for (t, *_, cu, _), value in zip(self.ratings, rho, strict=True):
                    mass[t] += cu
                    total[t] += cu.sqrt() * value
                rho = [
                    value - (cu.sqrt() * total[t] / mass[t] if mass[t] else 0)
                    for (t, *_, cu, _), value in zip(self.ratings, rho, strict=True)
                ]
            G = [[Decimal(0)] * self.T for _ in range(self.D)]
            inner = square = Decimal(0)
            for (t, x, y, cu, _), value in zip(self.ratings, rho, strict=True):
                inner += cu.sqrt() * y * value
                square += value * value
                for d in range(self.D):
                    G[d][t] += cu.sqrt() * x[d] * value
            for q, (i, j, lam, g) in enumerate(self.edges):
                for d in range(self.D):
                    value = Decimal(float(theta["graph"][q, d]))
                    square += value * value
                    G[d][i] += lam.sqrt() * g * value
                    G[d][j] -= lam.sqrt() * g * value
            s = 1 / max(self.polar(G), Decimal(1))
            return s * inner - s * s * square / 2


def case_of(data, **options):
    pairs = [(o, d) for o in OBJECTIVES for d in DESIGNS]
    objective, design = data.draw(st.sampled_from(pairs))
    return data.draw(cases(objective, design, plain=True, zero_weights=False, max_condition=3, **options))


def fitted(case, **settings_):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return case.model(max_iter=20_000, **settings_).fit(**case.data)


thorough = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@given(data=st.data())
@thorough
def test_the_primal_is_enclosed(data):
    """The bound is above F(W) in 60 digits, and no further than its own 20 digits and 128 bits allow."""
    case = case_of(data)
    model = fitted(case)
    truth = Explicit(case).primal(model.parts_, np.atleast_1d(model.intercept_) + np.zeros(len(model.tasks_)))
    bound = Decimal(certify(model, exact=True, **case.data).primal)
    zero = Explicit(case).primal({k: 0 * p for k, p in model.parts_.items()}, np.zeros(len(model.tasks_)))
    with localcontext(prec=DIGITS):
        assert truth <= bound <= truth * (1 + Decimal("1e-18")) + zero * Decimal("1e-30")


@given(data=st.data())
@thorough
def test_no_coefficients_reach_below_the_dual(data):
    """Nor do those of an accurate solution, so the gap is true: it is at least F(W) less F anywhere else."""
    case = case_of(data)
    rough, fine = fitted(case, tol=1e-2), fitted(case, tol=1e-9)
    proof = certify(rough, exact=True, **case.data)
    explicit = Explicit(case)
    zero = np.zeros(len(fine.tasks_))
    for model in (rough, fine):
        value = explicit.primal(model.parts_, np.atleast_1d(model.intercept_) + zero)
        assert proof.reason or Decimal(proof.dual) <= value
        own = explicit.primal(rough.parts_, np.atleast_1d(rough.intercept_) + zero)
        with localcontext(prec=DIGITS):
            assert proof.reason or Decimal(proof.gap) >= own - value


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", ["STLasso", "DirtyMTL", "RobustMTL", "EGMTL"])  # those without ridge
@given(data=st.data())
@settings(thorough, max_examples=50)
def test_the_dual_point_of_the_solver_carries_the_bound_that_it_claims(objective, design, data):
    """In 60 digits, with what rounding left of means removed, and scaled into the dual ball if outside."""
    case = data.draw(cases(objective, design, plain=True, zero_weights=False, max_condition=3))
    claim, explicit = fitted(case).certificate_, Explicit(case)
    edges = explicit.edges
    assume(all(lam * g for *_, lam, g in edges) and len({frozenset(e[:2]) for e in edges}) == len(edges))
    assert explicit.dual(claim.dual_point) >= claim.dual - claim.rounding


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(
    ("edges", "level"),
    [([], 1e-3), ([], 1e-9), ([(0, 1, 1.0)], 1e-3), ([(0, 1, 1.0)], 1e-9), ([(0, 1, 1e4)], 1e-3)],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # points of any fit must carry
def test_dual_points_carry_their_bounds_beside_strong_edges_and_small_weights(edges, level, intercept):
    """Rounding then is much of what M'theta may be off by; a dual point that is projected has all of it."""
    projected = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        X = random.standard_normal((5, 3))
        y = X @ random.standard_normal((3, 2)) + 0.1 * random.standard_normal((5, 2))
        model = fista.EGMTL(1.0, 1.0, 1.0, edges, fit_intercept=intercept, tol=1e-9, max_iter=1000)
        model.set_params(lam3=level * model.lambda_max(X, y)).fit(X, y)
        projected += model._problem(model._read(X, y)).projection(model.n_iter_) is not None
        case = Case("EGMTL", model.get_params(), {"X": X, "y": y})
        claim = model.certificate_
        assert Explicit(case).dual(claim.dual_point) >= claim.dual - claim.rounding
    assert projected > 0


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data())
@settings(thorough, max_examples=72)  # some 1,000 in all
def test_the_exact_gap_is_at_most_the_one_that_the_solver_claims(objective, design, data):
    """Up to the claimed rounding, and to what the dual points differ in.

    Both take the residual r for a direction: the solver as it was computed, which is within e = gamma A of
    the true one, that exact proofs take (A = ||b|| + sum_d ||M_.d|| |w_d|). So their polars differ by
    polar(M'e), and their dual values by that times the derivative in s, <W, G> <= F(W) + gap.
    """
    case = data.draw(cases(objective, design, plain=True, zero_weights=False, max_condition=3))
    model = fitted(case)
    claim, proof = model.certificate_, certify(model, exact=True, **case.data)
    assert not proof.reason
    declared = declare(case.model(), **case.data)
    M = declared.M
    n = sum(M.shape) + 10
    columns = np.sqrt(np.asarray(M.multiply(M).sum(axis=0)).ravel())
    size = np.linalg.norm(declared.b_uncentred) + float(
        columns @ np.abs(sum(model.parts_.values())).T.ravel()
    )
    error = np.outer(columns, [n * EPS * 2 * size]).reshape(declared.n_tasks, declared.n_features).T
    weights = (declared.weights[w] for w in declared.side.norms)
    slack = declared.side.polar(error, *weights) * (claim.primal + claim.gap) if declared.ridge == 0 else 0.0
    slack += (n * EPS * size) ** 2  # the intercept is rounded
    assert float(proof.gap) <= claim.gap + claim.rounding + slack
    if claim.converged:
        assert proof.holds(1.01 * model.tol + (claim.rounding + slack) / max(float(proof.at_zero), 1e-300))


def test_fractions_and_decimals_agree():
    """One feature, one task, by hand: F = (2 - w)^2 + 2 |w| at w = 1 is optimal, F* = 3."""
    proof = certify([[1.0]], [[1.0]], [2.0], objective=fista.STLasso(alpha=2.0), exact=True)
    assert Fraction(proof.primal) == 3
    # The scale of the dual point is a float that is certainly feasible, one or two below the best.
    assert 3 - Fraction(1, 10**15) <= Fraction(proof.dual) <= 3
    assert 0 <= Fraction(proof.gap) <= Fraction(1, 10**15)
    assert Fraction(proof.at_zero) == 4
    assert proof.holds(1e-15)
    worse = certify([[0.5]], [[1.0]], [2.0], objective=fista.STLasso(alpha=2.0), exact=True)
    assert Fraction(worse.primal) == Fraction(13, 4)
    assert Fraction(1, 4) <= Fraction(worse.gap)
    assert not worse.holds(0.05)


def test_what_nothing_penalises_has_no_useful_proof():
    proof = certify(fista.STLasso(alpha=0.0).fit(X, Y), X, Y, exact=True)
    assert not proof.holds(1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_form_of_data(objective):
    model = getattr(fista, objective)(fit_intercept=True).fit(X, Y)
    dense, sparse = certify(model, X, Y, exact=True), certify(model, sp.csr_array(X), Y, exact=True)
    assert dense.holds(1e-5)
    assert (dense.primal, dense.dual, dense.data) == (sparse.primal, sparse.dual, sparse.data)


def test_more_bits_say_the_same_more_sharply():
    model = fista.RobustMTL().fit(X, Y)
    proof = certify(model, X, Y, exact=True)
    sharper = enclose(proof.statement, read_data(X, Y), proof.point, precision=400)
    assert Fraction(sharper.gap) <= Fraction(proof.gap)
    coarse = enclose(proof.statement, read_data(X, Y), proof.point, precision=60)
    assert Fraction(coarse.gap) >= Fraction(sharper.gap)
    assert coarse.reason == ""


# -- files ---------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    data = {
        "X": X,
        "y": Y[:, 0],
        "tasks": np.repeat(["a", "b", "c"], 4),
        "sample_weight": np.linspace(1, 2, 12),
    }
    model = fista.SRMTL(graph="chain", fit_intercept=True).fit(**data)
    certify(model, exact=True, **data).save(tmp_path / "proof.json")
    np.savez(tmp_path / "data.npz", **data)
    return tmp_path


def run(capsys, *arguments):
    status = command.main(["check", *map(str, arguments)])
    output = capsys.readouterr()
    return status, output.out, output.err


def test_a_certificate_is_checked_without_a_solver(capsys, files, monkeypatch):
    monkeypatch.setattr("fista.base.minimize", None)
    assert sorted(path.name for path in files.iterdir()) == ["data.npz", "proof.json"]
    status, out, _ = run(capsys, files / "proof.json", "--data", files / "data.npz")
    assert status == 0
    assert "true, of these coefficients and these data" in out


def test_other_data_are_refused(capsys, files):
    content = dict(np.load(files / "data.npz"))
    content["y"][3] = np.nextafter(content["y"][3], 9)
    np.savez(files / "data.npz", **content)
    status, out, _ = run(capsys, files / "proof.json", "--data", files / "data.npz")
    assert status == 1
    assert "WRONG: data: the array 'crowd y' is another" in out
    assert "proved" not in out  # what is refused is not said to be proved


def test_every_digit_counts(files):
    """Any digit changed is seen by the digest; with the digest mended, by the proof if it says too much."""
    text = (files / "proof.json").read_text()
    places = [k for k, character in enumerate(text) if character.isdigit()]
    for k in places[:: len(places) // 50]:
        changed = text[:k] + str((int(text[k]) + 1) % 10) + text[k + 1 :]
        (files / "changed.json").write_text(changed)
        with pytest.raises(ValueError, match=r"digest|format|certificate"):
            load(files / "changed.json")


def test_digits_of_the_same_number_count_too(files):
    """Of decimals with 17 digits or more, several are one floating-point number."""
    written = (files / "proof.json").read_text()
    number = re.compile(r"\d\.\d+(?=[,\s])").search(written, written.index('"point"'))
    longer = number.group() + 17 * "0" + "1"
    assert float(longer) == float(number.group())
    (files / "changed.json").write_text(written[: number.start()] + longer + written[number.end() :])
    with pytest.raises(ValueError, match="digits that are not those"):
        load(files / "changed.json")


@pytest.mark.parametrize(("name", "factor"), [("primal", -1), ("dual", 1), ("gap", -1), ("at_zero", 1)])
def test_a_claim_of_too_much_is_refused(files, name, factor):
    proof = load(files / "proof.json")
    data = dict(np.load(files / "data.npz"))
    value = Decimal(getattr(proof, name))
    with localcontext(prec=DIGITS):
        better = value + factor * abs(value) * Decimal("1e-15")
    object.__setattr__(proof, name, str(better))
    found = check(proof, read_data(**data, task_labels=proof.statement.tasks))
    assert [finding.split(":")[0] for finding in found] == [name]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 2}', "\x00", '{"format": 1, "digest": ""}'])
def test_what_is_no_certificate_is_refused(capsys, files, content):
    (files / "proof.json").write_text(content)
    status, _, err = run(capsys, files / "proof.json", "--data", files / "data.npz")
    assert status == 2
    assert "proof.json" in err


def forged(name, proof):
    """A file with a valid digest that states something else than an objective and coefficients for it."""
    statement, point = proof.statement, proof.point
    (part,) = point.parts
    T = len(statement.tasks)
    return {
        "a negative weight": lambda: statement.weights.update({next(iter(statement.weights)): -1.0}),
        "an extra part": lambda: point.parts.update({"Z": point.parts[part].copy()}),
        "a negative edge": lambda: statement.edges.append((0, 1, -1.0)),
        "an edge that leads nowhere": lambda: statement.edges.append((0, T, 1.0)),
        "another objective": lambda: object.__setattr__(statement, "objective", "Nope"),
        "another weight": lambda: statement.weights.update(delta=1.0),
        "a short dual point": lambda: object.__setattr__(point, "dual", point.dual[:1]),
        "too many scales": lambda: object.__setattr__(point, "scales", [*point.scales, 1.0]),
        "bits that are no number": lambda: object.__setattr__(proof, "precision", "128"),
        "other tasks": lambda: object.__setattr__(statement, "tasks", ["zz"] * T),
    }[name]()


@pytest.mark.parametrize(
    "name",
    [
        "a negative weight",
        "an extra part",
        "a negative edge",
        "an edge that leads nowhere",
        "another objective",
        "another weight",
        "a short dual point",
        "too many scales",
        "bits that are no number",
        "other tasks",
    ],
)
def test_what_is_no_statement_has_no_proof(files, name):
    proof = load(files / "proof.json")
    data = read_data(**dict(np.load(files / "data.npz")), task_labels=proof.statement.tasks)
    forged(name, proof)
    proof.save(files / "forged.json")
    (finding,) = check(load(files / "forged.json"), data)
    assert "expected" in finding


@pytest.mark.parametrize("claim", ["nan", "little"])
def test_what_is_no_number_is_refused_with_the_digest_mended(files, claim):
    proof = load(files / "proof.json")
    object.__setattr__(proof, "gap", claim)
    proof.save(files / "proof.json")
    with pytest.raises(ValueError, match="found no certificate"):
        load(files / "proof.json")


def test_a_file_of_something_else_is_not_shown(capsys, files):
    status, _, err = run(capsys, files / "data.npz", "--data", files / "data.npz")
    assert status == 2
    assert len(err) < 400 + len(str(files))


def test_a_file_is_not_left_half_written(files, monkeypatch):
    proof = load(files / "proof.json")
    before = (files / "proof.json").read_text()
    monkeypatch.setattr(json, "dump", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("disk full")))
    with pytest.raises(RuntimeError, match="disk full"):
        proof.save(files / "proof.json")
    assert (files / "proof.json").read_text() == before
    assert len(list(files.iterdir())) == 2


def test_without_flint_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "flint", None)
    with pytest.raises(ImportError, match=r"certified-mtl\[exact\]"):
        certify(fista.STLasso().fit(X, Y), X, Y, exact=True)
