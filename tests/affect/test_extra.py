"""What the extra installs is imported when it is used, and named when it is not there."""

import subprocess
import sys

import pytest

from affect.extra import required

WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
{code}
"""


def run_without(absent, code):
    code = WITHOUT.format(absent=absent, code=code)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_without_pandas_affect_names_the_extra():
    run = run_without({"pandas"}, "import affect.annotations")
    assert run.returncode == 1
    assert "affect needs pandas: pip install 'certified-mtl[affect]'" in run.stderr


def test_the_rest_needs_only_pandas():
    absent = {"statsmodels", "pyarrow", "matplotlib", "cvxpy", "hypothesis"}
    run = run_without(absent, "import affect.annotations, affect.agreement")
    assert run.returncode == 0, run.stderr


USES = {
    "statsmodels": """
import pandas as pd
from affect.agreement import factorial
factorial(pd.DataFrame({"x": list("aabb"), "y": [1, 2, 3, 5.0]}), "y", ["x"])
""",
    "pyarrow": """
import pandas as pd
from affect.annotations import Annotations
columns = ["clip", "rater", "population", "dimension", "time", "value"]
Annotations(pd.DataFrame([["a", "r", "crowd", "arousal", 0, 1]], columns=columns)).to_parquet("never.parquet")
""",
}


@pytest.mark.parametrize("module", USES)
def test_what_is_absent_is_named_when_it_is_used(module):
    run = run_without({module}, USES[module])
    assert run.returncode == 1
    assert f"affect needs {module}: pip install 'certified-mtl[affect]'" in run.stderr


def test_what_is_broken_says_so_itself(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("import not_there_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'not_there_at_all'"):
        required("broken_module")
