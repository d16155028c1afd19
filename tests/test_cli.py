"""The command line as users meet it: a process, its output, its exit status."""

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest

from srlaw.cli import main
from srlaw.output import log_words, source


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def srlaw(*arguments, cwd=None):
    """Run the command within this process, which is quick; `test_the_installed_command` starts a real one."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["srlaw", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(cwd or "."),
        pytest.raises(SystemExit) as stop,
    ):
        main()
    return Done(stop.value.code, out.getvalue(), err.getvalue())


def test_the_installed_command(tmp_path):
    (tmp_path / "x.txt").write_text("1 2 3 1 2 3")
    command = [Path(sys.executable).with_name("srlaw"), "entropy", tmp_path / "x.txt", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["n"] == 6
    assert subprocess.run(command[:2], capture_output=True, check=False).returncode == 2


def answer(*arguments):
    done = srlaw(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(*arguments, cwd=None):
    """The one line on standard error of a command that fails with status 2 and prints nothing else."""
    done = srlaw(*arguments, cwd=cwd)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    rows = [(u, (7 * u + t * t) % 11, t) for u in range(6) for t in range(4 + u)]
    path.write_text("user_id,item_id,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
    return path


def test_stats_has_the_keys_of_the_contract(log):
    whole = answer("stats", log)
    assert len(whole) == 1
    assert whole[0]["s_max"] is None
    assert whole[0]["tokens"] == sum(4 + u for u in range(6))
    rows = answer("stats", log, "--s-max", 5, "--s-max", 2)
    assert [row["s_max"] for row in rows] == [5, 2]
    wanted = "dataset s_max users items tokens mean_length apen tokens_over_apen apen_pooled entropy_rate"
    assert set(wanted.split()) <= set(rows[0])
    more = "repeats_per_user conditional_entropy shuffle_loss next_ndcg10_shuffled s_real support notes"
    assert set(more.split()) <= set(rows[0])
    assert rows[1]["apen"] is None  # two events are too few for m = 2: null, not NaN
    assert rows[1]["users_with_apen"] == 0


def test_stats_prints_every_order_the_yardsticks_and_a_sentence(log):
    printed = srlaw("stats", log, "--s-max", 5).stdout
    for part in ("entropy_rate_order", "given … events before", "item→next counts, histories shuffled", "of 6 users"):
        assert part in printed
    (row,) = answer("stats", log, "--s-max", 5)
    assert printed.rstrip().endswith(row["support"])
    assert f"{row['conditional_entropy'][1]['value']:.4f}" in printed
    assert f"shuffle_loss      {row['shuffle_loss']:.6g}" in printed
    short = log.with_name("short.csv")
    short.write_text("user,item,time\na,x,1\n")
    assert srlaw("stats", short).stdout.rstrip().endswith("no model of sequences can be tested here.")


def test_stats_of_the_embedded_data_set_and_its_lengths(tmp_path):
    target = tmp_path / "lengths.csv"
    (row,) = answer("stats", "synthetic", "--lengths", target)
    assert row["dataset"] == "synthetic"
    header, *lines = target.read_text().splitlines()
    assert header == "length,users,users_with_repeats"
    assert sum(int(line.split(",")[0]) * int(line.split(",")[1]) for line in lines) == row["tokens"]
    assert os.listdir(tmp_path) == ["lengths.csv"]


def test_stats_reads_what_its_options_say(tmp_path):
    (tmp_path / "log.txt").write_text("who;what;when\na;x;2\na;y;1\na;y;1\n")
    options = ["--user", "who", "--item", "what", "--separator", ";"]
    timed = ["--time", "when", "--sort", "--duplicates", "drop"]
    assert answer("stats", tmp_path / "log.txt", *options, *timed)[0]["tokens"] == 2
    assert answer("stats", tmp_path / "log.txt", *options, "--time", "none")[0]["tokens"] == 3


def test_train_reads_logs_as_stats_does(tmp_path):
    (tmp_path / "log.csv").write_text(
        "user;item\n" + "".join(f"{u};{(u + t) % 3}\n" for u in range(9) for t in range(4))
    )
    row = answer("train", tmp_path / "log.csv", "--model", "sasrec", *TINY, "--separator", ";", "--time", "none")
    assert row["dataset"] == "log"


def test_lengths_replace_a_plain_file_whole(log, tmp_path):
    target = tmp_path / ("x" * 251 + ".csv")  # as long as a name may be
    target.write_text("old")
    answer("stats", log, "--lengths", target)
    assert target.read_text().startswith("length,users")
    assert sorted(os.listdir(tmp_path)) == ["log.csv", target.name]


def test_lengths_of_a_registered_data_set_never_replace_its_files(tmp_path):
    (tmp_path / "ml-1m").mkdir()
    ratings = tmp_path / "ml-1m/ratings.dat"
    ratings.write_text("1::2::3::4\n")
    for path in (tmp_path, tmp_path / "ml-1m", ratings):
        line = refusal("stats", "ml-1m", "--path", path, "--lengths", ratings)
        assert "is read by the same command" in line
    assert ratings.read_text() == "1::2::3::4\n"


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="only root can act as another user")
def test_folders_without_permission_are_named(log, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed/log.csv").write_text(log.read_text())
    (tmp_path / "secret.csv").write_text(log.read_text())
    (tmp_path / "secret.csv").chmod(0o600)
    tmp_path.chmod(0o755)
    closed = [parent for parent in (tmp_path, *tmp_path.parents) if not parent.stat().st_mode & 0o001]
    for parent in closed:
        parent.chmod(parent.stat().st_mode | 0o011)
    commands = [
        ["stats", tmp_path / "closed/log.csv"],
        ["stats", tmp_path / "secret.csv"],
        ["stats", "ml-1m", "--path", tmp_path / "closed/x"],
        ["stats", "ml-1m", "--path", tmp_path / "closed"],
        ["stats", "ml-1m", "--path", tmp_path / "secret.csv"],
        ["entropy", tmp_path / "closed/log.csv"],
        ["entropy", tmp_path / "secret.csv"],
    ]
    for arguments in commands:  # with permission, so that all modules are imported before it is given up
        srlaw(*arguments)
    os.seteuid(65534)
    try:
        for arguments in commands:
            assert "Permission denied" in refusal(*arguments)
        assert "may not be written to" in refusal("stats", log, "--lengths", tmp_path / "lengths.csv")
        assert "Permission denied" in refusal("stats", log, "--lengths", tmp_path / "closed/lengths.csv")
    finally:
        os.seteuid(0)
        for parent in closed:
            parent.chmod(parent.stat().st_mode & ~0o011)


ML_1M = Path(__file__).parents[2] / "shared/datasets/ml-1m"


@pytest.mark.skipif(not ML_1M.is_dir(), reason="the MovieLens-1M ratings are not on this machine")
def test_stats_of_movielens_1m():
    rows = answer("stats", "ml-1m", "--path", ML_1M, "--s-max", 100, "--s-max", 150, "--s-max", 200)
    assert [row["tokens"] for row in rows] == [447407, 570537, 661028]
    assert {row["users"] for row in rows} == {6040}
    assert [row["apen"] for row in rows] == pytest.approx([0.018370, 0.016945, 0.016430], abs=1e-6)


@pytest.mark.parametrize("suffix", [".txt", ".npy"])
def test_entropy_of_a_file(tmp_path, suffix):
    x = np.array([1, 2, 3] * 20 + [4])
    path = tmp_path / f"x{suffix}"
    np.save(path, x) if suffix == ".npy" else path.write_text("\n".join(map(str, x)))
    row = answer("entropy", path, "--m", 1)
    wanted = "n alphabet apen shannon conditional conditional_corrected lempel_ziv compression_ratio"
    assert set(wanted.split()) <= set(row)
    assert (row["n"], row["alphabet"]) == (61, 4)


@pytest.mark.parametrize("dtype", [">i8", "<i8", ">u4", "<i2", "u1", ">i2"])
def test_arrays_of_any_integer_type_and_byte_order(tmp_path, dtype):
    x = np.array([1, 2, 3] * 20 + [4])
    np.save(tmp_path / "x.npy", x.astype(dtype))
    np.save(tmp_path / "native.npy", x)
    for tolerance in (0, 1):
        assert answer("entropy", tmp_path / "x.npy", "--r", tolerance) == answer(
            "entropy", tmp_path / "native.npy", "--r", tolerance
        )


def test_an_array_that_claims_terabytes_or_is_an_archive(tmp_path):
    with (tmp_path / "x.npy").open("wb") as file:
        header = {"descr": "<i8", "fortran_order": False, "shape": (10**13,)}
        np.lib.format.write_array_header_1_0(file, header)
    assert "is not a .npy array" in refusal("entropy", tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", x=np.arange(3))
    (tmp_path / "x.npz").replace(tmp_path / "x.npy")
    assert "is an .npz archive" in refusal("entropy", tmp_path / "x.npy")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8", "shift-jis"])
def test_every_output_encoding_does(tmp_path, encoding):
    log = tmp_path / "日本.csv"
    log.write_text("user,item,time\nü,日,1\n")

    def printed(*arguments):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with (
            mock.patch.object(sys, "argv", ["srlaw", *map(str, arguments)]),
            mock.patch.object(sys, "stdout", out),
            pytest.raises(SystemExit) as stop,
        ):
            main()
        assert stop.value.code == 0
        return out.buffer.getvalue()

    assert json.loads(printed("stats", log, "--json").decode("ascii"))[0]["dataset"] == "日本"
    assert "reproduced" in {row["verdict"] for row in json.loads(printed("claims", "--json"))}
    shown = "日本" if encoding in ("utf-8", "shift-jis") else "??"
    assert f"dataset             {shown}" in printed("stats", log).decode(encoding)
    assert "Lemma 3.1" in printed("claims").decode(encoding)


def test_a_reader_that_stops_is_no_error():
    command = [Path(sys.executable).with_name("srlaw"), "claims"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_undefined_measures_are_null_with_a_reason(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("5 5")
    row = answer("entropy", path)
    assert row["apen"] is None
    assert "needs at least 3 events" in row["notes"][0]


GRID = Path(__file__).parents[1] / "data/paper/performance_law_grid.csv"


def test_fit_has_the_keys_of_the_contract():
    rows = answer("fit", GRID, "--law", "log-quadratic", "--y", "hr10", "--by", "dataset,s_max", "--bootstrap", 20)
    assert len(rows) == 10
    assert rows[0]["group"] == {"dataset": "ml-1m", "s_max": 100}
    wanted = "group law n params stderr r2 aicc objective status interval"
    assert set(wanted.split()) <= set(rows[0])
    assert set(rows[0]["interval"]) == set(rows[0]["params"])
    assert rows[0]["r2"] == pytest.approx(0.8932, abs=1e-4)


def test_fit_reads_arguments_from_other_columns(tmp_path):
    table = tmp_path / "runs.csv"
    loss = [3, 2.5, 2.2, 2.1]
    table.write_text("val,hit\n" + "".join(f"{v},{0.9 - 0.2 * v}\n" for v in loss))
    (row,) = answer("fit", table, "--law", "linear-loss", "--y", "hit", "--x", "loss=val")
    assert row["params"] == pytest.approx({"a": 0.9, "k": 0.2})
    assert "a 0.9" in srlaw("fit", table, "--law", "linear-loss", "--y", "hit", "--x", "loss=val").stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--law", "cubic", "--y", "hr10"], "the laws are performance"),
        (["--law", "power", "--y", "hr"], "no column 'hr'"),
        (["--law", "power", "--y", "hr10", "--x", "n_layers"], "not of the form ARGUMENT=COLUMN"),
        (["--law", "power", "--y", "hr10", "--x", "loss=s_max"], "no argument 'loss'"),
        (["--law", "power", "--y", "dataset"], "line 2: column 'dataset'"),
        (["--law", "power", "--y", "hr10", "--by", "n_layers"], "every point has n_layers = 4"),
        (["--law", "power", "--y", "hr10", "--bootstrap", "-1"], "number of resamples"),
        (["--law", "power", "--y", "hr10", "--huber", "0.001"], "huber is for the law chinchilla"),
        (["--law", "power"], "--y"),
    ],
)
def test_bad_fits_are_one_sentence(arguments, part):
    assert part in refusal("fit", GRID, *arguments)


TINY = ["--n-layers", 1, "--d-emb", 8, "--s-max", 20, "--epochs", 1]


def test_train_prints_one_row_and_the_entropy_floor():
    row = answer("train", "synthetic", "--model", "sasrec", *TINY)
    wanted = "dataset model n_layers d_emb s_max loss hr10 ndcg10 mrr flops wall_s device versions"
    assert set(wanted.split()) <= set(row)
    assert (row["model"], row["epochs"]) == ("sasrec", 1)
    assert row["entropy_floor"] < row["loss"]


def test_train_prints_yardsticks_and_errors_first_then_the_row():
    done = srlaw("train", "synthetic", "--model", "sasrec", *TINY)
    table, _, details = done.stdout.partition("\ndataset ")
    for part in ("sasrec  ", "item→next counts, then popularity", "gain over the best of these", "2,000 users", "± "):
        assert part in table
    assert "smallest visible difference" in table
    assert "baseline_next_hr10 " in details


def test_train_takes_the_settings_that_people_need():
    settings = ["--loss", "sampled", "--negatives", 20, "--learning-rate", 0.001, "--batch-events", 500]
    row = answer("train", "synthetic", "--model", "sasrec", *TINY, *settings, "--dropout", 0.2, "--fraction", 0.25)
    wanted = {
        "objective": "sampled", "log_correction": True, "negatives": 20, "learning_rate": 0.001, "batch_events": 500,
        "dropout": 0.2, "fraction": 0.25, "train_users": 500, "users": 2000, "devices": 1,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    names = ("popularity", "recent", "next")
    assert {f"baseline_{name}_{metric}" for name in names for metric in ("hr10", "ndcg10")} <= set(row)
    assert {"hr10_se", "ndcg10_se", "gain_hr10", "gain_hr10_se", "data"} <= set(row)


def test_a_large_catalogue_is_trained_with_the_sampled_loss_and_says_so(log):
    with mock.patch("srlaw.training.config.SAMPLED_ABOVE", 10):
        done = srlaw("train", log, "--model", "sasrec", *TINY, "--json")
        row = json.loads(done.stdout)
        assert (row["objective"], row["log_correction"], row["negatives"]) == ("sampled", True, 256)
        assert "11 items, so it trains with the sampled softmax" in done.stderr
        assert answer("train", log, "--model", "sasrec", *TINY, "--loss", "full")["objective"] == "full"
    assert answer("train", log, "--model", "sasrec", *TINY)["objective"] == "full"


def test_the_help_states_the_size_that_the_loss_changes_at():
    from srlaw.training.config import SAMPLED_ABOVE, TrainConfig

    said = " ".join(srlaw("train", "--help").stdout.split())
    assert f"by default full up to {SAMPLED_ABOVE:,} items" in said
    assert f"for a batch; {TrainConfig().negatives}." in said
    assert f"at its highest; {TrainConfig().learning_rate}." in said


def test_words_of_a_log_leave_out_what_is_the_default_and_nothing_else():
    how = {"user": None, "item": "error", "time": "none", "sort": False, "duplicates": "error"}
    assert log_words(source("my log.csv", None, how)) == ["my log.csv", "--item", "error", "--time", "none"]


def test_train_saves_and_recommend_serves(log, tmp_path):
    how = ("--sort", "--duplicates", "drop")
    done = srlaw("train", log, "--model", "sasrec", *TINY, *how, "--save", tmp_path / "my model", "--json")
    assert done.returncode == 0
    shown = shlex.split(done.stderr.partition("to use it: srlaw ")[2])
    assert shown == ["recommend", str(tmp_path / "my model"), str(log), *how]
    assert srlaw(*shown).returncode == 0
    assert json.loads(done.stdout)["hr10"] is not None
    (tmp_path / "who.txt").write_text("5\n\n 0 \nnobody\n")
    done = srlaw("recommend", tmp_path / "my model", log, "--k", 2, "--users", tmp_path / "who.txt", "--keep-history")
    header, *lines = done.stdout.splitlines()
    assert header == "user,rank,item,score"
    assert [line.split(",")[:2] for line in lines] == [[u, r] for u in ("0", "5", "nobody") for r in "12"]
    assert [line.endswith(",") for line in lines] == [False] * 4 + [True] * 2  # popularity has no score
    assert "the log does not have 1 of the users asked for ('nobody')" in done.stderr
    rows = answer("recommend", tmp_path / "my model", log, "--k", 3)
    assert {type(row["item"]) for row in rows} == {int}
    new = tmp_path / "new.csv"
    new.write_text("user,item,time\na,0,1\na,x,2\nb,y,3\n")
    done = srlaw("recommend", tmp_path / "my model", new, "--json")
    assert [row["score"] is None for row in json.loads(done.stdout) if row["user"] == "b"]
    assert "2 of 3 events have an item that the model does not know" in done.stderr
    assert "1 users have no item that the model knows" in done.stderr


def test_sweep_prints_its_rows_and_finds_them_again(tmp_path):
    (tmp_path / "spec.yml").write_text(
        "dataset: synthetic\ns_max: [20]\nmodels: [sasrec]\nn_layers: [1]\nd_emb: [8]\nprecisions: [float32]\n"
        "seeds: [0]\ntraining: {epochs: 1}\n"
    )
    first = answer("sweep", tmp_path / "spec.yml", "--out", tmp_path / "out")
    assert [row["status"] for row in first] == ["finished"]
    assert answer("sweep", tmp_path / "spec.yml", "--out", tmp_path / "out") == first


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "synthetic", "--model", "bert"], "not one of sasrec, hstu, llama"),
        (["train", "synthetic", "--model", "hstu", "--precision", "float16"], "float32, bfloat16"),
        (["train", "synthetic", "--model", "hstu", "--epochs", "0"], "epochs is 0"),
        (["sweep", "missing.yml", "--out", "out"], "there is no file 'missing.yml'"),
    ],
)
def test_bad_training_is_one_sentence(tmp_path, arguments, part):
    assert part in refusal(*arguments, cwd=tmp_path)
    assert os.listdir(tmp_path) == []


def test_claims_lists_the_whole_ledger():
    rows = answer("claims")
    assert len(rows) > 20
    assert set(rows[0]) >= {"id", "place", "statement", "verdict", "evidence", "chapter"}
    assert "Lemma 3.1" in srlaw("claims").stdout


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"1 2\n3 four 5\n", "x.txt, line 2: 'four' is not an integer"),
        (b"1 2 nan\n", "line 1: 'nan' is not an integer"),
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is not text"),
        (b"99999999999999999999999999", "does not fit 64 bits"),
    ],
)
def test_bad_sequences_are_one_sentence(tmp_path, content, part):
    (tmp_path / "x.txt").write_bytes(content)
    assert part in refusal("entropy", "x.txt", cwd=tmp_path)


@pytest.mark.parametrize("array", [np.zeros((2, 2), int), np.array([1.5, np.nan]), np.array([], int)])
def test_bad_arrays_are_one_sentence(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    assert "must hold integers in one dimension" in refusal("entropy", tmp_path / "x.npy")
    (tmp_path / "x.npy").write_bytes(b"no array")
    assert "is not a .npy array" in refusal("entropy", tmp_path / "x.npy")


@pytest.mark.parametrize(
    "arguments",
    [
        ["stats", "no-such-data"],
        ["stats", "synthetic", "--s-max", "0"],
        ["stats", "synthetic", "--m", "0"],
        ["stats", "synthetic", "--r", "-1"],
        ["stats", "synthetic", "--lengths", "no/such/folder/x.csv"],
        ["stats"],
        ["entropy", "missing.txt"],
        ["entropy", "."],
        ["guess"],
        ["stats", "synthetic", "--colour"],
        [],
    ],
)
def test_mistakes_end_in_one_sentence_and_status_2(arguments, tmp_path):
    assert refusal(*arguments, cwd=tmp_path).startswith("srlaw: ")
    assert os.listdir(tmp_path) == []
