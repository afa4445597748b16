"""Two sets of annotated film clips, as the paper's Tables 1 to 4 describe them, of which the truth is known.

The paper's ratings were never published. Here clips, raters and descriptors are drawn so that what the paper
tells of its own is met, and nothing else was adjusted: which method wins is not an input.

What comes from where:

- Table 1: 12 clips a set, three in each quadrant; 16 experts, 15 crowd raters (after the quality rules) and
  35 raters of the Eval set a clip; slider of the crowd in [-2, 2] (section 3.2), of GTrace in [-1, 1].
- Table 2: mean and standard deviation of static ratings, met exactly in each quadrant, and of lengths, which
  are then rounded to whole seconds.
- Tables 3 and 4: Kendall's W (mean and sd over clips, full clip) of each population in clips of high and low
  attribute. W of m raters and the mean rank correlation r between two of them are the same number,
  ``r = (m W - 1) / (m - 1)``, and r is what the noise is solved for, lags and spammers included, in the very
  seconds of a clip. Two entries contradict the others: "All" of the crowd's first half (Table 4) and of the
  Eval set (Table 4) is above what HV and LV average to. HV and LV are used.
- Section 5: "all clips began with a relatively neutral segment" and "tend to the static label within the
  final 50 seconds": a profile rises from 0 to the clip's static rating, half of it at the middle of the clip.
- Section 5.2: which descriptors matter (formants, zero crossings, silence, energy; brightness, excitement,
  motion). Table 7: the squared errors of video and audio alone are 0.53 to 0.47 of their sum, which gives
  audio 0.53 of the profile.
- Tables 3 and 4, columns "1st" and "2nd": by how much W of the halves is below that of the full clip gave the
  three numbers that it depends on, once and before anything was learned from these data: the width of the
  rise (an eighth of the clip), ``fluctuation`` 0.2 and ``noise_memory`` 20 s.

What the paper does not tell is a knob with a plain value: how alike the clips' weights are, how late raters
are, how many of the crowd rate something else, how heavy the tails are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta, rankdata

from affect.annotations.tables import DIMENSIONS, QUADRANTS

__all__ = ["AUDIO", "DIMENSIONS", "QUADRANTS", "VIDEO", "Settings", "SimulatedSet", "Simulation", "simulate"]

Floats = NDArray[np.float64]

_SPECTRAL = ("spectral flux", "spectral centroid", "delta spectrum", "band energy ratio")
AUDIO = (
    *(f"MFCC {k}" for k in range(1, 14)),
    *(f"DMFCC {k}" for k in range(1, 14)),
    *(f"AMFCC {k}" for k in range(1, 14)),
    *("energy", "pitch"),
    *(f"formant {k}" for k in range(1, 5)),
    *(f"{name} {statistic}" for name in _SPECTRAL for statistic in ("mean", "sd")),
    *("zero crossing rate", "silence ratio mean", "silence ratio sd"),
)
VIDEO = (
    *("lighting key", "shadow", "visual detail", "grayness", "lightness", "saturation", "color variance"),
    *(f"hue {k}" for k in range(1, 21)),
    *(f"lightness bin {k}" for k in range(1, 21)),
    *("visual excitement", "motion"),
)
# Section 5.2: the descriptors that the paper found to matter.
ACTIVE_AUDIO = ("energy", *(f"formant {k}" for k in range(1, 5)), *AUDIO[-3:])
ACTIVE_VIDEO = (*VIDEO[:6], "visual excitement", "motion")

# Table 2, (mean, sd) in each quadrant.
LENGTH = {
    "val": {"HAHV": (95.8, 9.3), "LAHV": (75.2, 16.2), "LALV": (92.1, 14.7), "HALV": (85.5, 6.5)},
    "eval": {"HAHV": (64.1, 7.9), "LAHV": (76.8, 15.3), "LALV": (71.4, 13.3), "HALV": (91.8, 34.2)},
}
STATIC = {
    ("val", "valence"): {"HAHV": (1.1, 0.1), "LAHV": (1.1, 0.3), "LALV": (-0.8, 0.3), "HALV": (-1.3, 0.4)},
    ("val", "arousal"): {"HAHV": (1.1, 0.1), "LAHV": (-0.9, 0.8), "LALV": (-0.2, 1.0), "HALV": (1.1, 0.6)},
    ("eval", "valence"): {"HAHV": (1.2, 0.3), "LAHV": (0.9, 0.1), "LALV": (-0.9, 0.1), "HALV": (-0.7, 1.6)},
    ("eval", "arousal"): {"HAHV": (0.9, 0.3), "LAHV": (-1.2, 0.8), "LALV": (-0.9, 0.4), "HALV": (0.7, 0.5)},
}
# Tables 3 and 4, column "Full": Kendall's W (mean, sd) in clips of high and of low attribute.
CONCORDANCE = {
    ("val", "expert", "arousal"): {"H": (0.55, 0.21), "L": (0.23, 0.23)},
    ("val", "crowd", "arousal"): {"H": (0.34, 0.14), "L": (0.09, 0.04)},
    ("eval", "crowd", "arousal"): {"H": (0.49, 0.14), "L": (0.27, 0.16)},
    ("val", "expert", "valence"): {"H": (0.46, 0.21), "L": (0.49, 0.22)},
    ("val", "crowd", "valence"): {"H": (0.37, 0.10), "L": (0.06, 0.05)},
    ("eval", "crowd", "valence"): {"H": (0.30, 0.07), "L": (0.27, 0.19)},
}
FULL_USE = 0.5  # sd of a trace that uses the whole of [-1, 1], about that of a uniform variable
CLIPS_OF_A_WORKER = 4  # at most five (section 3.2), and a divisor of 12
RANGE_OF_LAG = {"expert": (0.0, 1.0), "crowd": (1.0, 4.0)}  # seconds; experts knew the clips


@dataclass(frozen=True)
class Settings:
    """The knobs of `simulate`; the defaults follow the paper.

    Parameters
    ----------
    crowd, experts, evaluators : int
        Raters of a clip: the Val crowd after the quality rules, its experts, the Eval crowd (Table 1).
    crowd_noise, expert_noise : float
        Factors on the noise that Tables 3 and 4 imply.
    relatedness : float
        Share of the variance of the weights that all clips have in common, in [0, 1]. The paper assumes all
        clips related and does not say how much.
    fluctuation : float
        Standard deviation of a profile around its rise to the static rating, on [-1, 1].
    memory, noise_memory : float
        Seconds after which the correlation of descriptors, and of a rater's noise, has fallen to 1/e.
    lag : float
        Factor on the raters' delays: 0 to 1 s (experts), 1 to 4 s (crowd).
    spammers : float
        Share of the crowd that rates something else, and that no quality rule can find: what such a rater
        follows is a course of his own for every clip, with the variance of the clip's profile and the memory
        of the noise.
    rejected : float
        Share of the crowd's annotations, beside the good ones, that a quality rule finds: slider not moved,
        data lost, static rating absent or of opposite sign.
    tails : float
        Degrees of freedom of the noise: the variance of a rater is that of Student's t.
    scale_use : float
        Standard deviation of the logarithm of a rater's range.
    """

    crowd: int = 15
    experts: int = 16
    evaluators: int = 35
    crowd_noise: float = 1.0
    expert_noise: float = 1.0
    relatedness: float = 0.5
    fluctuation: float = 0.2
    memory: float = 5.0
    noise_memory: float = 20.0
    lag: float = 1.0
    spammers: float = 0.1
    rejected: float = 0.2
    tails: float = 4.0
    scale_use: float = 0.25

    def __post_init__(self) -> None:
        for name in ("crowd", "experts", "evaluators"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 2:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; expected an integer >= 2")
        if not 0 < self.fluctuation < np.inf:
            raise ValueError(f"fluctuation: found {self.fluctuation!r}; expected a finite number > 0")
        for name in ("crowd_noise", "expert_noise", "lag", "scale_use"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; expected a finite number >= 0")
        for name in ("memory", "noise_memory"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; expected seconds > 0")
        for name, most in (("relatedness", 1.0), ("spammers", 0.5), ("rejected", 0.8)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; expected a number in [0, {most}]")
        if not self.tails > 2:
            raise ValueError(f"tails: found {self.tails!r}; expected more than 2 degrees of freedom")


@dataclass(frozen=True)
class SimulatedSet:
    """Val or Eval.

    Attributes
    ----------
    traces : DataFrame
        ``clip, rater, population, dimension, time, value``; crowd sliders in [-2, 2], GTrace in [-1, 1].
    static : DataFrame
        ``clip, rater, population, dimension, value, familiarity`` in [-2, 2]: one a crowd rater of Val.
    clips : DataFrame
        ``clip, quadrant, length``, and the static ratings ``arousal``, ``valence`` in [-2, 2].
    features : DataFrame
        ``clip, time`` and the descriptors of every second.
    profiles : DataFrame
        ``clip, dimension, time, value``: the truth, exactly ``features @ weights``.
    weights : dict of str to DataFrame
        The true weights of a dimension, descriptors x clips.
    raters : DataFrame
        ``rater, population, dimension, lag, spread, noise, kind``: who delays, exaggerates or spams.
    """

    traces: pd.DataFrame = field(repr=False)
    static: pd.DataFrame = field(repr=False)
    clips: pd.DataFrame = field(repr=False)
    features: pd.DataFrame = field(repr=False)
    profiles: pd.DataFrame = field(repr=False)
    weights: dict[str, pd.DataFrame] = field(repr=False)
    raters: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Simulation:
    """The Val and Eval sets, with the seed and settings that give them again."""

    val: SimulatedSet
    eval: SimulatedSet
    settings: Settings
    seed: int


def simulate(seed: int = 0, settings: Settings | None = None) -> Simulation:
    """Draw the Val and Eval sets.

    Parameters
    ----------
    seed : int, default 0
        Clips, descriptors and each population have streams of their own, so that a knob of one leaves the
        others as they were.
    settings : Settings, optional

    Returns
    -------
    Simulation

    References
    ----------
    The paper, sections 3 and 5, Tables 1 to 4.

    Examples
    --------
    >>> val = simulate(seed=1).val
    >>> len(val.clips), len(val.features.columns) - 2
    (12, 105)
    >>> sorted(val.traces.population.unique())
    ['crowd', 'expert']
    """
    settings = settings or Settings()
    streams = iter(np.random.SeedSequence(seed).spawn(16))
    sets = {name: _set(name, settings, streams) for name in ("val", "eval")}
    return Simulation(sets["val"], sets["eval"], settings, seed)


def _set(name: str, settings: Settings, streams: Iterator[np.random.SeedSequence]) -> SimulatedSet:
    clips = _clips(name, np.random.default_rng(next(streams)))
    rng = np.random.default_rng(next(streams))
    features, profiles, weights = _content(clips, settings, rng)
    easy = np.random.default_rng(next(streams))
    ranks = {dimension: _ranks(clips, dimension, easy) for dimension in DIMENSIONS}
    parts = []
    for population in ("expert", "crowd"):
        for dimension in DIMENSIONS:
            rng = np.random.default_rng(next(streams))
            if (name, population, dimension) in CONCORDANCE:
                parts.append(
                    _annotations(
                        name, population, dimension, clips, profiles[dimension], ranks, settings, rng
                    )
                )
    traces, static, raters = (
        pd.concat([part[k] for part in parts if len(part[k])], ignore_index=True)
        if any(len(part[k]) for part in parts)
        else parts[0][k]
        for k in range(3)
    )
    truth = pd.concat(
        [
            pd.DataFrame({"clip": clip, "dimension": dimension, "time": np.arange(len(p)) * 1.0, "value": p})
            for dimension in DIMENSIONS
            for clip, p in zip(clips["clip"], profiles[dimension], strict=True)
        ],
        ignore_index=True,
    )
    return SimulatedSet(traces, static, clips, features, truth, weights, raters)


# -- the clips and what is in them -------------------------------------------------------------------


def _exactly(mean: float, sd: float, n: int, rng: np.random.Generator) -> Floats:
    """Values whose mean and standard deviation (of a sample) are the given ones."""
    draw = rng.standard_normal(n)
    return np.asarray(mean + sd * (draw - draw.mean()) / draw.std(ddof=1))


def _clips(name: str, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for quadrant in QUADRANTS:
        columns = {"length": np.round(_exactly(*LENGTH[name][quadrant], 3, rng))}
        for dimension in DIMENSIONS:
            values = np.full(3, np.inf)
            while np.abs(values).max() > 2:  # the ends of the scale
                values = _exactly(*STATIC[name, dimension][quadrant], 3, rng)
            columns[dimension] = values
        for k in range(3):
            row = {column: float(values[k]) for column, values in columns.items()}
            rows.append({"clip": f"{name}-{quadrant}-{k + 1}", "quadrant": quadrant, **row})
    return pd.DataFrame(rows)


def _autoregression(n: int, columns: int, memory: float, rng: np.random.Generator) -> Floats:
    """Stationary AR(1) of unit variance, one in each column."""
    keep = np.exp(-1 / memory)
    shocks = rng.standard_normal((n, columns))
    shocks[1:] *= np.sqrt(1 - keep**2)
    for k in range(1, n):
        shocks[k] += keep * shocks[k - 1]
    return shocks


def _content(
    clips: pd.DataFrame, settings: Settings, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, list[Floats]], dict[str, pd.DataFrame]]:
    """Descriptors, and the profiles that are exactly linear in them."""
    names = (*AUDIO, *VIDEO)
    share = {ACTIVE_AUDIO: 0.53, ACTIVE_VIDEO: 0.47}  # Table 7, see the top of the module
    weights = {d: np.zeros((len(names), len(clips))) for d in DIMENSIONS}
    for active, part in share.items():
        rows = [names.index(name) for name in active]
        for dimension in DIMENSIONS:
            common = rng.standard_normal((len(rows), 1))
            own = rng.standard_normal((len(rows), len(clips)))
            drawn = np.sqrt(settings.relatedness) * common + np.sqrt(1 - settings.relatedness) * own
            norms = np.linalg.norm(drawn, axis=0)
            weights[dimension][rows] = settings.fluctuation * np.sqrt(part) * drawn / norms
    frames = []
    profiles: dict[str, list[Floats]] = {dimension: [] for dimension in DIMENSIONS}
    for t, clip in enumerate(clips.itertuples()):
        n = int(clip.length)
        X = _autoregression(n, len(names), settings.memory, rng)
        rise = 1 / (1 + np.exp(-(np.arange(n) - n / 2) / (n / 8)))
        for active, part in share.items():
            # The least change of the active descriptors by which they also carry the rise.
            rows = [names.index(name) for name in active]
            A = np.column_stack([weights[d][rows, t] for d in DIMENSIONS])
            levels = [getattr(clip, d) / 2 for d in DIMENSIONS]  # from [-2, 2] to [-1, 1]
            X[:, rows] += part * np.outer(rise, levels) @ np.linalg.pinv(A)
        for dimension in DIMENSIONS:
            profiles[dimension].append(X @ weights[dimension][:, t])
        frame = pd.DataFrame(X, columns=list(names))
        frame.insert(0, "time", np.arange(n) * 1.0)
        frame.insert(0, "clip", clip.clip)
        frames.append(frame)
    tables = {
        d: pd.DataFrame(W, index=pd.Index(names, name="feature"), columns=list(clips["clip"]))
        for d, W in weights.items()
    }
    return pd.concat(frames, ignore_index=True), profiles, tables


# -- who rates them ----------------------------------------------------------------------------------


def _level(quadrant: str, dimension: str) -> str:
    return quadrant[0] if dimension == "arousal" else quadrant[2]


def _ranks(clips: pd.DataFrame, dimension: str, rng: np.random.Generator) -> Floats:
    """How easy a clip is among those of its level, in (0, 1): the same for both populations."""
    ranks = np.empty(len(clips))
    for level in ("H", "L"):
        where = np.flatnonzero([_level(q, dimension) == level for q in clips.quadrant])
        ranks[where] = (rng.permutation(len(where)) + 0.5) / len(where)
    return ranks


def _correlation(mean: float, sd: float, rank: float, raters: int) -> float:
    """The mean correlation of two raters of the clip at this rank of the distribution of W (a beta)."""
    size = mean * (1 - mean) / sd**2 - 1
    W = float(beta.ppf(rank, mean * size, (1 - mean) * size))
    return max(0.0, (raters * W - 1) / (raters - 1))


def _noise(correlation: float, followed: Floats, noise: Floats) -> float:
    """The factor on the noise by which raters (columns) rank the seconds so alike in the mean; inf if none.

    It is found for the very courses that were drawn: with a memory of 20 s, noise and profile of a clip of
    80 s are seldom as unrelated as they are in the long run, which would leave W too low.
    """

    def mean_correlation(factor: float) -> float:
        ranks = rankdata(followed + factor * noise, axis=0)
        m = ranks.shape[1]
        return float((np.corrcoef(ranks.T).sum() - m) / (m * (m - 1)))

    if correlation <= 0 or mean_correlation(1e3) > correlation:
        return float("inf")
    if mean_correlation(0.0) <= correlation:
        return 0.0
    low, high = np.log(1e-4), np.log(1e3)
    return float(np.exp(brentq(lambda k: mean_correlation(np.exp(k)) - correlation, low, high)))


def _annotations(
    name: str,
    population: str,
    dimension: str,
    clips: pd.DataFrame,
    profiles: list[Floats],
    ranks: dict[str, Floats],
    settings: Settings,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Traces, static ratings and raters of a population for one dimension of all clips of a set."""
    workers = name == "val" and population == "crowd"
    per_clip = (
        settings.crowd if workers else settings.experts if population == "expert" else settings.evaluators
    )
    of_paper = {"expert": 16, "crowd": 15}[population] if name == "val" else 35
    # Noise is solved for a panel no smaller than the paper's, however few of it are kept.
    panel = max(per_clip, of_paper)
    groups = (
        rng.permutation(len(clips)).reshape(-1, CLIPS_OF_A_WORKER) if workers else np.arange(len(clips))[None]
    )
    prefix = {"expert": "expert", "crowd": f"{dimension}-worker"}[population] if name == "val" else "student"
    factor = settings.expert_noise if population == "expert" else settings.crowd_noise
    traces, statics, people = [], [], []
    for g, group in enumerate(groups):
        # Heavy tails: a rater's noise variance is inverse chi-squared, of mean 1.
        spread = (settings.tails - 2) / rng.chisquare(settings.tails, panel)
        lag = settings.lag * rng.uniform(*RANGE_OF_LAG[population], panel)
        scale = np.exp(settings.scale_use * rng.standard_normal(panel))
        honest = np.ones(panel, dtype=bool)
        if population == "crowd":
            honest = rng.permutation(panel) >= round(settings.spammers * panel)
        raters = [f"{prefix}-{g * per_clip + k + 1:03d}" for k in range(per_clip)]
        people.append(
            pd.DataFrame(
                {
                    "rater": raters,
                    "population": population,
                    "dimension": dimension,
                    "lag": lag[:per_clip],
                    "spread": scale[:per_clip],
                    "noise": np.sqrt(spread[:per_clip]),
                    "kind": np.where(honest[:per_clip], "honest", "spammer"),
                }
            )
        )
        for t in group:
            clip, truth = clips.iloc[t], profiles[t]
            level = _level(clip.quadrant, dimension)
            seconds = np.arange(len(truth))
            signals = np.stack([np.interp(seconds - d, seconds, truth) for d in lag], axis=1)
            power = float(truth.var())
            own, other = (_course(len(truth), panel, settings.noise_memory, rng) for _ in range(2))
            # Who does not follow the clip follows something else, of the same variance.
            followed = np.where(honest, signals, np.sqrt(power) * other)
            own *= np.sqrt(power * spread)
            wanted = CONCORDANCE[name, population, dimension][level]
            noise = _noise(_correlation(*wanted, ranks[dimension][t], of_paper), followed, own)
            # Traces of both populations have one variance, that of unbiased experts, up to full use of the
            # scale; agreement splits it between signal and noise.
            reference = CONCORDANCE.get((name, "expert", dimension), CONCORDANCE[name, population, dimension])
            r = _correlation(*reference[level], ranks[dimension][t], 16 if name == "val" else 35)
            total = min(power / r, FULL_USE**2) if r > 0 else FULL_USE**2
            gain = np.sqrt(total / (1 + noise**2) / power)
            size = np.sqrt(total / power) if np.isinf(noise) else gain * noise
            values = gain * followed + factor * size * own
            most = 2.0 if workers else 1.0
            values = np.clip(most * scale * values, -most, most)[:, :per_clip]
            traces += [_trace(clip["clip"], raters[k], seconds, values[:, k]) for k in range(per_clip)]
            if workers:
                statics += [_static(clip, dimension, raters[k], values[:, k], rng) for k in range(per_clip)]
                bad, bad_static = _rejected(clip, dimension, values, settings, rng, f"{prefix}-x{t:02d}")
                traces += bad
                statics += bad_static
    frame = pd.concat(traces, ignore_index=True)
    frame.insert(2, "population", population)
    frame.insert(3, "dimension", dimension)
    static = pd.DataFrame(statics, columns=["clip", "rater", "value", "familiarity"])
    static.insert(2, "population", population)
    static.insert(3, "dimension", dimension)
    return frame, static, pd.concat(people, ignore_index=True)


def _course(n: int, columns: int, memory: float, rng: np.random.Generator) -> Floats:
    """Autoregressions of mean 0 and variance 1 in these very seconds, one in each column."""
    drawn = _autoregression(n, columns, memory, rng)
    return np.asarray((drawn - drawn.mean(axis=0)) / drawn.std(axis=0))


def _trace(clip: str, rater: str, seconds: NDArray[np.int_], values: Floats) -> pd.DataFrame:
    return pd.DataFrame({"clip": clip, "rater": rater, "time": seconds * 1.0, "value": values})


def _static(
    clip: pd.Series, dimension: str, rater: str, values: Floats, rng: np.random.Generator
) -> tuple[str, str, float, float]:
    """An overall rating of the sign of the largest continuous value, as the quality rules want it."""
    size = np.clip(np.abs(clip[dimension]) + 0.4 * rng.standard_normal(), 0.1, 2.0)
    return (
        clip["clip"],
        rater,
        float(np.sign(values[np.abs(values).argmax()]) * size),
        float(rng.integers(0, 5)),
    )


def _rejected(
    clip: pd.Series,
    dimension: str,
    good: Floats,
    settings: Settings,
    rng: np.random.Generator,
    prefix: str,
) -> tuple[list[pd.DataFrame], list[tuple[str, str, float, float]]]:
    """Annotations that the platform takes, and that a quality rule of section 3.2 finds."""
    wanted = good.shape[1]
    number = rng.negative_binomial(wanted, 1 - settings.rejected) if settings.rejected else 0
    traces, statics = [], []
    for k in range(number):
        rater = f"{prefix}{k:02d}"
        values = good[:, rng.integers(wanted)].copy()
        seconds = np.arange(len(values))
        fault = ("unmoved", "lost", "absent", "opposite")[rng.integers(4)]
        if fault == "opposite" and values.max() == -values.min():
            fault = "absent"  # of two largest values, either sign will do
        if fault == "unmoved":
            values[int(0.1 * len(values)) :] = values[int(0.1 * len(values))]
        rating = _static(clip, dimension, rater, values, rng)
        if fault == "lost":
            seconds = seconds[: int(0.6 * len(seconds))]
        traces.append(_trace(clip["clip"], rater, seconds, values[seconds]))
        if fault == "opposite":
            rating = (*rating[:2], -rating[2], rating[3])
        if fault != "absent":
            statics.append(rating)
    return traces, statics
