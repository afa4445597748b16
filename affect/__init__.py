"""The study around the solver: from crowd and expert traces to tables and figures."""

from affect.extra import required

required("pandas")
