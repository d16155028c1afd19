"""The replay behind "does planning pay?": its tables, its rivals by hand, and what is stored of it."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from srlaw import stored
from srlaw.chapters.planning import KEYS, TABLE, by_setting, chosen_by_others, evidence, judge, shown, summary
from srlaw.planner import Cells, choose
from srlaw.planner.choose import named, next_cell
from srlaw.planner.forecast import LINEAR, carried_curves, forecasters

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def planning():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("planning")


@pytest.fixture(scope="module")
def rivals(planning):
    return importlib.import_module("planning_rivals")


@pytest.fixture(scope="module")
def task(planning):
    """Four cells in a row, of costs 1, 2, 4 and 8: the third is the best."""
    sizes = np.array([[1, 8], [2, 8], [4, 8], [8, 8]], float)
    cost, y = sizes[:, 0], np.array([0.1, 0.2, 0.3, 0.25])
    cells = Cells(sizes, np.zeros(4, int), cost, np.arange(4), y, np.ones(4, int))
    label = {"dataset": "made", "s_max": 0, "metric": "y", "source": "made"}
    curves = y[:, None] * np.array([0.5, 0.8, 1.0])
    return planning.Task(label, cells, 0.01, [], curves)


def test_rivals_by_hand(rivals, task):
    assert rivals.cheapest(task, 7.0, 0) == 2
    assert rivals.cheapest(task, 6.9, 0) == 1
    assert rivals.largest(task, 7.0, 0) == 2
    assert rivals.largest(task, 8.0, 0) == 3
    assert rivals.climbing(task, 7.0, 0) == 2
    assert rivals.climbing(task, 3.0, 0) == 1
    assert rivals.visited(task, 8.0, [3, 2, 1, 0]) == 3
    assert rivals.visited(task, 0.5, [3, 2, 1, 0]) == 0  # nothing is affordable: the cheapest
    assert {rivals.random(task, 4.0, seed) for seed in range(30)} == {1, 2}


def test_tables_have_their_noise_and_never_their_own_priors(planning):
    tasks = planning.tasks()
    assert len(tasks) == 31
    assert all(0 < task.sigma < task.cells.y.std() for task in tasks)
    published, own = tasks[20:25], tasks[25:]
    assert sum(task.cells.counts.sum() for task in published) == 119
    panels = {task.label["dataset"]: len(task.priors) for task in tasks}
    assert panels["ml-1m"] == panels["kuairand-pure"] == 7
    assert panels["amazon-books"] == panels["huawei-music"] == panels["amazon-1M"] == 8
    assert {task.label["dataset"] for task in own} == {"ml-1m"}
    assert [task.cells.groups for task in own] == [1, 1, 1, 1, 3, 3]
    for task in own:  # a mean of repeats beside the rows that it is of
        rows = stored.sweeps(task.label["source"]).filter(precision="float32", n_layers=4)
        part = rows.filter(model="hstu", d_emb=rows["d_emb"].max())
        cells, group = task.cells, 0
        here = (cells.sizes == [4, rows["d_emb"].max()]).all(1) & (cells.group == group)
        assert cells.y[here].item() == pytest.approx(part[task.label["metric"]].mean())
        assert cells.cost[here].item() == pytest.approx(part["flops"].mean())
        assert task.curves.shape == (len(cells.y), 40)


def panel_tasks(planning):
    return importlib.import_module("planning_tables").panel_tasks()


def test_the_noise_of_a_panel_by_a_second_route(planning):
    from srlaw.laws import PANEL_LAWS, fit, get

    task = panel_tasks(planning)[0]
    data = pl.DataFrame(task.cells.sizes, ["n_layers", "d_emb"]).with_columns(y=pl.Series(task.cells.y))
    fits = [fit(get(name), data, "y", starts=4) for name in PANEL_LAWS]
    least = min(result.objective / (result.n - result.free) for result in fits)
    assert task.sigma == pytest.approx(np.sqrt(least), rel=1e-4)


def test_the_planner_keeps_its_budget_and_begins_as_it_says(planning):
    task = panel_tasks(planning)[0]
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
    task = panel_tasks(planning)[-1]
    assert task.cells.y.max() - task.cells.y[named(task.cells, forecasters({}, LINEAR))] <= 2 * task.sigma


def test_the_stored_replay_is_of_these_tables(planning):
    rows = stored.planning()
    tasks, planning_tables = planning.tasks(), importlib.import_module("planning_tables")
    labels = [tuple(task.label.values()) for task in tasks]
    assert rows.select(TABLE).unique(maintain_order=True).rows() == labels
    counts = rows.group_by("share", "strategy").len()
    with_curves = sum(task.curves is not None for task in tasks)
    hyperband = pl.col("strategy") == "Optuna Hyperband"
    assert set(counts.filter(hyperband)["len"]) == {with_curves}
    assert set(counts.filter(~hyperband)["len"]) == {len(tasks)}
    again = {(row["share"], row["strategy"]): row["regret"] for row in planning.replay(tasks[0])}
    same = [pl.col(name) == value for name, value in tasks[0].label.items()]
    for share, strategy, regret in rows.filter(*same).select("share", "strategy", "regret").rows():
        if (share, strategy) in again:
            assert again[share, strategy] == pytest.approx(regret, rel=1e-3, abs=1e-3)
    for task in tasks[-len(planning_tables.SWEEPS) * len(planning_tables.METRICS) :]:  # our sweeps may get more rows
        same = [pl.col(name) == value for name, value in task.label.items()]
        for name in ("cheapest first", "largest affordable", "best so far"):
            for share, regret in rows.filter(*same, strategy=name).select("share", "regret").rows():
                cell = planning.PLAIN[name](task, share * task.cells.cost.sum(), 0)
                now = (task.cells.y.max() - task.cells.y[cell]) / task.sigma
                assert regret == pytest.approx(now, rel=1e-3, abs=1e-3), task.label
    found = summary(rows)
    plan = rows.filter(strategy="plan", share=0.25)
    row = found.row(by_predicate=(pl.col("strategy") == "plan") & (pl.col("share") == 0.25), named=True)
    assert row["within"] == pytest.approx(np.mean(plan["regret"].to_numpy() <= 2))
    assert row["data_sets"] == 5  # the slices of Amazon are one
    assert shown(found).height == found.height


def replayed(rival=1.0, misses=0, late=0.0):
    """Ten tables of two data sets: regrets of the planner and of one rival."""
    rows = []
    for i in range(10):
        label = {"dataset": "ab"[i % 2], "s_max": i, "metric": "m", "source": "made"}
        for share, own in ((0.25, 9.0 if i < misses else 0.5), (0.5, late)):
            rows.append(label | {"share": share, "strategy": "plan", "regret": own, "within": float(own <= 2)})
            rows.append(label | {"share": share, "strategy": "r", "regret": rival, "within": float(rival <= 2)})
    return pl.DataFrame(rows)


def tried(misses=0):
    rows = replayed(misses=misses).filter(strategy="plan", share=0.25).select(*TABLE, "regret")
    return rows.with_columns(pl.lit(1.0).alias(name) for name in KEYS)


@pytest.mark.parametrize(
    ("rows", "settings", "word", "part"),
    [
        (replayed(), tried(), "met", "by the strict reading too"),
        (replayed(misses=2), tried(), "met", "in 80% of 10 tables"),
        (replayed(), tried(misses=3), "met on its face", "the choice would be within the noise in 70%"),
        (replayed(misses=3), tried(), "missed", "in 70% of 10 tables"),
        (replayed(rival=0.1), tried(), "missed", "r has 0.10 σ against 0.50 σ at 25%"),
        (replayed(late=1.5), tried(), "missed", "r has 1.00 σ against 1.50 σ at 50%"),
    ],
)
def test_whether_planning_pays_follows_from_the_tables(rows, settings, word, part):
    said, because = judge(evidence(rows, settings))
    assert said == word
    assert part in because


def test_hyperband_stops_runs_that_are_behind(rivals, task):
    pytest.importorskip("optuna")
    assert rivals.hyperband(task, 100.0, 0) == 2
    assert {rivals.hyperband(task, 1.0, seed) for seed in range(5)} <= {0, 1, 2, 3}
    assert rivals.sampled(task, 100.0, 0, "Optuna TPE") == 2


def test_the_planner_has_the_last_of_the_settings_that_were_tried(planning):
    assert planning.SETTINGS[-1] == (choose.THRIFT, choose.TRUST, choose.PART, choose.CAUTION)
    last = dict(zip(KEYS, planning.SETTINGS[-1], strict=True))
    settings = stored.planning_settings()
    assert len(settings) == 31 * len(planning.SETTINGS)
    own = stored.planning().filter(strategy="plan", share=0.25)
    chosen = settings.filter(**last)
    both = own.join(chosen, on=TABLE)
    assert both["regret"].to_list() == pytest.approx(both["regret_right"].to_list(), rel=1e-3, abs=1e-3)
    assert by_setting(settings).filter(**last)["within"].item() == pytest.approx((chosen["regret"] <= 2).mean())


def test_a_setting_is_chosen_by_the_other_data_sets(planning):
    first, second = (dict.fromkeys(KEYS, value) for value in (1.0, 2.0))
    regrets = {"a": (0.0, 9.0), "b": (9.0, 0.0), "c": (9.0, 0.0)}
    rows = [
        {"dataset": name, "s_max": 0, "metric": "m", "source": "made", **setting, "regret": regret}
        for name, pair in regrets.items()
        for setting, regret in zip((first, second), pair, strict=True)
    ]
    found = chosen_by_others(pl.DataFrame(rows))
    # without a the second is best; without b or c each has one table within the noise, and the first stands before
    assert found["regret"].to_list() == [9.0, 9.0, 9.0]
    published = pl.DataFrame([{**row, "source": "published runs"} for row in rows])
    assert len(chosen_by_others(published)) == 0  # they are one data set, and there is no other
