"""The rules of the house: who may import whom, clean code, typed packages, documented public names."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("formulations", "fista", "verification", "affect")
FORBIDDEN = {
    "fista": {"cvxpy", "formulations", "verification", "hypothesis", "affect", "osqp", "scs", "clarabel"},
    "formulations": {"fista", "verification", "affect", "hypothesis"},
    "verification": {"affect"},
    "affect": {"formulations", "verification", "cvxpy", "hypothesis"},
}


def modules(package):
    root = importlib.import_module(package)
    found = [m.name for m in pkgutil.walk_packages(root.__path__, package + ".") if "__main__" not in m.name]
    return [package, *found]


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_look_in_one_direction_only(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not set(imported_names(path)) & FORBIDDEN[package], path.name


def test_importing_fista_loads_neither_cvxpy_nor_hypothesis():
    code = (
        "import sys, fista; print([m for m in ('cvxpy', 'hypothesis', 'formulations') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]])
def test_lint_and_types(command):
    arguments = [sys.executable, "-m", *command, *(["."] if command[0] == "ruff" else [])]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("name", [name for package in PACKAGES for name in modules(package)])
def test_examples_run_and_public_names_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{name}.{public} has no docstring"
    result = doctest.testmod(module)
    assert result.failed == 0


@pytest.mark.parametrize("package", ["fista", "formulations"])
def test_estimators_have_examples_formulas_and_sources(package):
    module = importlib.import_module(package)
    for name in ("STLasso", "MTLasso", "L21MTL", "DirtyMTL", "RobustMTL", "SRMTL", "EGMTL"):
        text = inspect.getdoc(getattr(module, name))
        for section in ("Parameters", "Attributes", "References", "Examples"):
            assert f"{section}\n-----" in text, f"{package}.{name} has no section {section}"
        assert "SSQ" in text
        assert "{common}" not in text
        assert "{parts}" not in text


def test_nothing_committed_names_a_registry_or_a_machine():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    marks = ["index" + "-url", "find" + "-links", "/" + "simple/", "pypi" + ".org", "/" + "root/"]
    for name in listing.stdout.split():
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".toml", ".txt", ".md", ".cff", ".ipynb", ""}:
            text = path.read_text(errors="ignore")
            assert not [mark for mark in marks if mark in text], name
