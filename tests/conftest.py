"""Settings shared by all tests."""

from hypothesis import settings

# The first call of a compiled function takes seconds; a fixed seed keeps CI quiet, and a failure repeatable.
settings.register_profile("srlaw", deadline=None, derandomize=True)
settings.load_profile("srlaw")

LONGEST = (  # files that take half a minute or more; two processes end together if these do not come last
    "test_sweep.py", "test_pipeline.py", "test_book.py", "test_cli.py", "test_how_to.py", "06-extrapolation.ipynb",
    "05-performance-law.ipynb", "test_training.py", "test_entropy.py", "test_learning.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The longest files first; with ``--no-loadscope-reorder`` pytest-xdist hands them out in this order."""
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
