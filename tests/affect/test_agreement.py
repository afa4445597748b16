"""Agreement clip by clip, Tables 3 and 4, the three-way ANOVA."""

import itertools

import numpy as np
import pandas as pd
import pytest

from affect.agreement import (
    agreement,
    anova,
    between,
    factorial,
    kendall_w,
    mean_correlation,
    permutation_test,
    summary,
)
from affect.annotations import Annotations, matrix
from affect.concordance import anova_rows, clip_rows, populations_rows
from tests.affect.traces import trace

EPS = np.finfo(float).eps
QUADRANTS = {"c0": "HAHV", "c1": "HALV", "c2": "LAHV", "c3": "LALV"}
RNG = np.random.default_rng(0)
TRACES = [
    trace(
        RNG.uniform(-1, 1, 21),
        clip=clip,
        rater=f"{population}{k}",
        population=population,
        dimension=dimension,
    )
    for clip in QUADRANTS
    for dimension in ("arousal", "valence")
    for population, raters in (("crowd", 5), ("expert", 3))
    for k in range(raters)
]
HELD = Annotations(
    pd.concat(TRACES),
    clips=pd.DataFrame({"clip": list(QUADRANTS), "length": 21.0, "quadrant": list(QUADRANTS.values())}),
)
TABLE = agreement(HELD)


def test_every_clip_as_a_whole_and_in_halves():
    assert len(TABLE) == 4 * 2 * 2 * 3
    assert (TABLE["raters"] == TABLE["population"].map({"crowd": 5, "expert": 3})).all()
    row = TABLE.set_index(["population", "dimension", "clip", "part"])
    ratings = matrix(HELD, "c2", "expert", "valence")
    for part, seconds in (("full", slice(None)), ("1st", slice(10)), ("2nd", slice(10, None))):
        found = row.loc[("expert", "valence", "c2", part)]
        assert found["W"] == kendall_w(ratings[seconds]).W
        assert found["pearson"] == mean_correlation(ratings[seconds])
        assert found["seconds"] == found["of_seconds"] == len(ratings[seconds])
        assert found["quadrant"] == "LAHV"


def test_summary_is_the_mean_and_deviation_over_clips():
    table = summary(TABLE)
    of = TABLE[(TABLE.population == "crowd") & (TABLE.dimension == "arousal") & (TABLE.part == "2nd")]
    row = table.set_index(["dimension", "population", "level", "part"]).sort_index()
    found = row.loc[("arousal", "crowd", "All", "2nd")]
    assert found["mean"] == pytest.approx(of["W"].mean(), rel=4 * EPS)
    assert found["sd"] == pytest.approx(np.std(of["W"], ddof=1), rel=16 * EPS)
    high = of[of["clip"].isin(["c0", "c1"])]["W"]
    assert row.loc[("arousal", "crowd", "HA", "2nd"), "mean"] == pytest.approx(high.mean(), rel=4 * EPS)
    assert row.loc[("arousal", "crowd", "HA", "2nd"), "clips"] == 2
    valence = TABLE[(TABLE.population == "expert") & (TABLE.dimension == "valence") & (TABLE.part == "full")]
    low = valence[valence["clip"].isin(["c1", "c3"])]["mean_rank_correlation"]
    debiased = summary(TABLE, "mean_rank_correlation").set_index(["dimension", "population", "level", "part"])
    assert debiased.sort_index().loc[("valence", "expert", "LV", "full"), "mean"] == pytest.approx(low.mean())
    assert table["level"].unique().tolist() == ["All", "HA", "LA", "HV", "LV"]
    assert table["part"].iloc[:3].tolist() == ["full", "1st", "2nd"]
    assert table["population"].iloc[0] == "expert"
    with pytest.raises(ValueError, match="value: found 'w'"):
        summary(TABLE, "w")


def test_a_clip_without_quadrant_counts_among_all_alone():
    clips = HELD.clips.assign(quadrant=["HAHV", "", "LAHV", ""])
    table = summary(agreement(Annotations(HELD.traces, clips=clips)))
    counts = table.set_index(["dimension", "population", "level", "part"])["clips"].sort_index()
    assert counts.loc[("arousal", "crowd")].groupby("level").first().to_dict() == {"All": 4, "HA": 1, "LA": 1}
    assert set(summary(agreement(Annotations(HELD.traces)))["level"]) == {"All"}


def test_degenerate_raters_are_reported_and_a_clip_without_w_does_not_count():
    traces = [
        trace(np.arange(10) / 10),
        trace(np.arange(10) / 20, rater="s"),
        trace(np.full(10, 0.5), rater="still"),
        trace([0.1], rater="gone"),
        trace(np.arange(10) / 10, clip="b"),
    ]
    table = agreement(Annotations(pd.concat(traces)))
    first, last = table.iloc[0], table.iloc[-1]
    assert first["W"] == 1
    assert first["excluded"] == "gone: misses 9 of 10; still: constant"
    assert np.isnan(last["W"])
    assert "1 raters of 5 items are left" in last["excluded"]
    assert summary(table)["clips"].tolist() == [1, 1, 1]


def test_crowd_with_experts():
    up, down = np.arange(10) / 10, -np.arange(10) / 10
    traces = [
        trace(up),
        trace(up, rater="s"),
        trace(down, rater="t"),
        trace(up, rater="e", population="expert"),
        trace(up, clip="b"),
    ]
    table = between(Annotations(pd.concat(traces)))
    assert table[["dimension", "clip"]].values.tolist() == [["arousal", "a"]]
    np.testing.assert_allclose(table[["pairs", "medians"]], [[1 / 3, 1.0]], rtol=16 * EPS)


# The plasma etching experiment of Montgomery, Design and Analysis of Experiments (Example 6.1): etch rate by
# gap (A), gas flow (B) and power (C), two replicates, with the sums of squares of its Table 6.5.
ETCHING = {
    (0, 0, 0): (550, 604), (1, 0, 0): (669, 650), (0, 1, 0): (633, 601), (1, 1, 0): (642, 635),
    (0, 0, 1): (1037, 1052), (1, 0, 1): (749, 868), (0, 1, 1): (1075, 1063), (1, 1, 1): (729, 860),
}  # fmt: skip
SUMS = {
    "A": 41310.5625,
    "B": 217.5625,
    "C": 374850.0625,
    "A x B": 2475.0625,
    "A x C": 94402.5625,
    "B x C": 18.0625,
    "A x B x C": 126.5625,
    "Residual": 18020.5,
}
RATIOS = {"A": 18.34, "B": 0.10, "C": 166.41, "A x B": 1.10, "A x C": 41.91, "B x C": 0.01, "A x B x C": 0.06}


@pytest.mark.parametrize("typ", [1, 2, 3])
def test_a_published_three_way_anova(typ):
    rows = [(*cell, rate) for cell, rates in ETCHING.items() for rate in rates]
    table = factorial(pd.DataFrame(rows, columns=["A", "B", "C", "rate"]), "rate", ["A", "B", "C"], typ)
    assert list(table.index) == list(SUMS)
    # Least squares on 16 values whose squares sum to 1e7: rounding of some 16 * 1e7 * eps.
    np.testing.assert_allclose(table["sum_sq"], list(SUMS.values()), rtol=0, atol=1e-6)
    assert table["df"].tolist() == [1] * 7 + [8]
    assert table["F"][:-1].round(2).tolist() == list(RATIOS.values())
    assert table["PR(>F)"]["A"] == pytest.approx(0.0027, abs=5e-5)
    share = SUMS["A"] / (SUMS["A"] + SUMS["Residual"])
    assert table["partial_eta_sq"]["A"] == pytest.approx(share, rel=1e-9)


def of_clips(effect):
    """Twelve clips x two populations x two halves, as in the paper, with one effect put in."""
    rng = np.random.default_rng(3)
    rows = []
    for k, population, part in itertools.product(range(12), ("expert", "crowd"), ("1st", "2nd")):
        quadrant = ("HAHV", "LAHV", "LALV", "HALV")[k % 4]
        W = 0.3 + 0.05 * rng.standard_normal() + effect(population, part, quadrant)
        rows.append((population, "arousal", f"c{k}", quadrant, part, W))
    return pd.DataFrame(rows, columns=["population", "dimension", "clip", "quadrant", "part", "W"])


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("population", lambda population, part, quadrant: 0.3 * (population == "expert")),
        ("half", lambda population, part, quadrant: 0.3 * (part == "2nd")),
        ("level", lambda population, part, quadrant: 0.3 * (quadrant[0] == "H")),
        (
            "population x level",
            lambda population, part, quadrant: 0.3 * ((population == "crowd") ^ (quadrant[0] == "H")),
        ),
    ],
)
def test_the_effect_that_is_there_is_found(name, effect):
    table = anova(of_clips(effect), "arousal")
    assert table["df"].tolist() == [1] * 7 + [40]
    # 24 against 24 values that differ by six standard deviations.
    assert table["PR(>F)"].idxmin() == name
    assert table["PR(>F)"].min() < 1e-10
    assert (table["PR(>F)"].drop([name, "Residual"]) > 1e-3).all()


def test_values_that_are_not_there_do_not_enter():
    table = of_clips(lambda *_: 0.0)
    table.loc[5, "W"] = np.nan
    assert anova(table, "arousal")["df"]["Residual"] == 39
    table.loc[6, "quadrant"] = ""
    assert anova(table, "arousal")["df"]["Residual"] == 38


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t.population == "crowd"], "population: found 'crowd'; expected at least two levels"),
        (lambda t: t.assign(quadrant=""), "population: found nothing"),
        (lambda t: t[(t.population == "crowd") | (t.part == "1st")], "in 6 cells"),
        (
            lambda t: t.drop_duplicates(["population", "part", "quadrant"]).iloc[:8],
            "expected values in every cell",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        anova(change(of_clips(lambda *_: 0.0)), "arousal")


def test_the_anova_is_of_one_dimension():
    with pytest.raises(ValueError, match="dimension: found 'joy'"):
        anova(TABLE, "joy")
    # Four clips are enough: HV and LV have two each.
    table = anova(TABLE, "valence")
    assert list(table.index[:3]) == ["population", "half", "level"]
    # 4 clips x 2 populations x 2 halves; the whole clips do not enter.
    assert table["df"]["Residual"] == 16 - 8


def of_set(shift):
    """Agreement in clips of both populations, with the effect of the population that is wanted."""
    table = of_clips(lambda population, part, quadrant: shift * (population == "expert"))
    return table.assign(
        mean_rank_correlation=0.1, pearson=0.2, raters=5, seconds=21, of_seconds=40, rotation_p=0.005,
        chi2_p=1e-9, excluded="x: constant",
    )  # fmt: skip


def test_the_anova_of_the_report_is_of_val():
    rows = anova_rows({"Val": of_set(0.3), "Eval": of_set(0.0)})
    expected = anova(of_set(0.3), "arousal").loc["population"]
    assert rows[0][:3] == ("arousal: population", f"{expected['F']:.2f}", "1, 40")
    assert expected["PR(>F)"] < 1e-10


def test_why_there_is_no_anova_is_said_and_other_errors_are_not_hidden():
    table = of_set(0.0)
    (row,) = anova_rows({"Val": table[table["population"] == "crowd"]})
    assert row[0] == "arousal: no ANOVA"
    assert "population: found 'crowd'; expected at least two levels" in row[3]
    with pytest.raises(ValueError, match="could not convert"):
        anova_rows({"Val": table.assign(W="high")})


def test_the_report_has_every_clip_with_its_raters_and_seconds():
    table = of_set(0.0).assign(part="full").drop_duplicates(["population", "clip"])
    rows = clip_rows({"Val": table})
    assert len(rows) == 24
    assert rows[0][0] == "Val experts: c0"
    assert rows[0][3:] == ("0.10", "0.20", "5", "21 of 40", "0.005", "1e-09", "x: constant")


def test_the_report_has_the_correlation_of_crowd_with_experts():
    rows = populations_rows(HELD)
    expected = between(HELD).groupby("dimension")[["pairs", "medians"]].mean()
    assert rows == [
        (d, f"{expected.loc[d, 'pairs']:.2f}", f"{expected.loc[d, 'medians']:.2f}", "4")
        for d in ("arousal", "valence")
    ]


def test_rotation_finds_agreement_and_finds_none_where_there_is_none():
    alike = [trace(np.arange(20) / 20, rater=f"r{k}") for k in range(4)]
    table = agreement(Annotations(pd.concat(alike)), permutations=99)
    assert table["rotation_p"].iloc[0] == 0.01
    table = agreement(HELD, permutations=19)
    # Of unrelated raters p is uniform, of deviation 1/sqrt(12), in 16 independent clips: 3 standard errors.
    assert table["rotation_p"].mean() == pytest.approx(0.5, abs=3 / np.sqrt(12 * 16))
    whole = table[table["part"] == "full"]
    assert whole["rotation_p"].tolist() == [
        permutation_test(matrix(HELD, row.clip, row.population, row.dimension), how="rotate", permutations=19)
        for row in whole.itertuples()
    ]
    assert agreement(HELD)["rotation_p"].isna().all()
