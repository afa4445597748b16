"""The study as jobs whose results are files: what an interruption leaves is used again, and nothing else.

A folder of results belongs to one set of data, one protocol and one version of the software: their hash is
its name. Files are written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

import fista
from affect.annotations.files import write_whole
from affect.material import Cube, Material, complete, labelled, no_p2, p2_data
from affect.methods import METHODS, Method
from affect.problems import Cell, P1Data, Protocol, cells, solve_p1, solve_p2
from affect.relations import clips_as_tasks, descriptors_of_clips, experts_as_tasks, table_7

__all__ = [
    "Job",
    "Results",
    "fingerprint",
    "jobs",
    "remarks",
    "run",
    "settings_of",
    "versions",
]

SOFTWARE = ("numpy", "scipy", "scikit-learn", "pandas", "statsmodels", "certified-mtl")


@dataclass(frozen=True)
class Job:
    """A piece of work that has a name, a function and arguments, and gives a dict."""

    key: str
    function: Callable[..., dict[str, Any]]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Results:
    """What was found, by the key of the job, and the settings it was found with."""

    records: Mapping[str, dict[str, Any]]
    settings: Mapping[str, Any]

    def of(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The records whose key starts so, by the rest of it."""
        return {key[len(prefix) :]: r for key, r in self.records.items() if key.startswith(prefix)}

    def fits(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Key, method and proof of every fit that is reported."""
        for key, record in self.records.items():
            for name, result in record["methods"].items():
                if result["proof"] is not None:
                    yield key, name, result["proof"]

    def count(self) -> tuple[int, int, int, int]:
        """Reported fits, those of them certified, fits of the cross-validation, those of them certified."""
        final = [proof["converged"] for _, _, proof in self.fits()]
        folds = [
            fit[3]
            for record in self.records.values()
            for result in record["methods"].values()
            for fit in result["cross_validation"]["fits"]
        ]
        return len(final), sum(final), len(folds), sum(folds)


def versions() -> dict[str, str]:
    """Of Python and of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in SOFTWARE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def data_hash(material: Material, p1: P1Data | None = None) -> str:
    """Of all numbers and names that the jobs are given.

    Parameters
    ----------
    material : Material
    p1 : P1Data, optional
        What P1 learns from and is judged by, the truth included.
    """
    digest = hashlib.sha256()

    def add(*values: Any) -> None:
        for value in values:
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                digest.update(repr(value.shape).encode())
                digest.update(np.ascontiguousarray(value).tobytes())
            elif isinstance(value, pd.DataFrame):
                digest.update(value.to_csv(index=False).encode())
            else:
                digest.update(repr(list(value)).encode())

    def add_all(arrays: Mapping[Any, Any]) -> None:
        for key, value in sorted(arrays.items()):
            add([key], np.asarray(value, dtype=float))

    def add_ratings(ratings: Mapping[Any, Cube]) -> None:
        for key, cube in sorted(ratings.items()):
            add([key], cube.values, cube.clips, cube.raters)

    add(material.clips)
    add_ratings(material.ratings)
    add_all(material.features)
    add([(modality, list(names)) for modality, names in sorted(material.names.items())])
    if material.evaluation_clips is not None:
        add(material.evaluation_clips)
        add_ratings(material.evaluation)
    if p1 is not None:
        for arrays in (p1.features, p1.crowd, p1.experts, p1.truth, p1.weights):
            add(["P1"])
            add_all(arrays)
    return digest.hexdigest()


def code_hash() -> str:
    """Of the modules that numbers come from: this checkout may be ahead of its version."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    ours = [here / f"{name}.py" for name in ("material", "methods", "problems", "relations")]
    for path in (*ours, *sorted(Path(fista.__file__).parent.rglob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def settings_of(
    material: Material,
    protocol: Protocol,
    seed: int,
    p1: P1Data | None = None,
    methods: Sequence[Method] = METHODS,
) -> dict[str, Any]:
    """All that the results depend on.

    Parameters
    ----------
    material : Material
    protocol : Protocol
    seed : int
    p1 : P1Data, optional
        As given to `jobs` or `p1_jobs`. Without it, results of other truths have the same settings.
    methods : sequence of Method
        As given to `p1_jobs`.
    """
    return {
        "seed": seed,
        "protocol": asdict(protocol),
        "methods": [method.name for method in methods],
        "data": data_hash(material, p1),
        "versions": versions(),
        "code": code_hash(),
    }


def fingerprint(settings: Mapping[str, Any]) -> str:
    """The name of the folder of these settings.

    Examples
    --------
    >>> fingerprint({"seed": 0}) == fingerprint({"seed": 1})
    False
    """
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def p1_jobs(
    data: P1Data,
    seed: int,
    protocol: Protocol,
    wanted: Sequence[Cell] | None = None,
    methods: Sequence[Method] | None = None,
) -> Iterator[Job]:
    """Every run of every cell."""
    every = cells(sorted(data.crowd), sorted(data.features)) if wanted is None else wanted
    names = None if methods is None else tuple(method.name for method in methods)
    for cell in every:
        part = P1Data(
            {cell.modality: data.features[cell.modality]},
            {cell.dimension: data.crowd[cell.dimension]},
            {cell.dimension: data.experts[cell.dimension]},
            {d: profile for d, profile in data.truth.items() if d == cell.dimension},
            {k: W for k, W in data.weights.items() if k == (cell.dimension, cell.modality)},
        )
        for k in range(protocol.runs):
            yield Job(f"p1-{cell.key}-{k}", _p1, (part, cell, k, seed, protocol, names))


def _p1(
    data: P1Data, cell: Cell, k: int, seed: int, protocol: Protocol, names: Sequence[str] | None
) -> dict[str, Any]:
    # Methods are looked up by name where they are used: their constructors do not travel between processes.
    chosen = METHODS if names is None else [method for method in METHODS if method.name in names]
    return solve_p1(data, cell, k, seed, protocol, chosen)


def _p2(material: Material, dimension: str, k: int, seed: int, protocol: Protocol) -> dict[str, Any]:
    return solve_p2(p2_data(material, dimension), k, seed, protocol)


def jobs(material: Material, data: P1Data, seed: int, protocol: Protocol) -> list[Job]:
    """All of the study that the data allow: P1, P2, section 5.2; `remarks` says what is left out."""
    found = list(p1_jobs(data, seed, protocol))
    for dimension in material.dimensions:
        common = (dimension, seed, protocol)
        if not no_p2(material, dimension):
            for k in range(protocol.runs):
                found.append(Job(f"p2-{dimension}-{k}", _p2, (material, dimension, k, seed, protocol)))
        if not no_ratings_as_features(material, dimension):
            found.append(Job(f"figure3-{dimension}", experts_as_tasks, (material, *common)))
            for population in ("crowd", "expert"):
                key = f"table6-{population}-{dimension}"
                found.append(Job(key, clips_as_tasks, (material, population, *common)))
        for modality in material.features:
            if labelled(material.clips):
                key = f"figure5-{modality}-{dimension}"
                found.append(Job(key, descriptors_of_clips, (material, modality, *common)))
            found.append(Job(f"table7-{modality}-{dimension}", table_7, (material, modality, *common)))
    return found


def no_ratings_as_features(material: Material, dimension: str) -> str:
    """Why there are no Figures 3 and 4 and no Table 6 for one dimension; empty if there are."""
    if not labelled(material.clips):
        return "the quadrant of some clip is not known"
    for population in ("crowd", "expert"):
        rated = len(np.unique(complete(material.ratings[population, dimension])[1]))
        if rated < 2:
            return f"{rated} of the clips have a complete annotation of the {population}; at least 2 must"
    return ""


def remarks(material: Material, protocol: Protocol) -> list[str]:
    """What readers have to know of what the data do not allow, in a sentence each.

    Parameters
    ----------
    material : Material
    protocol : Protocol

    Returns
    -------
    list of str
        Clips that a population did not rate, parts of the study that are left out, fewer folds of raters than
        asked for, and "EG-MTL (7)" being EG-MTL.
    """
    found = [] if labelled(material.clips) else ["No Figure 5: the quadrant of some clip is not known."]
    for dimension in material.dimensions:
        for population in ("crowd", "expert"):
            ratings = material.ratings[population, dimension]
            unrated = ratings.clips[np.isnan(ratings.values).all(axis=(1, 2))]
            if len(unrated):
                found.append(
                    f"{dimension}: the {population} did not rate {', '.join(unrated)}. A model of these "
                    "ratings predicts such a clip as the related ones where it has a graph, else 0."
                )
        n_experts = material.ratings["expert", dimension].values.shape[2]
        if n_experts <= protocol.few:
            found.append(
                f"{dimension}: there are {n_experts} experts, not more than {protocol.few}, so that "
                "EG-MTL (7) is EG-MTL."
            )
        if reason := no_ratings_as_features(material, dimension):
            found.append(f"No Table 6 and Figures 3 and 4 for {dimension}: {reason}.")
        if reason := no_p2(material, dimension):
            found.append(f"No P2 for {dimension}: {reason}.")
            continue
        raters = len(np.unique(complete(material.ratings["crowd", dimension])[2]))
        if raters < protocol.n_folds:
            found.append(f"P2, {dimension}: {raters} folds, since there are no more raters of the crowd.")
    return found


def run(
    wanted: Sequence[Job],
    settings: Mapping[str, Any],
    folder: Path,
    *,
    n_jobs: int = 1,
    show: Callable[[str], None] = lambda text: None,
) -> Results:
    """Do what is not done yet, each job's result being written as soon as it is there.

    Parameters
    ----------
    wanted : sequence of Job
    settings : dict
        All that the results depend on; they are kept in a folder of its hash.
    folder : Path
    n_jobs : int
        Processes, of one BLAS thread each; 1 is the process itself.
    show : callable
        Told how far it is.

    Returns
    -------
    Results
    """
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs: found {n_jobs!r}; expected an integer")
    if n_jobs < 1:
        raise ValueError(f"n_jobs: found {n_jobs}; expected at least 1")
    place = folder / fingerprint(settings)
    write_whole(place / "settings.json", json.dumps(settings, indent=1))
    records: dict[str, dict[str, Any]] = {}
    missing = []
    for job in wanted:
        path = place / f"{job.key}.json"
        if path.is_file():
            records[job.key] = json.loads(path.read_text())
        else:
            missing.append(job)
    # Workers are told their threads when they start, this process now.
    with parallel_config(backend="loky", inner_max_num_threads=1), threadpool_limits(1):
        work = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
        show(f"{len(records)} of {len(wanted)} done")
        for key, record in work(delayed(_done)(job, place) for job in missing):
            records[key] = record
            show(f"{len(records)} of {len(wanted)} done, last {key}")
    return Results({job.key: records[job.key] for job in wanted}, dict(settings))


def _done(job: Job, place: Path) -> tuple[str, dict[str, Any]]:
    record = json.loads(json.dumps(job.function(*job.arguments)))
    write_whole(place / f"{job.key}.json", json.dumps(record))
    return job.key, record
