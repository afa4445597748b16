"""Annotations: time-continuous ratings of clips by a crowd and by experts, read, cleaned and fused.

Three tables, in the columns that files have as well:

- *traces*: ``clip`` (str), ``rater`` (str), ``population`` ("crowd" or "expert"), ``dimension`` ("arousal"
  or "valence"), ``time`` (seconds of media time, increasing within an annotation), ``value``; optionally
  ``session`` (int, of re-annotations: later ones win). A missing rating is a sample that is not there.
- *static*: ``clip, rater, population, dimension, value`` (one rating of the whole clip), optionally
  ``familiarity``.
- *clips*: ``clip``, ``length`` (seconds), optionally ``quadrant`` ("HAHV", "HALV", "LAHV" or "LALV"); further
  columns are kept.

`Annotations` holds the three, checked. An annotation is what one rater gave for one clip and dimension in
one session.

Rooms: `tables` (what may be in the three; `checks`, `files`), `reading`, `wide` and `gtrace` (formats),
`rules` (quality), `seconds` (media time and scales), `fusion` (one profile from many), `lag` (delays).
"""

from affect.annotations.fusion import evaluator_weights, fuse
from affect.annotations.gtrace import read_gtrace
from affect.annotations.lag import correct_lags, estimate_lags
from affect.annotations.reading import combine, read
from affect.annotations.rules import RULES, TRACE_RULES, Report, clean
from affect.annotations.seconds import half, last_seconds, matrix, resample, rescale, segments
from affect.annotations.tables import DIMENSIONS, POPULATIONS, QUADRANTS, Annotations, validate
from affect.annotations.wide import read_wide

__all__ = [
    "DIMENSIONS",
    "POPULATIONS",
    "QUADRANTS",
    "RULES",
    "TRACE_RULES",
    "Annotations",
    "Report",
    "clean",
    "combine",
    "correct_lags",
    "estimate_lags",
    "evaluator_weights",
    "fuse",
    "half",
    "last_seconds",
    "matrix",
    "read",
    "read_gtrace",
    "read_wide",
    "resample",
    "rescale",
    "segments",
    "validate",
]
