"""Wrong calls fail before any work; the message names the argument, what was found and what was expected."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate

import fista
import formulations
from fista import EGMTL, L21MTL, SRMTL, DirtyMTL, MTLasso, RobustMTL, STLasso

X = np.arange(12.0).reshape(6, 2) + [[0.0, 1.0]] * 6
Y = np.arange(18.0).reshape(6, 3) % 5
y = np.arange(6.0) % 4
TASKS = [0, 1, 2, 0, 1, 2]
NAN = np.where(np.arange(6) == 1, np.nan, 1.0)
INF = np.where(np.arange(6) == 1, np.inf, 1.0)
EXPERTS = {"X_expert": X[:2], "y_expert": Y[:2]}
PER_TASK = {"tasks": TASKS, "X_expert": X, "y_expert": y, "tasks_expert": TASKS}
CHAIN = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def without(data, *names):
    return {key: value for key, value in data.items() if key not in names}


# name: model, X, y, keywords of fit, error, argument, what was found
FIT = {
    # y
    "y of None": (MTLasso(), X, None, {}, ValueError, "y", "None"),
    "y with NaN": (MTLasso(), X, NAN, {}, ValueError, "y", "NaN"),
    "y with NaN of weight 1": (MTLasso(), X, NAN, {"sample_weight": np.ones(6)}, ValueError, "y", "NaN"),
    "2-D y with NaN": (MTLasso(), X, NAN[:, None] * Y, {}, ValueError, "y", "NaN"),
    "y with infinity": (MTLasso(), X, INF, {}, ValueError, "y", "infinity"),
    "y with infinity of weight 0": (
        MTLasso(),
        X,
        INF,
        {"sample_weight": INF < 2},
        ValueError,
        "y",
        "infinity",
    ),
    "complex y": (MTLasso(), X, y + 1j, {}, ValueError, "y", "complex"),
    "y of strings": (MTLasso(), X, list("abcdef"), {}, ValueError, "y", "<U1"),
    "y of digits in strings": (MTLasso(), X, list("123456"), {}, ValueError, "y", "<U1"),
    "y of objects": (MTLasso(), X, [{}] * 6, {}, ValueError, "y", "not numbers"),
    "y of dates": (MTLasso(), X, np.zeros(6, "datetime64[s]"), {}, ValueError, "y", "datetime64"),
    "ragged y": (MTLasso(), X, [[1], [1, 2]] * 3, {}, ValueError, "y", ""),
    "sparse y": (MTLasso(), X, sp.csr_array(Y), {}, TypeError, "y", "sparse"),
    "y too short": (MTLasso(), X, y[:5], {}, ValueError, "y", "5 rows"),
    "3-D y": (MTLasso(), X, np.ones((6, 2, 2)), {}, ValueError, "y", "3 dim"),
    "y of 0 columns": (MTLasso(), X, np.ones((6, 0)), {}, ValueError, "y", r"\(6, 0\)"),
    "scalar y": (MTLasso(), X, 1.0, {}, ValueError, "y", "0 dim"),
    # sample_weight
    "negative weight": (MTLasso(), X, y, {"sample_weight": y - 1}, ValueError, "sample_weight", "-1"),
    "NaN weight": (MTLasso(), X, y, {"sample_weight": NAN}, ValueError, "sample_weight", "NaN"),
    "NaN weight of NaN": (MTLasso(), X, NAN, {"sample_weight": NAN}, ValueError, "sample_weight", "NaN"),
    "infinite weight": (MTLasso(), X, y, {"sample_weight": INF}, ValueError, "sample_weight", "infinity"),
    "complex weight": (MTLasso(), X, y, {"sample_weight": y + 1j}, ValueError, "sample_weight", "complex"),
    "weight of strings": (MTLasso(), X, y, {"sample_weight": ["1"] * 6}, ValueError, "sample_weight", "<U1"),
    "weight of None": (MTLasso(), X, y, {"sample_weight": [None, "a"] * 3}, ValueError, "sample_weight", ""),
    "sparse weight": (
        MTLasso(),
        X,
        Y,
        {"sample_weight": sp.csr_array(Y)},
        TypeError,
        "sample_weight",
        "sparse",
    ),
    "weight too short": (MTLasso(), X, y, {"sample_weight": y[:3]}, ValueError, "sample_weight", r"\(3,\)"),
    "2-D weight of 1-D y": (MTLasso(), X, y, {"sample_weight": Y}, ValueError, "sample_weight", r"\(6, 3\)"),
    "weight of 2 of 3 tasks": (
        MTLasso(),
        X,
        Y,
        {"sample_weight": Y[:, :2]},
        ValueError,
        "sample_weight",
        r"\(6, 2\)",
    ),
    "column of weights": (
        MTLasso(),
        X,
        Y,
        {"sample_weight": Y[:, :1]},
        ValueError,
        "sample_weight",
        r"\(6, 1\)",
    ),
    "2-D weight with tasks": (
        MTLasso(),
        X,
        y,
        {"tasks": TASKS, "sample_weight": Y},
        ValueError,
        "sample_weight",
        r"\(6, 3\)",
    ),
    "mask of everyone": (EGMTL(), X, y, {"expert": [True] * 6}, ValueError, "expert", "every row"),
    "crowd and experts without weight": (
        EGMTL(),
        X,
        y,
        {"sample_weight": 0 * y, "X_expert": X, "y_expert": y, "sample_weight_expert": 0 * y},
        ValueError,
        "sample_weight, sample_weight_expert",
        "zeros",
    ),
    "labels beyond 64 bits": (MTLasso(), X, y, {"tasks": [2**63] * 6}, ValueError, "tasks", str(2**63)),
    "weights all zero": (MTLasso(), X, y, {"sample_weight": 0 * y}, ValueError, "sample_weight", "zeros"),
    # tasks
    "tasks with 2-D y": (MTLasso(), X, Y, {"tasks": TASKS}, ValueError, "tasks", "2-D y"),
    "tasks too short": (MTLasso(), X, y, {"tasks": TASKS[:4]}, ValueError, "tasks", "4 labels"),
    "2-D tasks": (MTLasso(), X, y, {"tasks": [TASKS]}, ValueError, "tasks", "2 dim"),
    "scalar task": (MTLasso(), X, y, {"tasks": "a"}, ValueError, "tasks", "0 dim"),
    "tasks with None": (MTLasso(), X, y, {"tasks": [None, *TASKS[1:]]}, TypeError, "tasks", "None"),
    "string tasks with None": (MTLasso(), X, y, {"tasks": [None, *"abcde"]}, TypeError, "tasks", "None"),
    "tasks with NaN": (MTLasso(), X, y, {"tasks": NAN}, TypeError, "tasks", "float"),
    "string tasks with NaN": (MTLasso(), X, y, {"tasks": [*"abcde", np.nan]}, TypeError, "tasks", "nan"),
    "mixed tasks": (MTLasso(), X, y, {"tasks": ["a", *TASKS[1:]]}, TypeError, "tasks", "mixed"),
    "mixed tasks as objects": (
        MTLasso(),
        X,
        y,
        {"tasks": np.array(["a", *TASKS[1:]], dtype=object)},
        TypeError,
        "tasks",
        "mixed",
    ),
    "float tasks": (MTLasso(), X, y, {"tasks": np.array(TASKS, float)}, TypeError, "tasks", "float"),
    "bool tasks": (MTLasso(), X, y, {"tasks": [True, False] * 3}, TypeError, "tasks", "True"),
    "bool tasks in an array": (MTLasso(), X, y, {"tasks": y > 1}, TypeError, "tasks", "bool"),
    "bytes for tasks": (MTLasso(), X, y, {"tasks": [b"a"] * 6}, TypeError, "tasks", "bytes"),
    "complex tasks": (MTLasso(), X, y, {"tasks": y + 1j}, TypeError, "tasks", "complex"),
    "unknown task": (MTLasso(task_labels=[0, 1]), X, y, {"tasks": TASKS}, ValueError, "tasks", "2"),
    "tasks of another kind": (MTLasso(task_labels=["a"]), X, y, {"tasks": TASKS}, TypeError, "tasks", "int"),
    # task_labels
    "duplicate task_labels": (
        MTLasso(task_labels=[0, 0, 1]),
        X,
        Y,
        {},
        ValueError,
        "task_labels",
        "duplicates",
    ),
    "too few task_labels": (MTLasso(task_labels=[0, 1]), X, Y, {}, ValueError, "task_labels", "2 labels"),
    "too many task_labels": (MTLasso(task_labels=[0, 1]), X, y, {}, ValueError, "task_labels", "2 labels"),
    "unsorted task_labels": (MTLasso(task_labels=[2, 1, 0]), X, Y, {}, ValueError, "task_labels", "order"),
    "empty task_labels": (MTLasso(task_labels=[]), X, Y, {}, ValueError, "task_labels", r"\(0,\)"),
    "scalar task_labels": (MTLasso(task_labels=3), X, Y, {}, ValueError, "task_labels", r"\(\)"),
    "string task_labels": (MTLasso(task_labels="abc"), X, Y, {}, ValueError, "task_labels", r"\(\)"),
    "2-D task_labels": (MTLasso(task_labels=[[0, 1]]), X, Y, {}, ValueError, "task_labels", r"\(1, 2\)"),
    "float task_labels": (MTLasso(task_labels=[0.0, 1.0]), X, Y, {}, TypeError, "task_labels", "float"),
    "mixed task_labels": (MTLasso(task_labels=[0, "a"]), X, Y, {}, TypeError, "task_labels", "mixed"),
    "None in task_labels": (MTLasso(task_labels=[0, None]), X, Y, {}, TypeError, "task_labels", "None"),
    # regularisation
    "negative alpha": (MTLasso(alpha=-1.0), X, Y, {}, ValueError, "alpha", "-1"),
    "NaN alpha": (MTLasso(alpha=np.nan), X, Y, {}, ValueError, "alpha", "nan"),
    "infinite beta": (MTLasso(beta=np.inf), X, Y, {}, ValueError, "beta", "inf"),
    "string alpha": (L21MTL(alpha="1"), X, Y, {}, TypeError, "alpha", "'1'"),
    "None for beta": (L21MTL(beta=None), X, Y, {}, TypeError, "beta", "None"),
    "bool beta": (L21MTL(beta=True), X, Y, {}, TypeError, "beta", "True"),
    "list for beta": (MTLasso(beta=[1.0]), X, Y, {}, TypeError, "beta", r"\[1\.0\]"),
    "complex rho1": (DirtyMTL(rho1=1j), X, Y, {}, TypeError, "rho1", "1j"),
    "negative rho2": (DirtyMTL(rho2=-2), X, Y, {}, ValueError, "rho2", "-2"),
    "array for rho1": (RobustMTL(rho1=np.ones(3)), X, Y, {}, TypeError, "rho1", "ndarray"),
    "NaN rho2": (RobustMTL(rho2=np.nan), X, Y, {}, ValueError, "rho2", "nan"),
    "negative gamma": (SRMTL(gamma=-1), X, Y, {}, ValueError, "gamma", "-1"),
    "negative weight of the graph": (SRMTL(alpha=-1), X, Y, {}, ValueError, "alpha", "-1"),
    "negative lam1": (EGMTL(lam1=-1), X, Y, {}, ValueError, "lam1", "-1"),
    "string lam2": (EGMTL(lam2="a"), X, Y, {}, TypeError, "lam2", "'a'"),
    "infinite lam3": (EGMTL(lam3=np.inf), X, Y, {}, ValueError, "lam3", "inf"),
    "alphas of 2 of 3 tasks": (STLasso(alpha=[1.0, 2.0]), X, Y, {}, ValueError, "alpha", "2 weights"),
    "one negative alpha": (STLasso(alpha=[1.0, -2.0, 1.0]), X, Y, {}, ValueError, r"alpha\[1\]", "-2"),
    "one NaN alpha": (STLasso(alpha=[1.0, 1.0, np.nan]), X, Y, {}, ValueError, r"alpha\[2\]", "nan"),
    "one string alpha": (STLasso(alpha=["a", "b", "c"]), X, Y, {}, TypeError, r"alpha\[0\]", "'a'"),
    "2-D alpha": (STLasso(alpha=np.ones((3, 2))), X, Y, {}, TypeError, r"alpha\[0\]", "list"),
    "string for alpha": (STLasso(alpha="abc"), X, Y, {}, TypeError, "alpha", "'abc'"),
    # settings
    "negative tol": (MTLasso(tol=-1.0), X, Y, {}, ValueError, "tol", "-1"),
    "NaN tol": (MTLasso(tol=np.nan), X, Y, {}, ValueError, "tol", "nan"),
    "string tol": (MTLasso(tol="x"), X, Y, {}, TypeError, "tol", "'x'"),
    "None for tol": (MTLasso(tol=None), X, Y, {}, TypeError, "tol", "None"),
    "max_iter of 0": (MTLasso(max_iter=0), X, Y, {}, ValueError, "max_iter", "0"),
    "negative max_iter": (MTLasso(max_iter=-5), X, Y, {}, ValueError, "max_iter", "-5"),
    "float max_iter": (MTLasso(max_iter=1.5), X, Y, {}, TypeError, "max_iter", r"1\.5"),
    "bool max_iter": (MTLasso(max_iter=True), X, Y, {}, TypeError, "max_iter", "True"),
    "string fit_intercept": (MTLasso(fit_intercept="yes"), X, Y, {}, TypeError, "fit_intercept", "'yes'"),
    "number for fit_intercept": (MTLasso(fit_intercept=1), X, Y, {}, TypeError, "fit_intercept", "1"),
    "None for fit_intercept": (MTLasso(fit_intercept=None), X, Y, {}, TypeError, "fit_intercept", "None"),
    "number for warm_start": (MTLasso(warm_start=2), X, Y, {}, TypeError, "warm_start", "2"),
    # experts
    "X_expert alone": (EGMTL(), X, Y, {"X_expert": X}, ValueError, "y_expert", "None"),
    "y_expert alone": (EGMTL(), X, Y, {"y_expert": Y}, ValueError, "y_expert", "without X_expert"),
    "tasks_expert alone": (EGMTL(), X, y, {"tasks_expert": TASKS}, ValueError, "tasks_expert", "without"),
    "sample_weight_expert alone": (
        EGMTL(),
        X,
        Y,
        {"sample_weight_expert": y},
        ValueError,
        "sample_weight_expert",
        "without",
    ),
    "features of X_expert": (
        EGMTL(),
        X,
        Y,
        {"X_expert": X[:, :1], "y_expert": Y},
        ValueError,
        "X_expert",
        "1 features",
    ),
    "NaN in X_expert": (
        EGMTL(),
        X,
        Y,
        {"X_expert": NAN[:, None] * X, "y_expert": Y},
        ValueError,
        "X_expert",
        None,
    ),
    "1-D X_expert": (EGMTL(), X, Y, {"X_expert": y, "y_expert": Y}, ValueError, "X_expert", None),
    "complex X_expert": (EGMTL(), X, Y, {"X_expert": X * 1j, "y_expert": Y}, ValueError, "X_expert", None),
    "strings in X_expert": (
        EGMTL(),
        X,
        Y,
        {"X_expert": [["a", "b"]] * 6, "y_expert": Y},
        ValueError,
        "X_expert",
        None,
    ),
    "rows of y_expert": (EGMTL(), X, Y, {"X_expert": X, "y_expert": Y[:5]}, ValueError, "y_expert", "5 rows"),
    "1-D y_expert": (EGMTL(), X, Y, {"X_expert": X, "y_expert": y}, ValueError, "y_expert", r"\(6,\)"),
    "2-D y_expert": (EGMTL(), X, y, {"X_expert": X, "y_expert": Y}, ValueError, "y_expert", r"\(6, 3\)"),
    "columns of y_expert": (
        EGMTL(),
        X,
        Y,
        {"X_expert": X, "y_expert": Y[:, :2]},
        ValueError,
        "y_expert",
        r"\(6, 2\)",
    ),
    "NaN in y_expert": (
        EGMTL(),
        X,
        Y,
        {"X_expert": X, "y_expert": NAN[:, None] * Y},
        ValueError,
        "y_expert",
        "NaN",
    ),
    "strings in y_expert": (
        EGMTL(),
        X,
        y,
        {"X_expert": X, "y_expert": list("abcdef")},
        ValueError,
        "y_expert",
        "<U1",
    ),
    "tasks_expert without tasks": (
        EGMTL(),
        X,
        Y,
        EXPERTS | {"tasks_expert": [0, 1]},
        ValueError,
        "tasks_expert",
        "without tasks",
    ),
    "tasks without tasks_expert": (
        EGMTL(),
        X,
        y,
        without(PER_TASK, "tasks_expert"),
        ValueError,
        "tasks_expert",
        "None",
    ),
    "unknown tasks_expert": (
        EGMTL(),
        X,
        y,
        PER_TASK | {"tasks_expert": [7] * 6},
        ValueError,
        "tasks_expert",
        "7",
    ),
    "tasks_expert of another kind": (
        EGMTL(),
        X,
        y,
        PER_TASK | {"tasks_expert": list("abcabc")},
        TypeError,
        "tasks_expert",
        "<U1",
    ),
    "tasks_expert too short": (
        EGMTL(),
        X,
        y,
        PER_TASK | {"tasks_expert": [0]},
        ValueError,
        "tasks_expert",
        "1 labels",
    ),
    "tasks_expert with None": (
        EGMTL(),
        X,
        y,
        PER_TASK | {"tasks_expert": [None] * 6},
        TypeError,
        "tasks_expert",
        "None",
    ),
    "negative sample_weight_expert": (
        EGMTL(),
        X,
        Y,
        EXPERTS | {"sample_weight_expert": [1, -1]},
        ValueError,
        "sample_weight_expert",
        "-1",
    ),
    "length of sample_weight_expert": (
        EGMTL(),
        X,
        Y,
        EXPERTS | {"sample_weight_expert": y},
        ValueError,
        "sample_weight_expert",
        r"\(6,\)",
    ),
    "mask and X_expert": (
        EGMTL(),
        X,
        Y,
        EXPERTS | {"expert": y > 0},
        ValueError,
        "expert",
        "besides X_expert",
    ),
    "mask and y_expert": (
        EGMTL(),
        X,
        Y,
        {"y_expert": Y, "expert": y > 0},
        ValueError,
        "y_expert",
        "without X_expert",
    ),
    "mask of numbers": (EGMTL(), X, Y, {"expert": y}, TypeError, "expert", "float64"),
    "mask of integers": (EGMTL(), X, Y, {"expert": [0, 1] * 3}, TypeError, "expert", "int64"),
    "mask of strings": (EGMTL(), X, Y, {"expert": ["True"] * 6}, TypeError, "expert", "<U4"),
    "mask with None": (EGMTL(), X, Y, {"expert": [True, None] * 3}, TypeError, "expert", "object"),
    "mask too short": (EGMTL(), X, Y, {"expert": [True]}, ValueError, "expert", r"\(1,\)"),
    "mask of 2 dimensions": (EGMTL(), X, Y, {"expert": Y > 1}, ValueError, "expert", r"\(6, 3\)"),
}

# The forms of a graph themselves are in test_graphs; here, that both estimators say so.
GRAPHS = {
    "unknown name": ("star", ValueError, "star"),
    "None": (None, TypeError, "NoneType"),
    "number": (3, TypeError, "int"),
    "self-loop": ([(0, 0)], ValueError, "self-loop"),
    "negative weight": ([(0, 1, -1.0)], ValueError, "-1"),
    "NaN weight": ([(0, 1, np.nan)], ValueError, "nan"),
    "string weight": ([(0, 1, "w")], TypeError, "'w'"),
    "out of range": ([(0, 3)], ValueError, "3"),
    "negative end": ([(-1, 0)], ValueError, "-1"),
    "labels for positions": ([("a", "b")], TypeError, "'a'"),
    "float end": ([(0.0, 1)], TypeError, r"0\.0"),
    "too short an edge": ([(0,)], ValueError, r"\(0,\)"),
    "ambiguous lists": (CHAIN.tolist(), ValueError, "edges or an adjacency"),
    "wrong size": (np.ones((2, 2)), ValueError, r"\(2, 2\)"),
    "edges in an array": (np.array([(0, 1), (1, 2)]), ValueError, r"\(2, 2\)"),
    "diagonal": (np.ones((3, 3)), ValueError, "diagonal"),
    "asymmetric": (np.triu(CHAIN), ValueError, "symmetric"),
    "negative": (-CHAIN, ValueError, "negative"),
    "NaN": (np.full((3, 3), np.nan), ValueError, "NaN"),
    "strings": (np.full((3, 3), "a"), TypeError, "not numeric"),
    "sparse with a diagonal": (sp.eye_array(3), ValueError, "diagonal"),
    "sparse of the wrong size": (sp.csr_array((4, 4)), ValueError, r"\(4, 4\)"),
    "frame": ({"a": 1}, TypeError, "dict"),
}

# scikit-learn reads X, and says what is wrong with it in its own words.
DESIGNS = {
    "NaN in X": (np.where(X == 4, np.nan, X), ValueError, "X contains NaN"),
    "infinity in X": (np.where(X == 4, np.inf, X), ValueError, "X contains infinity"),
    "complex X": (X * 1j, ValueError, "[Cc]omplex"),
    "strings in X": ([["a", "b"]] * 6, ValueError, "convert"),
    "1-D X": (y, ValueError, "2D array"),
    "3-D X": (X.reshape(6, 2, 1), ValueError, "dim"),
    "no rows": (X[:0], ValueError, "sample"),
    "no columns": (X[:, :0], ValueError, "feature"),
    "NaN in sparse X": (sp.csr_array(np.where(X == 4, np.nan, X)), ValueError, "NaN"),
    "None": (None, ValueError, "array"),
}


def assert_says(raised, argument, found):
    pattern = (
        rf"(?s)^{argument}: .*found .*{found}.*expected"
        if found is not None
        else rf"(?s){argument}.*expected"
    )
    assert raised.match(pattern)


@pytest.fixture
def no_work(monkeypatch):
    def work(*args, **keywords):
        raise AssertionError("work was done")

    monkeypatch.setattr("fista.base.minimize", work)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("case", FIT)
def test_fit(case):
    model, X, y, keywords, error, argument, found = FIT[case]
    with pytest.raises(error) as raised:
        model.fit(X, y, **keywords)
    assert type(raised.value) is error
    assert_says(raised, argument, found)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("package", [fista, formulations])
@pytest.mark.parametrize("keywords", [{"X_expert": X, "y_expert": y}, {"weights": y}])
def test_lambda_max_takes_the_arguments_of_fit(package, keywords):
    with pytest.raises(
        TypeError, match=rf"lambda_max: .*'{next(iter(keywords))}'; expected the arguments of"
    ):
        package.MTLasso().lambda_max(X, y, **keywords)
    assert package.EGMTL().lambda_max(X, y, X_expert=X, y_expert=y) > 0


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("case", FIT)
def test_lambda_max_says_the_same(case):
    model, X, y, keywords, error, argument, found = FIT[case]
    with pytest.raises(error) as raised:
        model.lambda_max(X, y, **keywords)
    assert_says(raised, argument, found)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("model", [SRMTL, EGMTL])
@pytest.mark.parametrize("case", GRAPHS)
def test_graphs(model, case):
    graph, error, found = GRAPHS[case]
    for targets, keywords in ((Y, {}), (y, {"tasks": TASKS})):
        with pytest.raises(error) as raised:
            model(graph=graph).fit(X, targets, **keywords)
        assert_says(raised, "graph", found)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("model", [STLasso(), EGMTL()], ids=str)
@pytest.mark.parametrize("case", DESIGNS)
def test_designs(model, case):
    design, error, found = DESIGNS[case]
    with pytest.raises(error, match=found):
        model.fit(design, np.zeros(np.shape(design)[0] if design is not None else 6))


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("model", [STLasso(), MTLasso(), L21MTL(), DirtyMTL(), RobustMTL(), SRMTL()], ids=str)
@pytest.mark.parametrize("name", ["X_expert", "y_expert", "tasks_expert", "sample_weight_expert", "expert"])
def test_only_eg_mtl_has_experts(model, name):
    with pytest.raises(TypeError, match=name):
        model.fit(X, Y, **{name: y > 0})


@pytest.mark.usefixtures("no_work")
def test_everything_after_y_is_named():
    for model in (MTLasso(), EGMTL()):
        with pytest.raises(TypeError, match="positional"):
            model.fit(X, y, TASKS)


@pytest.mark.parametrize("power", [200, 300])
def test_data_whose_squares_overflow(power):
    with pytest.raises(ValueError, match=r"X, y: found .*overflow; expected"):
        MTLasso().fit(X * 10.0**power, Y)
    with pytest.raises(ValueError, match=r"X, y: found .*overflow; expected"):
        MTLasso().fit(X, Y * 10.0**power)


# -- after the fit -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["predict", "score"])
@pytest.mark.parametrize("model", [STLasso(), EGMTL()], ids=str)
def test_not_fitted(model, method):
    with pytest.raises(NotFittedError, match="not fitted"):
        getattr(model, method)(*((X,) if method == "predict" else (X, y)))


def shared():
    return MTLasso().fit(X, Y)


def single():
    return MTLasso().fit(X, y)


def per_task():
    return MTLasso().fit(X, y, tasks=TASKS)


def of_strings():
    return MTLasso().fit(X, y, tasks=list("abcabc"))


# name: fitted model, method, positional arguments, keywords, error, argument, what was found
AFTER = {
    "tasks for a shared model": (
        shared,
        "predict",
        (X,),
        {"tasks": TASKS},
        ValueError,
        "tasks",
        "without tasks",
    ),
    "tasks for one task": (single, "predict", (X,), {"tasks": [0] * 6}, ValueError, "tasks", "without tasks"),
    "unknown tasks": (per_task, "predict", (X,), {"tasks": [5] * 6}, ValueError, "tasks", "5"),
    "one unknown task": (per_task, "predict", (X,), {"tasks": [*TASKS[:5], 3]}, ValueError, "tasks", "3"),
    "strings for integers": (per_task, "predict", (X,), {"tasks": list("abcabc")}, TypeError, "tasks", "<U1"),
    "integers for strings": (of_strings, "predict", (X,), {"tasks": TASKS}, TypeError, "tasks", "int64"),
    "unknown string": (of_strings, "predict", (X,), {"tasks": list("abcabz")}, ValueError, "tasks", "'z'"),
    "None for a task": (per_task, "predict", (X,), {"tasks": [None] * 6}, TypeError, "tasks", "None"),
    "float tasks": (per_task, "predict", (X,), {"tasks": [0.0] * 6}, TypeError, "tasks", "float"),
    "bool tasks": (per_task, "predict", (X,), {"tasks": [True] * 6}, TypeError, "tasks", "True"),
    "tasks too short": (per_task, "predict", (X,), {"tasks": [0, 1]}, ValueError, "tasks", "2 labels"),
    "2-D tasks": (per_task, "predict", (X,), {"tasks": [TASKS]}, ValueError, "tasks", "2 dim"),
    "score without tasks": (per_task, "score", (X, y), {}, ValueError, "tasks", "None"),
    "score with unknown tasks": (per_task, "score", (X, y), {"tasks": [9] * 6}, ValueError, "tasks", "9"),
    "score of 2-D y with tasks": (per_task, "score", (X, Y), {"tasks": TASKS}, ValueError, "y", r"\(6, 3\)"),
    "score of too few columns": (shared, "score", (X, Y[:, :2]), {}, ValueError, "y", r"\(6, 2\)"),
    "score of 1-D y": (shared, "score", (X, y), {}, ValueError, "y", r"\(6,\)"),
    "score of too few rows": (single, "score", (X, y[:4]), {}, ValueError, "y", "4 rows"),
    "score of NaN": (single, "score", (X, NAN), {}, ValueError, "y", "NaN"),
    "score of infinity": (single, "score", (X, INF), {}, ValueError, "y", "infinity"),
    "score of None": (single, "score", (X, None), {}, ValueError, "y", "None"),
    "score of strings": (single, "score", (X, list("abcdef")), {}, ValueError, "y", "<U1"),
    "score with negative weights": (
        single,
        "score",
        (X, y),
        {"sample_weight": -np.ones(6)},
        ValueError,
        "sample_weight",
        "-1",
    ),
    "score with NaN weights": (
        single,
        "score",
        (X, y),
        {"sample_weight": NAN},
        ValueError,
        "sample_weight",
        "NaN",
    ),
    "score with weights of another shape": (
        shared,
        "score",
        (X, Y),
        {"sample_weight": Y[:, :2]},
        ValueError,
        "sample_weight",
        r"\(6, 2\)",
    ),
    "score without weight": (
        single,
        "score",
        (X, y),
        {"sample_weight": np.zeros(6)},
        ValueError,
        "sample_weight",
        "zeros",
    ),
}


@pytest.mark.parametrize("case", AFTER)
def test_predict_and_score(case):
    fitted, method, arguments, keywords, error, argument, found = AFTER[case]
    with pytest.raises(error) as raised:
        getattr(fitted(), method)(*arguments, **keywords)
    assert type(raised.value) is error
    assert_says(raised, argument, found)


@pytest.mark.parametrize("fitted", [shared, single, per_task])
def test_predict_reads_x_as_scikit_learn_does(fitted):
    model = fitted()
    with pytest.raises(ValueError, match="1 features, but MTLasso is expecting 2"):
        model.predict(X[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        model.predict(X * np.nan)


# -- cross-validation ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_experts", [6, 4])
@pytest.mark.parametrize(
    "run",
    [
        lambda **data: cross_val_score(EGMTL(), X, Y, cv=2, params=data, error_score="raise"),
        lambda **data: cross_validate(EGMTL(), X, Y, cv=2, params=data, error_score="raise"),
        lambda **data: cross_val_predict(EGMTL(), X, Y, cv=2, params=data),
        lambda **data: GridSearchCV(EGMTL(), {"lam1": [0.1, 1.0]}, cv=2, error_score="raise").fit(
            X, Y, **data
        ),
    ],
    ids=["cross_val_score", "cross_validate", "cross_val_predict", "GridSearchCV"],
)
def test_experts_of_their_own_are_refused_in_cross_validation(run, n_experts):
    """As many as the crowd's rows they would be cut by its folds, otherwise passed on whole."""
    with pytest.raises(
        ValueError, match=r"X_expert: found inside sklearn\.model_selection.*expected .*expert="
    ):
        run(X_expert=X[:n_experts], y_expert=Y[:n_experts])


def test_experts_of_their_own_cannot_be_requested():
    assert "X_expert" not in EGMTL().get_metadata_routing().fit.requests
    assert "expert" in EGMTL().get_metadata_routing().fit.requests


@pytest.mark.parametrize("sparse", [False, True])
def test_columns_whose_squares_underflow(sparse):
    """Such a column would count as zero, though it can fit the targets exactly."""
    design = np.array([[1.0, 1e-170], [2.0, 0.0]])
    with pytest.raises(ValueError, match=r"X: found a column of values below 1e-140.*expected"):
        STLasso(alpha=0.0).fit(sp.csr_array(design) if sparse else design, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"X_expert: found a column of values below 1e-140.*expected"):
        EGMTL().fit(np.eye(2), [1.0, 2.0], X_expert=design, y_expert=[1.0, 2.0])


@pytest.mark.parametrize(
    "model", [SRMTL(1e308), SRMTL(1.0, graph=[(0, 1, 1e155)]), EGMTL(lam2=1e308)], ids=str
)
def test_edges_whose_squares_overflow(model):
    with pytest.raises(ValueError, match=r"graph: found .*overflow; expected"):
        model.fit(X, Y)
