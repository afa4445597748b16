"""``python -m tests.mutants``: plant every mutant in a copy of the packages and have its check find it.

Exit status: 0 if all are found, and nothing where nothing is planted; 1 otherwise. The table is written to
``docs/mutants.md``, which appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.checks import Caught
from verification import progress
from verification.files import whole_file

ROOT = Path(__file__).parents[2]
COPIED = ("fista", "formulations", "verification", "tests", "pyproject.toml", "README.md", "Makefile")
LIMIT = 900  # seconds for one check: none needs a tenth of it
HEAD = """\
# Planted mistakes, and who finds them

Each line is a mistake that somebody makes, planted by itself in a copy of the packages. *Found by* is the
check that is meant for it, *after* how many problems, matrices or tests it did, and the *smallest* is what it
shrank the counterexample to: rows x features and tasks of a problem, the shape of a matrix, or the test that
failed. Where nothing is planted, none of these checks finds anything. `make mutants` plants them all again
and writes this page; what is planted is in `tests/mutants/catalogue.py`, word by word.

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the return value is the exit status."""
    options = _parser().parse_args(arguments)
    if options.one is not None:
        caught = MUTANTS[options.one].check()
        print(json.dumps(None if caught is None else asdict(caught)))
        return 0
    chosen = [k for k, m in enumerate(MUTANTS) if not options.only or options.only.lower() in m.name.lower()]
    if not chosen:
        print(f"--only: found no mutant with {options.only!r} in its name", file=sys.stderr)
        return 2
    checks = {repr(MUTANTS[k].check): k for k in reversed(chosen)}
    with ThreadPoolExecutor(options.jobs) as pool:
        clean = [pool.submit(_run, k, False) for k in checks.values()]
        planted = [pool.submit(_run, k, True) for k in chosen]
        for k, (name, future) in enumerate(zip(checks, clean, strict=True)):
            progress.show(f"nothing planted: {k + 1}/{len(checks)} {name}")
            future.result()
        for k, future in enumerate(planted):
            progress.show(f"{k + 1}/{len(chosen)} {MUTANTS[chosen[k]].name}")
            future.result()
    progress.show("")
    false = [name for name, f in zip(checks, clean, strict=True) if f.result() is not None]
    for name in false:
        print(f"FOUND SOMETHING WHERE NOTHING IS PLANTED: {name}")
    found = {k: future.result() for k, future in zip(chosen, planted, strict=True)}
    for k, caught in found.items():
        print(f"{'found' if caught else 'NOT FOUND'}: {MUTANTS[k].name}")
        found_what = f"after {caught.after}, {caught.size}: {caught.text}" if caught else "nothing"
        print(f"    {MUTANTS[k].check}: {found_what}")
    missed = sum(caught is None for caught in found.values())
    print(f"{len(found)} mutants, {len(found) - missed} found by the check that is meant for them")
    if not options.only and not missed and not false:
        (ROOT / "docs").mkdir(exist_ok=True)
        with whole_file(ROOT / "docs" / "mutants.md") as file:
            file.write(HEAD + table(found))
    return 1 if missed or false else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT", help="mutants with this in their name; no table is written")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time (default: one a core)")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # the check of one mutant, in its copy
    return parser


def plant(mutant: Mutant, root: Path) -> None:
    """Make the mistake in the packages below a folder."""
    path = root / mutant.path
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: found {text.count(mutant.old)} times in {mutant.path}; expected 1")
    path.write_text(text.replace(mutant.old, mutant.new))


def _run(index: int, planted: bool) -> Caught | None:
    """Run the check of a mutant in a copy of the packages, with or without the mistake."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, root / name)
        if planted:
            plant(MUTANTS[index], root)
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(
            [sys.executable, "-m", "tests.mutants", "--one", str(index)],
            cwd=root,
            env={**os.environ, **threads, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    if run.returncode:
        raise RuntimeError(f"{MUTANTS[index].name}: the check could not be run\n{run.stderr[-3000:]}")
    answer = json.loads(run.stdout.splitlines()[-1])
    return None if answer is None else Caught(**answer)


def table(found: dict[int, Caught | None]) -> str:
    """The table, in Markdown."""
    lines = ["| | mistake | in | found by | after | smallest |", "|--:|---|---|---|---|---|"]
    for k, caught in found.items():
        mutant = MUTANTS[k]
        cells = [str(k + 1), mutant.name, f"`{mutant.path}`", str(mutant.check)]
        cells += [caught.after, caught.size.replace("|", "\\|")] if caught else ["not found", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
