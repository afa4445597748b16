"""Kendall's W by hand, as R defines it, as Friedman's test has it; degenerate raters; permutations."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from affect.agreement import kendall_w, mean_correlation, permutation_test

EPS = np.finfo(float).eps
# The example of R's irr and DescTools, which document 0.5396569 with the correction for ties.
ANXIETY = np.array(
    [
        [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
        [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
        [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
    ]
).T


def test_without_ties_by_hand():
    # Ranks of 4 items by 3 raters:   1 2 1 | sum  4
    #                                 2 1 2 |      5
    #                                 3 4 3 |     10
    #                                 4 3 4 |     11;  mean 30 / 4 = 7.5
    # Deviations -3.5, -2.5, 2.5, 3.5; squares 12.25 + 6.25 + 6.25 + 12.25 = 37.
    # m^2 (n^3 - n) = 9 * 60 = 540; W = 12 * 37 / 540 = 444 / 540.
    of = kendall_w([[1, 2, 1], [2, 1, 2], [3, 4, 3], [4, 3, 4]])
    assert of.W == of.W_uncorrected == 444 / 540
    assert (of.raters, of.items) == (3, 4)
    # chi2 = m (n - 1) W = 9 W = 7.4; F = 2 W / (1 - W) = 888 / 96 = 9.25, on 3 - 2/3 and 2 (3 - 2/3).
    assert of.chi2 == pytest.approx(7.4, rel=8 * EPS)
    assert pytest.approx(9.25, rel=32 * EPS) == of.F
    # That of F on a and b degrees of freedom is the regularised incomplete beta function of b / (b + a F).
    a, b = 7 / 3, 14 / 3
    assert of.F_p == pytest.approx(special.betainc(b / 2, a / 2, b / (b + a * 9.25)), rel=1e-12)
    # Upper tail of chi2 on 3: erfc(sqrt(x/2)) + sqrt(2x/pi) exp(-x/2).
    tail = stats.norm.sf(np.sqrt(7.4)) * 2 + np.sqrt(2 * 7.4 / np.pi) * np.exp(-3.7)
    assert of.chi2_p == pytest.approx(tail, rel=1e-12)
    # Debiased: (3 * 444/540 - 1) / 2, and the mean of Spearman's rhos, 1 - 6 * 4 / 60 = 0.6, 1 and 0.6.
    assert of.mean_rank_correlation == pytest.approx((0.6 + 1 + 0.6) / 3, rel=8 * EPS)


def test_with_ties_by_hand():
    # Ratings 1 1 2 3 | 1 2 2 2 | 5 6 7 8 have ranks
    #   rater 1: 1.5 1.5 3 4     one group of 2: 2^3 - 2 = 6
    #   rater 2: 1   3   3 3     one group of 3: 3^3 - 3 = 24
    #   rater 3: 1   2   3 4
    # sums 3.5, 6.5, 9, 11 of mean 7.5: squares 16 + 1 + 2.25 + 12.25 = 31.5.
    # W = 12 * 31.5 / (9 * 60 - 3 * 30) = 378 / 450 = 0.84; without the correction 378 / 540 = 0.7.
    of = kendall_w(np.array([[1, 1, 2, 3], [1, 2, 2, 2], [5, 6, 7, 8]]).T)
    assert of.W == 378 / 450
    assert of.W_uncorrected == 378 / 540


def test_the_example_that_r_documents():
    of = kendall_w(ANXIETY)
    assert round(of.W, 7) == 0.5396569
    assert (of.raters, of.items) == (3, 20)


@pytest.mark.parametrize("levels", [2, 3, 7, None])
@pytest.mark.parametrize(("items", "raters"), [(5, 3), (50, 16), (120, 35)])
def test_friedmans_chi2_is_m_n_less_1_w(levels, items, raters):
    rng = np.random.default_rng(items)
    ratings = rng.standard_normal((items, raters)) + rng.standard_normal((items, 1))
    if levels:
        # Every rater has two levels at least, or nothing would be ranked.
        ratings = np.floor(stats.norm.cdf(ratings) * levels)
        ratings[0], ratings[1] = 0, levels - 1
    of = kendall_w(ratings)
    friedman = stats.friedmanchisquare(*ratings)  # scipy's "treatments" are items, its "blocks" raters
    # Sums of some items x raters terms.
    assert of.chi2 == pytest.approx(friedman.statistic, rel=items * raters * EPS)
    assert of.chi2_p == pytest.approx(friedman.pvalue, rel=1e-9)


@pytest.mark.parametrize(("items", "raters"), [(10, 2), (30, 7)])
def test_without_ties_the_debiased_w_is_the_mean_of_spearmans_rho(items, raters):
    ratings = np.random.default_rng(raters).standard_normal((items, raters))
    rho = [stats.spearmanr(ratings[:, i], ratings[:, j]).statistic for i in range(raters) for j in range(i)]
    assert kendall_w(ratings).mean_rank_correlation == pytest.approx(np.mean(rho), abs=items * raters * EPS)


@pytest.mark.parametrize("raters", [2, 5, 16, 35])
def test_of_raters_with_nothing_in_common_w_is_one_over_m_and_the_correlation_zero(raters):
    draws = [kendall_w(np.random.default_rng(k).standard_normal((20, raters))) for k in range(200)]
    W, r = (np.array([getattr(d, name) for d in draws]) for name in ("W", "mean_rank_correlation"))
    # Means of 200 draws, within four standard errors.
    assert abs(W.mean() - 1 / raters) < 4 * W.std() / np.sqrt(200)
    assert abs(r.mean()) < 4 * r.std() / np.sqrt(200)


@pytest.mark.parametrize("items", [2, 50, 3572])
def test_w_is_one_exactly_if_all_rank_alike(items):
    same = np.arange(items)[:, None] * np.arange(1, 36)
    of = kendall_w(same)
    assert of.W == of.mean_rank_correlation == 1
    assert np.inf == of.F
    assert of.F_p == 0
    if items > 2:
        same[:2, 0] = same[1::-1, 0]
        assert kendall_w(same).W < 1
    assert kendall_w(np.repeat(np.arange(items)[:, None] % 2, 3, axis=1)).W == 1  # and tied alike


def test_two_opposite_raters_have_no_concordance():
    of = kendall_w(np.array([[1, 2, 3], [3, 2, 1]]).T)
    assert of.W == 0
    assert of.mean_rank_correlation == -1


def test_who_ranks_nothing_is_excluded_and_named():
    ratings = pd.DataFrame(
        {
            "a": np.arange(10.0),
            "b": np.arange(10.0)[::-1] * [1, 1, 1, 1, 1, 1, 1, 1, 1, -1],
            "still": 0.3,
            "absent": np.nan,
            "half": [*np.arange(5.0), *[np.nan] * 5],
        }
    )
    of = kendall_w(ratings)
    assert of.excluded == {"still": "constant", "absent": "missing", "half": "misses 5 of 10"}
    assert (of.raters, of.items) == (2, 10)
    assert of.W == kendall_w(ratings[["a", "b"]]).W


@pytest.mark.parametrize(("missing", "out"), [(1, False), (2, False), (3, True)])
def test_a_fifth_may_be_missing_and_those_items_are_left_out(missing, out):
    ratings = np.column_stack([np.arange(10.0), np.arange(10.0), np.roll(np.arange(10.0), 1)])
    ratings[4 : 4 + missing, 2] = np.nan
    of = kendall_w(ratings)
    assert (of.raters, of.items) == ((2, 10) if out else (3, 10 - missing))
    if not out:
        assert of.W == kendall_w(np.delete(ratings, range(4, 4 + missing), axis=0)).W


def test_items_that_nobody_rated_count_against_nobody():
    ratings = np.column_stack([np.arange(10.0), np.arange(10.0)])
    ratings[3:] = np.nan
    assert kendall_w(ratings).items == 3


def test_constant_on_the_items_that_all_rated():
    ratings = pd.DataFrame({"a": np.arange(10.0), "b": np.arange(10.0), "c": [1.0, *[0.0] * 9]})
    ratings.loc[0, "a"] = np.nan
    of = kendall_w(ratings)
    assert of.excluded == {"c": "constant where all rated"}
    assert of.W == 1


@pytest.mark.parametrize("ratings", [np.zeros((5, 3)), [[1], [2]], np.full((4, 4), np.nan), np.zeros((0, 3))])
def test_no_w_without_two_raters(ratings):
    of = kendall_w(ratings)
    assert np.isnan(of.W)
    assert "at least 2 of 2 are needed" in of.reason
    assert np.isnan(permutation_test(ratings))


def test_infinite_ratings_are_refused():
    with pytest.raises(ValueError, match="ratings: found an infinite value"):
        kendall_w([[1, np.inf], [2, 1]])


def test_permutations_of_three_items_are_all_36():
    # Of the 36 orders of two raters the sum of squares is largest, 8, if both are the same: 6 of 36. The
    # share among 999 has standard deviation sqrt(1/6 * 5/6 / 999) = 0.012.
    assert permutation_test(np.array([[1, 2, 3], [1, 2, 3]]).T) == pytest.approx(1 / 6, abs=4 * 0.012)
    assert permutation_test(np.array([[1, 2, 3], [3, 2, 1]]).T) == 1.0


def test_the_permutation_test_is_seeded_and_agrees_with_the_f_test():
    p = permutation_test(ANXIETY, permutations=1999)
    assert p == permutation_test(ANXIETY, permutations=1999)
    assert p != permutation_test(ANXIETY, permutations=1999, seed=1)
    # F approximates the permutations; both are near 0.014, the share of 2000 to within 4 sd of 0.0026.
    assert abs(p - kendall_w(ANXIETY).F_p) < 4 * 0.0026


def test_rotations_do_not_take_slow_series_for_agreement():
    rejected = {"shuffle": 0, "rotate": 0}
    for k in range(40):
        steps = np.random.default_rng(k).standard_normal((100, 5))
        slow = np.zeros_like(steps)
        for t in range(1, 100):
            slow[t] = 0.9 * slow[t - 1] + steps[t]
        for how in rejected:
            rejected[how] += permutation_test(slow, how=how, permutations=99) <= 0.05
    # At 5%, of 40 tests of nothing 7 or more have probability 0.003 (binomial).
    assert rejected["rotate"] <= 6
    assert rejected["shuffle"] > 12


def test_rotations_do_take_what_all_follow_for_agreement():
    signal = np.sin(np.arange(100) / 7)[:, None] + 0.3 * np.random.default_rng(0).standard_normal((100, 5))
    assert permutation_test(signal, how="rotate", permutations=99) == 0.01


@pytest.mark.parametrize("more", [{"how": "sort"}, {"permutations": 0}])
def test_wrong_calls(more):
    with pytest.raises(ValueError, match=f"{next(iter(more))}: found"):
        permutation_test(ANXIETY, **more)


def test_mean_correlation_over_pairs_by_hand():
    # r(a, b) = 1, r(a, c) = r(b, c) = -1: mean -1/3; a constant and an absent rater make no pair.
    ratings = np.array([[1, 2, 3], [2, 4, 6], [3, 2, 1], [5, 5, 5], [np.nan] * 3]).T
    assert mean_correlation(ratings) == pytest.approx(-1 / 3, rel=16 * EPS)
    assert np.isnan(mean_correlation(ratings[:, 3:]))


@pytest.mark.parametrize("raters", [15, 35])
def test_many_small_losses_do_not_make_agreement_collapse(raters):
    """Each rater misses a random tenth of 80 s, as quality rules allow: hardly a second has them all."""
    differences = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        whole = rng.standard_normal((80, 1)) + rng.standard_normal((80, raters))
        ratings = whole.copy()
        for rater in ratings.T:
            rater[rng.choice(80, 8, replace=False)] = np.nan
        with pytest.warns(UserWarning, match=f"of {raters} raters is of .* items"):
            of = kendall_w(ratings)
        assert set(of.excluded.values()) == {"gaps cost more than the ratings add"}
        assert of.raters + len(of.excluded) == raters
        complete = int((~np.isnan(ratings).any(axis=1)).sum())
        assert of.raters * of.items > raters * complete
        kept = np.delete(ratings, list(of.excluded), axis=1)
        assert (
            of.W
            == kendall_w(
                whole[~np.isnan(kept).any(axis=1)][:, ~np.isin(np.arange(raters), list(of.excluded))]
            ).W
        )
        differences.append(of.mean_rank_correlation - kendall_w(whole).mean_rank_correlation)
    # Who is left out and which seconds are is a matter of chance: no bias beyond three standard errors.
    assert abs(np.mean(differences)) <= 3 * np.std(differences) / np.sqrt(20)


def test_a_rater_is_left_out_only_if_the_table_is_larger_for_it():
    rng = np.random.default_rng(0)
    ratings = rng.standard_normal((20, 4))
    ratings[:4, 0] = np.nan  # 16 x 4 = 64 ratings with, 20 x 3 = 60 without
    assert kendall_w(ratings).raters == 4
    ratings[4:8, 1] = np.nan  # 12 x 4 = 48 with both, 16 x 3 = 48 without one: no larger, 20 x 2 = 40
    with pytest.warns(UserWarning, match="W of 4 of 4 raters is of 12 of 20 items"):
        assert kendall_w(ratings).raters == 4
    ratings[8:12, 2] = np.nan  # 8 x 4 = 32, 12 x 3 = 36, 16 x 2 = 32
    with pytest.warns(UserWarning, match="W of 3 of 4 raters is of 12 of 20 items"):
        assert kendall_w(ratings).items == 12
