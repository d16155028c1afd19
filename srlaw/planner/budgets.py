"""What every budget buys: the size that a plan would name at most so large, and what a new run of it is to reach."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from srlaw.errors import InputError
from srlaw.laws import PANEL_LAWS
from srlaw.planner.rows import DRAWS, Priors, best, expected, of_others, view_of
from srlaw.planner.table import SIZES, read_table


def budgets(
    table: pl.DataFrame,
    metric: str = "ndcg10",
    priors: Priors | None = None,
    laws: Sequence[str] = PANEL_LAWS,
    count: int = DRAWS,
    seed: int = 0,
) -> pl.DataFrame:
    """The choice of `srlaw.planner.plan_rows` at each ``max_params`` at which it can change, from one set of fits.

    Args:
        table: runs of one model at one s_max, with ``n_layers, d_emb, params_total`` and the metric. The choice is by
            ``valid_METRIC`` where the table has it. priors, laws, count, seed: as of `plan_rows`.

    Returns:
        One row a size that was run, by its parameters: ``max_params``, and of the size that is chosen among those with
        at most so many ``n_layers, d_emb, params`` (``params_total``), ``expected``, and ``low, high``, the 95%
        interval of one new run.

    Raises:
        InputError: as `srlaw.planner.table.read_table`, no column ``params_total``, and runs of several models or
            s_max.
    """
    read = read_table(table, metric, max_params=float("inf"))  # which asks for params_total too
    if len(read.groups) > 1:
        raise InputError(f"budgets needs runs of one model at one s_max; the table has {len(read.groups)}; keep one")
    others, by = of_others(priors, read.dataset), read.chosen_by(metric)
    views = {name: view_of(read, name, others.get(name, []), laws, count, seed) for name in dict.fromkeys([by, metric])}
    sizes = table.group_by(*SIZES).agg(pl.col("params_total").drop_nulls().first().alias("params"))
    params = {(n, d): value for n, d, value in sizes.iter_rows()}
    own = [params.get((int(n), int(d)), float("inf")) for n, d in read.cells[by].sizes]
    found = []
    for most in sorted({value for value in own if value < float("inf")}):
        cell = best(views[by].surface, pl.Series(own).to_numpy() <= most)
        value, (low, high) = expected(views[metric], cell, seed)
        n, d = map(int, read.cells[by].sizes[cell])
        found.append((most, n, d, own[cell], value, low, high))
    names = ["max_params", *SIZES, "params", "expected", "low", "high"]
    return pl.DataFrame(found, names, orient="row")
