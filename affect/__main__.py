"""``python -m affect``: the study, on a simulation or on one's own ratings, as one HTML page."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from affect.annotations import Annotations
from affect.annotations.files import write_whole
from affect.annotations.rules import values_missing
from affect.own import EVAL_SCALE, cut, modalities, of_crowd, read_features, read_ratings, with_experts
from affect.pipeline import Prepared, cleaned, last_seconds_of, of_simulation, prepare, quality_rules
from affect.problems import Protocol
from affect.report import result_tables, uncertified, write_report
from affect.seeds import many, markdown, sweep
from affect.simulate import simulate
from affect.study import jobs, run, settings_of

__all__ = ["main"]

#: Options that numbers of simulations depend on.
DECISIVE = ("seeds", "sweeps", "seed", "runs", "judge", "folds", "rule", "targets", "levels", "seconds")
#: Options that say something about --ratings.
OF_RATINGS = (
    "features",
    "audio",
    "video",
    "clips",
    "static",
    "dimension",
    "names",
    "experts",
    "leave-out",
    "segment",
    "scale",
    "evaluation",
    "evaluation-clips",
)


def show(text: str) -> None:
    """One line that is written over, on a terminal only; an empty one clears it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; the exit status is 0, 1 if a fit (of the cross-validation, too) is not certified, 2 if
    there is no such data.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace, Protocol], int] = _simulations if options.seeds else _study
    try:
        protocol = Protocol(
            runs=options.runs or (1 if options.seeds else 5),
            folds=options.folds,
            judge=options.judge,
            rule=options.rule,
            targets=options.targets,
            n_levels=options.levels,
            intercept=options.intercept,
            seconds=options.seconds,
        )
        _expect_ratings(options)
        return command(options, protocol)
    except (OSError, TypeError, ValueError) as error:
        show("")
        print(f"affect: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        show("")
        print("interrupted: what was done is kept, and used when the same command is given again")
        return 130


def _expect_ratings(options: argparse.Namespace) -> None:
    """Refuse what would be about ratings that are not there: a simulation would look like one's own data."""
    for name in OF_RATINGS:
        if not options.ratings and getattr(options, name.replace("-", "_")) is not None:
            raise ValueError(f"--{name}: found without --ratings; expected the ratings that it is about")


def _study(options: argparse.Namespace, protocol: Protocol) -> int:
    show("reading" if options.ratings else "simulating")
    prepared = _own(options, protocol) if options.ratings else of_simulation(simulate(options.seed), protocol)
    settings = settings_of(prepared.material, protocol, options.seed, prepared.p1)
    wanted = jobs(prepared.material, prepared.p1, options.seed, protocol)
    results = run(wanted, settings, options.output / "results", n_jobs=options.jobs, show=show)
    show("tables and figures")
    given = [(f"--{name}", _words(value)) for name, value in vars(options).items() if value is not None]
    path = write_report(prepared, results, options.output, given)
    show("")
    for table in (*result_tables(results)[0], *result_tables(results)[1]):
        print(table.console())
    doubt = uncertified(results)
    final, proved, folds, folds_proved = results.count()
    print(f"certified: {proved} of {final} reported fits, {folds_proved} of {folds} of the cross-validation")
    for line in doubt:
        print(f"NOT certified: {line}")
    print(f"report: {path}")
    return 1 if doubt else 0


def _own(options: argparse.Namespace, protocol: Protocol) -> Prepared:
    """The data of one's own files."""
    if options.features is None:
        raise ValueError("--features: found none; expected the descriptors of the clips in --ratings")
    val, students, notes = _read(options)
    features = read_features(options.features, val.clips)
    if options.segment:
        # Of recordings, since a rater may well sit still for a segment; but what is missing, of segments.
        rules = [rule for rule in quality_rules(val) if rule is not values_missing]
        whole, quality = cleaned(val, rules=rules)
        pieces, features = cut(whole, features, options.segment)
        val, more = cleaned(pieces, "segments: ", last_seconds_of([values_missing], protocol.seconds))
        quality += more
        notes.append(
            f"Clips are segments of {options.segment} s of the recordings, and what is left of these is not "
            "used. The quality rules are about whole recordings, but for missing values."
        )
    else:
        val, quality = cleaned(val, rules=last_seconds_of(quality_rules(val), protocol.seconds))
    columns = [column for column in features.columns if column not in ("clip", "time")]
    names = modalities(columns, options.audio or (), options.video or ())
    if unused := [column for column in columns if not any(column in mine for mine in names.values())]:
        notes.append(f"Descriptors that are neither audio nor video are not used: {', '.join(unused)}.")
    crowd = None
    if students is not None:
        rules = last_seconds_of(quality_rules(students), protocol.seconds)
        crowd, dropped = cleaned(students, "Eval: ", rules)
        quality += dropped
    return prepare(
        "Expert-guided multi-task learning: the study on given ratings",
        val,
        features,
        names,
        evaluation=crowd,
        protocol=protocol,
        quality=quality,
        notes=notes,
    )


def _read(options: argparse.Namespace) -> tuple[Annotations, Annotations | None, list[str]]:
    """The ratings of Val, those of the crowd of Eval, and what readers have to know of them."""
    given: dict[str, Any] = {
        "scale": None if options.scale is None else (options.scale[0], options.scale[1]),
        "dimension": options.dimension,
        "names": options.names,
    }
    # A file of GTrace does not say whose it is: where experts are named, all others are the crowd.
    val = read_ratings(
        options.ratings,
        clips=options.clips,
        static=options.static,
        population="crowd" if options.experts else "expert",
        **given,
    )
    sets = {"Val": val}
    if options.evaluation is not None:
        sets["Eval"] = read_ratings(
            options.evaluation,
            clips=options.evaluation_clips,
            population="crowd",
            default=EVAL_SCALE,
            **given,
        )
    notes = [f"Ratings: {', '.join(map(str, options.ratings))}; descriptors: {options.features}."]
    for name, held in sets.items():
        scales = (f"{p} [{low:g}, {high:g}]" for p, (low, high) in held.scale.items())
        notes.append(f"Scales of {name}, as read: {', '.join(scales)}.")
    named = (options.experts or (), options.leave_out or ())
    raters = {rater for held in sets.values() for rater in held.traces["rater"]}
    if any(named):
        sets = {name: with_experts(held, *named, others=raters) for name, held in sets.items()}
    val, students = sets["Val"], sets.get("Eval")
    if options.experts:
        experts = sorted(val.traces.loc[val.traces["population"] == "expert", "rater"].unique())
        notes.append(
            f"The experts are stand-ins, named on the command line: {', '.join(experts)}. The others are the "
            "crowd. Who is named used the same slider as the others of the file."
        )
    if students is not None:
        students, gone = of_crowd(students)
        if gone:
            notes.append(f"The Eval set is a crowd's: {gone} experts who rated it are left out.")
        rated = sorted(students.traces["dimension"].unique())
        if not set(rated) & set(val.traces["dimension"]):
            found = f"ratings of {' and '.join(rated)} only"
            raise ValueError(f"--evaluation: found {found}; expected a dimension of --ratings")
    return val, students, notes


def _simulations(options: argparse.Namespace, protocol: Protocol) -> int:
    if options.ratings:
        raise ValueError(
            "--seeds: found besides --ratings; expected one of them, since seeds are of simulations"
        )
    seeds = range(options.seed, options.seed + options.seeds)
    folder = options.output / "results"
    found = many(seeds, protocol, folder, n_jobs=options.jobs, show=show)
    swept = []
    if options.sweeps:
        few = range(options.seed, options.seed + options.sweeps)
        swept = list(sweep(few, protocol, folder, n_jobs=options.jobs, show=show))
    show("")
    text = markdown(found, swept, _command(options))
    path = options.markdown or options.output / "study.md"
    write_whole(path, text)
    print(text)
    print(f"written to {path}")
    doubt = [
        f"{where}: {line}"
        for where, results in [
            *((f"seed {seed}", of_seed) for seed, of_seed in zip(seeds, found, strict=True)),
            *((f"{s.knob} {s.value:g}", of_value) for s in swept for of_value in s.results),
        ]
        for line in uncertified(results)
    ]
    for line in doubt:
        print(f"NOT certified: {line}")
    return 1 if doubt else 0


def _command(options: argparse.Namespace) -> str:
    """What gives these numbers again: all that differs from the defaults, but for places and speed."""
    parser = _parser()
    given = [
        f" --{name} {getattr(options, name)}"
        for name in DECISIVE
        if getattr(options, name) != parser.get_default(name)
    ]
    return "python -m affect" + "".join(given) + (" --intercept" if options.intercept else "")


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m affect",
        description="The study that EG-MTL comes from: annotations to tables, figures and one HTML page. "
        "Without options, on a simulation. An interrupted run goes on where it was.",
    )
    add = parser.add_argument
    add(
        "--output", type=Path, default=Path("study"), metavar="FOLDER", help="where to write (default: study)"
    )
    add("--seed", type=int, default=0, help="of simulation, snippets and folds (default: 0)")
    add("--runs", type=_count, help="runs of each cell (default: 5, with --seeds 1)")
    add("--jobs", type=_count, default=os.cpu_count() or 1, help="processes (default: one a processor)")
    add("--folds", choices=("time", "random"), default="time", help="of the cross-validation (default: time)")
    add(
        "--judge",
        choices=("own", "crowd"),
        default="own",
        help="whose held-out labels choose the weight of methods that are given experts (default: own)",
    )
    add("--rule", choices=("sum", "max"), default="sum", help="how P2 scores a class (default: sum)")
    add(
        "--targets",
        choices=("ratings", "levels"),
        default="ratings",
        help="P1: regression on the ratings, or on indicators of discrete levels (default: ratings)",
    )
    add(
        "--levels",
        type=_count,
        default=5,
        metavar="N",
        help="how many levels from -1 to 1, with --targets levels (default: 5)",
    )
    add(
        "--seconds",
        type=_count,
        default=50,
        metavar="N",
        help="the last seconds of every clip that are learned from, 30 at least (default: 50)",
    )
    add(
        "--intercept",
        action="store_true",
        help="P1: an intercept of every clip; the paper's models have none",
    )
    own = parser.add_argument_group("one's own data")
    add = own.add_argument
    add("--ratings", type=Path, nargs="+", metavar="FILE", help="annotations of crowd and experts")
    add("--features", type=Path, metavar="FILE", help="CSV of descriptors: clip (if several), time, columns")
    add("--audio", nargs="+", metavar="PATTERN", help="columns that are audio descriptors, such as 'rms_*'")
    add("--video", nargs="+", metavar="PATTERN", help="columns that are video descriptors")
    add("--clips", type=Path, metavar="FILE", help="CSV: clip, length, quadrant")
    add(
        "--static",
        type=Path,
        metavar="FILE",
        help="CSV of static ratings: clip, rater, population, dimension, value",
    )
    add("--dimension", choices=("arousal", "valence"), help="what is rated, where files do not say")
    add(
        "--names",
        metavar="PATTERN",
        help="what names of GTrace files say, such as '{clip}_{rater}' or '{rater}-{dimension}-{clip}'",
    )
    add("--experts", nargs="+", metavar="PATTERN", help="raters that are (stand-ins for) the experts")
    add("--leave-out", nargs="+", metavar="PATTERN", help="raters not to use")
    add("--segment", type=_count, metavar="SECONDS", help="cut recordings into clips of this length")
    add(
        "--scale",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="of all ratings, also of --evaluation (default: that written beside a file, or the paper's: "
        "-2 2 of the crowd in --ratings, -1 1 of experts and of --evaluation)",
    )
    add(
        "--evaluation",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="annotations of the Eval crowd, for P2 (of GTrace too)",
    )
    add("--evaluation-clips", type=Path, metavar="FILE", help="CSV: clip, length, quadrant")
    many_ = parser.add_argument_group("many simulations")
    add = many_.add_argument
    add(
        "--seeds",
        type=_count,
        metavar="N",
        help="this many simulations: which conclusions hold, with intervals",
    )
    add("--sweeps", type=_count, metavar="N", help="also vary one knob at a time, this many simulations each")
    add(
        "--markdown", type=Path, metavar="FILE", help="where to write what was found (default: in the folder)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected an integer >= 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
