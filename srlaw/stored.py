"""The committed tables of this project: statistics of data sets that may not be redistributed, and its own sweeps.

`data/statistics/README.md` and `data/sweeps/README.md` say how each was made; the paper's tables are in `srlaw.paper`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from srlaw.errors import InputError
from srlaw.files import repository


def lengths(dataset: str) -> pl.DataFrame:
    """`srlaw.entropy.report.length_histogram` of a data set.

    Raises:
        InputError: if none is stored for it. The same holds for every function here.
    """
    return pl.read_csv(_file("statistics", dataset, "-lengths.csv"))


def statistics(dataset: str) -> pl.DataFrame:
    """`srlaw.entropy.report.describe` of a data set at several s_max, one row each."""
    return pl.DataFrame(json.loads(_file("statistics", dataset, "-stats.json").read_text()), infer_schema_length=None)


def yardsticks(dataset: str) -> dict[str, Any]:
    """`srlaw.baselines.yardsticks` of a data set, with its ``s_max`` and the number of ``users`` tested."""
    return json.loads(_file("statistics", dataset, "-yardsticks.json").read_text(encoding="utf-8"))


def duplication(dataset: str) -> pl.DataFrame:
    """`srlaw.chapters.duplication.duplication` of a data set."""
    return pl.read_csv(_file("statistics", dataset, "-duplication.csv"))


def real_entropy(dataset: str) -> pl.DataFrame:
    """`srlaw.chapters.real_entropy.of_log` of a data set."""
    return pl.read_csv(_file("statistics", dataset, "-real-entropy.csv"))


def learning() -> dict[str, Any]:
    """`srlaw.chapters.learning.Lessons.stored` of the settings that chapter 4 has at first."""
    return json.loads(_file("statistics", "learning", ".json").read_text(encoding="utf-8"))


def natural_repeats() -> pl.DataFrame:
    """`srlaw.chapters.duplication.natural_repeats` of three logs with repeats of their own, one row each."""
    return pl.read_csv(_file("statistics", "natural", "-repeats.csv"))


def chinchilla_refit() -> pl.DataFrame:
    """`srlaw.chapters.data_fits.chinchilla_refit` of Epoch AI's points."""
    return pl.read_csv(_file("statistics", "chinchilla", "-refit.csv"))


def data_measures() -> pl.DataFrame:
    """`srlaw.chapters.data_scaling.measures` of every log of sweep C, at each s_max and share of the users."""
    return pl.read_csv(_file("statistics", "data", "-measures.csv"))


def leave_one_out() -> pl.DataFrame:
    """`srlaw.chapters.panels.thorough_errors` of the paper's panels."""
    return pl.read_csv(_file("statistics", "panels", "-leave-one-out.csv"))


def panel_fits() -> pl.DataFrame:
    """`srlaw.chapters.panels.summary` of every law on the paper's panels."""
    return pl.read_csv(_file("statistics", "panels", "-summary.csv"))


def exponents() -> pl.DataFrame:
    """`srlaw.chapters.explore.fitted`: Eq. (7) with its one p on the paper's panels."""
    return pl.read_csv(_file("statistics", "panels", "-exponents.csv"))


def false_alarms(readings: int) -> pl.DataFrame:
    """`srlaw.chapters.alarms.false_alarms` with so many readings of Eq. (7), 1 or 3."""
    return pl.read_csv(_file("statistics", "panels", "-false-alarms.csv")).filter(pl.col("readings") == readings)


def transfers() -> pl.DataFrame:
    """`srlaw.chapters.transfer.transfers` of the paper's panels."""
    return pl.read_csv(_file("statistics", "panels", "-transfer.csv"))


def planning() -> pl.DataFrame:
    """Regret of every strategy in the replay of `benchmarks/planning.py`: one row a table, share and strategy.

    ``dataset, s_max, metric, source`` tell the table; ``regret`` is in units of the noise, the median over the
    strategy's seeds, ``within`` the share of them that are within the noise.
    """
    return pl.read_csv(_file("statistics", "planning", "-replay.csv"))


def planning_settings() -> pl.DataFrame:
    """Regret of `plan` in the same replay, a quarter of the FLOPs spent, with every setting that was tried."""
    return pl.read_csv(_file("statistics", "planning", "-settings.csv"))


def planted() -> pl.DataFrame:
    """Plans of logs whose source is known, from `benchmarks/planted.py`: a row a log, NDCG@10.

    ``log, seed, minutes, runs, sizes``; ``range`` of the means of the sizes that were tried; the named size and its
    interval, ``expected, low, high``, null where none was named, with the ``reason``; ``fresh, fresh_se``, mean and
    standard error of three fresh runs of it; ``holds``, whether the interval holds that mean.
    """
    return pl.read_csv(_file("statistics", "planted", "-logs.csv"), infer_schema_length=None)


def planted_sizes() -> pl.DataFrame:
    """Every size that the first of these plans tried, trained anew with three seeds: ``mean, error, named``."""
    return pl.read_csv(_file("statistics", "planted", "-sizes.csv"), infer_schema_length=None)


def plan_runs() -> pl.DataFrame:
    """The runs of a plan on a made log, `srlaw.chapters.your_data.PLANTED`."""
    return pl.read_csv(_file("statistics", "plan", "-planted.csv"), infer_schema_length=None)


def simulated(name: str) -> pl.DataFrame:
    """A simulation of `srlaw.chapters.methods`: ``sigma, intervals`` or ``aicc``."""
    return pl.read_csv(_file("statistics", name, "-simulated.csv"))


def made_worlds() -> pl.DataFrame:
    """`srlaw.chapters.apart.made_worlds` of the paper's panels."""
    return pl.read_csv(_file("statistics", "panels", "-made-worlds.csv"))


def sweep(name: str) -> pl.DataFrame:
    """The rows of one of this project's own sweeps, as `srlaw sweep` wrote them."""
    return pl.read_csv(_file("sweeps", name, ".csv"), infer_schema_length=None)


def sweeps(*names: str) -> pl.DataFrame:
    """The finished rows of several sweeps, a run that two of them hold once; one that has no table yet adds none."""
    frames = [sweep(name) for name in names if (repository("data", "sweeps") / f"{name}.csv").exists()]
    if not frames:
        return pl.DataFrame(schema={"key": pl.String, "status": pl.String})
    rows = pl.concat(frames, how="diagonal_relaxed").unique("key", keep="first", maintain_order=True)
    return rows.filter(pl.col("status") == "finished")


def _file(folder: str, name: str, ending: str) -> Path:
    where = repository("data", folder)
    known = sorted(path.name.removesuffix(ending) for path in where.glob(f"*{ending}"))
    if name not in known:
        raise InputError(f"data/{folder} has no {name}{ending}; names that it has are {', '.join(known)}")
    return where / f"{name}{ending}"
