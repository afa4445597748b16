"""`make test` draws the same problems each time; `make test-deep` draws fresh ones."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")
