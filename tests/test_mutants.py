"""The catalogue of planted mistakes fits the code as it is; `make mutants` runs all of it."""

import re
import shutil

import pytest

from tests.mutants.__main__ import ROOT, main, plant
from tests.mutants.catalogue import MUTANTS

PAGE = ROOT / "docs" / "mutants.md"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_it_can_be_planted(mutant, tmp_path):
    path = tmp_path / mutant.path
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.path, path)
    before = path.read_text()
    plant(mutant, tmp_path)
    assert path.read_text() != before
    compile(path.read_text(), mutant.path, "exec")


def test_there_are_enough_and_none_twice():
    assert len(MUTANTS) >= 40
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert len({(m.path, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)


def test_the_page_is_of_this_catalogue():
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ ", line)]
    assert [row[1] for row in rows] == [m.name for m in MUTANTS]
    assert [row[3] for row in rows] == [str(m.check) for m in MUTANTS]
    assert not any("not found" in row for row in rows)


@pytest.mark.parametrize(
    "name", ["soft thresholding at twice the threshold", "the elastic-net dual pays half of what it owes"]
)
def test_the_command_finds_one_and_nothing_where_nothing_is_planted(name, capsys):
    before = PAGE.read_text()
    assert main(["--only", name]) == 0
    assert "1 mutants, 1 found" in capsys.readouterr().out
    assert PAGE.read_text() == before  # of all or of none


def test_a_mutant_that_is_not_found_is_told(capsys, monkeypatch):
    """Here the check finds nothing, because nothing is planted."""
    monkeypatch.setattr("tests.mutants.__main__.plant", lambda mutant, root: None)
    assert main(["--only", "soft thresholding at twice"]) == 1
    assert "NOT FOUND: soft thresholding at twice the threshold" in capsys.readouterr().out


def test_a_piece_of_text_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / MUTANTS[0].path
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(ValueError, match="found 0 times in fista/solver"):
        plant(MUTANTS[0], tmp_path)
