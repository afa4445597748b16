"""The notebooks run from top to bottom, and are committed without outputs and without traces of a machine."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_there_are_notebooks():
    names = {"seven_objectives", "algorithm_1", "is_my_solver_right", "prototype_a_regulariser"}
    assert names <= {path.stem for path in NOTEBOOKS}


def test_notebook_runs(notebook, tmp_path):
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": search_path, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)  # an error in a cell raises CellExecutionError
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any(output.output_type == "stream" and output.name == "stdout" for output in outputs)
    complaints = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert complaints == []


def test_an_unheard_of_penalty_takes_few_lines():
    """Certified in 10 lines from nothing but the data; with a prox by hand that is checked, in 25."""
    cells = nbformat.read(ROOT / "notebooks" / "prototype_a_regulariser.ipynb", as_version=4).cells
    setup, prototype, by_hand, checked = (
        next(cell.source for cell in cells if mark in cell.source)
        for mark in ("truth = ", "from_expression(", "class TopTasks", "check_penalty(TopTasks")
    )
    imports = "import cvxpy as cp\nimport numpy as np\nfrom fista import MultiTaskRegressor\n"
    scripts = [
        prototype,
        "\n".join([imports, by_hand, checked, "fast = MultiTaskRegressor(TopTasks(80)).fit(X, Y)"]),
    ]
    for script, most in zip(scripts, (10, 25), strict=True):
        assert len([line for line in script.splitlines() if line.strip()]) <= most
        names: dict = {}
        exec(setup, names)
        data = {"X": names["X"], "Y": names["Y"]}
        exec(script, data)
        assert (data["slow"] if most == 10 else data["fast"]).certificate_.converged


def test_notebook_is_committed_clean(notebook):
    nbformat.validate(notebook)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    assert notebook.metadata.get("language_info", {}) in ({}, {"name": "python"})
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
