"""Timed comparisons on the same objective and to the same certified gap: ``python -m benchmarks --help``."""
