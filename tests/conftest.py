"""What holds for every test."""

from hypothesis import settings

# A busy machine is no failure: timings live in eval/bench.
settings.register_profile("ragdesk", deadline=None)
settings.load_profile("ragdesk")
