"""``python -m verification``: every objective, both designs, random and real data, every oracle.

Exit status: 0 if everything agrees, 1 if anything disagrees, is not certified, or too little was decided;
2 for a wrong call; 130 after Ctrl-C, with the table of what was done by then.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fista
from formulations.data import read_data
from verification import progress
from verification.agreement import SOLVERS, solvers_for, verify
from verification.datasets import DataSet, random_sets, read_csv, read_npz, real_sets
from verification.exact import check, load
from verification.files import whole_file
from verification.page import page
from verification.report import Report
from verification.strategies import GRAPH, OBJECTIVES, SPARSITY
from verification.trajectory import Trajectory, trajectory

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the return value is the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["check"]:
        return _check(given[1:])
    options = _parser().parse_args(given)
    try:
        _check_target("--json", options.json)
        _check_target("--report", options.report)
        problems = list(_problems(options))
    except (OSError, ValueError) as error:
        print(f"mtl-verify: {error}", file=sys.stderr)
        return 2
    report = Report()
    trajectories: list[Trajectory] = []
    interrupted = False
    try:
        for k, (objective, data, level) in enumerate(problems):
            progress.show(f"{k + 1}/{len(problems)} {objective} on {data.name} ({data.design})")
            solvers = [s for s in solvers_for(objective) if s in options.solvers]
            model = _model(objective, data, level)
            report.add(data.name, level, verify(model, solvers=solvers, **data.arguments(objective)))
            if options.report is not None:
                trajectories.append(trajectory(model, **data.arguments(objective)))
    except KeyboardInterrupt:
        interrupted = True
    except (TypeError, ValueError) as error:
        if options.data is None:
            raise
        progress.show("")
        print(f"mtl-verify: {options.data}: {error}", file=sys.stderr)
        return 2
    progress.show("")
    print(report.table())
    for finding in report.findings():
        print(finding)
    print(report.summary())
    if interrupted:
        print(f"interrupted: {len(report.entries)} of {len(problems)} problems done")
    if options.json is not None:
        report.write_json(options.json)
    if options.report is not None:
        with whole_file(options.report) as file:
            file.write(page(report, trajectories, planned=len(problems), options=vars(options)))
    return 130 if interrupted else 0 if report.passed else 1


def _check(arguments: Sequence[str]) -> int:
    """``mtl-verify check``: prove an exact certificate anew, on the data and without a solver."""
    parser = argparse.ArgumentParser(
        prog="mtl-verify check",
        description="Check an exact certificate against data; no solver is run. Exit status: 0 if it is "
        "true, 1 if it is refused, 2 if there is no such file or data.",
    )
    parser.add_argument("certificate", type=Path, metavar="FILE", help="as ExactCertificate.save wrote it")
    _add_data(parser, required=True)
    options = parser.parse_args(arguments)
    try:
        certificate = load(options.certificate)
        (data,) = _own_data(options)
        keywords = data.arguments(certificate.statement.objective)
        wrong = check(certificate, read_data(**keywords, task_labels=certificate.statement.tasks))
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"mtl-verify check: {error}", file=sys.stderr)
        return 2
    for finding in wrong:
        print(f"WRONG: {finding}")
    if not wrong:
        print(certificate)
    print("refused" if wrong else "true, of these coefficients and these data")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mtl-verify",
        description="Verify FISTA against CVXPY on random crowd/expert problems and on real data.",
        epilog="mtl-verify check FILE --data DATA checks an exact certificate; see mtl-verify check --help.",
    )
    parser.add_argument(
        "--objectives",
        nargs="+",
        choices=OBJECTIVES,
        default=list(OBJECTIVES),
        metavar="NAME",
        help=f"which objectives (default: all of {', '.join(OBJECTIVES)})",
    )
    parser.add_argument(
        "--random",
        type=_count,
        default=4,
        metavar="N",
        help="random problems of each design for each objective (default: 4)",
    )
    parser.add_argument("--seed", type=_count, default=0, help="seed of the random problems (default: 0)")
    parser.add_argument(
        "--solvers",
        nargs="+",
        choices=SOLVERS,
        default=list(SOLVERS),
        metavar="SOLVER",
        help=f"which CVXPY solvers (default: {', '.join(SOLVERS)}, where applicable)",
    )
    parser.add_argument(
        "--level",
        type=_level,
        nargs="+",
        default=[0.1],
        metavar="RATIO",
        help="sparsity weights as shares of lambda_max (default: 0.1)",
    )
    _add_data(parser, required=False)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="also write one HTML page to read, with convergence plots"
    )
    return parser


def _add_data(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        required=required,
        help="verify on this file: npz with X, y and optionally tasks, sample_weight, X_expert, "
        "y_expert, tasks_expert, edges; or CSV with a header (an empty target cell is a missing rating)",
    )
    parser.add_argument("--target", nargs="+", metavar="COLUMN", help="target column(s) of a CSV file")
    parser.add_argument("--task", metavar="COLUMN", help="column of task labels of a CSV file")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"found {text!r}; expected an integer >= 0")
    return int(text)


def _level(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a finite number >= 0")
    return value


def _check_target(argument: str, path: Path | None) -> None:
    """What is to be written at the end is refused at the start."""
    if path is not None and not path.absolute().parent.is_dir():
        raise ValueError(f"{argument}: found no folder {path.parent}; expected an existing one")
    if path is not None and path.is_dir():
        raise ValueError(f"{argument}: found the folder {path}; expected a file")


def _problems(options: argparse.Namespace) -> Iterator[tuple[str, DataSet, float]]:
    for data in _data_sets(options):
        for objective in options.objectives:
            for level in options.level:
                yield objective, data, level


def _data_sets(options: argparse.Namespace) -> Iterator[DataSet]:
    if options.data is not None:
        yield from _own_data(options)
        return
    if options.target or options.task:
        raise ValueError("--target, --task: found without --data; expected a CSV file")
    yield from real_sets()
    yield from random_sets(options.random, options.seed)


def _own_data(options: argparse.Namespace) -> Iterator[DataSet]:
    if options.data.suffix not in (".npz", ".csv"):
        raise ValueError(f"--data: found {options.data}; expected a file ending in .npz or .csv")
    if not options.data.is_file():
        raise ValueError(f"--data: found no file {options.data}")
    if options.data.suffix == ".npz":
        if options.target or options.task:
            raise ValueError("--target, --task: found with an npz file; expected them with a CSV file only")
        yield read_npz(options.data)
    else:
        if not options.target:
            raise ValueError("--target: found none; expected the target column(s) of the CSV file")
        yield read_csv(options.data, options.target, options.task)


def _model(objective: str, data: DataSet, level: float) -> Any:
    """The estimator with its sparsity weights at a share of lambda_max, and other weights at 1."""
    graph = {"graph": data.edges} if data.edges is not None and objective in GRAPH else {}
    model = getattr(fista, objective)(**graph)
    unit = model.lambda_max(**data.arguments(objective))
    return model.set_params(**dict.fromkeys(SPARSITY[objective], level * unit))


if __name__ == "__main__":
    sys.exit(main())
