"""`srlaw plan LOG`: a tiny planted log with minutes that scale with it, interrupted, wrong, and on noise."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
import torch
from joblib import cpu_count
from joblib.externals.loky.process_executor import TerminatedWorkerError
from test_cli import answer, refusal, srlaw

from srlaw.datasets.synthetic import synthetic
from srlaw.errors import InputError
from srlaw.planner import decide, is_rows, log, schedule, screen
from srlaw.planner.extras import more_data, split_rows, trained_to_the_end
from srlaw.planner.request import Request
from srlaw.planner.schedule import Clock, Design, designs, parts, slower, specification
from srlaw.planner.speed import Speed, mean_speed, measure_together
from srlaw.planner.steps import next_steps
from srlaw.sweep import Run, expand, read_spec

RECIPE = (0.003, 0.2)


def written(folder, shuffled=False, **sizes):
    found = synthetic(0, **{"users": 120, "items": 30, "mean_length": 10, "branching": 3, **sizes})
    items = found.shuffled(np.random.default_rng(0)).items if shuffled else found.items
    file = folder / "log.csv"
    user = np.repeat(np.arange(found.n_users), found.lengths)
    pl.DataFrame({"user": user, "item": items, "time": np.arange(found.tokens)}).write_csv(file)
    return file


def speed(seconds=1e-3, events=1000, widths=schedule.WIDTHS):
    """A machine on which an event takes so many seconds a block at every width."""
    return Speed({f"hstu/25/{width}": [0.0, seconds, 0.0, 0.0] for width in widths}, {25: events})


def design(epochs=20):
    return Design([("hstu", 25)], [(n, d) for n in (1, 2, 4) for d in (16, 32, 64)], epochs, 2, {"loss": "full"})


def rows(gain_of_twice=0.0, order=0.05, slope=0.02, yardstick=0.1, error=0.001, seed=0):
    """A table as of a sweep of a plan: a hill of sizes, two seeds, shares of users, twice the epochs, no order."""
    rng = np.random.default_rng(seed)
    out = []

    def add(n, d, fraction=1.0, epochs=20, seed=0, judged="validation", more=0.0, order="recorded"):
        y = 0.3 - 0.02 * (np.log(n) - np.log(2)) ** 2 - 0.02 * (np.log(d) - np.log(32)) ** 2 + slope * np.log(fraction)
        y += more + 0.001 * rng.normal()
        row = {"model": "hstu", "s_max": 25, "n_layers": n, "d_emb": d, "seed": seed, "fraction": fraction}
        row["order"] = order
        row |= {"max_epochs": epochs, "judged_on": judged, "ndcg10": y, "hr10": 2 * y, "gain_ndcg10_se": error}
        row |= {"valid_ndcg10": y if judged == "validation" else y + 0.02, "baseline_popularity_ndcg10": yardstick}
        out.append(row | {"valid_hr10": 2 * row["valid_ndcg10"], "params_total": n * d, "wall_s": 1.0})

    for n in (1, 2, 4):
        for d in (16, 32, 64):
            add(n, d)
            add(n, d, seed=1)
    add(2, 32, epochs=40, more=gain_of_twice)
    add(2, 32, order="random", more=-order)
    for n, d in ((1, 16), (2, 32)):
        for fraction in (0.25, 0.5):
            add(n, d, fraction=fraction)
    return pl.DataFrame([*out]), add, out


def test_the_parts_of_a_table_and_what_they_tell():
    table, add, out = rows()
    parts_of = split_rows(table)
    found = (parts_of.sizes, parts_of.shares, parts_of.lengths, parts_of.random, parts_of.tested)
    assert [len(part) for part in found] == [18, 4, 1, 1, 0]
    found = decide(table, count=50)
    assert (found["recommendation"]["n_layers"], found["recommendation"]["d_emb"]) == (2, 32)
    assert found["evidence"]["longer"]["enough"] is True
    assert found["evidence"]["order"]["loss"] == pytest.approx(0.05, abs=0.004)
    gain = found["evidence"]["more_data"]["2x"]
    assert gain["interval"][0] < 0.02 * np.log(2) < gain["interval"][1]
    assert found["evidence"]["gain_over_yardstick"]["gain"] == pytest.approx(0.2, abs=0.01)
    older = table.with_columns(order=pl.when(pl.col("order") == "random").then("order"))  # rows without the column
    assert [len(part) for part in (split_rows(older).sizes, split_rows(older).random)] == [18, 1]
    assert len(split_rows(table.with_columns(order=pl.lit("random"))).sizes) == 18 + 1  # all alike, nothing is apart
    add(2, 32, seed=1000, judged="test", more=-0.02)
    tested = decide(pl.DataFrame(out), count=50)
    assert tested["recommendation"]["ndcg10"] == tested["evidence"]["tested"]["ndcg10"]
    low, high = tested["recommendation"]["interval"]["ndcg10"]
    assert low < 0.28 < high
    assert tested["evidence"]["tested"]["seed"] == 1000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gain_of_twice": 0.02}, "not trained to the end"),
        ({"order": 0.0}, "order of the events tells these models nothing"),
        ({"yardstick": 0.292, "error": 0.005}, "not shown to beat popularity"),
        ({"yardstick": 0.4}, "no size is expected to beat"),
    ],
)
def test_a_recommendation_is_taken_back_for_a_reason(change, reason):
    found = decide(rows(**change)[0], count=50)
    assert found["recommendation"] is None
    assert reason in found["reason"]


@pytest.mark.parametrize(("yardstick", "pays"), [(0.1, True), (0.2999, False)])
def test_where_sizes_are_alike_the_gain_of_them_all_over_what_only_counts_is_told(yardstick, pays):
    noise = 0.3 + 0.001 * np.random.default_rng(1).normal(size=len(rows()[0]))
    whole = (pl.col("fraction") == 1) & (pl.col("order") == "recorded")
    table = rows(yardstick=yardstick)[0].with_columns(ndcg10=pl.when(whole).then(pl.Series(noise)).otherwise("ndcg10"))
    found = decide(table, count=50)
    assert found["recommendation"] is None
    gain, alike = found["evidence"]["gain_over_yardstick"], found["evidence"]["alike"]
    assert gain["gain"] == pytest.approx(alike["mean"] - yardstick)
    assert (gain["interval"][0] > 0) == pays
    assert any("take the cheapest, 1 layer of width 16" in step for step in next_steps(found, {})) == pays


def test_sizes_that_are_alike_are_told_of_by_the_metric_of_the_yardsticks():
    """Chosen by validation, a table reaches and gains by the other event; and only what was run is named."""
    size = (pl.col("n_layers") == 1) & (pl.col("d_emb") == 16)
    flat = rows(yardstick=0.1)[0].filter(~size, fraction=1.0, order="recorded", max_epochs=20)
    noise = np.random.default_rng(1).normal(size=(2, len(flat)))
    table = flat.with_columns(
        ndcg10=0.2 + 0.001 * noise[0], valid_ndcg10=0.3 + 0.001 * noise[1], judged_on=pl.lit("test")
    )
    found = decide(table, count=50)
    evidence = found["evidence"]
    assert evidence["chosen_by"] == "valid_ndcg10"
    assert evidence["alike"]["mean"] == pytest.approx(0.2, abs=0.001)
    assert evidence["gain_over_yardstick"]["gain"] == pytest.approx(0.1, abs=0.001)
    assert (evidence["alike"]["n_layers"], evidence["alike"]["d_emb"]) != (1, 16)
    assert evidence["event"] == "test"
    assert any(value.endswith("test event") for name, value in screen.lines(found) if name == "gain over yardstick")


def test_flat_shares_cannot_tell_and_another_table_is_left_as_it_is():
    table = rows(slope=0.0)[0]
    data = more_data(split_rows(table), "ndcg10", 0.003)
    assert data is not None
    assert data["10x"] is None
    plain = table.filter(fraction=1.0, max_epochs=20).drop("fraction", "max_epochs", "judged_on", "order")
    assert len(split_rows(plain).sizes) == len(plain)
    assert trained_to_the_end(split_rows(plain), "ndcg10", 0.001) is None
    assert more_data(split_rows(plain), "ndcg10", 0.001) is None


def test_a_specification_expands_to_its_runs(tmp_path):
    runs = [*design().recipe(), *design().checks(("hstu", 25), (2, 32), RECIPE)]
    (tmp_path / "spec.yml").write_text(specification({"dataset": "a: b.csv", "sort": True}, runs, "why"))
    spec = read_spec(tmp_path / "spec.yml")
    assert spec["dataset"] == "a: b.csv"
    back = expand(spec)
    assert [run.configs(9) for run in back] == [run.configs(9) for run in runs]
    assert [run.training.get("order") for run in back].count("random") == 1


def test_the_schedule_counts_and_fits():
    one = parts(design(), speed(), jobs=1)
    assert [part.stage for part in one] == ["recipe", "sizes", "repeats", "checks", "chosen"]
    sizes = one[1]
    assert sizes.runs == 9
    assert sizes.minutes == pytest.approx((20 * 1000 * 1e-3 * 3 * 7 + 9 * 0.5) / 60)
    assert parts(design(), speed(), jobs=2)[1].minutes == pytest.approx(sizes.minutes / 2)
    all_ = list(designs(speed(), [("hstu", 25)], 2, {}, 100, None))
    assert len(all_) == len(schedule.LADDER)
    few = list(designs(speed(), [("hstu", 25)], 2, {}, 100, 30_000))
    assert all(max(d for _, d in one.cells) <= 64 for one in few)
    assert not list(designs(speed(), [("hstu", 25)], 2, {}, 100, 100))


def test_a_run_may_begin_while_it_ends_in_time(tmp_path):
    run = design().run(("hstu", 25), (2, 32), RECIPE)
    takes = speed().seconds(run)
    assert Clock(speed(), time.time() + takes + 5, tmp_path, 0.0)(run)
    assert not Clock(speed(), time.time() + takes + 5, tmp_path, 10.0)(run)
    assert not Clock(speed(), time.time() + takes + 5, tmp_path, 0.0, later=1.0)(run)
    (tmp_path / "rows").mkdir()
    row = {"status": "finished", "wall_s": 3 * speed().epochs(run), "epochs": 20, "fraction": 1.0, "model": "hstu"}
    (tmp_path / "rows" / "a.json").write_text(json.dumps(row | {"s_max": 25, "n_layers": 2, "d_emb": 32}))
    assert slower(speed(), tmp_path) == pytest.approx(3)
    assert not Clock(speed(), time.time() + takes + 5, tmp_path, 0.0)(run)


def test_the_sizes_beyond_those_tried():
    grid = [(n, d) for n in (1, 2, 4) for d in (16, 32, 64)]
    assert schedule.larger((2, 32), grid) == []
    assert schedule.larger((4, 32), grid) == [(8, 16), (8, 32)]
    assert schedule.larger((2, 64), grid) == [(1, 128), (2, 128)]
    assert schedule.larger((4, 64), grid) == [(8, 32), (8, 64), (2, 128), (4, 128), (8, 128)]
    wide = speed().seconds(design().run(("hstu", 25), (2, 256), RECIPE))
    assert wide > 3.9 * speed().seconds(design().run(("hstu", 25), (2, 128), RECIPE))


@pytest.mark.parametrize(("peak", "most", "last"), [(4, None, 8), (64, None, 64), (64, 5_000, 4)])
def test_larger_sizes_are_tried_while_the_best_is_at_an_edge(peak, most, last):
    """A machine that trains at once, on which the metric is highest at a depth: the grid ends at four."""

    class Instant(log.Plan):
        def rows(self):
            return pl.DataFrame(self.made)

        def train(self, stage, runs, reserve, keep=False, later=0.0):
            known = {(row["n_layers"], row["d_emb"]) for row in self.made}
            for run in runs:
                n, d = run.architecture["n_layers"], run.architecture["d_emb"]
                if (n, d) not in known and n <= 64:
                    y = 1 - abs(np.log(n / peak)) - abs(np.log(d / 32))
                    row = {"model": "hstu", "s_max": 25, "n_layers": n, "d_emb": d, "learning_rate": RECIPE[0]}
                    self.made.append(row | {"dropout": RECIPE[1], "ndcg10": y, "n_items": 100})

    plan = Instant(Request("log", max_params=most), {}, None, 0.0, speed(), design(), {"hstu": RECIPE})
    plan.made = []
    plan.train("sizes", design().sizes(plan.recipes), 0.0)
    log._larger(plan)
    assert max(row["n_layers"] for row in plan.made) == last


def test_time_is_kept_for_what_may_be_chosen_and_some_repeats_come_before_all_sizes(monkeypatch):
    """A machine on which the dearest size no longer fits."""
    stages = []

    class Instant(log.Plan):
        def rows(self):
            return pl.DataFrame(self.made)

        def failed(self):
            return 0

        def train(self, stage, runs, reserve, keep=False, later=0.0):
            stages.append((stage, len(runs), reserve))
            done = {(r["n_layers"], r["d_emb"], r["seed"], r["learning_rate"]) for r in self.made}
            for run in runs:
                n, d, rate = run.architecture["n_layers"], run.architecture["d_emb"], run.training["learning_rate"]
                key = (n, d, run.training["seed"], rate)
                if key in done or (n, d) == (4, 64) or stage not in ("recipe", "sizes", "repeats"):
                    continue
                row = dict(zip(("n_layers", "d_emb", "seed", "learning_rate"), key, strict=True))
                row |= {"model": "hstu", "s_max": 25, "dropout": RECIPE[1], "fraction": 1.0, "max_epochs": 20}
                self.made.append(row | {"ndcg10": 0.2 + 0.01 * rate + 0.001 * run.training["seed"], "n_items": 100})

    plan = Instant(Request("log", minutes=15, jobs=2), {}, None, 0.0, speed(), design())
    plan.made = []
    nothing = {"recommendation": None, "reason": "", "evidence": {}}
    monkeypatch.setattr(log, "decide", lambda *_: nothing)
    log._carried_out(plan)
    order = [stage for stage, *_ in stages]
    assert order[:5] == ["recipe", "sizes", "repeats", "sizes", "repeats"]
    assert stages[2][1] == log.FIRST
    assert order[-2:] == ["checks", "more"]
    tried = {(row["n_layers"], row["d_emb"]) for row in plan.made}
    assert (4, 64) not in tried
    dearest = speed().seconds(design().run(("hstu", 25), (4, 64), RECIPE))  # which may be chosen all the same
    assert stages[-1][2] == pytest.approx(dearest + schedule.ending(15))
    plan.made = [row for row in plan.made if row["n_layers"] < 4]
    small = [one.architecture["n_layers"] for one in log._candidates(plan, log._best(plan))]
    assert sorted(small) == [1, 1, 1, 2, 2, 2]


def test_repeats_are_of_every_size_before_any_has_a_third_seed():
    seeds = [(run.architecture["d_emb"], run.training["seed"]) for run in design().repeats({"hstu": RECIPE})]
    assert len({seed for _, seed in seeds}) == 1
    more = Design([("hstu", 25)], design().cells, 20, 3, {}).repeats({"hstu": RECIPE})
    assert [run.training["seed"] for run in more] == [1] * len(seeds) + [2] * len(seeds)


def test_killed_measurements_end_in_one_sentence(monkeypatch):
    def killed(*_, **__):
        raise TerminatedWorkerError("killed")

    monkeypatch.setattr("srlaw.planner.speed.Parallel", lambda **_: killed)
    with pytest.raises(InputError, match="perhaps for their memory; give fewer jobs"):
        measure_together(synthetic(), "hstu", 25, (16,), {}, 1.0, jobs=1)


def test_the_speed_is_the_mean_of_what_runs_beside_each_other_have(monkeypatch):
    one, other = (
        Speed({"hstu/25/16": [a, 0.0, 0.0, 0.0], f"hstu/25/{w}": [1.0] * 4}, {25: 9}) for a, w in ((1, 32), (3, 64))
    )
    assert mean_speed([one, other]) == Speed({"hstu/25/16": [2.0, 0.0, 0.0, 0.0]}, {25: 9})
    found = []
    monkeypatch.setattr(torch, "set_num_threads", found.append)
    monkeypatch.setattr("srlaw.planner.speed.measure", lambda *arguments: one)
    assert measure_together(synthetic(), "hstu", 25, (16,), {}, 1.0, jobs=1) == one
    assert found == [min(cpu_count(), torch.get_num_threads())]  # one run has all cores, as in a sweep of one job


def test_rows_and_logs_are_told_apart(tmp_path):
    file = written(tmp_path)
    table = tmp_path / "rows.csv"
    rows()[0].write_csv(table)
    assert is_rows(str(table))
    assert not any(is_rows(name) for name in (str(file), "ml-1m", str(tmp_path / "none.csv")))
    assert answer("plan", table)["recommendation"]["d_emb"] == 32
    for option in (["--minutes", "3"], ["--dry-run"], ["--jobs", "0"], ["--s-max", "7"], ["--path", "x"]):
        assert f"is a table of runs, to which {option[0]} says nothing" in refusal("plan", table, *option)
    rows()[0].drop("ndcg10").write_csv(table)
    assert "has no column 'ndcg10'" in refusal("plan", table)
    assert "n_layers" in refusal("plan", file, "--as", "rows")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--as", "both"], "log or rows"),
        (["--minutes", "0"], "minutes"),
        (["--minutes", "0.01"], "too few for anything"),
        (["--seeds", "1"], "the noise of one run"),
        (["--metric", "mrr"], "hr10, ndcg10"),
        (["--models", "bert"], "is not one of"),
        (["--s-max", "0"], "at least 1"),
        (["--jobs", "0"], "jobs"),
        (["--max-params", "10"], "allow more"),
    ],
)
def test_a_request_that_cannot_be_is_one_sentence(tmp_path, options, part):
    assert part in refusal("plan", written(tmp_path), "--jobs", "1", *options, cwd=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_all_faults_of_a_log_are_told_at_once(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("user,item,time\n1,1,5\n1,2,4\n1,2,4\n1,3,6\n1,4,7\n")
    said = refusal("plan", file, cwd=tmp_path)
    assert "--sort" in said
    assert "--duplicates" in said


def test_a_dry_run_trains_nothing(tmp_path):
    said = srlaw("plan", written(tmp_path), "--minutes", "15", "--jobs", "1", "--dry-run", cwd=tmp_path)
    assert said.returncode == 0
    assert all(word in said.stdout for word in ("events/s", "smallest visible difference", "recipe", "minutes"))
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_what_is_kept_is_used_with_the_log_as_it_was_read(tmp_path):
    source = Request("ml 100k", "a folder", {"sort": True, "duplicates": "drop", "user": None, "time": "when"}).source
    (tmp_path / "chosen/best").mkdir(parents=True)
    said = screen.kept(tmp_path, source, [], dry_run=False)
    log = "'ml 100k' --path 'a folder' --sort --duplicates drop --time when"
    assert said.endswith(f"srlaw recommend {tmp_path}/chosen/best {log}")
    assert screen.command(source, {"model": "hstu", "dropout": 0.2}).startswith(f"srlaw train {log} --model hstu --d")
    again = screen.kept(tmp_path, source, ["plan", "my log.csv", "--dry-run", "--sort"], dry_run=True)
    assert again.endswith("srlaw plan 'my log.csv' --sort")


def test_a_plan_that_is_killed_goes_on_and_ends_with_its_files(tmp_path):
    file = written(tmp_path)
    for minutes in (0.8, 2.5, 8):  # the first that is enough for three runs, on a machine however busy
        out = tmp_path / f"out-{minutes}"
        trained = out / "sweep" / "rows"
        command = ["plan", str(file), "--minutes", str(minutes), "--jobs", "1", "--out", out.name, "--s-max", "10"]
        command.append("--json")
        with (tmp_path / "said").open("w") as said:
            first = subprocess.Popen(
                [sys.executable, "-c", "from srlaw.cli import main; main()", *command], cwd=tmp_path,
                start_new_session=True, stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        while first.poll() is None and not (trained.exists() and len(list(trained.glob("*.json"))) >= 3):
            time.sleep(0.1)
        if first.returncode is None:
            break
    assert first.returncode is None, (tmp_path / "said").read_text()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = {file.name: file.stat().st_mtime_ns for file in trained.glob("*.json")}
    assert before
    schedule_then = (out / "1-recipe.yml").read_text()
    began = time.monotonic()
    run = srlaw(*command, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert time.monotonic() - began < 60 * minutes * 1.5
    assert {name: (trained / name).stat().st_mtime_ns for name in before} == before
    assert (out / "1-recipe.yml").read_text() == schedule_then
    found = json.loads(run.stdout)
    assert set(found) >= {"recommendation", "reason", "evidence", "before", "minutes"}
    assert json.loads((out / "plan.json").read_text())["reason"] == found["reason"]
    again = answer("plan", out / "rows.csv")
    assert again["evidence"]["runs"] == found["evidence"]["runs"]
    page = (out / "plan.html").read_text()
    assert "<svg" in page  # how many depends on what the minutes were enough for
    assert "http" not in page.replace("http://www.w3.org/", "")
    assert "prefers-color-scheme" in page
    assert "What to do next" in page
    assert page.count("<li>") >= 1
    assert "`" not in page.partition("<figure>")[0]
    assert (out / "2-sizes.yml").exists()
    assert pl.read_csv(out / "rows.csv").filter(judged_on="test").height == (found["recommendation"] is not None)
    said = refusal("plan", file, "--minutes", "9", "--jobs", "1", "--out", out.name, "--s-max", "10", cwd=tmp_path)
    assert "another minutes" in said
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("")
    assert "other than a plan" in refusal("plan", file, "--out", "other", cwd=tmp_path)
    assert isinstance(expand(read_spec(out / "2-sizes.yml"))[0], Run)
