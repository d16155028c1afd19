"""Sweeps that are killed, shared between processes, broken by their runs, or sent to a cluster."""

import contextlib
import errno
import io
import json
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import polars as pl
import psutil
import pytest
import torch
import yaml
from filelock import FileLock
from joblib import parallel_config
from polars.testing import assert_frame_equal

import srlaw
from srlaw.cli import main
from srlaw.datasets import load
from srlaw.datasets.synthetic import population
from srlaw.errors import InputError
from srlaw.models import CONFIGS
from srlaw.summary import of_sweep
from srlaw.sweep import Run, expand, read_spec, run_sweep, runner, train_once
from srlaw.sweep.folder import prepare, row_file
from srlaw.sweep.runner import _expected_flops, _progress, data_hash, run_key
from srlaw.sweep.spec import MAX_RUNS
from srlaw.training import ForeignCheckpoint, TrainConfig, train
from srlaw.training.result import versions

CLOCK = ["wall_s", "events_per_s", "date"]
SPEC = {
    "dataset": "log.csv",
    "s_max": [20],
    "models": ["sasrec", "hstu", "llama"],
    "n_layers": [1],
    "d_emb": [4, 8],
    "precisions": ["float32"],
    "seeds": [0, 1],
    "training": {"epochs": 30, "patience": 30, "device": "cpu"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with a small log and `SPEC`."""
    monkeypatch.chdir(tmp_path)
    log = population(users=60, items=30, mean_length=12).sample()
    users = np.repeat(np.arange(log.n_users), log.lengths)
    pl.DataFrame({"user_id": users, "item_id": log.items, "timestamp": log.timestamps}).write_csv("log.csv")
    write()
    return tmp_path


@pytest.fixture(autouse=True)
def one_thread():
    """More would only wait for each other, and change the last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write(**changes):
    spec = {key: value for key, value in (SPEC | changes).items() if value is not ...}
    Path("spec.yml").write_text(yaml.safe_dump(spec, sort_keys=False))


@contextmanager
def training(train):
    with mock.patch("srlaw.sweep.runner.train", train):
        yield


def one(model):
    return Run(model, {"n_layers": 1, "d_emb": 4, "s_max": 20}, {"epochs": 1, "precision": "float32", "seed": 0})


class Fake:
    """Stands for `srlaw.training.train`: remembers what it was called with, and fails where told to."""

    def __init__(self, fail=lambda config: None, loss=1.5):
        self.calls, self.fail, self.loss = [], fail, loss

    def __call__(self, sequences, model_config, config, checkpoint=None, progress=True):
        self.calls.append((model_config, config))
        self.fail(model_config)
        row = {"dataset": sequences.name, "loss": self.loss, "hr10": model_config.d_emb / 100, "wall_s": 0.1}
        history = pl.DataFrame({"epoch": [1, 2], "valid_loss": [2.5, 2.0]})
        return SimpleNamespace(row=lambda: dict(row), history=history, outcomes={"rank": np.array([1, 7, 300])})


# --- the specification


def test_a_specification_expands_to_every_combination():
    runs = expand(SPEC)
    assert len(runs) == 12
    assert [run.training["seed"] for run in runs[:2]] == [0, 1]  # the last list varies fastest
    assert len({(run.model, run.architecture["d_emb"], run.training["seed"]) for run in runs}) == 12
    model_config, train_config = runs[-1].configs(n_items=7)
    assert (type(model_config).__name__, model_config.n_items, model_config.d_emb) == ("LLaMAConfig", 7, 8)
    assert (train_config.epochs, train_config.seed, train_config.clip) == (30, 1, 1.0)


def test_grids_and_lists_of_settings():
    spec = SPEC | {
        "models": ["hstu"],
        "seeds": [0],
        "grids": [
            {"learning_rates": [1e-3, 2e-3], "dropouts": [0, 0.1]},
            {"d_emb": [4], "seeds": [0, 1], "dropouts": [0.1], "training": {"learning_rate": 1e-3}},
            {"models": {"llama": {"dropout": 0.3}}, "d_emb": [8], "fractions": [0.5]},
        ],
    }
    runs = [run.configs(n_items=7) for run in expand(spec)]
    assert len(runs) == 8 + 1 + 1  # the first of the second grid's two stands in the first grid
    assert [(m.d_emb, m.dropout, t.learning_rate) for m, t in runs[:4]] == [
        (4, 0, 1e-3), (4, 0, 2e-3), (4, 0.1, 1e-3), (4, 0.1, 2e-3),
    ]  # fmt: skip
    assert [(m.d_emb, m.dropout, t.learning_rate, t.seed, t.epochs) for m, t in runs[8:9]] == [(4, 0.1, 1e-3, 1, 30)]
    assert (type(runs[9][0]).__name__, runs[9][0].dropout, runs[9][1].fraction) == ("LLaMAConfig", 0.3, 0.5)


def test_models_may_have_settings_and_numbers_exponents():
    Path("spec.yml").write_text(
        "{dataset: x, s_max: [5], models: {hstu: {dropout: 0}, llama: }, n_layers: [1], d_emb: [4],"
        "precisions: [bfloat16], seeds: [3], training: {learning_rate: 1e-3}}"
    )
    hstu, llama = (run.configs(n_items=7) for run in expand(read_spec("spec.yml")))
    assert hstu[0].dropout == 0 != llama[0].dropout
    assert (hstu[1].learning_rate, hstu[1].precision) == (0.001, "bfloat16")


def test_the_example_is_a_specification():
    assert len(expand(read_spec(Path(__file__).parents[1] / "data/sweeps/example.yml"))) == 8


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"seeds": ...}, "seeds is missing"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"dataset": 5}, "dataset is 5; it must be text"),
        ({"dataset": "nothing.csv"}, "there is no file 'nothing.csv'"),
        ({"path": "x"}, "'log.csv' is not a registered data set"),
        ({"s_max": 20}, "s_max is 20; it must be a list"),
        ({"seeds": []}, "seeds is []; it must be a list"),
        ({"seeds": [1, 1]}, "each value may stand there once"),
        ({"seeds": [-1]}, "seed is -1"),
        ({"d_emb": ["8"]}, "d_emb is '8'; it must be a whole number"),
        ({"n_layers": [True]}, "n_layers is True"),
        ({"n_layers": [0]}, "n_layers is 0"),
        ({"models": ["gru"]}, "'gru' is not one of sasrec, hstu, llama, gpt"),
        ({"learning_rates": [0]}, "learning_rate is 0"),
        ({"dropouts": [0.1], "models": {"hstu": {"dropout": 0.2}}}, "dropout stands both in dropouts and"),
        ({"epochs": [2]}, "epochs stands both in epochs and"),
        ({"fractions": [0.5, 1.5]}, "fraction is 1.5"),
        ({"grids": []}, "grids is []; it must be a list"),
        ({"grids": [{"dataset": "x"}]}, "grids has an unknown key 'dataset'"),
        ({"grids": [{"seeds": [-1]}]}, "seed is -1"),
        ({"models": {"hstu": {"n_layers": 2}}}, "models.hstu has an unknown key 'n_layers'"),
        ({"models": {"hstu": {"dropout": "much"}}}, "models.hstu.dropout is 'much'; it must be a finite number"),
        ({"models": {"hstu": 3}}, "models.hstu is 3"),
        ({"models": {}}, "models is []"),
        ({"precisions": ["float8"]}, "precision is 'float8'"),
        ({"training": None}, "training is None"),
        ({"training": {"seed": 1}}, "training has an unknown key 'seed'"),
        ({"training": {"epochs": 1.5}}, "training.epochs is 1.5; it must be a whole number"),
        ({"training": {"clip": float("nan")}}, "training.clip is nan"),
        ({"training": {"clip": -1}}, "clip is -1"),
        ({"n_layers": [10**9]}, "n_layers 1000000000, d_emb 4, s_max 20, n_items 30 make about 8e+10 parameters"),
        ({"d_emb": [10**9]}, "make about 5e+18 parameters; training takes at least 74,505,806,714 GiB"),
        ({"d_emb": [10**12]}, "d_emb is 1000000000000; it must be a whole number of at least 1 and below 2³¹"),
        ({"s_max": [10**9]}, "s_max 1000000000, n_items 30 make about 4e+09 parameters"),
        ({"training": {"epochs": 10**12}}, "epochs is 1000000000000; it must be a whole number of at least 1 and at"),
        ({"training": {"loss": "sampled", "negatives": 2 * 10**9}}, "negatives is 2000000000; training takes at least"),
        ({"training": {"devices": 999, "device": "cpu"}}, "devices is 999, but there are"),
        ({"seeds": list(range(1000)), "n_layers": list(range(1, 101))}, "the lists make 600,000 runs, and a sweep has"),
        ({"seeds": [0], "grids": [{"seeds": list(range(1000 * i, 1000 * i + 1000))} for i in range(2)]}, "12,000 runs"),
        ({"user": 5}, "user is 5; it must be text"),
        ({"sort": "yes please"}, "sort is 'yes please'; it must be true or false"),
        ({"grids": [{"user": "x"}]}, "grids has an unknown key 'user'"),
        ({"duplicates": "some"}, "duplicates"),
        ({"colour" * 50: 1}, "has an unknown key 'colourcolour"),
    ],
)
def test_a_wrong_specification_is_one_sentence_and_leaves_nothing_behind(changes, part):
    write(**changes)
    with pytest.raises(InputError) as caught:
        run_sweep("spec.yml", "out")
    assert str(caught.value).startswith("spec.yml: ")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"seeds: [1]\nseeds: [2]", "spec.yml, line 2: seeds stands twice"),
        (b"a: [1\nb: 2", "spec.yml, line 2"),
        (b"- 1", "spec.yml must map keys to values"),
        (b"", "spec.yml must map keys to values"),
        (b"\xff\xfe\x00", "spec.yml is not YAML text"),
        (b"a: \x07", "spec.yml is not YAML text"),
        (b"a: &x [1]\nb: *x", r"spec.yml, line 2: \*x is an alias; write out what it stands for"),
        (b"a: &x {b: 1}\nc: {<<: *x}", r"spec.yml, line 2: \*x is an alias"),
        (b"s: !!set {a}", "spec.yml, line 1: no value here is of type set"),
        (b"s: !!binary aGVsbG8=", "spec.yml, line 1: no value here is of type binary"),
        (b"s: !!python/object/apply:os.getcwd []", "spec.yml, line 1: no value here is of type"),
        (b"? [1, 2]\n: 3", "spec.yml, line 1: a list or a mapping is no key here"),
        (b"s: !!int abc", "spec.yml, line 1: 'abc' is no number below"),
        (b"s: !!bool x", "spec.yml has a value that is not of its tag"),
        (b"s: !!map [1]", "spec.yml, line 1: expected a mapping node"),
        (b"s: " + b"9" * 5000, "spec.yml, line 1: '9999"),
        (b"s: 0x" + b"f" * 5000, "spec.yml, line 1: '0xffff"),
        (b"s: " + b"[" * 3000 + b"]" * 3000, "spec.yml has lists within lists that go too deep"),
        (b"s: [" + b"1, " * 60_000 + b"1]", "spec.yml is larger than 100,000 bytes"),
        (b"5: 6", "unknown key 5"),
        (b"null: 6", "unknown key None"),
        (b"dataset: 2020-01-01", "s_max is missing"),  # a date is text, which may name a folder
        (b"dataset: 2020-13-45", "s_max is missing"),
    ],
)
def test_a_file_that_is_no_specification(text, part):
    Path("spec.yml").write_bytes(text)
    with pytest.raises(InputError, match=part):
        run_sweep("spec.yml", "out")
    with pytest.raises(InputError, match="there is no file"):
        read_spec("missing.yml")


def test_an_alias_costs_nothing():
    lists = "".join(f"{a}: &{a} [{', '.join(['*' + b] * 9)}]\n" for a, b in zip("bcdefghi", "abcdefgh", strict=True))
    Path("spec.yml").write_text("a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + lists)  # 9⁹ numbers
    with pytest.raises(InputError, match=r"spec.yml, line 2: \*a is an alias"):
        read_spec("spec.yml")


def test_a_grid_as_large_as_may_be():
    sizes = {"models": ["gpt"], "n_layers": [1], "d_emb": [2]}
    assert len(expand(SPEC | sizes | {"seeds": list(range(MAX_RUNS))})) == MAX_RUNS
    with pytest.raises(InputError, match="10,001 runs, and a sweep has at most 10,000"):
        expand(SPEC | sizes | {"seeds": list(range(MAX_RUNS + 1))})


def test_a_specification_says_how_its_file_is_read(monkeypatch):
    expected = load("log.csv")
    log = pl.read_csv("log.csv").rename({"user_id": "who", "item_id": "what", "timestamp": "when"})
    pl.concat([log.reverse(), log[:5]]).write_csv("log.csv")
    reading = {"user": "who", "item": "what", "time": "when", "sort": True, "duplicates": "drop"}
    write(**reading)
    with training(Fake()):
        rows = run_sweep("spec.yml", "out")
    assert set(rows["data"]) == {data_hash(expected)}
    with training(Fake()):
        assert train_once("log.csv", one("gpt"), **reading)["hr10"] == 0.04
    with pytest.raises(InputError, match="the time of user 59 goes back"):
        train_once("log.csv", one("gpt"), user="who", item="what", time="when")  # not in order
    write(separator=";", time="when")
    seen = {}
    monkeypatch.setattr(runner, "load", lambda *given, **named: seen.update(named) or expected)
    with training(Fake()):
        run_sweep("spec.yml", "out")
    assert seen == {"separator": ";", "time": "when"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"backend": "spark"}, "backend is 'spark'"),
        ({"jobs": 0}, "jobs is 0; it must be"),
        ({"jobs": 10**6}, "jobs is 1000000; it must be at least 1 and, with loky, at most"),
        ({"jobs": 10**6, "backend": "dask"}, "jobs is 1000000; it must be at least 1 and, with dask, at most 10,000"),
        ({"out_dir": ""}, "empty name; say where they are to go, as in --out results"),
        ({"out_dir": "spec.yml"}, "spec.yml' is a file, not a folder; name another folder"),
        ({"out_dir": "spec.yml/out"}, "spec.yml' is a file, not a folder"),
        ({"out_dir": "x" * 300}, "cannot be used: File name too long"),
        ({"spec_path": "x" * 300}, "cannot be used: File name too long"),
        ({"spec_path": "."}, "is a folder, not a file; give a YAML file"),
        ({"known": "x" * 300}, "cannot be used: File name too long"),
    ],
)
def test_wrong_arguments(arguments, part):
    with pytest.raises(InputError, match=part), training(Fake()):
        run_sweep(**({"spec_path": "spec.yml", "out_dir": "out"} | arguments))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
@pytest.mark.parametrize("what", ["out", "out/rows", "out/locks", "spec.yml"])
def test_without_permission(what):
    with training(fake := Fake()):
        run_sweep("spec.yml", "out")
        write(seeds=[7])
        Path(what).chmod(0)
        try:
            with pytest.raises(InputError, match="Permission denied"):
                run_sweep("spec.yml", "out")
        finally:
            Path(what).chmod(0o700)
    assert len(fake.calls) == 12


@pytest.mark.parametrize(("backend", "module"), [("ray", "ray.util.joblib"), ("dask", "distributed")])
def test_a_backend_that_is_not_installed(backend, module):
    with (
        mock.patch.dict(sys.modules, {module: None}),
        pytest.raises(InputError, match=r"pip install -e '\.\[cluster\]'"),
    ):
        run_sweep("spec.yml", "out", backend=backend)


# --- rows


def test_a_sweep_has_a_row_a_run_and_repeats_none():
    fake = Fake()
    with training(fake):
        rows = run_sweep("spec.yml", "out")
        assert_frame_equal(run_sweep("spec.yml", "out"), rows)
        assert len(fake.calls) == 12
        write(seeds=[0, 1, 2])
        more = run_sweep("spec.yml", "out")
        assert len(fake.calls) == 18
        write(seeds=[2])
        assert_frame_equal(run_sweep("spec.yml", "out"), more.filter(seed=2))
    assert len(rows) == 12
    assert rows["key"].is_unique().all()
    assert rows["status"].unique().to_list() == ["finished"]
    assert rows["hr10"].to_list() == [d / 100 for d in rows["d_emb"]]
    assert_frame_equal(pl.read_csv("out/rows.csv", schema=more.schema), more)
    assert len(list(Path("out/rows").iterdir())) == 18
    file = json.loads(Path(f"out/rows/{rows['key'][0]}.json").read_text())
    assert file["config"]["training"]["clip"] == 1.0
    curves = pl.read_csv("out/curves.csv")
    assert curves.columns == ["key", "epoch", "valid_loss"]
    assert curves.filter(key=rows["key"][0])["valid_loss"].to_list() == [2.5, 2.0]
    assert curves["key"].n_unique() == 18
    assert np.load(f"out/users/{rows['key'][0]}.npz")["rank"].tolist() == [1, 7, 300]


def test_a_run_that_may_not_begin_has_no_row_and_may_later():
    write(training={"epochs": 1, "device": "cpu"}, models=["sasrec"], seeds=[0])
    some = run_sweep("spec.yml", "out", may_begin=lambda run: run.architecture["d_emb"] == 4)
    assert some["d_emb"].to_list() == [4]
    assert sorted(run_sweep("spec.yml", "out")["d_emb"].to_list()) == [4, 8]
    write(training={"epochs": 2, "device": "cpu"}, models=["sasrec"], seeds=[0])
    assert run_sweep("spec.yml", "none", may_begin=lambda run: False).is_empty()
    assert pl.read_csv("none/curves.csv").is_empty()


def test_a_key_changes_with_the_data_and_with_every_setting():
    with training(Fake()):
        first = set(run_sweep("spec.yml", "out")["key"])
        write(training=SPEC["training"] | {"clip": 2})
        second = set(run_sweep("spec.yml", "out")["key"])
        write(training=SPEC["training"] | {"clip": 1})  # the default
        assert set(run_sweep("spec.yml", "out")["key"]) == first
        lines = Path("log.csv").read_text().splitlines()
        Path("log.csv").write_text("\n".join(lines[:-1]))
        third = set(run_sweep("spec.yml", "out")["key"])
    assert len(first | second | third) == 36


def test_a_key_leaves_out_what_is_at_its_default():
    @dataclass(frozen=True)
    class Later(TrainConfig):
        invented_later: int = 0

    hstu = CONFIGS["hstu"](n_items=9, s_max=20, bias="position")
    key = run_key("log", "abc", "hstu", hstu, TrainConfig(epochs=3))
    assert key == run_key("log", "abc", "hstu", hstu, Later(epochs=3))
    assert key != run_key("log", "abc", "hstu", hstu, Later(epochs=3, invented_later=1))
    assert key == "5fb6dc5da56a3698"  # written down once: rows in use have keys made like this


def test_the_hash_of_the_data_sees_what_training_sees():
    log = load("log.csv")
    assert data_hash(log) == data_hash(load("log.csv"))
    assert data_hash(log) != data_hash(log.truncate(3))
    assert data_hash(log) != data_hash(log.shuffled(np.random.default_rng(0)))


def test_a_new_folder_goes_on_from_the_rows_of_an_earlier_one():
    with training(fake := Fake()):
        write(seeds=[0])
        first = run_sweep("spec.yml", "out")
        assert len(fake.calls) == 6
        write()
        rows = run_sweep("spec.yml", "new", known="out/rows.csv")
        assert len(fake.calls) == 12
        assert_frame_equal(rows.filter(seed=0), first)
        curves = pl.read_csv("new/curves.csv")
        assert curves.group_by("key").len()["len"].to_list() == [2] * 12
        assert curves.filter(pl.col("key").is_in(first["key"].to_list())).height == 12
        for bad in ("spec.yml", "missing.csv", "log.csv"):
            with pytest.raises(InputError, match=r"(name|give) a rows\.csv of srlaw sweep"):
                run_sweep("spec.yml", "other", known=bad)


def test_a_failed_run_is_a_row_and_the_rest_goes_on():
    def fail(config):
        if config.d_emb == 8:
            raise RuntimeError("out of memory")

    with training(Fake(fail)):
        rows = run_sweep("spec.yml", "out")
    assert rows["status"].to_list() == ["failed" if d == 8 else "finished" for d in rows["d_emb"]]
    assert rows.filter(d_emb=8)["error"].unique().to_list() == ["RuntimeError: out of memory"]
    assert rows.filter(d_emb=4)["error"].null_count() == 6
    with training(mended := Fake()):
        assert_frame_equal(run_sweep("spec.yml", "out"), rows)
        assert mended.calls == []
        assert run_sweep("spec.yml", "out", retry_failed=True)["error"].null_count() == 12
    assert [config.d_emb for config, _ in mended.calls] == [8] * 6


def test_a_run_without_a_finite_loss_has_failed():
    with training(Fake(loss=float("nan"))):
        rows = run_sweep("spec.yml", "out")
    assert set(rows["status"]) == {"failed"}
    assert rows["error"][0] == "ArithmeticError: not finite: loss"


def test_an_interrupted_sweep_keeps_what_it_has():
    def interrupt(config):
        if len(fake.calls) == 5:
            raise KeyboardInterrupt

    fake = Fake(interrupt)
    with training(fake):
        with pytest.raises(KeyboardInterrupt):
            run_sweep("spec.yml", "out")
        assert len(pl.read_csv("out/rows.csv")) == 4
        assert len(run_sweep("spec.yml", "out")) == 12
    assert len(fake.calls) == 13


def edited(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda file: file.write_text(""), "{name} is not a whole row; delete it"),
        (lambda file: file.write_text("[" * 100_000), "{name} is not a whole row; delete it"),
        (lambda file: file.write_bytes(b"\xff"), "{name} is not a whole row; delete it"),
        (lambda file: file.write_text("[1, 2]"), "{name} does not hold the row that it is named for"),
        (lambda file: file.rename(file.with_name("0123.json")), "0123.json does not hold the row that it is named for"),
        (lambda file: file.with_name("notes.txt").write_text("mine"), "notes.txt does not hold the row"),
        (lambda file: file.with_name("notes.txt").write_text("{}"), "notes.txt does not hold the row"),
        (lambda file: file.with_name("x.json").mkdir(), "x.json cannot be read: .*; move it out"),
        (lambda file: file.write_text(json.dumps({"key": file.stem})), "{name} is not a row of a sweep, with dataset"),
        (lambda file: edited(file, status="maybe"), "{name} is not a row of a sweep"),
        (lambda file: edited(file, d_emb="four"), "{name} is not a row of a sweep"),
        (lambda file: edited(file, hr10={"a": 1}), "do not make one table"),
        (lambda file: edited(file, hr10="much"), "do not make one table"),
        (lambda file: edited(file, curve=[3]), "do not make one table"),
        (lambda file: edited(file, curve=3), "do not make one table"),
    ],
)
def test_what_is_no_row_is_named_before_anything_is_trained(damage, part):
    with training(fake := Fake()):
        key = run_sweep("spec.yml", "out")["key"][3]
        damage(Path(f"out/rows/{key}.json"))
        write(seeds=[7])
        with pytest.raises(InputError, match=part.format(name=f"{key}.json")) as caught:
            run_sweep("spec.yml", "out")
    assert "\n" not in str(caught.value)
    assert len(fake.calls) == 12


def test_a_folder_in_the_place_of_a_table_is_named_before_anything_is_trained():
    with training(fake := Fake()):
        for name in ("rows.csv", "curves.csv", "locks/rows.csv"):
            Path(f"out-{name[:4]}/{name}").mkdir(parents=True)
            with pytest.raises(InputError, match=r"(rows|curves)\.csv cannot be (written|locked)"):
                run_sweep("spec.yml", f"out-{name[:4]}")
    assert fake.calls == []


def test_rows_of_other_versions_are_counted_not_refused(capsys):
    with training(Fake()):
        keys = run_sweep("spec.yml", "out")["key"]
        here = "srlaw 0.0.1, python 3.11.7, torch 1.0, numpy 2.0"
        for key in keys[:3]:
            edited(Path(f"out/rows/{key}.json"), versions=here)
        edited(Path(f"out/rows/{keys[3]}.json"), versions=versions().replace("python 3", "python 4"))
        capsys.readouterr()
        assert len(run_sweep("spec.yml", "out")) == 12
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("srlaw: ")]
    assert len(said) == 1
    assert said[0].startswith("srlaw: 3 of 12 rows here were made by srlaw 0.0.1 with torch 1.0; this is srlaw ")


def test_a_table_of_known_rows_is_checked():
    with training(Fake()):
        run_sweep("spec.yml", "out")
        table = Path("out/rows.csv").read_text()
        key = table.splitlines()[1].split(",")[7]
        Path("digits.csv").write_text(table.replace(key, "12e4567890123456"))  # is text, not a number
        run_sweep("spec.yml", "new", known="digits.csv")
        assert Path("new/rows/12e4567890123456.json").exists()
        Path("odd.csv").write_text(table.replace(key, "../../odd"))
        with pytest.raises(InputError, match=r"no sweep has written, of key '\.\./\.\./odd'"):
            run_sweep("spec.yml", "odd", known="odd.csv")
        Path("few.csv").write_text(table.replace("d_emb", "width"))
        with pytest.raises(InputError, match="has no column 'd_emb'"):
            run_sweep("spec.yml", "few", known="few.csv")


def test_known_rows_are_read_as_every_table_of_runs_is(capsys):
    """By `srlaw.runs`: a byte order mark, blank lines and CRLF do no harm, and what has not finished is left out."""
    with training(Fake(lambda config: 1 / (config.d_emb - 8))):
        rows = run_sweep("spec.yml", "out")
    text = Path("out/rows.csv").read_text()
    Path("theirs.csv").write_bytes(("\ufeff" + text.replace("\n", "\r\n\r\n")).encode())
    with training(fake := Fake()):
        capsys.readouterr()
        again = run_sweep("spec.yml", "new", known="theirs.csv")
    assert [config.d_emb for config, _ in fake.calls] == [8] * 6
    assert "srlaw: 6 rows of theirs.csv have not finished and are not taken over" in capsys.readouterr().err
    assert_frame_equal(again.filter(d_emb=4), rows.filter(d_emb=4))
    Path("none.csv").write_text("".join(line for line in text.splitlines(True) if ",finished," not in line))
    Path("cut.csv").write_text("\n".join([*text.splitlines()[:2], "log,20"]))
    for name, part in (
        ("none.csv", "none.csv has no finished run: line 2 has the status 'failed'"),
        ("cut.csv", "cut.csv, line 3: it has"),
    ):
        with pytest.raises(InputError, match=part) as caught:
            run_sweep("spec.yml", "other", known=name)
        assert str(caught.value).endswith("name a rows.csv of srlaw sweep")
    Path("curves.csv").write_bytes(b"\xff")
    Path("rows.csv").write_text(text)
    with pytest.raises(InputError, match=r"curves\.csv cannot be read as the learning curves of rows\.csv"):
        run_sweep("spec.yml", "other", known="rows.csv")


# --- what breaks


def command(*arguments):
    """`srlaw` with its status and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["srlaw", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as stop,
    ):
        main()
    return stop.value.code, out.getvalue(), [line for line in err.getvalue().splitlines() if line[:6] == "srlaw:"]


def test_the_command_says_how_many_runs_failed():
    def fail(config):
        if config.d_emb == 8:
            raise RuntimeError("out of\n  memory" + "!" * 1000)

    with training(Fake(fail)):
        code, out, said = command("sweep", "spec.yml", "--out", "out", "--json")
    assert code == 1
    assert [row["status"] for row in json.loads(out)].count("failed") == 6
    assert len(said) == 1
    assert said[0].startswith("srlaw: 6 of 12 runs failed, the first by RuntimeError: out of memory!!!")
    assert said[0].endswith("!; once that is mended, --retry-failed trains them again")
    assert len(said[0]) < 500
    with training(Fake()):
        assert command("sweep", "spec.yml", "--out", "out", "--retry-failed")[::2] == (0, [])


def test_the_command_says_how_to_go_on_after_an_interrupt():
    def interrupt(config):
        raise KeyboardInterrupt

    with training(Fake(interrupt)):
        code, _, said = command("sweep", "spec.yml", "--out", "my results")
    assert code == 130
    assert said == ["srlaw: stopped; start again to go on: srlaw sweep spec.yml --out 'my results'"]
    assert not list(Path("my results/locks").glob("*.begun"))


def test_the_command_refuses_an_empty_folder_name(folder):
    before = sorted(folder.iterdir())
    code, _, said = command("sweep", "spec.yml", "--out", "")
    assert code == 2
    assert "--out is empty" in said[0]
    assert sorted(folder.iterdir()) == before


class NoRoom:
    """While patched in, writing into one folder fails as on a full disk; opening too, which takes an inode."""

    def __init__(self, patch, folder, number):
        for kind in ("write_text", "write_bytes", "open"):
            patch.setattr(Path, kind, self.refusing(getattr(Path, kind), folder, number))

    @staticmethod
    def refusing(method, folder, number):
        def call(file, *arguments, **named):
            writes = method.__name__ != "open" or "w" in str(arguments) + str(named)
            if writes and file.parent.name == folder:
                raise OSError(number, os.strerror(number))
            return method(file, *arguments, **named)

        return call


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("checkpoints", errno.ENOSPC),
        ("users", errno.EDQUOT),
        *((name, errno.ENOSPC) for name in ("rows", "locks", "out")),
    ],
)
def test_a_full_disk_ends_the_sweep_and_fails_no_run(name, number, monkeypatch):
    write(models=["sasrec"], d_emb=[4], training={"epochs": 1, "device": "cpu"})
    with monkeypatch.context() as patch:
        NoRoom(patch, name, number)
        code, out, said = command("sweep", "spec.yml", "--out", "out", "--json")
    assert (code, out, len(said)) == (2, "", 1)
    assert said[0].startswith("srlaw: the disk of ")
    assert said[0].endswith("is full; make room and start the sweep again, it goes on where it stopped")
    assert not list(Path("out/rows").glob("*.json"))
    code, out, said = command("sweep", "spec.yml", "--out", "out", "--json")
    assert [row["status"] for row in json.loads(out)] == ["finished"] * 2


def test_a_damaged_checkpoint_is_no_failed_run(capsys):
    write(models=["sasrec"], d_emb=[4], seeds=[0], training={"epochs": 2, "device": "cpu"})
    undisturbed = run_sweep("spec.yml", "here")
    key = undisturbed["key"][0]
    for number, content in enumerate([b"", b"\0" * 512, b"PK\3\4 cut off", b"something else"]):
        file = Path(f"out{number}/checkpoints/{key}.pt")
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        capsys.readouterr()
        assert_same(run_sweep("spec.yml", f"out{number}"), undisturbed)
        assert "the run starts from the beginning" in capsys.readouterr().err
        assert not file.exists()


def test_a_checkpoint_of_other_settings_is_no_failed_run(capsys):
    def refuse(config):
        if Path(f"out/checkpoints/{key}.pt").exists():
            raise ForeignCheckpoint("it belongs to other settings")

    write(models=["sasrec"], d_emb=[4], seeds=[0])
    with training(fake := Fake(refuse)):
        key = run_sweep("spec.yml", "here")["key"][0]
        Path("out/checkpoints").mkdir(parents=True)
        Path(f"out/checkpoints/{key}.pt").write_bytes(b"of an older version")
        assert run_sweep("spec.yml", "out")["status"].to_list() == ["finished"]
    assert len(fake.calls) == 3
    assert "it belongs to other settings; the run starts from the beginning" in capsys.readouterr().err


def test_progress_stands_on_standard_error_alone(capsys):
    with training(Fake()):
        run_sweep("spec.yml", "out")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "12/12" in captured.err


def test_time_left_is_weighed_by_operations():
    sequences = load("log.csv")
    run, *_ = expand(SPEC | {"training": {"epochs": 2, "patience": None}})
    trained = train(sequences, *run.configs(sequences.n_items), progress=False)
    assert _expected_flops(run, sequences) == pytest.approx(trained.flops)
    sampled = run._replace(training=run.training | {"loss": "sampled", "negatives": 2, "fraction": 0.5})
    assert _expected_flops(sampled, sequences) < trained.flops / 2


def test_the_bar_goes_by_costs(capsys):
    folder = prepare(Path("out"))
    with _progress(folder, {"a": 9.0, "b": 1.0}):
        row_file(folder, "a").write_text("{}")
    assert "1/2 runs:  90% of" in capsys.readouterr().err


# --- the best model


def test_the_best_by_validation_is_kept_and_found_again(capsys):
    write(models=["sasrec"], d_emb=[4, 8], s_max=[5], training={"epochs": 1})
    rows = run_sweep("spec.yml", "out", keep_best=True)
    best = rows.sort("valid_ndcg10", descending=True)["key"][0]
    kept = srlaw.load("out/best")
    assert kept.row["key"] == best
    assert kept.recommend(load("log.csv"), k=1).table.height == 60
    write(models=["sasrec"], d_emb=[4, 8], s_max=[5], training={"epochs": 1}, seeds=[0, 1, 2])
    more = run_sweep("spec.yml", "out", keep_best=True)
    assert srlaw.load("out/best").row["key"] == more.sort("valid_ndcg10", descending=True)["key"][0]
    assert "without --keep-best" not in capsys.readouterr().err


def test_a_best_run_whose_weights_are_gone_is_named(capsys):
    write(models=["sasrec"], d_emb=[4], s_max=[5], training={"epochs": 1}, seeds=[0])
    rows = run_sweep("spec.yml", "out")
    run_sweep("spec.yml", "out", keep_best=True)
    said = capsys.readouterr().err
    assert f"no model is kept: the best run, {rows['key'][0]}, was trained without --keep-best" in said


def test_a_best_folder_of_something_else_is_refused():
    Path("out/best").mkdir(parents=True)
    Path("out/best/notes.txt").write_text("precious")
    with pytest.raises(InputError, match="is not overwritten"):
        run_sweep("spec.yml", "out", keep_best=True)
    assert Path("out/best/notes.txt").read_text() == "precious"


def test_a_best_model_of_other_data_is_refused():
    write(models=["sasrec"], d_emb=[4], s_max=[5], training={"epochs": 1})
    run_sweep("spec.yml", "out", keep_best=True)
    pl.read_csv("log.csv").head(300).write_csv("log.csv")
    with pytest.raises(InputError, match="is a model of other data"):
        run_sweep("spec.yml", "out", keep_best=True)


def test_the_table_of_a_sweep_has_yardsticks_where_rows_have_them():
    write(models=["sasrec"], d_emb=[4], s_max=[5], training={"epochs": 1})
    _, out, _ = command("sweep", "spec.yml", "--out", "out")
    assert "item→next counts, then popularity" in out
    assert "smallest visible difference" in out
    rows = run_sweep("spec.yml", "out")
    old = [{k: v for k, v in row.items() if "baseline" not in k and "_se" not in k} for row in rows.to_dicts()]
    text = of_sweep([*old, old[0] | {"status": "failed", "error": "out of memory", "hr10": None, "ndcg10": None}])
    assert "yardsticks" not in text
    assert "out of memory" in text
    assert f"{rows['hr10'][0]:.4f}" in text


# --- several at once


def test_sweeps_that_share_a_folder_train_nothing_twice():
    fake = Fake(lambda config: time.sleep(0.02))
    tables = []
    with training(fake):
        threads = [threading.Thread(target=lambda: tables.append(run_sweep("spec.yml", "out"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(fake.calls) == 12
    for table in tables:
        assert_frame_equal(table, tables[0])
    assert len(tables) == 4


def test_a_sweep_waits_for_runs_of_others_and_takes_over_what_they_leave():
    with training(Fake()):
        key = run_sweep("spec.yml", "out")["key"][5]
    Path(f"out/rows/{key}.json").unlink()
    other = FileLock(f"out/locks/{key}")
    other.acquire()
    with training(fake := Fake()):
        thread = threading.Thread(target=run_sweep, args=("spec.yml", "out"))
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        assert fake.calls == []
        other.release()
        thread.join()
    assert len(fake.calls) == 1


def test_where_there_are_no_locks_a_sweep_refuses_to_work():
    with (
        mock.patch("filelock._unix.lock_fd_nonblocking", side_effect=OSError(errno.ENOSYS, "not implemented")),
        training(fake := Fake()),
        pytest.raises(InputError, match="cannot be locked: not implemented; put the sweep on another disk"),
    ):
        run_sweep("spec.yml", "out")
    assert fake.calls == []


def test_sweeps_import_nothing_that_windows_lacks():
    program = "import sys; sys.modules |= {'fcntl': None, 'pwd': None, 'grp': None}; import srlaw.sweep"
    subprocess.run([sys.executable, "-c", program], check=True)


# --- killed


FORKS = multiprocessing.get_context("forkserver")  # of a process that has imported torch, once for all kills
FORKS.set_forkserver_preload(["srlaw.sweep", "lightning_fabric"])


def sweep(folder, jobs):
    """In a process group of its own; each run has one thread, as in this process."""
    os.setsid()
    os.chdir(folder)
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    run_sweep("spec.yml", "out", jobs=jobs)


def start(jobs):
    process = FORKS.Process(target=sweep, args=(os.getcwd(), jobs))
    process.start()
    return process


def contents(folder):
    """Bytes by name; a file that a running sweep takes away between its listing and its reading is not among them."""
    found = {}
    for file in Path("out", folder).glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):
            found[file.name] = file.read_bytes()
    return found


def kill_at_a_random_moment(rng, jobs):
    """Start, wait for the first run to begin, for up to two rows, and for a random time more; then kill -9."""
    locks, enough = contents("locks"), len(contents("rows")) + rng.integers(2, endpoint=True)
    process = start(jobs)
    while process.is_alive() and (contents("locks") == locks or len(contents("rows")) < enough):
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.15))
    assert process.is_alive()
    os.killpg(process.pid, signal.SIGKILL)
    process.join()


def test_a_sweep_killed_three_times_ends_as_if_undisturbed():
    write(training=SPEC["training"] | {"epochs": 10})
    rng = np.random.default_rng(4)
    seen = {}
    for jobs in (1, 2, 1):
        kill_at_a_random_moment(rng, jobs)
        assert seen.items() <= contents("rows").items()  # no finished row is lost or written again
        seen = contents("rows")
    assert 0 < len(seen) < 12
    last = start(jobs=1)
    last.join()
    assert last.exitcode == 0
    assert seen.items() <= contents("rows").items()
    assert contents("checkpoints") == {}
    rows = pl.read_csv("out/rows.csv")
    assert len(rows) == rows["key"].n_unique() == 12
    run_sweep("spec.yml", "undisturbed")
    assert_frame_equal(rows.drop(CLOCK), pl.read_csv("undisturbed/rows.csv").drop(CLOCK), check_exact=True)
    assert set(rows["status"]) == {"finished"}


def test_a_run_that_kills_its_process_fails_and_the_rest_goes_on(folder):
    def deadly(sequences, head, run, folder, *_):  # travels by value, so its process starts quickly
        (folder / "locks" / f"{head['key']}.begun").write_text("by me")
        if head["key"] == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "rows" / f"{head['key']}.json").write_text('{"status": "finished"}')

    for name in ("rows", "locks", "checkpoints"):
        (folder / name).mkdir()
    work = {key: ({"key": key}, None) for key in ("a", "b", "deadly", "c", "d")}
    with mock.patch("srlaw.sweep.runner._train_one", deadly), parallel_config("loky", n_jobs=2):
        runner._train_all(work, None, folder, threads=1)
    rows = {file.stem: json.loads(file.read_text()) for file in Path("rows").iterdir()}
    assert rows.keys() == work.keys()
    assert [key for key, row in rows.items() if row["status"] == "failed"] == ["deadly"]
    assert "its process was killed" in rows["deadly"]["error"]


def test_workers_end_with_the_sweep_that_started_them():
    write(training={"epochs": 1_000_000, "patience": None, "device": "cpu"})  # nobody finishes meanwhile
    process, workers = start(jobs=2), []
    try:
        while len(begun := [file for file in Path("out/locks").glob("*.begun") if "\n" in file.read_text()]) < 2:
            assert process.is_alive()
            time.sleep(0.05)
        workers += [psutil.Process(int(file.read_text().split()[1])) for file in begun]
        assert all(worker.ppid() == process.pid for worker in workers)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        deadline = time.monotonic() + 20
        while any(is_at_work(worker) for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(is_at_work(worker) for worker in workers)
    finally:
        for one in (process.pid, *(worker.pid for worker in workers)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
    for file in begun:  # whose locks went with them
        assert FileLock(file.with_suffix("")).acquire(timeout=20)


def is_at_work(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- real training, on clusters and by the command


@pytest.fixture
def undisturbed():
    write(models=["sasrec", "hstu"], d_emb=[4], training={"epochs": 2, "device": "cpu"})
    return trained_here()


@cache  # the folder is another one for each test, the log and the specification are the same
def trained_here():
    return run_sweep("spec.yml", "here")


def assert_same(rows, expected):
    assert_frame_equal(rows.drop(CLOCK), expected.drop(CLOCK))


def missing(package):
    return pytest.mark.skipif(not find_spec(package), reason=f"{package} is not installed: pip install -e '.[cluster]'")


@missing("ray")
def test_a_local_ray_cluster_gives_the_same_rows(undisturbed, monkeypatch):
    import ray

    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))  # or Ray leaves one in the home folder
    monkeypatch.setenv("RAY_worker_niceness", "0")  # or its workers wait for the other tests
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert_same(run_sweep("spec.yml", "out", backend="ray", jobs=2), undisturbed)
    finally:
        ray.shutdown()


@missing("distributed")
def test_a_local_dask_cluster_gives_the_same_rows(undisturbed, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD", "forkserver")  # that of the kills above
    assert_same(run_sweep("spec.yml", "out", backend="dask", jobs=2), undisturbed)


@missing("distributed")
def test_dask_workers_with_several_threads_are_refused():
    from distributed import Client

    cluster = Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with cluster, pytest.raises(InputError, match="--nthreads 1"):
        run_sweep("spec.yml", "out", backend="dask")


def test_one_model_by_name():
    row = train_once("log.csv", one("hstu"))
    assert {"loss", "hr10", "ndcg10", "params_total", "flops", "wall_s"} <= row.keys()
    assert "entropy_floor" not in row
    with training(Fake()):
        row = train_once("synthetic", one("hstu"))
    assert row["entropy_floor"] == population().entropy_rate
    with pytest.raises(InputError, match="'gru' is not one of"):
        train_once("log.csv", one("gru"))


# --- the committed rows

SWEEPS = Path(__file__).parents[1] / "data" / "sweeps"


COMMITTED = sorted(file.stem for file in SWEEPS.glob("*.csv") if not file.stem.endswith(("-curves", "-users")))


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_rows_are_those_of_their_specification(name):
    """By their keys, which are made of all settings and of the data."""
    rows = pl.read_csv(SWEEPS / f"{name}.csv")
    assert rows["data"].n_unique() == 1
    runs, spec = {}, read_spec(SWEEPS / f"{name}.yml")
    dataset = Path(spec["dataset"]).stem  # a file goes by its name
    assert set(rows["dataset"]) == {dataset}
    for run in expand(spec):
        configs = run.configs(rows["n_items"][0])
        runs[run_key(dataset, rows["data"][0], run.model, *configs)] = run
    assert set(rows["key"]) <= set(runs)
    assert rows["key"].is_unique().all()
    for row in rows.filter(status="finished").iter_rows(named=True):
        run = runs[row["key"]]
        assert {name: row[name] for name in ("n_layers", "d_emb", "s_max")}.items() <= run.architecture.items()
        assert (row["model"], row["seed"]) == (run.model, run.training["seed"])
        assert row["best_epoch"] <= row["epochs"] <= row["max_epochs"]
