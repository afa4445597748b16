"""Realistic mistakes, planted one at a time, each of which the check that is meant for it must find.

`catalogue` lists them, `checks` says how each kind is looked for, and ``python -m tests.mutants`` (``make
mutants``) plants them all in copies of the packages and writes what was found to ``docs/mutants.md``.
"""
