"""P1 and P2: what is held out is held out of everything, and the numbers are those of their definitions."""

from dataclasses import replace

import numpy as np
import pytest

from affect.material import Cube, complete
from affect.methods import METHODS, PAPER, Method, Rows, fit, select
from affect.problems import (
    Cell,
    P1Data,
    P2Data,
    Protocol,
    cells,
    indicator,
    is_high,
    median,
    rows_of,
    snippet,
    solve_p1,
    solve_p2,
    squared_error,
    stream,
    time_folds,
)
from fista import SRMTL, MTLasso

CLIPS, SECONDS, D, RATERS = 4, 50, 5, 9
BY_NAME = {method.name: method for method in METHODS}


def data(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((CLIPS, SECONDS, D))
    W = rng.standard_normal((1, D)) + 0.3 * rng.standard_normal((CLIPS, D))
    truth = np.einsum("tsd,td->ts", X, W)
    crowd = truth + rng.standard_normal(truth.shape)
    experts = truth[..., None] + 0.3 * rng.standard_normal((CLIPS, SECONDS, RATERS))
    return P1Data(
        {"audio": X}, {"arousal": crowd}, {"arousal": experts}, {"arousal": truth}, {("arousal", "audio"): W}
    )


CELL = Cell("arousal", "audio", "back", 10)


@pytest.fixture(scope="module")
def solved():
    return solve_p1(data(), CELL, run=0, seed=0)


def test_the_paper_has_24_cells_and_eight_methods():
    assert len(cells(["arousal", "valence"], ["audio", "video"])) == 24
    assert len(PAPER) == 8
    assert {"Lasso", "EG-MTL", "EG-MTL (7)"} <= set(PAPER)


@pytest.mark.parametrize("half", ["front", "back"])
@pytest.mark.parametrize("length", [5, 10, 15])
def test_a_snippet_is_whole_in_its_half_and_every_place_occurs(half, length):
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(400):
        (held,) = np.nonzero(snippet(Cell("arousal", "audio", half, length), 50, rng))
        assert len(held) == length
        assert (np.diff(held) == 1).all()
        assert (held < 25).all() if half == "front" else (held >= 25).all()
        starts.add(held[0] - (0 if half == "front" else 25))
    assert starts == set(range(25 - length + 1))


def test_nothing_of_the_held_out_seconds_moves_training(solved):
    """Their descriptors and labels, of crowd and experts, are replaced: weights, choices and proofs stay."""
    held = solved["held_out"]
    changed = data()
    for array in (changed.features["audio"], changed.crowd["arousal"], changed.experts["arousal"]):
        array[:, held] = 1e3 * np.random.default_rng(9).standard_normal(array[:, held].shape)
    again = solve_p1(changed, CELL, run=0, seed=0)
    for name, before in solved["methods"].items():
        after = again["methods"][name]
        for key in ("weight", "zeros", "proof", "cross_validation", "weight_error"):
            np.testing.assert_equal(after[key], before[key], err_msg=f"{name} {key}")
        assert after["rmse"] != before["rmse"]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_nothing_of_a_fold_moves_its_fit(method):
    """A fold's seconds are replaced in descriptors and labels of both populations: its model stays."""
    seen = []
    for change in (False, True):
        d = data()
        block = np.arange(10, 20)
        if change:
            for array in (d.features["audio"], d.crowd["arousal"], d.experts["arousal"]):
                array[:, block] = 77.0
        everything = np.ones(SECONDS, dtype=bool)
        crowd, when = rows_of(d.features["audio"], d.crowd["arousal"], everything)
        expert, when_expert = rows_of(d.features["audio"], median(d.experts["arousal"]), everything)
        held = [(np.isin(when, block), np.isin(when_expert, block))]
        coefs = []
        select(method, crowd, expert, held, lambda m, r, c=coefs: c.append(m.coef) or 0.0)
        seen.append(coefs)
    np.testing.assert_array_equal(seen[0], seen[1])


def test_a_leak_would_be_seen():
    """The same comparison with a fit that holds out nothing."""
    d = data()
    rows, _ = rows_of(d.features["audio"], d.crowd["arousal"], np.ones(SECONDS, dtype=bool))
    before = fit(BY_NAME["Lasso"], 1.0, rows)[0].coef
    d.crowd["arousal"][:, 10] = 77.0
    rows, _ = rows_of(d.features["audio"], d.crowd["arousal"], np.ones(SECONDS, dtype=bool))
    assert np.abs(fit(BY_NAME["Lasso"], 1.0, rows)[0].coef - before).max() > 0.1


def test_methods_dimensions_and_modalities_share_snippet_and_experts():
    d = data()
    both = replace(
        d,
        features={"audio": d.features["audio"], "video": d.features["audio"][..., :3]},
        crowd={"arousal": d.crowd["arousal"], "valence": -d.crowd["arousal"]},
        experts={"arousal": d.experts["arousal"], "valence": -d.experts["arousal"]},
    )
    mean = [BY_NAME["mean"]]
    first, *others = (
        solve_p1(both, replace(CELL, dimension=dimension, modality=modality), 1, 7, methods=mean)
        for dimension in ("arousal", "valence")
        for modality in ("audio", "video")
    )
    for other in others:
        assert other["held_out"] == first["held_out"]
        assert other["few"] == first["few"]
    assert solve_p1(both, CELL, 2, 7, methods=mean)["held_out"] != first["held_out"]


def test_the_mean_is_the_mean(solved):
    d, held = data(), np.isin(np.arange(SECONDS), solved["held_out"])
    level = d.crowd["arousal"][:, ~held].mean(axis=1, keepdims=True)
    experts = np.median(d.experts["arousal"], axis=-1)
    rmse = np.sqrt(((experts - level)[:, held] ** 2).mean())
    assert solved["methods"]["mean"]["rmse"] == pytest.approx(rmse, rel=1e-12)


def test_rmse_and_weights_of_a_chosen_method(solved):
    """SR-MTL once more, by hand."""
    d, held = data(), np.isin(np.arange(SECONDS), solved["held_out"])
    result = solved["methods"]["SR MTL"]
    X = d.features["audio"][:, ~held].reshape(-1, D)
    centre, scale = X.mean(axis=0), X.std(axis=0)
    tasks = np.repeat(np.arange(CLIPS), (~held).sum())
    model = SRMTL(alpha=result["weight"]).fit(
        (X - centre) / scale, d.crowd["arousal"][:, ~held].ravel(), tasks=tasks
    )
    Z = (d.features["audio"][:, held] - centre) / scale
    errors = np.einsum("tsd,td->ts", Z, model.coef_) - np.median(d.experts["arousal"], axis=-1)[:, held]
    # Both fits are within tol of the minimum, and start apart: they agree to about its square root.
    assert result["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-2)
    true = d.weights["arousal", "audio"]
    error = np.linalg.norm(model.coef_ / scale - true) / np.linalg.norm(true)
    assert result["weight_error"] == pytest.approx(error, rel=1e-2)


def test_every_fit_has_its_proof(solved):
    for method in METHODS:
        result = solved["methods"][method.name]
        if not method.weight:
            assert result["proof"] is None
            continue
        assert result["proof"]["converged"]
        assert result["proof"]["relative_gap"] <= result["proof"]["tol"]
        fits = result["cross_validation"]["fits"]
        assert len(fits) == 5 * 4
        assert all(converged for *_, converged in fits)


def test_what_did_not_converge_is_said(monkeypatch):
    monkeypatch.setattr("affect.methods.MAX_ITER", 2)
    record = solve_p1(data(), CELL, 0, 0, methods=[BY_NAME["Dirty MTL"]])
    assert not record["methods"]["Dirty MTL"]["proof"]["converged"]


def test_the_chosen_weight_is_the_best_of_the_grid_and_of_equals_the_largest():
    d = data()
    rows, seconds = rows_of(d.features["audio"], d.crowd["arousal"], np.ones(SECONDS, dtype=bool))
    folds = [(np.isin(seconds, block), None) for block in time_folds(np.arange(SECONDS), 5)]
    method = BY_NAME["MT-Lasso"]
    weight, record = select(method, rows, None, folds, squared_error)
    by_hand = {}
    for candidate in (0.1, 1.0, 10.0, 100.0):
        total = 0.0
        for held, _ in folds:
            model, _ = fit(method, candidate, rows.take(~held))
            total += squared_error(model, rows.take(held))
        by_hand[candidate] = total / len(rows.y)
    assert weight == min(by_hand, key=by_hand.get)
    for candidate, value in by_hand.items():
        assert record["losses"][str(candidate)] == pytest.approx(value, rel=0.02)
    assert select(method, rows, None, folds, lambda model, part: 1.0)[0] == 100.0


def test_pooled_only_and_guide_use_the_rows_they_say():
    d = data()
    everything = np.ones(SECONDS, dtype=bool)
    crowd, _ = rows_of(d.features["audio"], d.crowd["arousal"], everything)
    expert, _ = rows_of(d.features["audio"], median(d.experts["arousal"]), everything)
    both = np.concatenate([crowd.X, expert.X])
    centre, scale = both.mean(axis=0), both.std(axis=0)
    pooled = SRMTL(alpha=2.0).fit(
        (both - centre) / scale,
        np.concatenate([crowd.y, expert.y]),
        tasks=np.concatenate([crowd.tasks, expert.tasks]),
    )
    found, _ = fit(BY_NAME["SR, pooled"], 2.0, crowd, expert)
    np.testing.assert_allclose(found.coef, pooled.coef_ / scale, rtol=1e-9, atol=1e-12)
    only, _ = fit(BY_NAME["SR, experts only"], 2.0, replace(crowd, y=crowd.y + 5), expert)
    same, _ = fit(BY_NAME["SR, experts only"], 2.0, crowd, expert)
    np.testing.assert_array_equal(only.coef, same.coef)
    crowd_only, _ = fit(BY_NAME["SR MTL"], 2.0, crowd, replace(expert, y=expert.y + 5))
    np.testing.assert_array_equal(crowd_only.coef, fit(BY_NAME["SR MTL"], 2.0, crowd, expert)[0].coef)
    with pytest.raises(ValueError, match=r"^expert: found None"):
        fit(BY_NAME["EG-MTL"], 1.0, crowd)


def test_ridge_is_ridge():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    found, _ = fit(BY_NAME["ridge"], 3.0, Rows(X, y, np.zeros(30, dtype=int)), standardise=False, tol=1e-12)
    exact = np.linalg.solve(X.T @ X + 3.0 * np.eye(4), X.T @ y)
    # F is 2 * 3-strongly convex, so that ||w - w*||^2 <= gap / 3.
    assert np.linalg.norm(found.coef[0] - exact) <= np.sqrt((1e-12 * (y @ y) + 1e-13) / 3.0)


def test_a_second_that_nobody_rated_is_no_row():
    d = data()
    d.crowd["arousal"][2, 7] = np.nan
    rows, seconds = rows_of(d.features["audio"], d.crowd["arousal"], np.ones(SECONDS, dtype=bool))
    assert len(rows.y) == CLIPS * SECONDS - 1
    assert not ((rows.tasks == 2) & (seconds == 7)).any()


@pytest.mark.parametrize("n", [7, 45, 50])
def test_folds_of_time_are_blocks_that_share_nothing(n):
    seconds = np.sort(np.random.default_rng(0).permutation(60)[:n])
    blocks = time_folds(seconds, 5)
    assert np.array_equal(np.concatenate(blocks), seconds)
    assert all((np.diff(np.searchsorted(seconds, block)) == 1).all() for block in blocks)
    dealt = time_folds(seconds, 5, np.random.default_rng(1))
    assert np.array_equal(np.sort(np.concatenate(dealt)), seconds)
    assert any((np.diff(block) < 0).any() for block in dealt)


@pytest.mark.parametrize(
    "wrong",
    [
        {"folds": "clips"},
        {"judge": "me"},
        {"rule": "mean"},
        {"targets": "classes"},
        {"runs": 0},
        {"seconds": 20},
        {"n_folds": 1},
        {"n_levels": 1},
    ],
)
def test_wrong_protocols_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name}: found"):
        Protocol(**wrong)


def test_numbers_of_a_protocol_are_whole():
    with pytest.raises(TypeError, match=r"^runs: found 1.5; expected an integer"):
        Protocol(runs=1.5)


def given_to_select(monkeypatch, solve, *arguments, **options):
    """The folds and options that a problem hands over, and its record."""
    seen = []

    def spy(method, crowd, expert, folds, loss, **kept):
        seen.append((folds, kept))
        return 1.0, {"losses": {}, "fits": []}

    with monkeypatch.context() as patch:
        patch.setattr("affect.problems.select", spy)
        record = solve(*arguments, methods=[BY_NAME["Lasso"]], **options)
    ((folds, kept),) = seen
    return [np.array(held) for held, _ in folds], kept, record


@pytest.mark.parametrize("judge", ["own", "crowd"])
@pytest.mark.parametrize("targets", ["ratings", "levels"])
def test_the_protocol_says_who_judges_and_what_is_fitted(monkeypatch, judge, targets):
    protocol = Protocol(judge=judge, targets=targets, n_levels=3, grid=(7.0,), fold_tol=0.5)
    _, kept, _ = given_to_select(monkeypatch, solve_p1, data(), CELL, 0, 0, protocol)
    levels = kept.pop("levels")
    assert kept == {"judge": judge, "grid": (7.0,), "tol": 0.5, "intercept": False}
    assert levels is None if targets == "ratings" else levels.tolist() == [-1.0, 0.0, 1.0]


def test_snippet_folds_and_few_are_of_the_seed_and_the_run(monkeypatch):
    protocol = Protocol(folds="random", few=4)
    found = {
        (seed, run): given_to_select(monkeypatch, solve_p1, data(), CELL, run, seed, protocol)
        for seed in range(2)
        for run in range(2)
    }
    assert len({tuple(record["held_out"]) for _, _, record in found.values()}) > 1
    assert len({tuple(record["few"]) for _, _, record in found.values()}) == 4
    assert len({np.array(folds, dtype=object).tobytes() for folds, _, _ in found.values()}) == 4
    again = given_to_select(monkeypatch, solve_p1, data(), CELL, 1, 1, protocol)
    assert again[2]["held_out"] == found[1, 1][2]["held_out"]
    np.testing.assert_array_equal(again[0], found[1, 1][0])


def test_every_seed_has_its_snippet():
    methods = [BY_NAME["mean"]]
    held = [solve_p1(data(), CELL, 0, seed, methods=methods)["held_out"][0] for seed in range(8)]
    assert len(set(held)) > 2


def test_folds_do_not_depend_on_how_many_experts_there_are(monkeypatch):
    many = data()
    fewer = replace(many, experts={"arousal": many.experts["arousal"][..., :5]})
    protocol = Protocol(folds="random")
    one, two = (given_to_select(monkeypatch, solve_p1, d, CELL, 0, 3, protocol) for d in (many, fewer))
    assert one[2]["few"] != two[2]["few"]
    np.testing.assert_array_equal(one[0], two[0])


def test_streams_are_apart():
    names = [("snippet", 0), ("folds", 0), ("few", 0), ("few", 1), ("few", 0, 0), ("figure 3", 0)]
    plain = [np.random.default_rng(entropy).random() for entropy in (5, [5, 0], [5, 1])]
    assert plain[0] == plain[1]  # why they are not made like that
    assert len({*plain, *(stream(5, *name).random() for name in names), stream(6, "few", 0).random()}) == 9
    assert stream(5, "few", 1).random() == stream(5, "few", 1).random()


def test_eg_mtl_7_knows_only_its_few_experts():
    protocol = Protocol(few=3, grid=(1.0, 10.0))
    methods = [BY_NAME["EG-MTL"], BY_NAME["EG-MTL (7)"]]
    before = solve_p1(data(), CELL, 0, 0, protocol, methods)
    assert len(before["few"]) == 3
    assert not before["few_are_all"]
    changed = data()
    others = np.setdiff1d(np.arange(RATERS), before["few"])
    changed.experts["arousal"][..., others] += 5.0
    after = solve_p1(changed, CELL, 0, 0, protocol, methods)
    for key in ("weight", "zeros", "proof", "weight_error", "rmse_truth", "cross_validation"):
        assert after["methods"]["EG-MTL (7)"][key] == before["methods"]["EG-MTL (7)"][key]
    assert after["methods"]["EG-MTL"]["proof"] != before["methods"]["EG-MTL"]["proof"]
    assert solve_p1(data(), CELL, 0, 0, Protocol(few=RATERS), [BY_NAME["mean"]])["few_are_all"]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_clip_that_a_population_did_not_rate_stays_a_task(method):
    """Clip 1 by neither, the last by the experts alone, and the first by the crowd alone."""
    d = data()
    d.crowd["arousal"][[1, 3]] = np.nan
    d.experts["arousal"][[0, 1]] = np.nan
    result = solve_p1(d, CELL, 0, 0, Protocol(grid=(1.0,)), [method])["methods"][method.name]
    assert np.isfinite(
        [result["rmse"], result["rmse_crowd"], result["rmse_truth"], result["weight_error"]]
    ).all()


def test_what_nobody_rated_judges_nothing():
    """Nobody of the crowd rated the back half, where the snippet is."""
    d = data()
    d.crowd["arousal"][:, 25:] = np.nan
    result = solve_p1(d, CELL, 0, 0, methods=[BY_NAME["SR MTL"]])["methods"]["SR MTL"]
    assert np.isnan(result["rmse_crowd"])
    assert np.isfinite([result["rmse"], result["rmse_truth"]]).all()


@pytest.mark.parametrize("who", ["crowd", "experts"])
def test_without_any_rating_there_is_no_p1(who):
    d = data()
    getattr(d, who)["arousal"][:] = np.nan
    with pytest.raises(ValueError, match=f"^{who}: found no rating of arousal"):
        solve_p1(d, CELL, 0, 0, methods=[BY_NAME["EG-MTL"]])


def test_levels_are_for_fitting_and_ratings_for_judging():
    """The mean of the levels of the training seconds, against the experts' medians as they are."""
    d = data()
    for array in (d.crowd["arousal"], d.experts["arousal"]):
        array /= 5.0
    record = solve_p1(d, CELL, 0, 0, Protocol(targets="levels"), [BY_NAME["mean"], BY_NAME["EG-MTL"]])
    held = np.isin(np.arange(SECONDS), record["held_out"])
    rounded = np.clip(np.round(2 * d.crowd["arousal"]) / 2, -1, 1)
    level = rounded[:, ~held].mean(axis=1, keepdims=True)
    experts = np.median(d.experts["arousal"], axis=-1)
    rmse = np.sqrt(((experts - level)[:, held] ** 2).mean())
    assert record["methods"]["mean"]["rmse"] == pytest.approx(rmse, rel=1e-12)
    assert record["methods"]["EG-MTL"]["proof"]["converged"]
    assert record["methods"]["EG-MTL"]["rmse"] < 0.8 * rmse


@pytest.mark.parametrize("method", ["ridge", "SR, experts only"])
def test_intercepts_are_asked_for_by_the_protocol(method):
    """Ratings that are 0.4 higher everywhere: only with intercepts is the error what it was.

    Centred targets are the same numbers up to their last digits, and so are the fits, up to sqrt(tol).
    """
    errors = {}
    for intercept in (False, True):
        for moved in (0.0, 0.4):
            d = data()
            for array in (d.crowd["arousal"], d.experts["arousal"]):
                array /= 5.0
                array += moved
            record = solve_p1(d, CELL, 0, 0, Protocol(intercept=intercept, tol=1e-9), [BY_NAME[method]])
            errors[intercept, moved] = record["methods"][method]["rmse"]
    assert errors[True, 0.4] == pytest.approx(errors[True, 0.0], rel=1e-3)
    assert errors[False, 0.4] > 1.1 * errors[False, 0.0]


# -- P2 ----------------------------------------------------------------------------------------------


def annotations(seed=0, n=12, separation=1.0):
    rng = np.random.default_rng(seed)
    high = np.array([True, False, True, False])

    def made(per_clip, noise):
        clips = np.repeat(np.arange(4), per_clip)
        level = np.where(high[clips], separation, -separation)
        return (
            level[:, None] + noise * rng.standard_normal((len(clips), 30)),
            clips,
            np.tile(np.arange(per_clip), 4),
        )

    crowd, crowd_clips, crowd_raters = made(n, 1.0)
    experts, expert_clips, expert_raters = made(8, 0.3)
    evaluation, evaluation_clips, _ = made(10, 1.0)
    return P2Data(
        crowd,
        crowd_clips,
        crowd_raters,
        experts,
        expert_clips,
        expert_raters,
        evaluation,
        evaluation_clips,
        high,
        high,
    )


def test_p2_separates_what_is_apart_and_guesses_what_is_not():
    apart = solve_p2(annotations(), 0, 0)["methods"]
    for name in PAPER:
        assert apart[name]["accuracy"] > 0.95, name
        assert apart[name]["clip_accuracy"] == 1.0
        assert apart[name]["proof"]["converged"]
    same = solve_p2(annotations(separation=0.0), 0, 0, methods=[BY_NAME["MT-Lasso"], BY_NAME["EG-MTL"]])[
        "methods"
    ]
    for result in same.values():
        assert abs(result["accuracy"] - 0.5) < 4 * np.sqrt(0.25 / 40)


def test_p2_trains_on_nothing_of_the_eval_set():
    before = annotations()
    after = replace(before, evaluation=-3 * before.evaluation, evaluation_high=~before.evaluation_high)
    methods = [BY_NAME["Lasso"], BY_NAME["EG-MTL (7)"]]
    one, two = (solve_p2(d, 0, 0, methods=methods)["methods"] for d in (before, after))
    for name in one:
        for key in ("weight", "zeros", "proof", "cross_validation"):
            assert one[name][key] == two[name][key]


def test_a_rater_is_never_in_training_and_validation_at_once():
    d = annotations()
    folds_seen = []

    class Spy(Exception):
        pass

    import affect.problems as problems

    def spy(method, crowd, expert, folds, loss, **options):
        folds_seen.extend(held for held, _ in folds)
        raise Spy

    original, problems.select = problems.select, spy
    try:
        with pytest.raises(Spy):
            solve_p2(d, 0, 0)
    finally:
        problems.select = original
    assert np.array_equal(np.sum(folds_seen, axis=0), np.ones(len(d.crowd)))
    for held in folds_seen:
        assert not set(d.crowd_raters[held]) & set(d.crowd_raters[~held])


def test_p2_folds_and_few_are_of_the_seed_and_the_run(monkeypatch):
    found = [
        given_to_select(monkeypatch, solve_p2, annotations(), run, seed, Protocol(few=3))
        for seed in range(2)
        for run in range(2)
    ]
    assert len({tuple(record["few"]) for _, _, record in found}) == 4
    assert len({np.array(folds).tobytes() for folds, _, _ in found}) == 4
    fewer = given_to_select(monkeypatch, solve_p2, annotations(n=9), 1, 1, Protocol(few=3))
    assert fewer[2]["few"] == found[3][2]["few"]


def test_p2_of_eg_mtl_7_knows_only_its_few_experts():
    d, protocol = annotations(), Protocol(few=2)
    methods = [BY_NAME["EG-MTL"], BY_NAME["EG-MTL (7)"]]
    before = solve_p2(d, 0, 0, protocol, methods)
    others = ~np.isin(d.expert_raters.astype(str), before["few"])
    assert others.sum() == 6 * 4
    changed = replace(d, experts=np.where(others[:, None], -3 * d.experts, d.experts))
    after = solve_p2(changed, 0, 0, protocol, methods)
    assert after["methods"]["EG-MTL (7)"] == before["methods"]["EG-MTL (7)"]
    assert after["methods"]["EG-MTL"]["proof"] != before["methods"]["EG-MTL"]["proof"]
    assert solve_p2(d, 0, 0, Protocol(few=8), [BY_NAME["mean"]])["few_are_all"]


@pytest.mark.parametrize("raters", [2, 3])
def test_p2_has_no_more_folds_than_raters(raters):
    result = solve_p2(annotations(n=raters), 0, 0, methods=[BY_NAME["Lasso"]])["methods"]["Lasso"]
    assert len(result["cross_validation"]["fits"]) == raters * 4
    assert result["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"crowd_raters": np.zeros(48, dtype=int)}, "crowd_raters: found 1 .* at least 2"),
        ({"expert_raters": np.zeros(0, dtype=int)}, "expert_raters: found 0"),
        ({"evaluation": np.zeros((0, 30))}, "evaluation: found 0"),
    ],
)
def test_p2_without_raters_is_named(change, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        solve_p2(replace(annotations(), **change), 0, 0)


def test_of_equals_low():
    assert is_high(np.array([[0.5, 0.5, 0.25, 0.25]]), "sum").tolist() == [False]
    assert is_high(np.array([[0.5, 0.5, 0.25, 0.25]]), "max").tolist() == [False]
    # One annotation of each clip tends up, one down: a clip of a tie is low.
    rows = np.array([2.0, -2.0, 2.0, -2.0])[:, None] * np.ones((1, 30))
    tie = replace(
        annotations(),
        evaluation=rows,
        evaluation_clips=np.array([0, 0, 1, 1]),
        evaluation_high=np.array([1, 0]) > 0,
    )
    result = solve_p2(tie, 0, 0, methods=[BY_NAME["MT-Lasso"]])["methods"]["MT-Lasso"]
    assert result["accuracy"] == 0.5
    assert result["clip_accuracy"] == 0.5
    high = replace(tie, evaluation_high=np.array([True, True]))
    assert solve_p2(high, 0, 0, methods=[BY_NAME["MT-Lasso"]])["methods"]["MT-Lasso"]["clip_accuracy"] == 0.0


def test_the_two_rules():
    # Two clips; columns (clip 0 low, clip 0 high, clip 1 low, clip 1 high).
    scores = np.array([[0.3, 0.5, 0.3, 0.0], [0.0, 0.1, 0.0, 0.1]])
    assert is_high(scores, "sum").tolist() == [False, True]
    assert is_high(scores, "max").tolist() == [True, True]
    Y = indicator(np.array([1, 0]), np.array([True, False]))
    assert Y.tolist() == [[0, 0, 1, 0], [0, 1, 0, 0]]


def test_incomplete_annotations_are_interpolated_or_left_out():
    values = np.full((1, 10, 3), np.nan)
    values[0, :, 0] = np.arange(10)
    values[0, :, 1] = np.arange(10)
    values[0, 3:5, 1] = np.nan  # exactly a fifth
    values[0, :7, 2] = 1.0  # three tenths are missing
    rows, clips, raters = complete(Cube(values, np.array(["a"]), np.array(["x", "y", "z"])))
    assert raters.tolist() == ["x", "y"]
    assert clips.tolist() == [0, 0]
    np.testing.assert_array_equal(rows, [np.arange(10), np.arange(10)])


def test_methods_can_be_replaced_by_ones_own():
    mine = Method("mine", lambda w: MTLasso(alpha=w, beta=0.1), weight="alpha")
    assert set(solve_p1(data(), CELL, 0, 0, methods=[mine])["methods"]) == {"mine"}
