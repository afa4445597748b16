"""Annotations: time-continuous ratings of clips by a crowd and by experts, read, cleaned and fused.

Three tables, in the columns that files have as well:

- *traces*: ``clip`` (str), ``rater`` (str), ``population`` ("crowd" or "expert"), ``dimension`` ("arousal"
  or "valence"), ``time`` (seconds of media time, increasing within an annotation), ``value``; optionally
  ``session`` (int, of re-annotations: later ones win). A missing rating is a sample that is not there.
- *static*: ``clip, rater, population, dimension, value`` (one rating of the whole clip), optionally
  ``familiarity``.
- *clips*: ``clip``, ``length`` (seconds), optionally ``quadrant`` ("HAHV", "HALV", "LAHV" or "LALV"); further
  columns are kept.

`Annotations` holds the three, checked. An annotation is what one rater gave for one clip and dimension in one
session.
"""

from affect.annotations.tables import DIMENSIONS, POPULATIONS, QUADRANTS, Annotations, validate

__all__ = ["DIMENSIONS", "POPULATIONS", "QUADRANTS", "Annotations", "validate"]
