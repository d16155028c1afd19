"""Settings shared by all tests."""

from hypothesis import settings

# The first call of a compiled function takes seconds; a fixed seed keeps CI quiet, and a failure repeatable.
settings.register_profile("srlaw", deadline=None, derandomize=True)
settings.load_profile("srlaw")
