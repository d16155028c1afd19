"""Where a sweep's runs are trained: processes here, or a Ray or Dask cluster, all through joblib."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import cast

import psutil
from joblib import cpu_count, parallel_config

from srlaw.errors import InputError
from srlaw.sequences import Sequences

BACKENDS = ("loky", "ray", "dask")
JOBS_PER_CORE = 4  # here; more would share the memory without being faster


@contextmanager
def backend_at_work(backend: str, jobs: int | None, sequences: Sequences) -> Iterator[int]:
    """While open, joblib's Parallel runs on `backend`; yields how many torch threads a run may use.

    Here the runs at work share the cores; on a cluster each has one core.

    Raises:
        InputError: if the backend is unknown or not installed, `jobs` is below 1 or absurdly many, or a worker of a
            Dask cluster runs several threads, whose trainings would disturb each other's random numbers.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend is {backend!r}; it must be one of {', '.join(BACKENDS)}")
    most = JOBS_PER_CORE * cpu_count() if backend == "loky" else 10_000
    if jobs is not None and not 1 <= jobs <= most:
        raise InputError(f"jobs is {jobs}; it must be at least 1 and, with {backend}, at most {most:,}")
    with ExitStack() as stack:
        try:
            options = {"ray": _ray, "dask": _dask, "loky": _loky}[backend](stack, jobs, sequences)
        except ImportError as error:
            raise InputError(f"{backend} is not installed; in the repository: pip install -e '.[cluster]'") from error
        n_jobs = jobs or (1 if backend == "loky" else -1)
        stack.enter_context(parallel_config(backend, n_jobs=n_jobs, **options))
        yield max(1, cpu_count() // n_jobs) if backend == "loky" else 1


def _loky(stack: ExitStack, jobs: int | None, sequences: Sequences) -> dict:
    """Processes of this one, which end when it ends, however that may be."""
    return {"initializer": _end_with, "initargs": (os.getpid(),)}


def _end_with(sweep: int) -> None:
    """End this process as soon as the process `sweep` has ended: nobody would fetch its results, or stop it."""

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(sweep).wait()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _ray(stack: ExitStack, jobs: int | None, sequences: Sequences) -> dict:
    """The cluster at ``RAY_ADDRESS``, the one this process has joined, or a new one on this machine."""
    from ray.util.joblib import register_ray

    register_ray()
    return {}


def _dask(stack: ExitStack, jobs: int | None, sequences: Sequences) -> dict:
    """This process's client, else one of ``DASK_SCHEDULER_ADDRESS``, else of a new cluster on this machine."""
    import dask.config
    from distributed import Client, default_client

    try:
        client = default_client()
    except ValueError:  # there is none
        local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
        client = stack.enter_context(Client(**({} if dask.config.get("scheduler-address", None) else local)))
    threads = cast("dict[str, int]", client.nthreads())  # a coroutine only of an asynchronous client
    if max(threads.values(), default=1) > 1:
        raise InputError("a Dask worker here runs several threads; start the workers with --nthreads 1")
    return {"client": client, "scatter": [sequences]}
