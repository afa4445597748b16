"""What the README shows is what one gets."""

import contextlib
import io
import re
from itertools import pairwise
from pathlib import Path

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_the_example_prints_what_the_readme_says():
    """Python blocks run one after the other, each followed by a block with its output.

    Numbers of oracles depend on the version of their solver: there, only the words must be the same.
    """
    blocks = re.findall(r"```(python)?\n(.*?)```", README, flags=re.DOTALL)
    namespace: dict = {}
    compared = 0
    for (language, code), (_, output) in pairwise(blocks):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        for expected, found in zip(output.splitlines(), printed.getvalue().splitlines(), strict=True):
            if "agree" in expected:
                expected, found = (re.sub(r"[-+.\de]+", "#", line) for line in (expected, found))
            assert found == expected
            compared += 1
    assert compared == 27


def test_every_make_target_is_real():
    makefile = (Path(__file__).resolve().parent.parent / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
