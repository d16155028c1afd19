"""`srlaw.datasets`: every format and layout against plain Python, and every bad input by its message."""

import bz2
import gzip
import http.server
import io
import lzma
import os
import tarfile
import threading
import zipfile
import zlib
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import md5
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srlaw.datasets import REGISTRY, fetch, load, values
from srlaw.errors import InputError

SHARED = Path(__file__).parents[1] / "../shared/datasets"

int_ids = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5)
big_ids = st.integers(2**63, 2**64 - 1) | st.integers(0, 3)
text_ids = st.sampled_from(["a", "A", "aa", "ä", "日本", "x,y", 'q"q', "a\tb", "a b", "007", "7", "-", "z" * 40])
columns_of_ids = st.sampled_from([int_ids, big_ids, text_ids])


@st.composite
def logs(draw):
    """A log of distinct (user, item, time) rows in any order."""
    users, items = draw(columns_of_ids), draw(columns_of_ids)
    rows = draw(st.lists(st.tuples(users, items, st.integers(-10, 10)), min_size=1, max_size=30, unique=True))
    return rows


def write(rows, path, columns=("user", "item", "time")):
    frame = pl.DataFrame({name: list(column) for name, column in zip(columns, zip(*rows, strict=True), strict=True)})
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


def reference(rows):
    """user → (items, times) in order of time, ties in file order; ids as text."""
    histories = {}
    for user, item, time in sorted(rows, key=lambda row: row[2]):
        histories.setdefault(str(user), []).append((str(item), time))
    return histories


def decoded(sequences):
    ids = [str(user) for user in sequences.user_ids.tolist()]
    times = np.split(sequences.timestamps, sequences.offsets[1:-1])
    items = [sequences.catalogue[sequences[user]].tolist() for user in range(len(sequences))]
    return {
        user: [(str(item), time) for item, time in zip(row, when.tolist(), strict=True)]
        for user, row, when in zip(ids, items, times, strict=True)
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=logs())
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".csv.gz"])
def test_a_log_survives_every_format(rows, suffix, tmp_path):
    found = load(write(rows, tmp_path / f"log{suffix}"), sort=True)
    assert decoded(found) == reference(rows)
    assert found.name == "log"
    for ids in (found.user_ids.tolist(), found.catalogue.tolist()):
        assert ids == sorted(set(ids))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=logs())
def test_without_sort_a_log_is_read_or_the_first_step_back_is_named(rows, tmp_path):
    path = write(rows, tmp_path / "log.csv")
    last, line = {}, None
    for number, (user, _, time) in enumerate(rows, start=2):
        if time < last.get(user, time):
            line = number
            break
        last[user] = time
    if line is None:
        assert decoded(load(path)) == reference(rows)
    else:
        with pytest.raises(InputError, match=rf"log\.csv, line {line}: the time of user .* goes back"):
            load(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=20))
def test_duplicates_are_dropped_kept_or_refused(rows, tmp_path):
    path = write(rows, tmp_path / "log.csv")
    assert decoded(load(path, sort=True, duplicates="keep")) == reference(rows)
    assert decoded(load(path, sort=True, duplicates="drop")) == reference(dict.fromkeys(rows))
    repeats = [line for line, row in enumerate(rows, start=2) if row in rows[: line - 2]]
    if repeats:
        more = f", as do {len(repeats) - 1} more;" if len(repeats) > 1 else ";"
        with pytest.raises(InputError, match=rf"line {repeats[0]}: this event repeats an earlier one .*\){more}"):
            load(path, sort=True)


def test_codes_do_not_depend_on_the_order_of_rows(tmp_path):
    rows = [(u, i, 10 * u + i) for u in range(5) for i in range(5)]
    one = load(write(rows, tmp_path / "one.csv"))
    two = load(write(rows[::-1], tmp_path / "two.csv"), sort=True)
    for field in ("items", "offsets", "catalogue", "user_ids", "timestamps"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


@pytest.mark.parametrize(
    "ids",
    [
        [2**53, 2**53 + 1, 2**63 - 1],
        [0, 2**63, 2**64 - 1],
        [-(2**63), -1, 0],
        [-1, 2**63, 2**64 - 1],
        [2**64, 2**64 + 1],
        ["7", "007", "+7"],
        ["a", "a\0", "A"],
        ["1.0", "1", "1.00"],
        ["x" * 3000, "y"] + [f"{n}-" for n in range(30_000)],
    ],
    ids=["above 2^53", "unsigned", "negative", "mixed sign", "beyond 64 bits", "zeros", "nul", "points", "uneven"],
)
def test_ids_stay_distinct(tmp_path, ids):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\n" + "".join(f"u,{item},{n}\n" for n, item in enumerate(ids)))
    found = load(path)
    assert len(found.catalogue) == len(ids)
    assert [str(item) for item in found.catalogue[found[0]].tolist()] == [str(item) for item in ids]


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("userId,movieId,rating,timestamp", "userId movieId timestamp rating"),
        ("visitorid,itemid,event_time,event", "visitorid itemid event_time"),
        ("Customer ID,SKU,Date,score", "Customer ID|SKU|Date|score"),
        ("session_id,asin,unixReviewTime,overall", "session_id asin unixReviewTime overall"),
        ("session_id,user_id,item_id,iid,date,timestamp", "user_id item_id timestamp"),
        ("user_id,video_id,date,hourmin,time_ms,is_click", "user_id video_id time_ms"),
    ],
)
def test_column_names_are_guessed(header, roles):
    from srlaw.datasets.columns import resolve

    names = roles.split("|") if "|" in roles else roles.split()
    assert list(resolve(header.split(","), {}, "log.csv").values()) == names


def test_given_columns_win(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,who,item,time,when,rating,grade\na,b,i,1,2,3,4.5\n")
    found = load(path, user="who", time="when", rating="grade")
    assert (found.user_ids.tolist(), found.timestamps.tolist(), found.ratings.tolist()) == (["b"], [2], [4.5])


# Times


@pytest.mark.parametrize(
    ("texts", "stamps"),
    [
        (["3", "-4", "9007199254740993"], [3, -4, 9007199254740993]),
        (["3.0", "1e3", " 5"], [3, 1000, 5]),
        (["1.5", "2", "2.25"], [1_500_000, 2_000_000, 2_250_000]),
        (["1e13", "0.5"], [10**16, 500]),
        (["2020-01-01", "2020-01-02"], [1577836800 * 10**6, 1577923200 * 10**6]),
        (["2020-01-01T00:00:00.5", "2020-01-01 00:00"], [1577836800 * 10**6 + 500_000, 1577836800 * 10**6]),
        (["2020-01-01T02:00:00+02:00", "2020-01-01T00:00:01Z"], [1577836800 * 10**6, 1577836801 * 10**6]),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_times(tmp_path, texts, stamps, suffix):
    rows = [(user, 1, text) for user, text in enumerate(texts)]
    assert load(write(rows, tmp_path / f"log{suffix}")).timestamps.tolist() == stamps


def test_typed_times_of_parquet_keep_their_unit(tmp_path):
    frame = pl.DataFrame({"user": [1], "item": [1], "time": [1577836800123]})
    for dtype in (pl.Int64, pl.UInt64, pl.Datetime("ms"), pl.Datetime("ms", "UTC"), pl.Float64):
        frame.with_columns(pl.col("time").cast(dtype)).write_parquet(tmp_path / "log.parquet")
        assert load(tmp_path / "log.parquet").timestamps.tolist() == [1577836800123]


@given(st.lists(st.floats(0, 2e9), min_size=2, max_size=20, unique=True))
def test_scaled_times_never_decrease(times):
    assert (np.diff(values.stamps(np.sort(np.array(times)))) >= 0).all()


def test_times_closer_than_a_microsecond_keep_their_order(tmp_path):
    early, late = 1.6e9, np.nextafter(1.6e9, np.inf)
    path = write([("u", "late", late), ("u", "early", early), ("v", "half", 0.5)], tmp_path / "log.csv")
    found = load(path, sort=True)
    assert found.catalogue[found[0]].tolist() == ["early", "late"]
    assert found.timestamps[:2].tolist() == [1_600_000_000_000_000] * 2


@pytest.mark.parametrize(
    "text",
    [
        "2019-10-01 00:00:00 UTC",
        "2019-10-01T00:00:00Z",
        "2019-10-01 00:00 GMT",
        "2019-10-01",
        "2019-W40-2",
        "20191001T000000Z",
        "2019-10-01T00",
        "2019-10-01T02:00:00,000+02",
        "2019-10-01 02:00:00 +02:00",
        "2019-10-01T05:30:00+0530",
        "2019-09-30T19:00-05:00",
        "2019-10-01T00:00:00.0000009",
    ],
)
def test_every_form_of_iso_8601(tmp_path, text):
    rows = [("u", "a", "2019-09-30T23:59:59.5"), ("u", "b", text), ("u", "c", "2019-10-01 00:00:00.000001 UTC")]
    midnight = 1569888000 * 10**6
    found = load(write(rows, tmp_path / "log.csv"))
    assert found.timestamps.tolist() == [midnight - 500_000, midnight, midnight + 1]


# Layouts of others


def items_of(sequences):
    """user → items, as text."""
    ids = [str(user) for user in sequences.user_ids.tolist()]
    return {
        user: [str(item) for item in sequences.catalogue[row].tolist()]
        for user, row in zip(ids, sequences, strict=True)
    }


@pytest.mark.parametrize("opened", [Path.write_bytes, lambda path, text: path.write_bytes(gzip.compress(text))])
def test_one_history_a_line(tmp_path, opened):
    path = tmp_path / ("log.txt" if opened is Path.write_bytes else "log.txt.gz")
    opened(path, b"\xef\xbb\xbf7 3 1 3\r\n\r\n2 1 9\n")
    found = load(path)
    assert items_of(found) == {"2": ["1", "9"], "7": ["3", "1", "3"]}
    assert (found.timestamps, found.ratings, found.name) == (None, None, "log")


def test_one_event_a_line(tmp_path):
    (tmp_path / "log.txt").write_text("b x\na y\nb x\nb\tz\n")
    found = load(tmp_path / "log.txt", duplicates="keep")
    assert items_of(found) == {"a": ["y"], "b": ["x", "x", "z"]}
    assert found.timestamps is None


def test_where_every_line_has_two_fields_both_layouts_say_the_same(tmp_path):
    (tmp_path / "log.txt").write_text("b x\na y\n")
    assert items_of(load(tmp_path / "log.txt")) == {"a": ["y"], "b": ["x"]}


def test_text_that_is_neither_layout(tmp_path):
    path = tmp_path / "log.txt"
    for text, *words in [
        ("a x 5\nb y 6\na z 7\n", "line 3: user 'a' stood on line 1 already", "--separator"),
        ("a x y\nb\n", "line 2: 'b' stands alone"),
        ("user item time\na x 1\n", "line 1 is a header", "--separator"),
        ("user_id,item_id\na,x\n", "line 1 is a header"),
        ("a x\n\nb nan\n", "line 3: column 'item' is empty or NaN"),
    ]:
        path.write_text(text)
        fails(path, "log.txt", *words)
    path.write_text("a x\na y\n")
    fails(path, "no times", "--sort", sort=True)
    fails(path, "no times", "--duplicates drop", duplicates="drop")
    fails(path, "has no columns", "leave out user", user="a")
    path.write_bytes(b"a x\xff\n")
    fails(path, "not UTF-8")
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(os.urandom(5000).hex().encode())[:2000])
    fails(tmp_path / "cut.txt.gz", "cut off or damaged")


def test_a_text_table_with_its_separator(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("user item time\na x 1\na y 2\n")
    assert decoded(load(path, separator=" ")) == {"a": [("x", 1), ("y", 2)]}
    for name, separator in [("log.csv", ";"), ("log.dat", "|"), ("log.csv", "\t"), ("log.csv", "\\t")]:
        character = separator[-1].replace("t", "\t")
        (tmp_path / name).write_text(path.read_text().replace(" ", character))
        assert decoded(load(tmp_path / name, separator=separator)) == {"a": [("x", 1), ("y", 2)]}
    (tmp_path / "log.csv").write_text("user;item;time\na;x;1\n")
    fails(tmp_path / "log.csv", "pass separator=';' (--separator ';')")


@pytest.mark.parametrize("options", [{}, {"user": "user_id", "time": "timestamp"}, {"item": "item_id:token"}])
def test_recboles_header(tmp_path, options):
    path = tmp_path / "log.inter"
    path.write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t5\t4\t8.0\n1\t3\t2\t9.0\n")
    found = load(path, **options)
    assert decoded(found) == {"1": [("5", 8), ("3", 9)]}
    assert found.ratings.tolist() == [4, 2]


def test_a_list_of_past_items_is_no_event(tmp_path):
    (tmp_path / "log.inter").write_text("user_id:token\titem_id_list:token_seq\titem_id:token\n1\t5 6\t7\n")
    fails(tmp_path / "log.inter", "past items in its column 'item_id_list'", time="none")


def test_a_log_in_order_needs_no_times(tmp_path):
    path = write([("u", "b", 5), ("v", "b", 4), ("u", "a", 3), ("u", "b", 5)], tmp_path / "log.csv")
    found = load(path, time="none")
    assert items_of(found) == {"u": ["b", "a", "b"], "v": ["b"]}
    assert found.timestamps is None
    assert found.truncate(2).leave_one_out().target.tolist() == [1]
    fails(path, "no times", "--sort", time="none", sort=True)
    fails(path, "no times", "--duplicates drop", time="none", duplicates="drop")


@pytest.mark.parametrize("header", ["user,user,item,time", "user,item,item,time", "user,item,time,time"])
def test_two_columns_of_one_name(tmp_path, header):
    (tmp_path / "log.csv").write_text(f"{header}\n1,2,3,4\n")
    fails(tmp_path / "log.csv", "log.csv has two columns", "rename")


def test_two_columns_that_mean_the_same(tmp_path):
    (tmp_path / "log.csv").write_text("note,user_id,userId,note,item,time\na,b,c,d,e,1\n")
    fails(tmp_path / "log.csv", "'user_id' and 'userId', which both look like the user")
    assert load(tmp_path / "log.csv", user="userId").user_ids.tolist() == ["c"]


# Bad input: the file, the line or column, and the cure are named


def fails(name, /, *words, **options):
    with pytest.raises(InputError) as caught:
        load(name, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


BAD = {
    "no user": ("who,item,time\n1,2,3\n", "log.csv", "'who', 'item', 'time'", "user=", "--user"),
    "no time": ("user,item\n1,2\n", "log.csv", "no column that looks like the time", "'user', 'item'", "time="),
    "no header": ("1,2,3\n4,5,6\n", "log.csv", "user", "'1', '2', '3'"),
    "empty file": ("", "log.csv is empty"),
    "blank file": ("\n\n", "log.csv is empty"),
    "no rows": ("user,item,time\n", "log.csv has no rows"),
    "empty user": ("user,item,time\n1,2,3\n,2,3\n", "log.csv, line 3: column 'user'"),
    "empty item": ("user,item,time\n1,2,3\na,,3\n", "log.csv, line 3: column 'item'"),
    "empty time": ("user,item,time\n1,2,3\na,1,\n", "log.csv, line 3: column 'time'"),
    "short line": ("user,item,time\n1,2,3\n4,5\n", "log.csv, line 3: column 'time'"),
    "NaN user": ("user,item,time\nNaN,2,3\n", "log.csv, line 2: column 'user'"),
    "NaN item": ("user,item,time\n1,2,3\n1, nan ,3\n", "log.csv, line 3: column 'item'"),
    "NaN time": ("user,item,time\n1,2,3\n1,3,nan\n", "log.csv, line 3: column 'time'"),
    "null": ("user,item,time\n1,2,3\nNULL,3,4\n", "log.csv, line 3: column 'user'"),
    "all empty": ("user,item,time\n1,2,3\n,,\n", "log.csv, line 3: column 'user'"),
    "bad time": ("user,item,time\n1,2,3\n1,3,soon\n", "log.csv, line 3: column 'time' holds 'soon'"),
    "bad date": ("user,item,time\n1,2,2020-01-01\n1,3,2020-02-31\n", "line 3", "'2020-02-31'", "ISO"),
    "infinite time": ("user,item,time\n1,2,3\n1,3,inf\n", "log.csv, line 3", "'inf'"),
    "huge time": ("user,item,time\n1,2,3\n1,3,1e30\n", "log.csv, line 3", "'1e30'"),
    "bad rating": ("user,item,time,rating\n1,2,3,5\n1,3,4,good\n", "line 3: column 'rating' holds 'good'"),
    "back": (
        "user,item,time\na,1,30\nb,1,5\na,2,20\n",
        "line 4: the time of user 'a' goes back from 30 to 20",
        "--sort",
    ),
    "repeat": ("user,item,time\na,1,1\nb,1,1\na,1,1\n", "line 4: this event repeats", "duplicates='drop'"),
    "long line": ("user,item,time\n1,2,3\n1,2,3,4\n", "log.csv, line 3: 4 fields", "3"),
    "after quoted lines": ('user,item,time,note\n1,2,3,"x\ny\nz"\n\n,2,4,\n', "log.csv, line 6: column 'user'"),
    "open quote": ('user,item,time\n1,2,3\n1,"2,4\n1,2,5\n', "log.csv", "quote"),
    "same column twice": ("user,item,time\n1,2,3\n", "'item'", "something else", {"user": "item"}),
    "wrong name": ("user,item,time\n1,2,3\n", "no column 'when'", "'user', 'item', 'time'", {"time": "when"}),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_csv(tmp_path, case):
    text, *words = BAD[case]
    options = words.pop() if isinstance(words[-1], dict) else {}
    path = tmp_path / "log.csv"
    path.write_text(text)
    fails(path, *words, **options)


def test_lines_are_right_in_tsv_crlf_gz_and_after_blank_lines(tmp_path):
    text = "user\titem\ttime\r\n\r\n1\t2\t3\r\n\r\n\t2\t3\r\n"
    (tmp_path / "log.tsv").write_bytes(text.encode())
    (tmp_path / "log.tsv.gz").write_bytes(gzip.compress(text.encode()))
    fails(tmp_path / "log.tsv", "log.tsv, line 5: column 'user'")
    fails(tmp_path / "log.tsv.gz", "log.tsv.gz, line 5: column 'user'")


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.csv.GZ", "log.CSV.Gz", "log.txt", "log.txt.GZ"])
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_whether_a_log_is_compressed_is_told_by_its_content(tmp_path, name, pack):
    table = "csv" in name.lower()
    path = tmp_path / name
    path.write_bytes(pack(b"user,item,time\nu,a,1\n\nu,b,2\n" if table else b"u a b\n\nv c a b\n"))
    found = load(path)
    assert items_of(found) == ({"u": ["a", "b"]} if table else {"u": ["a", "b"], "v": ["c", "a", "b"]})
    assert found.name == "log"
    path.write_bytes(pack(b"user,item,time\n\nu,a,x\n" if table else b"u a b\n\nv\n"))
    fails(path, f"{name}, line 3")


def test_a_log_compressed_in_another_way_is_refused(tmp_path):
    table = b"user,item,time\nu,a,1\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as into:
        into.writestr("log.csv", table)
    packed = [zlib.compress(table), bz2.compress(table), lzma.compress(table), archive.getvalue()]
    for name, content in product(("log.csv", "log.txt", "log.csv.gz"), packed):
        (tmp_path / name).write_bytes(content)
        fails(tmp_path / name, name, "is compressed, and not by gzip")


def test_blank_lines_and_a_byte_order_mark_are_harmless(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes("\ufeffuser,item,time\n\n1,2,3\n\n1,4,5\n\n".encode())
    assert load(path).catalogue.tolist() == [2, 4]


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"user,item,time\n1,2,3\n1,caf\xe9,4\n")
    fails(path, "log.csv, line 3", "UTF-8")


def test_damaged_files(tmp_path):
    whole = write([(user, item, user + item) for user in range(99) for item in range(99)], tmp_path / "a.parquet")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-50])
    fails(cut, "cut.parquet", "damaged")
    gz = write([(1, item, item) for item in range(9999)], tmp_path / "a.csv.gz")
    (tmp_path / "cut.csv.gz").write_bytes(gz.read_bytes()[:2000])
    fails(tmp_path / "cut.csv.gz", "cut.csv.gz", "cut off or damaged")


@pytest.mark.parametrize(
    ("column", "dtype", "value", "words"),
    [
        ("user", pl.Float64, float("nan"), ("row 2: column 'user'", "NaN")),
        ("item", pl.Int64, None, ("row 2: column 'item'", "empty")),
        ("time", pl.Float64, float("nan"), ("row 2: column 'time'",)),
        ("item", pl.Float64, 2.0, ("column 'item'", "Float64", "integers or text")),
        ("item", pl.Boolean, True, ("column 'item'", "Boolean")),
        ("time", pl.Boolean, True, ("column 'time'", "Boolean")),
        ("item", pl.Categorical, None, ("row 2: column 'item'",)),
        ("time", pl.Null, None, ("row 1: column 'time'", "empty")),
    ],
)
def test_bad_parquet(tmp_path, column, dtype, value, words):
    frame = pl.DataFrame({"user": [1, 1], "item": [1, 2], "time": [1, 2]})
    first = {pl.Categorical: "1", pl.Boolean: True, pl.Int64: 1, pl.Float64: 1.0}.get(dtype)
    frame = frame.with_columns(pl.Series(column, [first, value], dtype=dtype))
    frame.write_parquet(tmp_path / "log.parquet")
    fails(tmp_path / "log.parquet", "log.parquet, row", *words)


def test_names_that_are_nothing(tmp_path):
    fails("ml-2m", "'ml-2m'", "ml-1m", "amazon-books", "synthetic")
    fails(tmp_path, "is a folder", "ml-1m")
    fails("a" * 300, "File name too long", "give another path")
    (tmp_path / "log.xlsx").write_text("x")
    fails(tmp_path / "log.xlsx", "log.xlsx", ".csv", ".parquet")
    fails("ml-1m", "known layout", "user", user="u")
    fails("synthetic", "generated", path=tmp_path)
    fails("ml-1m", "does not exist", path=tmp_path / "nowhere")
    path = write([(1, 2, 3)], tmp_path / "log.csv")
    fails(path, "not a registered data set", path=tmp_path)
    fails(path, "duplicates is 'some'", duplicates="some")


# Official layouts

ML_1M = "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n1::914::3::978301968\n"
ML_100K = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t302\t1\t878887116\n"
KUAI = "user_id,video_id,date,hourmin,time_ms,is_click\n"
FILES = {
    "ml-1m": {"ml-1m/ratings.dat": ML_1M},
    "ml-100k": {"ml-100k/u.data": ML_100K},
    "kuairand-pure": {
        "KuaiRand-Pure/data/log_standard_4_22_to_5_08_pure.csv": KUAI + "0,7,20220422,700,1650582000000,0\n",
        "KuaiRand-Pure/data/log_standard_4_08_to_4_21_pure.csv": KUAI
        + "0,5,20220408,700,1649372400000,1\n3,7,20220408,700,1649372400000,0\n",
        "KuaiRand-Pure/data/log_random_4_22_to_5_08_pure.csv": KUAI + "0,9,20220422,700,1650582000001,0\n",
    },
    "amazon-books": {
        "ratings_Books.csv": "".join(
            f"U{user},000{item},4.0,{1_300_000_000 - item}\n" for user in range(6) for item in range(5)
        )
        # Goes in turn: the item of three users, then the user who is left with four events.
        + "".join(f"V,000{item},1.0,1\n" for item in range(4))
        + "".join(f"{user},rare,5.0,7\n" for user in ("V", "U0", "U1"))
    },
}
DECODED = {
    "ml-1m": {"1": [1193, 914, 661], "2": [1193]},
    "ml-100k": {"186": [302], "196": [302, 242]},
    "kuairand-pure": {"0": [5, 7], "3": [7]},
    "amazon-books": {f"U{user}": [f"000{item}" for item in (4, 3, 2, 1, 0)] for user in range(6)},
}


def lay_out(name, folder):
    for file, text in FILES[name].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


def pack(members, path):
    """An archive of (name, text) members, in the format that its name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
    return path


def histories(sequences):
    return {user: [item for item, _ in events] for user, events in decoded(sequences).items()}


@pytest.mark.parametrize("name", FILES)
def test_official_layouts(tmp_path, name, monkeypatch):
    expected = {user: [str(item) for item in items] for user, items in DECODED[name].items()}
    root = lay_out(name, tmp_path / "data" / name)
    first = REGISTRY[name].files[0]
    for path in {root, (root / first).parent, root / first}:
        found = load(name, path)
        assert histories(found) == expected
        assert found.name == name
    fails(root, f"is the folder of {name}; give {name} in its place", "--path")
    monkeypatch.setenv("SRLAW_DATA", str(tmp_path / "data"))
    assert histories(load(name)) == expected
    if name != "amazon-books":
        kept = tmp_path / "kept" / name
        kept.mkdir(parents=True)
        archive = pack(FILES[name], kept / REGISTRY[name].filename)
        assert histories(load(name, archive)) == histories(load(name, kept)) == expected
    assert (found.ratings is None) == (name == "kuairand-pure")


def test_official_files_that_are_not_there_or_bad(tmp_path):
    fails("ml-1m", "no ratings.dat", "ml-1m.zip", path=tmp_path)
    (tmp_path / "log_standard_4_08_to_4_21_pure.csv").write_text(KUAI + "1,2,3,4,5,6\n")
    fails("kuairand-pure", "log_standard_4_22_to_5_08_pure.csv", path=tmp_path)
    (tmp_path / "log_standard_4_22_to_5_08_pure.csv").write_text(KUAI + "1,2,3,4,5,6\n1,,3,4,5,6\n")
    fails("kuairand-pure", "log_standard_4_22_to_5_08_pure.csv, line 3: column 'video_id'", path=tmp_path)
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n1::2::3\n")
    fails("ml-1m", "ratings.dat, line 2: column 'time'", path=tmp_path)
    (tmp_path / "ratings_Books.csv").write_text("u,i,5.0,1\n")
    fails("amazon-books", "5-core", path=tmp_path)
    (tmp_path / "ratings_Books.csv").write_text("user,item,time\n1,2,3\n")
    fails("amazon-books", "ratings_Books.csv has 3 fields a line", path=tmp_path)


def test_counts_are_compared_in_a_sentence(tmp_path):
    found = load("ml-1m", lay_out("ml-1m", tmp_path))
    assert REGISTRY["ml-1m"].compare(found) == (
        "ml-1m: 2 users instead of 6040, 3 items instead of 3706, 4 events instead of 1000209."
    )


# Archives and downloads


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Temporary files and the cache go below here; afterwards nothing but whole official files may be left."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("SRLAW_DATA", raising=False)
    yield tmp_path
    assert os.listdir(tmp_path / "temporary") == []


def left(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("evil", ["../evil", "ml-1m/../../evil", "/evil", "C:\\evil", "..\\evil"])
@pytest.mark.parametrize("kind", ["bad.zip", "bad.tar.gz"])
def test_a_member_outside_its_folder(scratch, evil, kind):
    archive = pack({**FILES["ml-1m"], evil: "x"}, scratch / kind)
    fails("ml-1m", kind, "outside", path=archive)
    assert "evil" not in " ".join(left(scratch))


def test_links_in_archives(scratch):
    with tarfile.open(scratch / "bad.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("ml-1m/ratings.dat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    info = zipfile.ZipInfo("ml-1m/ratings.dat")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(scratch / "bad.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    fails("ml-1m", "bad.tar.gz", "outside", path=scratch / "bad.tar.gz")
    fails("ml-1m", "bad.zip", "outside", path=scratch / "bad.zip")


@pytest.mark.parametrize(("name", "file"), [("ml-1m", "ml-1m.zip"), ("kuairand-pure", "KuaiRand-Pure.tar.gz")])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive(scratch, name, file, share):
    noise = "".join(f"{n * n % 9973}," for n in range(5000))
    archive = pack({**FILES[name], "noise": noise}, scratch / file)
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * share)])
    fails(name, file, "damaged", REGISTRY[name].url, path=archive)


def test_an_archive_with_a_damaged_member(scratch):
    archive = pack({"ml-1m/ratings.dat": ML_1M * 50}, scratch / "ml-1m.zip")
    content = bytearray(archive.read_bytes())
    content[60:70] = bytes(10)
    archive.write_bytes(content)
    fails("ml-1m", "ml-1m.zip", "damaged", path=archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_member_in_another_compression(scratch, method):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("ml-1m/ratings.dat", ML_1M * 50)
    assert histories(load("ml-1m", put(scratch / "whole.zip", packed.getvalue())))["2"] == ["1193"] * 50
    content = bytearray(packed.getvalue())
    content[60:90] = bytes(30)
    fails("ml-1m", "bad.zip", "damaged", path=put(scratch / "bad.zip", content))


def put(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_a_member_that_is_no_file(scratch, kind):
    with tarfile.open(scratch / "bad.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("ml-1m/ratings.dat")
        member.type = kind
        archive.addfile(member)
    fails("ml-1m", "bad.tar.gz", "is no file", path=scratch / "bad.tar.gz")


@pytest.mark.parametrize("kind", ["bad.zip", "bad.tar.gz"])
def test_an_archive_that_unpacks_to_far_more_than_the_data_set(scratch, kind, monkeypatch):
    monkeypatch.setattr(fetch, "BYTES_PER_EVENT", 1)  # as gigabytes would be at the real limit
    archive = pack({"ml-100k/u.data": "0" * 200_000}, scratch / kind)
    assert archive.stat().st_size < 1000
    fails("ml-100k", kind, "unpacks to more than 0 MB, which is not MovieLens-100K", path=archive)


def test_any_byte_of_an_archive_may_be_wrong(scratch):
    rng = np.random.default_rng(0)
    for kind in ("a.zip", "a.tar.gz"):
        whole = pack(FILES["ml-1m"], scratch / kind).read_bytes()
        for _ in range(150):
            content = bytearray(whole)
            content[rng.integers(len(whole))] ^= 1 << rng.integers(8)
            with suppress(InputError):
                load("ml-1m", put(scratch / kind, content))


def test_an_archive_of_something_else(scratch):
    fails("ml-1m", "no member ratings.dat", path=pack({"README": "x"}, scratch / "other.zip"))


@contextmanager
def served(content, promised=None):
    """A local server that sends `content`, having promised a length; yields its address and the request count."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(promised or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            del args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/ml-1m.zip", requests
        finally:
            server.shutdown()
            thread.join()


def register(monkeypatch, url, content):
    dataset = replace(REGISTRY["ml-1m"], url=url, checksum=f"md5:{md5(content).hexdigest()}")
    monkeypatch.setitem(REGISTRY, "ml-1m", dataset)


def test_download_once_and_again_when_the_cache_is_damaged(scratch, monkeypatch, capfd):
    content = pack(FILES["ml-1m"], scratch / "ml-1m.zip").read_bytes()
    expected = {"1": ["1193", "914", "661"], "2": ["1193"]}
    with served(content) as (url, requests):
        register(monkeypatch, url, content)
        assert histories(load("ml-1m")) == expected
        assert histories(load("ml-1m", progress=False)) == expected
        assert len(requests) == 1
        assert left(scratch / "cache") == ["ml-1m.zip"]
        (scratch / "cache/ml-1m/ml-1m.zip").write_bytes(content[:100])
        assert histories(load("ml-1m", progress=False)) == expected
        assert len(requests) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


def test_a_download_with_the_wrong_checksum_leaves_nothing(scratch, monkeypatch):
    content = pack(FILES["ml-1m"], scratch / "ml-1m.zip").read_bytes()
    with served(content[:-1]) as (url, _):
        register(monkeypatch, url, content)
        fails("ml-1m", "ml-1m.zip", "checksum", "md5:", url, "--path", progress=False)
    assert left(scratch / "cache") == []


def test_an_interrupted_or_refused_download_leaves_nothing(scratch, monkeypatch):
    content = pack(FILES["ml-1m"], scratch / "ml-1m.zip").read_bytes()
    with served(content[:50], promised=len(content)) as (url, _):
        register(monkeypatch, url, content)
        fails("ml-1m", "ml-1m.zip", "--path", progress=False)
    fails("ml-1m", "ml-1m.zip could not be downloaded", url, "--path", progress=False)
    assert left(scratch / "cache") == []


def test_the_registry_is_complete():
    assert list(REGISTRY) == ["ml-1m", "ml-100k", "kuairand-pure", "amazon-books", "synthetic"]
    for name, dataset in REGISTRY.items():
        assert (dataset.name, bool(dataset.title and dataset.licence and dataset.citation)) == (name, True)
        assert (dataset.url is None) == (dataset.checksum is None) == (name == "synthetic")


# The real files, where they are


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs MovieLens in ../shared/datasets")
def test_movielens_1m_has_the_tokens_of_the_paper():
    found = load("ml-1m", SHARED / "ml-1m")
    assert found.n_users == 6040
    assert [found.truncate(s_max).tokens for s_max in (100, 150, 200)] == [447407, 570537, 661028]
    assert REGISTRY["ml-1m"].compare(found) == "ml-1m: counts as published."


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs MovieLens in ../shared/datasets")
def test_movielens_100k_has_its_published_counts():
    found = load("ml-100k", SHARED / "ml-100k")
    assert REGISTRY["ml-100k"].compare(found) == "ml-100k: counts as published."
    assert sorted(np.unique(found.ratings)) == [1, 2, 3, 4, 5]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the published histories in ../shared/datasets")
@pytest.mark.parametrize(
    ("file", "counts", "repeats", "options"),
    [
        ("kuairand-kcore15.tsv", (664, 9359, 41_828), 433, {"sort": True, "duplicates": "keep"}),
        ("beauty.txt", (22_363, 12_101, 198_502), 0, {}),
        ("toys-games.txt", (19_412, 11_924, 167_597), 0, {}),
        ("lastfm.txt", (1090, 3646, 52_551), 0, {}),
        ("yelp.txt", (30_431, 20_033, 316_354), 11_830, {}),
        ("wikipedia-edits.txt", (8227, 1000, 157_474), 139_217, {}),
    ],
)
def test_published_histories(file, counts, repeats, options):
    found = load(SHARED / "published-histories" / file, **options)
    summary = found.summary()
    assert (summary["users"], summary["items"], summary["tokens"]) == counts
    assert found.tokens - found.without_repeats().tokens == repeats
    assert (found.timestamps is None) == file.endswith(".txt")
