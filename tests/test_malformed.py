"""Malformed inputs by the hundred: each ends in exit 2 and one line, with nothing printed and no file touched."""

import gzip
import io
import os
import signal
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple
from unittest import mock

import numpy as np
import polars as pl
import pytest

from srlaw.cli import main
from srlaw.datasets import load
from srlaw.errors import LONGEST
from srlaw.models import MODELS
from srlaw.recommender import Recommender
from srlaw.saved import save
from srlaw.training import TrainConfig, train

SECONDS = 60  # for one case; most take milliseconds, and what waits for a pipe would wait for ever


class Case(NamedTuple):
    """A command line, and the files (name → content, or what makes it) that lie in its working directory."""

    arguments: list[str]
    files: Mapping[str, bytes | Callable[[Path], object]] = MappingProxyType({})


def fifo(path):
    os.mkfifo(path)


def npy(array):
    return lambda path: np.save(path, array)


def npy_header(**fields):
    def write(path):
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, **fields})

    return write


def npz_called_npy(path):
    packed = io.BytesIO()
    np.savez(packed, a=np.arange(5))
    path.write_bytes(packed.getvalue())


def zipped(members, method=zipfile.ZIP_DEFLATED, damage=slice(0, 0)):
    def write(path):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        content = bytearray(packed.getvalue())
        content[damage] = bytes(len(content[damage]))
        path.write_bytes(content)

    return write


def parquet(**columns):
    return lambda path: pl.DataFrame(columns).write_parquet(path)


HEAD = b"user,item,time\n"
GOOD = HEAD + b"a,x,1\na,y,2\nb,x,3\nb,y,4\n"

# Logs, with options: (name, content, options). `stats` and `train` must refuse each of them.
LOGS = [
    ("log.csv", b"", []),
    ("log.csv", b"\n\n\n", []),
    ("log.csv", HEAD, []),
    ("log.csv", b"\xff\xfe\x00\x01", []),
    ("log.csv", b"\x00" * 50, []),
    ("log.csv", b"1,2,3\n4,5,6\n", []),
    ("log.csv", b"who,what,when\n1,2,3\n", []),
    ("log.csv", b"user,item\n1,2\n", []),
    ("log.csv", b"user;item;time\n1;2;3\n", []),
    ("log.csv", b"user|item|time\n1|2|3\n", []),
    ("log.csv", b"user\titem\ttime\n1\t2\t3\n", []),
    ("log.tsv", b"user,item,time\n1,2,3\n", []),
    ("log.csv", b"user,user,item,time\n1,2,3,4\n", []),
    ("log.csv", b"user,item,item,time\n1,2,3,4\n", []),
    ("log.csv", b"user,item,time,time\n1,2,3,4\n", []),
    ("log.csv", b"User,user,item,time\n1,2,3,4\n", []),
    ("log.csv", HEAD + b"a,x,1\n,x,2\n", []),
    ("log.csv", HEAD + b"a,x,1\na,,2\n", []),
    ("log.csv", HEAD + b"a,x,1\na,x,\n", []),
    ("log.csv", HEAD + b"a,x,1\na,x\n", []),
    ("log.csv", HEAD + b"a,x,1\na,x,2,3\n", []),
    ("log.csv", HEAD + b"NaN,x,1\n", []),
    ("log.csv", HEAD + b"a,null,1\n", []),
    ("log.csv", HEAD + b"a,x,soon\n", []),
    ("log.csv", HEAD + b'a,x,"so\non"\n', []),
    ("log.csv", HEAD + b"a,x,\x1b[31mred\x07\n", []),
    ("log.csv", HEAD + b"a,x," + b"z" * 5000 + b"\n", []),
    ("log.csv", HEAD + b"a,x," + b"z" * 200_000 + b"\n", []),
    ("log.csv", HEAD + "a,x,\u202egnp.exe\n".encode(), []),
    ("log.csv", HEAD + b"a,x,2019-02-30\n", []),
    ("log.csv", HEAD + b"a,x,2019-W60-1\n", []),
    ("log.csv", HEAD + b"a,x,inf\n", []),
    ("log.csv", HEAD + b"a,x,1e300\n", []),
    ("log.csv", HEAD + b"a,x,2\na,y,1\n", []),
    ("log.csv", HEAD + b"a,x,1\na,x,1\n", []),
    ("log.csv", HEAD + b'a,"x,1\na,y,2\n', []),
    ("log.csv", HEAD + b"caf\xe9,x,1\n", []),
    ("log.csv", b"user,item,time,rating\na,x,1,good\n", []),
    ("log.csv", b",".join(b"column%d" % n for n in range(3000)) + b"\n1\n", []),
    ("log.csv.gz", b"no gzip", []),
    ("log.csv.gz", gzip.compress(GOOD * 3000)[:60], []),
    ("log.csv", GOOD, ["--user", "who"]),
    ("log.csv", GOOD, ["--user", "item"]),
    ("log.csv", GOOD, ["--item", "z" * 3000]),
    ("log.csv", GOOD, ["--time", "a\nb"]),
    ("log.csv", GOOD, ["--time", "none", "--sort"]),
    ("log.csv", GOOD, ["--time", "none", "--duplicates", "drop"]),
    ("log.csv", GOOD, ["--duplicates", "some"]),
    ("log.csv", GOOD, ["--separator", "::"]),
    ("log.csv", GOOD, ["--separator", "\n"]),
    ("log.csv", GOOD, ["--separator", '"']),
    ("log.csv", GOOD, ["--separator", "é"]),
    ("log.csv", GOOD, ["--separator", "a"]),
    ("log.csv", GOOD, ["--separator", ";"]),
    ("log.csv", GOOD, ["--separator", ""]),
    ("log.csv", GOOD, ["--user", ""]),
    ("log.csv", GOOD, ["--time="]),
    ("log.csv", GOOD, ["--path", "."]),
    ("log.xlsx", GOOD, []),
    ("log", GOOD, []),
    ("log.csv", fifo, []),
    ("log.txt", fifo, []),
    ("log.parquet", fifo, []),
    ("log.csv", os.mkdir, []),
    ("log.parquet", b"PAR1", []),
    ("log.parquet", b"PAR1" + bytes(100) + b"PAR1", []),
    ("log.parquet", GOOD, []),
    ("log.parquet", parquet(user=[1], item=[1]), []),
    ("log.parquet", parquet(user=[1], item=[1.5], time=[1]), []),
    ("log.parquet", parquet(user=[[1]], item=[1], time=[1]), []),
    ("log.parquet", parquet(user=[1], item=[1], time=[True]), []),
    ("log.parquet", parquet(user=[1, None], item=[1, 1], time=[1, 2]), []),
    ("log.parquet", parquet(user=[1], item=[1], time=[1]), ["--separator", ","]),
    ("log.txt", b"", []),
    ("log.txt", b"\xff\xfe", []),
    ("log.txt", b"a x y\nb\n", []),
    ("log.txt", b"a\nb\n", []),
    ("log.txt", b"a x 1\na y 2\n", []),
    ("log.txt", b"a x y\na x\n", []),
    ("log.txt", b"user item time\na x 1\n", []),
    ("log.txt", b"user_id:token\titem_id:token\na\tx\n", []),
    ("log.txt", b"a nan\nb x\n", []),
    ("log.txt", b"a x\na y\n", ["--user", "user"]),
    ("log.txt", b"a x\na y\n", ["--sort"]),
    ("log.txt", b"a x\na y\n", ["--duplicates", "drop"]),
    ("log.txt", b"a x\na y\n", ["--separator", " "]),
    ("log.txt.gz", b"\x1f\x8bno gzip", []),
    ("log.inter", b"user_id:token\titem_id_list:token_seq\titem_id:token\na\tx y\tz\n", []),
    ("log.inter", b"user_id:token\titem_id:token\na\tx\n", []),
    ("log.inter", b"user_id:token,item_id:token,timestamp:float\na,x,1\n", []),
]

LONG = "x" * 300
ML = "ml-1m/ratings.dat"

STATS = [
    Case([]),
    Case(["guess"]),
    Case(["stats"]),
    Case(["stats", ""]),
    Case(["stats", "ml-2m"]),
    Case(["stats", "missing.csv"]),
    Case(["stats", "mis\x1b[31m\nsing.csv"]),
    Case(["stats", "nul\0.csv"]),
    Case(["stats", "latin\udce9.csv"], {"latin\udce9.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "latin\udce9.csv"], {"log.csv": GOOD}),
    Case(["stats", LONG + ".csv"]),
    Case(["stats", "a/" * 3000 + "log.csv"]),
    Case(["stats", "log.csv/log.csv"], {"log.csv": GOOD}),
    Case(["stats", "."]),
    Case(["stats", "synthetic", "more"]),
    Case(["stats", "synthetic", "--colour"]),
    Case(["stats", "synthetic", "--path", "."]),
    Case(["stats", "synthetic", "--time", "none"]),
    Case(["stats", "synthetic", "--m", "two"]),
    Case(["stats", "synthetic", "--m", "0"]),
    Case(["stats", "synthetic", "--m", "-1"]),
    Case(["stats", "synthetic", "--r", "-1"]),
    Case(["stats", "synthetic", "--r", "nan"]),
    Case(["stats", "synthetic", "--r", "x"]),
    Case(["stats", "log.csv", "--r", "0.5"], {"log.csv": GOOD}),
    Case(["stats", "synthetic", "--s-max", "0"]),
    Case(["stats", "synthetic", "--s-max", "-5"]),
    Case(["stats", "synthetic", "--s-max", "1.5"]),
    Case(["stats", "synthetic", "--s-max"]),
    Case(["stats", "log.csv", "--lengths", ""], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths="], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "log.csv"], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "./log.csv"], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "link"], {"log.csv": GOOD, "link": lambda path: path.symlink_to("log.csv")}),
    Case(["stats", "log.csv", "--lengths", "link"], {"log.csv": GOOD, "link": lambda path: path.symlink_to("nothing")}),
    Case(
        ["stats", "log.csv", "--lengths", "hard"],
        {"log.csv": GOOD, "hard": lambda path: path.hardlink_to(path.parent / "log.csv")},
    ),
    Case(["stats", "log.csv", "--lengths", "pipe"], {"log.csv": GOOD, "pipe": fifo}),
    Case(["stats", "log.csv", "--lengths", "/dev/full"], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "."], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "no/x.csv"], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", "log.csv/x"], {"log.csv": GOOD}),
    Case(["stats", "log.csv", "--lengths", LONG], {"log.csv": GOOD}),
    Case(["stats", "ml-1m", "--path", ".", "--lengths", "ratings.dat"], {"ratings.dat": b"1::2::3::4\n"}),
    Case(["stats", "ml-1m", "--path", "ratings.dat", "--lengths", "ratings.dat"], {"ratings.dat": b"1::2::3::4\n"}),
    Case(["stats", "ml-1m", "--path", "nowhere"]),
    Case(["stats", "ml-1m", "--path", ""]),
    Case(["stats", "ml-1m", "--path", LONG]),
    Case(["stats", "ml-1m", "--path", "."]),
    Case(["stats", "ml-1m", "--path", "pipe"], {"pipe": fifo}),
    Case(["stats", "ml-1m", "--path", "pipe.zip"], {"pipe.zip": fifo}),
    Case(["stats", "ml-1m", "--path", "/dev/zero"]),
    Case(["stats", "ml-1m", "--path", ".", "--user", "u"], {"ratings.dat": b"1::2::3::4\n"}),
    Case(["stats", "ml-1m", "--path", ".", "--separator", ":"], {"ratings.dat": b"1::2::3::4\n"}),
    Case(["stats", "ml-1m", "--path", ".", "--duplicates", "drop"], {"ratings.dat": b"1::2::3::4\n"}),
    Case(["stats", "ml-1m", "--path", "ratings.dat"], {"ratings.dat": b""}),
    Case(["stats", "ml-1m", "--path", "ratings.dat"], {"ratings.dat": b"1::2::3\n"}),
    Case(["stats", "ml-1m", "--path", "ratings.dat"], {"ratings.dat": b"user,item,time\n1,2,3\n"}),
    Case(["stats", "ml-1m", "--path", "a.zip"], {"a.zip": b""}),
    Case(["stats", "ml-1m", "--path", "a.zip"], {"a.zip": zipped({"README": "x"})}),
    Case(["stats", "ml-1m", "--path", "a.zip"], {"a.zip": zipped({"../evil": "x", ML: "1::2::3::4\n"})}),
    Case(["stats", "ml-1m", "--path", "a.zip"], {"a.zip": zipped({ML: "1::2::3::4\n"}, damage=slice(30, 60))}),
    Case(
        ["stats", "ml-1m", "--path", "a.zip"],
        {"a.zip": zipped({ML: "1::2::3::4\n" * 999}, zipfile.ZIP_LZMA, slice(60, 90))},
    ),
    Case(
        ["stats", "ml-1m", "--path", "a.zip"],
        {"a.zip": zipped({ML: "1::2::3::4\n" * 999}, zipfile.ZIP_BZIP2, slice(60, 90))},
    ),
    Case(["stats", "ml-1m", "--path", "a.tar.gz"], {"a.tar.gz": b"no archive"}),
    Case(["stats", "ml-1m", "--path", "a.tar.gz"], {"a.tar.gz": gzip.compress(b"no tar" * 999)}),
    Case(["claims", "all"]),
    Case(["claims", "--colour"]),
]

ENTROPY = [
    Case(["entropy"]),
    Case(["entropy", ""]),
    Case(["entropy", "missing.txt"]),
    Case(["entropy", LONG]),
    Case(["entropy", "nul\0"]),
    Case(["entropy", "."]),
    Case(["entropy", "/dev/zero"]),
    Case(["entropy", "x.txt"], {"x.txt": fifo}),
    Case(["entropy", "x.npy"], {"x.npy": fifo}),
    *[
        Case(["entropy", "x.txt"], {"x.txt": content})
        for content in (
            b"",
            b" \n\t\n",
            b"1 2\n3 four\n",
            b"1 2 nan\n",
            b"1 2 inf\n",
            b"1.5 2\n",
            b"1,2,3\n",
            b"0x10\n",
            b"1 --2\n",
            b"\xff\xfe\x00",
            b"\x00\x00",
            b"9" * 30,
            b"9" * 5000,
            b"1 \x1b[31mred\n",
            b"1 " + b"z" * 100_000,
            f"{2**64} {-1}".encode(),
            f"{2**63} {-1}".encode(),
        )
    ],
    *[
        Case(["entropy", "x.npy"], {"x.npy": content})
        for content in (
            b"",
            b"no array",
            b"\x93NUMPY",
            b"\x93NUMPY\x01\x00\xff\xff{",
            b"PK\x03\x04 broken",
            npz_called_npy,
            npy(np.zeros((2, 2), int)),
            npy(np.array(3)),
            npy(np.array([1.5, 2.5])),
            npy(np.array([True, False])),
            npy(np.array(["a", "b"])),
            npy(np.array([1, 2], "timedelta64[s]")),
            npy(np.array([], int)),
            lambda path: np.save(path, np.array([1, None], object), allow_pickle=True),
            npy_header(shape=(10**13,)),
            npy_header(shape=(2**62, 2**62)),
            npy_header(shape=(-1,)),
            npy_header(shape=("x",)),
            npy_header(shape=(3,), descr="<q99"),
        )
    ],
    *[
        Case(["entropy", "x.txt", *options], {"x.txt": b"1 2 1 2 3"})
        for options in (
            ["--m", "0"],
            ["--m", "-3"],
            ["--m", "2.5"],
            ["--m", ""],
            ["--r", "-0.5"],
            ["--r", "nan"],
            ["--r", "wide"],
            ["--r"],
            ["--s-max", "3"],
            ["more"],
        )
    ],
]

RUNS = b"n_layers,d_emb,hr10,loss,name\n" + b"".join(
    b"%d,%d,%.4f,%.4f,%s\n" % (n, d, 0.1 + n / 100 + d / 10_000, 3 - n / 10 - d / 1000, b"ab"[n % 2 : n % 2 + 1])
    for n in (1, 2, 4, 8)
    for d in (8, 16, 32, 64)
)
POWER = ["--law", "power", "--y", "hr10"]


def fitted(content, *options):
    return Case(["fit", "runs.csv", *(options or POWER)], {"runs.csv": content})


FITS = [
    Case(["fit"]),
    Case(["fit", "missing.csv", *POWER]),
    Case(["fit", "", *POWER]),
    Case(["fit", LONG, *POWER]),
    Case(["fit", "nul\0.csv", *POWER]),
    Case(["fit", ".", *POWER]),
    fitted(fifo),
    fitted(b""),
    fitted(b"\n\n"),
    fitted(b"\x00" * 40),
    fitted(b"\xff\xfe\x00\x01"),
    fitted(b"n_layers,d_emb,hr10\n"),
    fitted(b"n_layers;d_emb;hr10\n1;2;3\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2,3,4\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2,high\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2,\x1b[31mred\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2," + b"z" * 5000 + b"\n"),
    fitted(b'n_layers,d_emb,hr10\n1,2,"so\non"\n'),
    fitted(b"n_layers,d_emb,hr10\n1,2,nan\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2,inf\n"),
    fitted(b"n_layers,d_emb,hr10\n0,2,0.5\n"),
    fitted(b"n_layers,d_emb,hr10\n-1,2,0.5\n"),
    fitted(b"n_layers,d_emb,hr10\n1,2,0.5\n"),
    fitted(b"n_layers,d_emb,hr10,hr10\n" + b"1,2,0.5,0.6\n2,4,0.6,0.7\n4,8,0.7,0.8\n2,2,0.5,0.6\n4,2,0.6,0.5\n"),
    fitted(RUNS, "--law", "cubic", "--y", "hr10"),
    fitted(RUNS, "--law", "", "--y", "hr10"),
    fitted(RUNS, "--law", "power"),
    fitted(RUNS, "--law", "power", "--y", "hr"),
    fitted(RUNS, "--law", "power", "--y", ""),
    fitted(RUNS, "--law", "power", "--y", "name"),
    fitted(RUNS, *POWER, "--x", "n_layers"),
    fitted(RUNS, *POWER, "--x", "=d_emb"),
    fitted(RUNS, *POWER, "--x", "n_layers="),
    fitted(RUNS, *POWER, "--x", "depth=n_layers"),
    fitted(RUNS, *POWER, "--x", "n_layers=depth"),
    fitted(RUNS, *POWER, "--x", "n_layers=name"),
    fitted(RUNS, *POWER, "--by", ""),
    fitted(RUNS, *POWER, "--by", ","),
    fitted(RUNS, *POWER, "--by", "name,name"),
    fitted(RUNS, *POWER, "--by", "nobody"),
    fitted(RUNS, *POWER, "--by", "z" * 3000),
    fitted(RUNS, *POWER, "--by", "n_layers"),
    fitted(RUNS, *POWER, "--huber", "0.001"),
    fitted(RUNS, *POWER, "--huber", "wide"),
    fitted(RUNS, "--law", "chinchilla", "--y", "loss", "--huber", "-1"),
    fitted(RUNS, *POWER, "--bootstrap", "-1"),
    fitted(RUNS, *POWER, "--bootstrap", "many"),
    fitted(RUNS, *POWER, "--bootstrap", "9" * 15),
    fitted(RUNS, *POWER, "--bootstrap", "10", "--seed", "-1"),
    fitted(RUNS, *POWER, "--bootstrap", "10", "--seed", "1.5"),
]

TRAIN = ["--model", "sasrec", "--n-layers", "1", "--d-emb", "8", "--s-max", "4", "--epochs", "1"]
TRAINING = [
    *[Case(["train", name, *TRAIN, *options], {name: content}) for name, content, options in LOGS],
    Case(["train"]),
    Case(["train", "log.csv"], {"log.csv": GOOD}),
    Case(["train", "", *TRAIN]),
    Case(["train", "missing.csv", *TRAIN]),
    Case(["train", LONG, *TRAIN]),
    *[
        Case(["train", "log.csv", *TRAIN, *options], {"log.csv": GOOD})
        for options in (
            ["--model", "bert"],
            ["--model", ""],
            ["--n-layers", "0"],
            ["--n-layers", "-1"],
            ["--n-layers", "two"],
            ["--d-emb", "0"],
            ["--d-emb", "9" * 13],
            ["--s-max", "0"],
            ["--epochs", "0"],
            ["--epochs", "-1"],
            ["--precision", "float16"],
            ["--precision", ""],
            ["--seed", "-1"],
            ["--seed", "9" * 12],
            ["--seed", "x"],
            ["--colour"],
            ["--loss", "half"],
            ["--loss", ""],
            ["--negatives", "5"],
            ["--loss", "full", "--negatives", "5"],
            ["--loss", "sampled", "--negatives", "0"],
            ["--loss", "sampled", "--negatives", "9" * 12],
            ["--learning-rate", "0"],
            ["--learning-rate", "nan"],
            ["--learning-rate", "fast"],
            ["--batch-events", "0"],
            ["--dropout", "1"],
            ["--dropout", "-0.1"],
            ["--dropout", "nan"],
            ["--fraction", "0"],
            ["--fraction", "1.5"],
            ["--fraction", "nan"],
            ["--devices", "0"],
            ["--devices", "99999"],
            ["--save", ""],
            ["--save", "."],
            ["--save", ".."],
            ["--save", "log.csv"],
            ["--save", "log.csv/model"],
            ["--save", "/dev/null"],
            ["--save", LONG],
            ["--save", "nul\0"],
        )
    ],
    Case(["train", "log.csv", *TRAIN], {"log.csv": HEAD + b"a,x,1\nb,y,1\n"}),  # nobody has an event to hold out
]

FOUR = HEAD + b"".join(b"%s,%s,%d\n" % (u, i, t) for u in (b"a", b"b") for t, i in enumerate((b"x", b"y", b"z", b"x")))


def saved(path):
    """A model, whole; what the cases then do with it is wrong."""
    path.mkdir()
    for name, content in whole_model().items():
        (path / name).write_bytes(content)


@cache
def whole_model():
    with TemporaryDirectory() as folder:
        (Path(folder) / "log.csv").write_bytes(FOUR)
        log = load(str(Path(folder) / "log.csv"))
        trained = train(log, MODELS["sasrec"].config(3, 1, 8, 4), TrainConfig(epochs=1), progress=False)
        found = save(Recommender.of(trained, log), Path(folder) / "model")
        return {file.name: file.read_bytes() for file in found.iterdir()}


def damaged(name, content):
    def write(path):
        saved(path)
        (path / name).write_bytes(content)

    return write


def without(name):
    def write(path):
        saved(path)
        (path / name).unlink()

    return write


def served(*options, log=GOOD, **files):
    return Case(["recommend", "model", "log.csv", *options], {"model": saved, "log.csv": log} | files)


RECOMMENDING = [
    *[Case(["recommend", "model", name, *options], {"model": saved, name: content}) for name, content, options in LOGS],
    Case(["recommend"]),
    Case(["recommend", "model"], {"model": saved}),
    Case(["recommend", "missing", "log.csv"], {"log.csv": GOOD}),
    Case(["recommend", "", "log.csv"], {"log.csv": GOOD}),
    Case(["recommend", ".", "log.csv"], {"log.csv": GOOD}),
    Case(["recommend", LONG, "log.csv"], {"log.csv": GOOD}),
    Case(["recommend", "nul\0", "log.csv"], {"log.csv": GOOD}),
    Case(["recommend", "log.csv", "log.csv"], {"log.csv": GOOD}),
    Case(["recommend", "model", "missing.csv"], {"model": saved}),
    Case(["recommend", "model", "model"], {"model": saved}),
    *[
        Case(["recommend", "model", "log.csv"], {"model": damage, "log.csv": GOOD})
        for damage in (
            *(without(name) for name in ("config.json", "items.parquet", "weights.safetensors")),
            *(damaged("config.json", text) for text in (b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": 5}')),
            damaged("config.json", b'{"format": "srlaw model 1"}'),
            damaged("config.json", b"[" * 100_000),
            damaged("items.parquet", b""),
            damaged("items.parquet", b"PAR1" * 20),
            damaged("weights.safetensors", b""),
            damaged("weights.safetensors", b"\xff" * 64),
        )
    ],
    served("--k", "0"),
    served("--k", "-1"),
    served("--k", "ten"),
    served("--users", "missing.txt"),
    served("--users", ""),
    served("--users", "."),
    served("--users", "who.txt", **{"who.txt": b"\n \n"}),
    served("--users", "who.txt", **{"who.txt": b"\xff\xfe\x00"}),
    served("--users", "who.txt", **{"who.txt": fifo}),
    served("--colour"),
]

SPEC = """dataset: log.csv
s_max: [4]
models: [sasrec]
n_layers: [1]
d_emb: [8]
precisions: [float32]
seeds: [0]
training: {epochs: 1}
"""
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 6)
)


def swept(old="", new="", *options):
    """A sweep whose specification has `new` in place of `old`."""
    text = SPEC.replace(old, new) if old else SPEC + new
    return Case(["sweep", "spec.yml", "--out", "out", *options], {"spec.yml": text.encode(), "log.csv": GOOD})


def specified(content):
    return Case(["sweep", "spec.yml", "--out", "out"], {"spec.yml": content})


SWEEPS = [
    Case(["sweep"]),
    Case(["sweep", "missing.yml", "--out", "out"]),
    Case(["sweep", "", "--out", "out"]),
    Case(["sweep", ".", "--out", "out"]),
    Case(["sweep", LONG, "--out", "out"]),
    Case(["sweep", "nul\0", "--out", "out"]),
    Case(["sweep", "/dev/null", "--out", "out"]),
    specified(fifo),
    *[
        specified(content)
        for content in (
            b"",
            b"[]",
            b"text",
            b"\xff\xfe\x00",
            b"\x00",
            b"a: [",
            b"a: b: c",
            b"\t- x",
            b"? [a, b]\n: c\n",
            b"? {a: b}\n: c\n",
            b"1: 2\n",
            b"&a [*a]",
            b"a: &a {b: *a}\n",
            b"a: *nothing\n",
            b"a: !!python/object:os.system x\n",
            b"<<: 5\n",
            b"a: 1\n---\nb: 2\n",
            b"[" * 2000,
            BOMB.encode(),
            SPEC.replace("[4]", "*a5").encode() + BOMB.encode(),
            BOMB.encode() + SPEC.replace("[4]", "*a5").encode(),
        )
    ],
    swept("seeds: [0]", "seeds: [-1]"),
    swept("seeds: [0]", "seeds: []"),
    swept("seeds: [0]", "seeds: 0"),
    swept("seeds: [0]", "seeds: [0, 0]"),
    swept("seeds: [0]", "seeds: [99999999999999999999]"),
    swept("s_max: [4]", "s_max: [2020-01-01]"),
    swept("s_max: [4]", "s_max: [!!binary aGk=]"),
    swept("s_max: [4]", "s_max: [.nan]"),
    swept("s_max: [4]", "s_max: [[4]]"),
    swept("s_max: [4]", "s_max: [{a: 1}]"),
    swept("s_max: [4]", "s_max: !!set {4}"),
    swept("s_max: [4]", "s_max: [true]"),
    swept("s_max: [4]", "s_max: null"),
    swept("s_max: [4]", "s_max: ['four']"),
    swept("s_max: [4]", "s_max: [0]"),
    swept("s_max: [4]", f"s_max: [{'9' * 5000}]"),
    swept("n_layers: [1]", "n_layers: [0]"),
    swept("d_emb: [8]", "d_emb: [-8]"),
    swept("models: [sasrec]", "models: [bert]"),
    swept("models: [sasrec]", "models: {sasrec: {colour: red}}"),
    swept("models: [sasrec]", "models: {sasrec: [1]}"),
    swept("models: [sasrec]", "models: {1: {}}"),
    swept("precisions: [float32]", "precisions: [float16]"),
    swept("training: {epochs: 1}", "training: {epochs: 0}"),
    swept("training: {epochs: 1}", "training: {epochs: .inf}"),
    swept("training: {epochs: 1}", "training: {learning_rate: -1}"),
    swept("training: {epochs: 1}", "training: {learning_rate: .nan}"),
    swept("training: {epochs: 1}", "training: {colour: red}"),
    swept("training: {epochs: 1}", "training: [epochs]"),
    swept("training: {epochs: 1}", "training: {epochs: 1, device: cpu, devices: 99}"),
    swept("dataset: log.csv", "dataset: 5"),
    swept("dataset: log.csv", "dataset: [log.csv]"),
    swept("dataset: log.csv", "dataset: missing.csv"),
    swept("dataset: log.csv", f"dataset: {LONG}"),
    swept("dataset: log.csv", "dataset: ''"),
    swept("dataset: log.csv", "data: log.csv"),
    swept("", "colour: red\n"),
    swept("", "seeds: [1]\n"),
    swept("", "grids: 5\n"),
    swept("", "grids: []\n"),
    swept("", "grids: [5]\n"),
    swept("", "heads: [3]\n"),
    swept("", "dropouts: [2]\n"),
    swept("", "fractions: [0]\n"),
    swept("", "duplicates: some\n"),
    swept("", "separator: '::'\n"),
    swept("", "sort: [1]\n"),
    swept("", "user: 5\n"),
    swept(SPEC[: SPEC.index("precisions")], SPEC[: SPEC.index("s_max")] + "models: [sasrec]\n" + "".join(
        f"{key}: {list(range(8, 1608, 8))}\n" for key in ("s_max", "n_layers", "d_emb"))),
    swept("", "", "--backend", "slurm"),
    swept("", "", "--backend", ""),
    swept("", "", "--jobs", "0"),
    swept("", "", "--jobs", "-3"),
    swept("", "", "--jobs", "x"),
    swept("", "", "--known", "missing.csv"),
    swept("", "", "--known", "log.csv"),
    swept("", "", "--known", ""),
    swept("", "", "--out", ""),
    swept("", "", "--out", "log.csv"),
    swept("", "", "--keep-best", "--jobs", "0"),
    swept("", "", "--out", LONG),
    swept("", "", "--out", "/dev/null"),
    swept("", "", "--colour"),
]  # fmt: skip


def named(cases):
    """Cases with their command lines as names, numbered, since many differ in their files alone."""
    words = (" ".join(case.arguments[:1] + case.arguments[2:]) for case in cases)
    names = (f"{number}-{text[:40]}" for number, text in enumerate(words))
    return [
        pytest.param(case, id=name.encode("unicode_escape").decode()) for case, name in zip(cases, names, strict=True)
    ]


LOGS_OF_STATS = [Case(["stats", name, *options], {name: content}) for name, content, options in LOGS]


@pytest.mark.parametrize("case", named(LOGS_OF_STATS + STATS + ENTROPY))
def test_stats_and_entropy(case, tmp_path, monkeypatch, capfd):
    refused(case, tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize("case", named(FITS))
def test_fit(case, tmp_path, monkeypatch, capfd):
    refused(case, tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize("case", named(TRAINING))
def test_train(case, tmp_path, monkeypatch, capfd):
    refused(case, tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize("case", named(RECOMMENDING))
def test_recommend(case, tmp_path, monkeypatch, capfd):
    refused(case, tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize("case", named(SWEEPS))
def test_sweep(case, tmp_path, monkeypatch, capfd):
    refused(case, tmp_path, monkeypatch, capfd)


def test_the_lists_are_long():
    assert len(LOGS_OF_STATS + STATS + ENTROPY) >= 150
    assert len(LOGS_OF_STATS + STATS + ENTROPY + FITS + TRAINING + SWEEPS) >= 400


def refused(case, folder, monkeypatch, capfd):
    for name, content in case.files.items():
        (folder / name).write_bytes(content) if isinstance(content, bytes) else content(folder / name)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SRLAW_DATA", raising=False)
    before = contents(folder)
    with mock.patch.object(sys, "argv", ["srlaw", *case.arguments]), time_limit(), pytest.raises(SystemExit) as stop:
        main()
    out, err = capfd.readouterr()
    assert (stop.value.code, out) == (2, ""), err
    assert err.startswith("srlaw: ")
    assert err.endswith("\n")
    line = err[:-1]
    assert not [character for character in line if unicodedata.category(character).startswith("C")], err
    assert len(line) <= LONGEST + len("srlaw: ")
    assert contents(folder) == before


def contents(folder):
    """Every name below a folder, with what lies there."""
    return {path: path.read_bytes() if path.is_file() else path.lstat().st_mode for path in folder.rglob("*")}


@contextmanager
def time_limit():
    """A case that hangs fails: after `SECONDS` an alarm raises in the middle of it."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"no answer in {SECONDS} s"))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
