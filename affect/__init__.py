"""The study around the solver: from crowd and expert traces to tables and figures."""
