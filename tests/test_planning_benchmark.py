"""The replay behind "does planning pay?": its tables, its rivals by hand, and what is stored of it."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from srlaw import stored
from srlaw.planner import Cells, choose
from srlaw.planner.choose import named, next_cell
from srlaw.planner.forecast import LINEAR, carried_curves, forecasters

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def planning():
    spec = importlib.util.spec_from_file_location("planning", ROOT / "benchmarks" / "planning.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["planning"] = module  # where its dataclasses look for their names
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def task(planning):
    """Four cells in a row, of costs 1, 2, 4 and 8: the third is the best."""
    sizes = np.array([[1, 8], [2, 8], [4, 8], [8, 8]], float)
    cost, y = sizes[:, 0], np.array([0.1, 0.2, 0.3, 0.25])
    cells = Cells(sizes, np.zeros(4, int), cost, np.arange(4), y, np.ones(4, int))
    return planning.Task({"dataset": "made", "s_max": 0, "metric": "y"}, cells, 0.01, [])


def test_rivals_by_hand(planning, task):
    assert planning.cheapest(task, 7.0, 0) == 2
    assert planning.cheapest(task, 6.9, 0) == 1
    assert planning.largest(task, 7.0, 0) == 2
    assert planning.largest(task, 8.0, 0) == 3
    assert planning.climbing(task, 7.0, 0) == 2
    assert planning.climbing(task, 3.0, 0) == 1
    assert planning.visited(task, 8.0, [3, 2, 1, 0]) == 3
    assert {planning.random(task, 4.0, seed) for seed in range(30)} == {1, 2}


def test_tables_have_their_noise_and_never_their_own_priors(planning):
    tasks = [*planning.panel_tasks(), *planning.published_tasks()]
    assert len(tasks) == 25
    assert all(0 < task.sigma < task.cells.y.std() for task in tasks)
    published = tasks[-5:]
    assert sum(task.cells.counts.sum() for task in published) == 119
    panels = {task.label["dataset"]: len(task.priors) for task in tasks}
    assert panels["ml-1m"] == panels["kuairand-pure"] == 7
    assert panels["amazon-books"] == panels["huawei-music"] == panels["amazon-1M"] == 8


def test_the_noise_of_a_panel_by_a_second_route(planning):
    from srlaw.laws import PANEL_LAWS, fit, get

    task = planning.panel_tasks()[0]
    data = pl.DataFrame(task.cells.sizes, ["n_layers", "d_emb"]).with_columns(y=pl.Series(task.cells.y))
    fits = [fit(get(name), data, "y", starts=4) for name in PANEL_LAWS]
    least = min(result.objective / (result.n - result.free) for result in fits)
    assert task.sigma == pytest.approx(np.sqrt(least), rel=1e-4)


def test_the_planner_keeps_its_budget_and_begins_as_it_says(planning):
    task = planning.panel_tasks()[0]
    budget, curves = 0.25 * task.cells.cost.sum(), carried_curves(task.priors)
    none = np.empty(0, int)
    known, spent = replace(task.cells, seen=none, y=np.empty(0), counts=none), 0.0
    ways = forecasters(curves, LINEAR)
    order = []
    while (cell := next_cell(known, ways, curves, budget - spent, budget)) is not None:
        order.append(cell)
        spent += task.cells.cost[cell]
        known = task.cells.only(np.array(order))
    assert spent <= budget < spent + task.cells.cost[np.setdiff1d(np.arange(24), order)].min()
    assert len(set(order)) == len(order)
    assert order[0] == task.cells.cost.argmin()
    assert named(known, ways) == planning.plan(task, budget, 0, curves)


def test_with_every_cell_known_the_best_is_named(planning):
    task = planning.panel_tasks()[-1]
    assert task.cells.y.max() - task.cells.y[named(task.cells, forecasters({}, LINEAR))] <= 2 * task.sigma


def test_the_stored_replay_is_of_these_tables(planning):
    rows = stored.planning()
    assert rows.group_by("share", "strategy").len()["len"].unique().to_list() == [25]
    for one in planning.panel_tasks()[:1]:
        again = {(row["share"], row["strategy"]): row["regret"] for row in planning.replay(one)}
        same = [pl.col(name) == value for name, value in one.label.items()]
        for share, strategy, regret in rows.filter(*same).select("share", "strategy", "regret").rows():
            if (share, strategy) in again:
                assert again[share, strategy] == pytest.approx(regret, rel=1e-3, abs=1e-3)
    found = planning.summary(rows)
    assert set(found.columns) == {"share", "strategy", "tables", "within", "regret", "within_by_set", "regret_by_set"}
    plan = rows.filter(strategy="plan", share=0.25)
    row = found.row(by_predicate=(pl.col("strategy") == "plan") & (pl.col("share") == 0.25), named=True)
    assert row["within"] == pytest.approx(np.mean(plan["regret"].to_numpy() <= 2))


def test_the_planner_has_the_last_of_the_settings_that_were_tried(planning):
    assert planning.SETTINGS[-1] == (choose.THRIFT, choose.TRUST, choose.PART, choose.CAUTION)
    last = dict(zip(planning.KEYS, planning.SETTINGS[-1], strict=True))
    tried = stored.planning_settings()
    assert len(tried) == 25 * len(planning.SETTINGS)
    own = stored.planning().filter(strategy="plan", share=0.25)
    chosen = tried.filter(**last)
    keys = ["dataset", "s_max", "metric"]
    both = own.join(chosen, on=keys)
    assert both["regret"].to_list() == pytest.approx(both["regret_right"].to_list(), rel=1e-3, abs=1e-3)
    assert planning.by_setting(tried).filter(**last)["within"].item() == pytest.approx((chosen["regret"] <= 2).mean())


def test_a_setting_is_chosen_by_the_other_data_sets(planning):
    first, second = (dict.fromkeys(planning.KEYS, value) for value in (1.0, 2.0))
    regrets = {"a": (0.0, 9.0), "b": (9.0, 0.0), "c": (9.0, 0.0)}
    rows = [
        {"dataset": name, "s_max": 0, "metric": "m", **setting, "regret": regret}
        for name, pair in regrets.items()
        for setting, regret in zip((first, second), pair, strict=True)
    ]
    found = planning.chosen_by_others(pl.DataFrame(rows))
    # without a the second is best; without b or c each has one table within the noise, and the first stands before
    assert found["regret"].to_list() == [9.0, 9.0, 9.0]
    published = pl.DataFrame([{**row, "metric": "ndcg5"} for row in rows])
    assert len(planning.chosen_by_others(published)) == 0  # they are one data set, and there is no other
