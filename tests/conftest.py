"""Settings shared by all tests."""

from contextlib import suppress
from queue import Empty

import nbval.plugin
from hypothesis import settings
from nbval.kernel import RunningKernel

# The first call of a compiled function takes seconds; a fixed seed keeps CI quiet, and a failure repeatable.
settings.register_profile("srlaw", deadline=None, derandomize=True)
settings.load_profile("srlaw")

LONGEST = (  # files that take half a minute or more; two processes end together if these do not come last
    "test_book.py", "test_how_to.py", "test_sweep.py", "test_pipeline.py", "test_cli.py", "test_fitting.py",
    "05-performance-law.ipynb", "test_plan_log.py", "06-extrapolation.ipynb", "test_training.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The longest files first; with ``--no-loadscope-reorder`` pytest-xdist hands them out in this order."""
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


class KeptKernel(RunningKernel):
    """One kernel for the notebooks of a process, so that polars, scipy and Altair are imported once.

    Each notebook finds an empty namespace. `make book` executes each in a process of its own.
    """

    kept = None

    @classmethod
    def start(cls, kernel_name, **options):
        if cls.kept is not None and not cls.kept.emptied():
            cls.end()
        cls.kept = cls.kept or cls(kernel_name, **options)
        return cls.kept

    def emptied(self):
        """Whether nothing of a notebook is left in it; not if it has died, or still computes after a minute."""
        with suppress(Empty, RuntimeError):
            if self.is_alive():
                asked = self.execute_cell_input("%reset -f")
                self.await_reply(asked, timeout=60)
                self.await_idle(asked, 60)
                return True
        return False

    @classmethod
    def end(cls):
        if cls.kept is not None and cls.kept.is_alive():
            cls.kept.stop()
        cls.kept = None


nbval.plugin.RunningKernel = KeptKernel.start
nbval.plugin.IPyNbFile.teardown = lambda notebook: None  # which would stop it; a cell that hangs still does


def pytest_sessionfinish():
    KeptKernel.end()
