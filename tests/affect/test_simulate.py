"""The simulation has the statistics of the paper's Tables 1 to 4, and its truth is exactly that."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import rankdata

from affect.simulate import (
    AUDIO,
    CONCORDANCE,
    LENGTH,
    QUADRANTS,
    STATIC,
    VIDEO,
    Settings,
    simulate,
)

SEEDS = range(4)


@pytest.fixture(scope="module")
def simulations():
    return [simulate(seed) for seed in SEEDS]


def concordance(ratings):
    """Kendall's W of seconds x raters, from its definition (the raters of a simulation have hardly "
    "any ties).
    """
    ranks = np.apply_along_axis(rankdata, 0, ratings)
    n, m = ranks.shape
    totals = ranks.sum(axis=1)
    return 12 * ((totals - totals.mean()) ** 2).sum() / (m**2 * (n**3 - n))


def good(traces):
    """Without what the quality rules are there for."""
    return traces[~traces["rater"].str.contains("-x")]


def all_w(simulations):
    rows = []
    for simulation in simulations:
        for name in ("val", "eval"):
            part = getattr(simulation, name)
            quadrant = part.clips.set_index("clip")["quadrant"]
            for (p, d, c), g in good(part.traces).groupby(["population", "dimension", "clip"]):
                matrix = g.pivot(index="time", columns="rater", values="value").to_numpy()
                half = len(matrix) // 2
                level = quadrant[c][0 if d == "arousal" else 2]
                ws = [concordance(part) for part in (matrix, matrix[:half], matrix[half:])]
                rows.append((name, p, d, level, *ws))
    return pd.DataFrame(rows, columns=["set", "population", "dimension", "level", "full", "first", "second"])


@pytest.fixture(scope="module")
def measured(simulations):
    return all_w(simulations)


def test_table_1(simulations):
    for simulation in simulations:
        for part, crowd in ((simulation.val, 15), (simulation.eval, 35)):
            assert part.clips["quadrant"].value_counts().to_dict() == dict.fromkeys(QUADRANTS, 3)
            raters = good(part.traces).groupby(["population", "dimension", "clip"])["rater"].nunique()
            assert (raters["crowd"] == crowd).all()
        assert (
            good(simulation.val.traces).groupby(["population", "clip"])["rater"].nunique()["expert"] == 16
        ).all()
        assert set(simulation.eval.traces["population"]) == {"crowd"}
        assert simulation.eval.static.empty
        per_worker = simulation.val.traces.groupby("rater")["clip"].nunique()
        assert per_worker[per_worker.index.str.contains("worker")].max() <= 5
    assert (len(AUDIO), len(VIDEO)) == (56, 49)
    assert len({*AUDIO, *VIDEO}) == 105


def test_table_2(simulations):
    for simulation in simulations:
        for name in ("val", "eval"):
            clips = getattr(simulation, name).clips.groupby("quadrant")
            for quadrant in QUADRANTS:
                mean, sd = LENGTH[name][quadrant]
                # Whole seconds: each of three lengths is off by at most 1/2.
                lengths = clips.get_group(quadrant)["length"]
                assert abs(lengths.mean() - mean) <= 0.5
                assert abs(lengths.std() - sd) <= 0.5 * np.sqrt(3 / 2)
                assert lengths.min() >= 50  # the seconds that are analysed
                for dimension in ("arousal", "valence"):
                    values = clips.get_group(quadrant)[dimension]
                    np.testing.assert_allclose(
                        [values.mean(), values.std()],
                        STATIC[name, dimension][quadrant],
                        rtol=1e-12,
                        atol=1e-12,
                    )
                    assert values.abs().max() <= 2


def test_tables_3_and_4_full_clips(measured):
    means = measured.groupby(["set", "population", "dimension", "level"])["full"].agg(
        ["mean", "std", "count"]
    )
    for (name, population, dimension), levels in CONCORDANCE.items():
        for level, (mean, _) in levels.items():
            found = means.loc[name, population, dimension, level]
            least = {("val", "expert"): 1 / 16, ("val", "crowd"): 1 / 15, ("eval", "crowd"): 1 / 35}
            target = max(
                mean, least[name, population]
            )  # W of unrelated raters is 1/m: Table 4's 0.06 is below
            # Three standard errors of the mean over these clips, the sampling of raters included.
            assert abs(found["mean"] - target) <= 3 * found["std"] / np.sqrt(found["count"]), (
                name,
                population,
            )


def test_tables_3_and_4_halves_are_below_the_whole(measured):
    """The paper's halves have 0.72 to 0.87 of the W of the full clip ("All", without its "
    "contradictory entries).
    """
    means = measured.groupby(["set", "population", "dimension"])[["full", "first", "second"]].mean()
    for key in [
        ("val", "expert", "arousal"),
        ("val", "expert", "valence"),
        ("val", "crowd", "arousal"),
        ("eval", "crowd", "arousal"),
    ]:
        ratio = means.loc[key, ["first", "second"]].mean() / means.loc[key, "full"]
        assert 0.65 <= ratio <= 0.95, key


def test_experts_agree_more_than_the_crowd(measured):
    means = measured[measured["set"] == "val"].groupby(["population", "dimension"])["full"].mean()
    assert (means["expert"] > means["crowd"] + 0.1).all()


@pytest.fixture(scope="module")
def courses():
    """What the spammers of a clip follow, and what the honest raters do: without noise, delays and biases."""
    found = []
    for seed in SEEDS:
        simulation = simulate(seed, Settings(crowd_noise=0.0, scale_use=0.0, lag=0.0))
        for part, end in ((simulation.val, 2.0), (simulation.eval, 1.0)):
            crowd = part.raters[part.raters["population"] == "crowd"].set_index(["dimension", "rater"])[
                "kind"
            ]
            traces = good(part.traces[part.traces["population"] == "crowd"])
            for (dimension, _), rows in traces.groupby(["dimension", "clip"]):
                table = rows.pivot(index="time", columns="rater", values="value")
                honest = (crowd[dimension].loc[table.columns] == "honest").to_numpy()
                ratings = table.to_numpy()
                # Not where nobody is to agree, so that all is noise, nor where the slider is at its end.
                if np.ptp(ratings) > 0 and np.abs(ratings).max() < end:
                    found.append((ratings[:, ~honest], ratings[:, honest][:, 0]))
    assert len(found) > 100
    return found


def neighbours(course):
    return np.corrcoef(course[1:], course[:-1])[0, 1]


def test_a_spammer_moves_the_slider_as_steadily_as_raters_err(courses):
    """Neighbouring seconds are as alike as of an autoregression that scipy filters, of the same length."""
    rng = np.random.default_rng(0)
    keep = np.exp(-1 / Settings().noise_memory)
    found, expected = [], []
    for followed, _ in courses:
        shocks = rng.standard_normal((500 + len(followed), followed.shape[1]))  # it has forgotten its start
        drawn = lfilter([1], [1, -keep], shocks, axis=0)[500:]
        found += [neighbours(course) for course in followed.T]
        expected += [neighbours(course) for course in drawn.T]
    # Three standard errors of a difference of means.
    assert abs(np.mean(found) - np.mean(expected)) <= 3 * np.hypot(np.std(found), np.std(expected)) / np.sqrt(
        len(found)
    )


def test_a_spammer_follows_nobody_and_moves_as_far_as_the_others(courses):
    pairs = [(course, profile) for followed, profile in courses for course in followed.T]
    r = [np.corrcoef(*pair)[0, 1] for pair in pairs]
    assert abs(np.mean(r)) <= 3 * np.std(r) / np.sqrt(len(r))  # of independent courses it is 0
    # Exactly, but for rounding in sums of some 100 seconds.
    np.testing.assert_allclose(*zip(*[(a.std(), b.std()) for a, b in pairs], strict=True), rtol=1e-12)


def test_profiles_are_exactly_linear_in_the_descriptors(simulations):
    part = simulations[0].val
    for clip in part.clips["clip"]:
        X = part.features.loc[part.features["clip"] == clip, [*AUDIO, *VIDEO]].to_numpy()
        for dimension in ("arousal", "valence"):
            chosen = (part.profiles["clip"] == clip) & (part.profiles["dimension"] == dimension)
            w, p = part.weights[dimension][clip].to_numpy(), part.profiles.loc[chosen, "value"].to_numpy()
            # Two sums of the same 105 products, in orders that may differ.
            rounding = 2 * 105 * np.finfo(float).eps * (np.abs(X) @ np.abs(w))
            assert (np.abs(X @ w - p) <= rounding).all()


def test_profiles_start_neutral_and_tend_to_the_static_rating(simulations):
    starts, ends = [], []
    for simulation in simulations:
        clips = simulation.val.clips.set_index("clip")
        for (clip, dimension), g in simulation.val.profiles.groupby(["clip", "dimension"]):
            level = clips.loc[clip, dimension] / 2
            starts.append(g["value"].to_numpy()[:5].mean())
            ends.append(g["value"].to_numpy()[-5:].mean() - level)
    # Both deviate by fluctuations of sd 0.2 only, with independent clips.
    bound = 4 * 0.2 / np.sqrt(len(starts))
    assert abs(np.mean(starts)) < bound
    assert abs(np.mean(ends)) < bound


@pytest.mark.parametrize(("relatedness", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_relatedness(relatedness, expected):
    weights = simulate(3, Settings(relatedness=relatedness)).val.weights["arousal"].loc[[*AUDIO]].to_numpy()
    weights = weights[(weights != 0).any(axis=1)]
    assert weights.shape[0] == 8  # sparse: 8 of 56
    normed = weights / np.linalg.norm(weights, axis=0)
    cosines = normed.T @ normed
    off = cosines[~np.eye(len(cosines), dtype=bool)]
    assert abs(off.mean() - expected) < (1e-12 if expected else 4 / np.sqrt(8 * 12))


def test_a_seed_is_reproduced_and_another_is_another():
    first, again, other = simulate(5), simulate(5), simulate(6)
    pd.testing.assert_frame_equal(first.val.traces, again.val.traces)
    assert not first.val.features[AUDIO[0]].equals(other.val.features[AUDIO[0]])


def test_a_knob_of_the_experts_leaves_the_crowd_as_it_is():
    plain, noisy = simulate(2), simulate(2, Settings(expert_noise=3.0, experts=4))
    for table in (plain, noisy):
        assert table.val.traces["value"].abs().max() <= 2
    crowds = [
        s.val.traces[s.val.traces["population"] == "crowd"].reset_index(drop=True) for s in (plain, noisy)
    ]
    pd.testing.assert_frame_equal(*crowds)
    pd.testing.assert_frame_equal(plain.val.profiles, noisy.val.profiles)


def test_fewer_experts_are_the_first_of_many():
    """Of whom the others remain does not change what anybody rates."""
    few, many = (
        s.val.traces[s.val.traces["population"] == "expert"]
        for s in (simulate(2, Settings(experts=4)), simulate(2))
    )
    assert few["rater"].nunique() == 4
    pd.testing.assert_frame_equal(
        few.reset_index(drop=True), many[many["rater"].isin(few["rater"])].reset_index(drop=True)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"crowd": 1},
        {"experts": 2.5},
        {"crowd_noise": -1.0},
        {"relatedness": 1.5},
        {"fluctuation": 0.0},
        {"tails": 2.0},
        {"memory": 0.0},
        {"rejected": 0.9},
    ],
)
def test_wrong_knobs_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name}: found"):
        Settings(**wrong)
