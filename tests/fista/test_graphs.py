"""Graphs in every form are the edges they should be, and their Laplacian is E'E."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from fista import SRMTL, graphs
from fista.graphs import Graph, read_edges

CHAIN = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
SPARSE = [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.coo_matrix, sp.lil_array, sp.dok_array]


def penalty(edges, W):
    """sum_edges g^2 ||w_i - w_j||^2, from the definition."""
    return sum(g * g * float(np.sum((W[:, i] - W[:, j]) ** 2)) for i, j, g in edges)


@pytest.mark.parametrize(
    "graph",
    [
        "chain",
        [(0, 1), (1, 2)],
        ((0, 1), (1, 2, 1)),
        [[0, 1], [1, 2]],
        [np.array([0, 1]), (np.int64(1), np.int32(2), np.float32(1))],
        graphs.chain(3),
        CHAIN,
        CHAIN.astype(int),
        CHAIN.astype(bool),
        np.asfortranarray(CHAIN),
        *[kind(CHAIN) for kind in SPARSE],
        graphs.from_adjacency(CHAIN.tolist()),
        graphs.from_incidence([[1, -1, 0], [0, 1, -1]]),
        graphs.from_incidence(sp.csr_array([[1, -1, 0], [0, 1, -1]])),
    ],
)
def test_a_chain_in_every_form(graph):
    assert read_edges(graph, 3) == [(0, 1, 1.0), (1, 2, 1.0)]
    assert all(type(i) is int and type(j) is int and type(g) is float for i, j, g in read_edges(graph, 3))


def test_the_named_graphs():
    assert read_edges("complete", 3) == graphs.complete(3) == [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)]
    assert graphs.complete(3, weight=2) == [(0, 1, 2.0), (0, 2, 2.0), (1, 2, 2.0)]
    assert graphs.chain(4, weight=0.5) == [(0, 1, 0.5), (1, 2, 0.5), (2, 3, 0.5)]
    assert read_edges("complete", 1) == read_edges("chain", 1) == read_edges([], 4) == read_edges((), 1) == []
    assert len(graphs.complete(10)) == 45
    assert len(graphs.chain(10)) == 9


def test_labels():
    assert graphs.from_labels(["b", "a", "b", "a", "b"]) == [
        (0, 2, 1.0),
        (0, 4, 1.0),
        (1, 3, 1.0),
        (2, 4, 1.0),
    ]
    assert graphs.from_labels([1, 2, 3]) == []
    assert graphs.from_labels((x for x in "aa"), weight=3) == [(0, 1, 3.0)]


def test_a_cycles_incidence_matrix_is_square():
    cycle = np.array([[1, -1, 0], [0, 2, -2], [-3, 0, 3]])
    assert graphs.from_incidence(cycle) == [(0, 1, 1.0), (1, 2, 2.0), (2, 0, 3.0)]
    # Given as `graph=` it would be taken for an adjacency matrix, and is refused.
    with pytest.raises(ValueError, match=r"graph: found .*expected"):
        read_edges(cycle, 3)


def test_weights_are_squared_in_the_penalty():
    """||E W'||_F^2 = g^2 ||w_0 - w_1||^2 = 9 * 4."""
    W = np.array([[1.0, 3.0]])
    for graph in ([(0, 1, 3)], [(1, 0, 3)], np.array([[0, 3], [3, 0]]), sp.csr_array([[0, 3], [3, 0]])):
        E = Graph.of(graph, 2).incidence
        assert np.sum((E @ W.T) ** 2) == 36


def test_edges_given_twice_add_their_squares():
    once = Graph.of([(0, 1, 5)], 2).laplacian()
    np.testing.assert_array_equal(once, [[25, -25], [-25, 25]])
    for graph in ([(0, 1, 3), (1, 0, 4)], [(0, 1, 3), (0, 1, 4)], [(0, 1, 5), (0, 1, 0.0)]):
        np.testing.assert_array_equal(Graph.of(graph, 2).laplacian(), once)
    X, Y = np.random.default_rng(0).normal(size=(2, 8, 2))
    twice, once = (SRMTL(graph=g, tol=1e-10).fit(X, Y) for g in ([(0, 1, 3), (1, 0, 4)], [(0, 1, 5)]))
    # The objective is 2 sigma^2-strongly convex, sigma the smallest singular value of X.
    apart = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding)) for m in (twice, once))
    sigma = np.linalg.svd(X, compute_uv=False)[-1]
    assert np.linalg.norm(twice.coef_ - once.coef_) <= apart / (np.sqrt(2) * sigma) < 1e-3


EDGES = st.integers(2, 6).flatmap(
    lambda T: st.tuples(
        st.just(T),
        st.lists(
            st.tuples(st.integers(0, T - 1), st.integers(0, T - 1), st.integers(0, 5)).filter(
                lambda e: e[0] != e[1]
            )
        ),
    )
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(EDGES)
def test_laplacian_is_that_of_the_dense_incidence_matrix(case):
    """With whole numbers all of this is exact."""
    T, edges = case
    E = np.zeros((len(edges), T))
    for q, (i, j, g) in enumerate(edges):
        E[q, i], E[q, j] = g, -g
    graph = Graph.of(edges, T)
    np.testing.assert_array_equal(graph.incidence.toarray(), E)
    np.testing.assert_array_equal(graph.laplacian(), E.T @ E)
    W = np.arange(3.0 * T).reshape(3, T) ** 2
    assert np.sum(W * (W @ graph.laplacian())) == penalty(edges, W)
    assert not graph.laplacian().sum(axis=0).any()
    # Back from the incidence matrix, and through an adjacency matrix where no edge is given twice.
    kept = [(i, j, g) if g else None for i, j, g in edges]
    kept = [e for e in kept if e]
    if kept:
        back = graphs.from_incidence(E[[q for q, e in enumerate(edges) if e[2]]])
        np.testing.assert_array_equal(Graph.of(back, T).laplacian(), graph.laplacian())
    if len({frozenset(e[:2]) for e in kept}) == len(kept):
        A = np.zeros((T, T))
        for i, j, g in kept:
            A[i, j] = A[j, i] = g
        for form in (A, sp.csr_array(A)):
            np.testing.assert_array_equal(Graph.of(form, T).laplacian(), graph.laplacian())


def test_sparse_matrices_with_entries_given_twice_or_stored_zeros():
    twice = sp.coo_array(([1.0, 1.0, 2.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert read_edges(twice, 2) == [(0, 1, 2.0)]
    zeros = sp.coo_array(([0.0, 0.0, 0.0], ([0, 1, 0], [1, 0, 0])), shape=(2, 2))
    assert read_edges(zeros, 2) == []


WRONG = {
    "unknown name": ("star", ValueError, "star"),
    "None": (None, TypeError, "NoneType"),
    "number": (3, TypeError, "int"),
    "set": ({(0, 1)}, TypeError, "set"),
    "generator": (iter([(0, 1)]), TypeError, "iterator"),
    "self-loop": ([(0, 1), (2, 2)], ValueError, "self-loop at 2"),
    "end beyond the last": ([(0, 3)], ValueError, "3"),
    "negative end": ([(-1, 0)], ValueError, "-1"),
    "float end": ([(0.0, 1)], TypeError, r"0\.0"),
    "bool end": ([(0, True)], TypeError, "True"),
    "string end": ([("a", 1)], TypeError, "'a'"),
    "negative weight": ([(0, 1, -2.0)], ValueError, "-2"),
    "infinite weight": ([(0, 1, np.inf)], ValueError, "inf"),
    "NaN weight": ([(0, 1, np.nan)], ValueError, "nan"),
    "string weight": ([(0, 1, "2")], TypeError, "'2'"),
    "bool weight": ([(0, 1, True)], TypeError, "True"),
    "one end": ([(0,)], ValueError, r"\(0,\)"),
    "four entries": ([(0, 1, 2, 3)], ValueError, r"\(0, 1, 2, 3\)"),
    "numbers for edges": ([0, 1], ValueError, "0"),
    "strings for edges": (["ab", "bc"], ValueError, "'ab'"),
    "nested lists of T x T": (CHAIN.tolist(), ValueError, "edges or an adjacency"),
    "too small": (np.zeros((2, 2)), ValueError, r"\(2, 2\)"),
    "edges as an array": (np.array([(0, 1), (1, 2)]), ValueError, r"\(2, 2\)"),
    "1-D": (np.zeros(3), ValueError, r"\(3,\)"),
    "3-D": (np.zeros((3, 3, 3)), ValueError, r"\(3, 3, 3\)"),
    "wide sparse": (sp.csr_array((2, 3)), ValueError, r"\(2, 3\)"),
    "diagonal": (np.eye(3), ValueError, "diagonal"),
    "asymmetric": (np.triu(np.ones((3, 3)), 1), ValueError, "symmetric"),
    "asymmetric weights": (CHAIN * [1, 2, 1], ValueError, "symmetric"),
    "negative entry": (-CHAIN, ValueError, "-1"),
    "NaN entry": (np.where(CHAIN > 0, np.nan, 0), ValueError, "NaN"),
    "infinite entry": (np.where(CHAIN > 0, np.inf, 0), ValueError, "infinity"),
    "strings": (np.full((3, 3), "a"), TypeError, "not numeric"),
    "objects": (np.array([[None] * 3] * 3), TypeError, "not numeric"),
    "complex": (CHAIN * 1j, TypeError, "complex"),
    "complex sparse": (sp.csr_array(CHAIN * 1j), TypeError, "complex"),
}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_graphs(case):
    graph, error, found = WRONG[case]
    with pytest.raises(error, match=rf"(?s)^graph: .*found .*{found}.*expected"):
        read_edges(graph, 3)


@pytest.mark.parametrize("row", [[1, 1, 0], [1, -2, 0], [1, 0, 0], [0, 0, 0], [2, -1, -1], [np.nan, 1, 0]])
def test_wrong_incidence_matrices(row):
    with pytest.raises(ValueError, match=r"incidence: found row 1 .*expected exactly one g and one -g"):
        graphs.from_incidence([[1, -1, 0], row])


def test_groups_by_strength_join_until_all_edges_are_within():
    """The strongest, with what has at least a tenth of the next edge between two groups, and so on."""
    edges = [(0, 1, 10.0), (1, 2, 4.0), (3, 4, 0.1), (0, 3, 1e-9)]
    found = list(graphs.by_strength(Graph.of(edges, 6).laplacian()))
    partitions = [sorted(np.flatnonzero(labels == k).tolist() for k in set(labels)) for labels in found]
    assert partitions == [
        [[0, 1, 2], [3], [4], [5]],
        [[0, 1, 2], [3, 4], [5]],
        [[0, 1, 2, 3, 4], [5]],
    ]
    assert not list(graphs.by_strength(np.zeros((3, 3))))
