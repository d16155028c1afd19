"""The run table: what is read, what is left out, how repeats are averaged, and what is refused."""

import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srlaw.cli import main
from srlaw.errors import InputError
from srlaw.laws.table import fit_table
from srlaw.models import CONFIGS
from srlaw.runs import BLANK, SETTINGS, filled, finished_rows, read_runs
from srlaw.training.config import TrainConfig

SWEEP = Path(__file__).parents[1] / "data" / "sweeps" / "ml-1m-two-cores.csv"
X = ("n_layers", "d_emb")


def write(tmp_path, text, name="runs.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_settings_are_those_of_the_configurations():
    """A column that tells two configurations apart must not be averaged over."""
    settings = {f.name for kind in CONFIGS.values() for f in fields(kind)} | {f.name for f in fields(TrainConfig)}
    renamed = {"loss": "objective", "epochs": "max_epochs"}  # in a row, the plain names are outcomes
    wanted = {renamed.get(name, name) for name in settings} | {"dataset", "data", "model"}
    assert set(SETTINGS) >= wanted - {"seed", "device"}


def test_the_committed_sweep_is_read_and_its_labels_and_numbers_are_typed():
    runs = read_runs(SWEEP, X, ["hr10", "loss"], ["dataset", "model", "s_max"])
    raw = pl.read_csv(SWEEP).filter(pl.col("status") == "finished")
    assert runs.counts.sum() == raw.height
    assert runs.labels.schema == {"dataset": pl.String, "model": pl.String, "s_max": pl.Int64}
    assert set(runs.x.dtypes + runs.y.dtypes) == {pl.Float64}
    assert runs.frame.columns == [
        "dataset", "model", "s_max", "n_layers", "d_emb", "hr10", "loss", "hr10_se", "loss_se", "runs",
    ]  # fmt: skip
    assert runs.y["hr10"].mean() == pytest.approx(raw.group_by("model", *X).agg(pl.col("hr10").mean())["hr10"].mean())


def test_a_reader_s_file_may_have_a_mark_blank_lines_and_crlf(tmp_path):
    text = '\ufeffn_layers,d_emb,"hit, rate",\r\n\r\n2, 8 ,0.1,\r\n , ,,\r\n4,8,2e-1,\r\n'
    runs = read_runs(write(tmp_path, text), X, ["hit, rate"])
    assert runs.x.to_dict(as_series=False) == {"n_layers": [2.0, 4.0], "d_emb": [8.0, 8.0]}
    assert runs.y["hit, rate"].to_list() == [0.1, 0.2]
    with pytest.raises(InputError, match=r"line 5: column 'd_emb' is 'x'"):
        read_runs(write(tmp_path, text.replace("4,8", "4,x")), X, ["hit, rate"])


def test_labels_stay_labels(tmp_path):
    text = "g,h,y\n007,1,1\n7,2,2\n1e3,3,3\n1000,4,4\n007,5,5\n"
    runs = read_runs(write(tmp_path, text), [], ["y"], ["g"])
    assert [(group["g"], part.y["y"].to_list()) for group, part in runs.groups()] == [
        ("007", [1, 5]), ("7", [2]), ("1e3", [3]), ("1000", [4]),
    ]  # fmt: skip
    numbers = read_runs(write(tmp_path, text), [], ["y"], ["h"])
    assert [group["h"] for group, _ in numbers.groups()] == [1, 2, 3, 4, 5]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1), min_size=1))
def test_any_label_comes_back_as_it_was_written(labels):
    labels = [label for label in labels if label.strip()] or ["x"]
    frame = pl.DataFrame({"g": labels, "y": np.arange(float(len(labels)))})
    runs = read_runs(frame, [], ["y"], ["g"])
    assert [str(value) for value in runs.labels["g"]] == labels


def test_groups_arguments_and_responses_do_not_hide_one_another(tmp_path):
    """--by y groups by a column y, whatever the response is; the response may be called y too."""
    rows = [(y, n, 0.1 * n + y) for y in (1, 2) for n in (2, 4, 8)]
    path = write(tmp_path, "y,loss,z\n" + "".join(f"{y},{n},{z}\n" for y, n, z in rows))
    fits = fit_table(path, "linear-loss", "z", by=["y"])
    assert [row["group"] for row in fits] == [{"y": 1}, {"y": 2}]
    assert [row["params"]["a"] for row in fits] == pytest.approx([1, 2])
    (same,) = fit_table(path, "linear-loss", "loss")
    assert same["params"] == pytest.approx({"a": 0, "k": -1})
    with pytest.raises(InputError, match="two columns 'loss'"):
        _ = read_runs(path, ["loss"], ["loss"]).frame


def test_failed_rows_are_dropped_and_counted(tmp_path):
    text = "status,g,loss,y\nfinished,a,1,1\nfailed,a,,\nfinished,a,2,3\n,b,9,x\nfinished,a,3,4\n"
    path = write(tmp_path, text)
    runs = read_runs(path, ["loss"], ["y"], ["g"])
    assert runs.y["y"].to_list() == [1, 3, 4]
    assert runs.failed["g"].to_list() == ["a", "b"]
    (row,) = fit_table(path, "linear-loss", "y", by=["g"])
    assert (row["n"], row["failed"]) == (3, 1)
    with pytest.raises(InputError, match=r"line 2 has the status 'ok'.*'finished' is left out"):
        read_runs(write(tmp_path, "status,y\nok,1\n"), [], ["y"])


def test_finished_rows_come_whole_and_typed(tmp_path):
    text = "key,n,y,flag,word,none,status\n007,1,2,true,a,,finished\n1e3,2,1e-3,false,7,,finished\n9,x,,,,,failed\n"
    rows, others = finished_rows(write(tmp_path, text), text=["key"])
    assert rows == [
        {"key": "007", "n": 1, "y": 2.0, "flag": True, "word": "a", "none": None, "status": "finished"},
        {"key": "1e3", "n": 2, "y": 0.001, "flag": False, "word": "7", "none": None, "status": "finished"},
    ]
    assert [type(value) for value in rows[0].values()] == [str, int, float, bool, str, type(None), str]
    assert others == 1
    assert finished_rows(pl.DataFrame({"n": [3]})) == ([{"n": 3}], 0)


def test_a_committed_table_is_typed_as_polars_types_it():
    """Two readers of one file: the cells of this module's, and those of polars."""
    rows, others = finished_rows(SWEEP)
    frame = pl.read_csv(SWEEP, infer_schema_length=None)
    assert rows == frame.filter(status="finished").to_dicts()
    assert others == frame.filter(pl.col("status") != "finished").height


SEEDS = "n_layers,d_emb,seed,y\n2,8,0,1.0\n4,8,0,5\n2,8,1,2.0\n2,8,2,6.0\n4,8,1,7\n8,8,0,9\n"


def test_seeds_are_repeats(tmp_path):
    path = write(tmp_path, SEEDS)
    runs = read_runs(path, X, ["y"])
    assert runs.x["n_layers"].to_list() == [2, 4, 8]
    assert runs.y["y"].to_list() == [3, 6, 9]
    assert runs.counts.tolist() == [3, 2, 1]
    assert runs.errors["y"].to_list() == [pytest.approx(np.sqrt(7 / 3)), pytest.approx(1.0), None]
    assert runs.weights is None
    assert read_runs(path, X, ["y"], repeats="weights").weights.tolist() == [3, 2, 1]
    each = read_runs(path, X, ["y"], repeats="each")
    assert (each.y["y"].len(), each.repeated, each.errors["y"].null_count()) == (6, False, 6)
    assert read_runs(path, X, ["y"], ["seed"]).counts.tolist() == [1] * 6
    with pytest.raises(InputError, match="one of mean, weights, each"):
        read_runs(path, X, ["y"], repeats="median")


def test_weights_give_the_line_through_every_run_and_means_the_line_through_the_means(tmp_path):
    text = "seed,loss,y\n0,1,0\n1,1,2\n2,1,1\n0,2,4\n0,3,3\n1,3,7\n"
    path = write(tmp_path, text)
    loss, y = np.array([1, 1, 1, 2, 3, 3]), np.array([0, 2, 1, 4, 3, 7])
    slope, level = np.polyfit(loss, y, 1)
    for how in ("weights", "each"):
        (row,) = fit_table(path, "linear-loss", "y", repeats=how, bootstrap=10)
        assert row["params"] == pytest.approx({"a": level, "k": -slope})
    assert row["n"] == 6
    slope, level = np.polyfit([1, 2, 3], [1, 4, 5], 1)
    (row,) = fit_table(path, "linear-loss", "y")
    assert row["params"] == pytest.approx({"a": level, "k": -slope})
    assert (row["n"], row["runs"], row["repeats"]) == (3, 6, "mean")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,seed,y\nhstu,0,1\nllama,1,2\n", r"differ in 'model' \('hstu' and 'llama'\); group by it"),
        ("kind,seed,y\na,0,1\nb,0,2\n", r"line 2 and line 3: two runs of one .* seed, which differ in 'kind', 'y'"),
        ("seed,y\n0,1\n1,2\n0,1\n", r"line 2 and line 4: .* which are the same"),
        ("y,y\n1,2\n", "two columns 'y'"),
        ("a;y\n1;2\n", "separated by ';'; give a table of runs"),
        ("x\n1\n", "no column 'y'; its columns are 'x'"),
        ("y,z\n1\n", "line 2: it has 1 fields, and the header 2"),
        ("y\n1,2\n", "line 2: it has 2 fields, and the header 1"),
        ('y\n"1\n', "line 2: it cannot be read as a CSV table"),
        ("y\n1\n\nnan\n", "line 4: column 'y' is 'nan', not a finite number"),
        ("y\n1e308\n", "line 2: column 'y' is 1e.308; numbers beyond 1e100"),
        ("y\n" + "9" * 400 + "\n", "not a finite number"),
        ("y\n1_000\n", "'1_000', not a finite number"),
        ("y\n", "no rows below its header"),
        (" \n \n", "it is empty"),
        (b"\xff\xfey\x00", "not UTF-8 text"),
        ("y\n" + "a" * 200_000, "line 2: .*(cannot be read as a CSV table|not a finite number)"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_with_its_place(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_runs(write(tmp_path, text), [], ["y"])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_columns_asked_for_twice_or_by_no_name(tmp_path):
    path = write(tmp_path, SEEDS)
    with pytest.raises(InputError, match="by has two columns 'd_emb'"):
        read_runs(path, [], ["y"], ["d_emb", "d_emb"])
    with pytest.raises(InputError, match="by names a column without a name"):
        read_runs(path, [], ["y"], [""])
    with pytest.raises(InputError, match="no file"):
        read_runs(tmp_path / "none.csv", [], ["y"])
    with pytest.raises(InputError, match="is a folder, not a file; give a table of runs"):
        read_runs(tmp_path, [], ["y"])
    for name in ("a" * 5000, "a\0b", "a\nb"):
        with pytest.raises(InputError, match=r"^[^\n]*(cannot be (read|used)|no file)[^\n]*$"):
            read_runs(tmp_path / name, [], ["y"])


def test_frames_are_read_like_files():
    frame = pl.DataFrame({"n": [1, 2, None], "m": [True, False, True], "l": [[1], [2], [3]]})
    with pytest.raises(InputError, match="the table, row 3: column 'n' is empty"):
        read_runs(frame, [], ["n"])
    with pytest.raises(InputError, match="column 'l' holds List"):
        read_runs(frame, [], ["l"])
    assert read_runs(frame[:2], [], {"response": "n"}, ["m"]).y["response"].to_list() == [1, 2]


GRID = Path(__file__).parents[1] / "data" / "paper" / "performance_law_grid.csv"
RATIO = "n_params,tokens,loss\n" + "".join(f"{10**k},{20 * 10**k},{2 + 1 / k}\n" for k in range(1, 9))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--by", "s_max,s_max"], "two columns 's_max'"),
        (["--by", ""], "--by is empty"),
        (["--by", "s_max,,metric"], "a column without a name"),
        (["--seed", "-1", "--bootstrap", "5"], "the seed of a bootstrap is -1"),
        (["--bootstrap", "1000000000"], "between 1 and 8928 are possible"),
        (["--x", "n_layers=d_emb", "--x", "n_layers=s_max"], "gives the argument 'n_layers' twice"),
        (["--x", "a" * 5000 + "=b"], "has no argument '" + "a" * 28 + "…"),
        (["--repeats", "median"], "one of mean, weights, each"),
        (["--law", "po\nwer"], r"no law 'po\nwer'"),
        (["--y", "hr\n10"], r"no column 'hr\n10'"),
    ],
)
def test_srlaw_fit_answers_odd_options_in_one_line(monkeypatch, capsys, arguments, part):
    line = ["srlaw", "fit", str(GRID), "--law", "log-quadratic", "--y", "hr10", *arguments]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert part in err
    assert err.count("\n") == 1
    assert len(err) < 400


@pytest.mark.parametrize("delta", ["nan", "inf", "0", "-1", "1e-320", "1e300"])
def test_srlaw_fit_refuses_an_absurd_huber_delta(tmp_path, monkeypatch, capsys, delta):
    path = write(tmp_path, RATIO)
    monkeypatch.setattr(
        sys, "argv", ["srlaw", "fit", str(path), "--law", "chinchilla", "--y", "loss", "--huber", delta]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "it must be above 0" in capsys.readouterr().err


def test_a_blank_of_a_later_column_is_what_was_done_before_it():
    rows = pl.DataFrame(
        {"d_emb": [8, 8, 16], "hr10": [0.1, 0.3, 0.4], "seed": [0, 1, 0], "judged_on": [None, "test", "test"]}
    )
    assert read_runs(rows, ["d_emb"], ["hr10"]).y["hr10"].to_list() == [pytest.approx(0.2), 0.4]
    with pytest.raises(InputError, match="differ in 'judged_on'"):
        read_runs(rows.with_columns(judged_on=pl.Series([None, "validation", None])), ["d_emb"], ["hr10"])
    known = filled(pl.DataFrame({"fraction": [None, 0.5], "order": [None, None]}))
    assert known["fraction"].to_list() == [1.0, 0.5]
    assert known["order"].to_list() == ["recorded", "recorded"]
    assert filled(pl.DataFrame({"fraction": [None, "0.5", "1"]}))["fraction"].to_list() == [1.0, 0.5, 1.0]
    whole = filled(pl.DataFrame({"fraction": [None, "1"], "test_fraction": [None, 1]}))
    assert whole.rows() == [(1, 1), (1, 1)]
    assert {field.name: field.default for field in fields(TrainConfig)}.items() >= BLANK.items()
