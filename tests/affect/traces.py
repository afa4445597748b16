"""Small tables of annotations for the tests."""

import numpy as np
import pandas as pd

from affect.annotations import Annotations

COLUMNS = ["clip", "rater", "population", "dimension", "time", "value"]


def trace(values, times=None, clip="a", rater="r", population="crowd", dimension="arousal", session=0):
    """One annotation; by default a sample a second from 0."""
    times = np.arange(len(values)) if times is None else times
    rows = [[clip, rater, population, dimension, t, v] for t, v in zip(times, values, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS).assign(session=session)


def annotations(*traces, static=(), length=None, scale=None):
    """Static ratings are tuples (clip, rater, value) of the crowd's arousal; lengths are of clips by name."""
    static = pd.DataFrame(
        [[clip, rater, "crowd", "arousal", value] for clip, rater, value in static],
        columns=[*COLUMNS[:4], "value"],
    )
    clips = None if length is None else pd.DataFrame({"clip": list(length), "length": list(length.values())})
    return Annotations(pd.concat(traces), static, clips, **({} if scale is None else {"scale": scale}))
