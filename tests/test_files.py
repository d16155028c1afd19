"""Paths that may be read and written, files whole or not at all, and sentences that stay on one line."""

import gzip
import math
import os
import pickle
import zlib

import numpy as np
import pytest

from srlaw.errors import LONGEST, InputError, one_line, quoted, whole
from srlaw.files import open_text, read_integers, readable_file, safe_folder, safe_target, write_atomically


def test_a_message_is_one_line_whatever_it_quotes():
    assert str(InputError("a\nb\tc\x1b[31m\u202ed\ud800 \u2028e")) == "a b c [31m d e"
    assert str(InputError("日本, é: 'x'")) == "日本, é: 'x'"
    long = str(InputError("begin " + "x" * 5000 + " end"))
    assert long.startswith("begin")
    assert long.endswith("end")
    assert len(long) == LONGEST
    assert one_line("y" * LONGEST) == "y" * LONGEST
    assert str(pickle.loads(pickle.dumps(InputError("a\nb")))) == "a b"


def test_quoted_values_are_cut_and_keep_their_quotes():
    assert quoted("so\non") == "'so\\non'"
    assert quoted("x" * 100) == "'" + "x" * 28 + "…" + "x" * 28 + "'"
    assert quoted(5) == "5"


def test_whole_numbers():
    assert all(whole(value) for value in (0, 2, 2.0, np.int8(3), np.float32(4), 10**400))
    assert not any(whole(value) for value in (-1, 1.5, math.nan, math.inf, "2", None, [2]))
    assert whole(1, 1)
    assert not whole(0, 1)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"\xef\xbb\xbf1 2\r\n3", [1, 2, 3]),
        (b"+5 -3\n\n007", [5, -3, 7]),
        (b"-9223372036854775808 9223372036854775807", [-(2**63), 2**63 - 1]),
        (b"18446744073709551615", [2**64 - 1]),
        ("١ ２".encode(), [1, 2]),
    ],
)
def test_integers_in_text(tmp_path, text, values):
    (tmp_path / "x.txt").write_bytes(text)
    assert read_integers(tmp_path / "x.txt").tolist() == values


@pytest.mark.parametrize("word", ["1_000", "+-5", "--5", "5-", "+", "1.0", "1e3", "1,2", "nan", "0x1", "²"])
def test_words_that_are_no_integers_are_named_with_their_line(tmp_path, word):
    (tmp_path / "x.txt").write_text(f"1 2\r\n\r\n3 {word} 4\r\n", newline="")
    with pytest.raises(InputError) as error:
        read_integers(tmp_path / "x.txt")
    assert f"x.txt, line 3: '{word}' is not an integer" in str(error.value)


@pytest.mark.parametrize("word", [str(2**64), str(-(2**63) - 1), f"-1 {2**63}", "9" * 5000])
def test_integers_beyond_64_bits_are_refused(tmp_path, word):
    (tmp_path / "x.txt").write_text(word)
    with pytest.raises(InputError, match="does not fit 64 bits"):
        read_integers(tmp_path / "x.txt")


@pytest.mark.parametrize("suffix", [".npy", ".NPY", ".Npy"])
def test_arrays_are_read_whatever_the_case_of_their_name(tmp_path, suffix):
    np.save(tmp_path / "x.npy", np.array([3, 1]))
    (tmp_path / "x.npy").rename(tmp_path / f"x{suffix}")
    assert read_integers(tmp_path / f"x{suffix}").tolist() == [3, 1]


@pytest.mark.parametrize("name", ["a", "a.gz", "a.csv", "a.csv.GZ"])
def test_text_is_unpacked_by_its_first_bytes_whatever_its_name(tmp_path, name):
    for text in ("", "\x1f", "x^y", "déjà"):
        for packed in (text.encode(), gzip.compress(text.encode())):
            (tmp_path / name).write_bytes(packed)
            with open_text(tmp_path / name, encoding="utf-8") as file:
                assert file.read() == text
    for packed in (*(zlib.compress(b"text", level) for level in (1, 6, 9)), b"\x28\xb5\x2f\xfd\0"):
        (tmp_path / name).write_bytes(packed)
        with pytest.raises(InputError, match="is compressed, and not by gzip; unpack it"):
            open_text(tmp_path / name)


def test_readable_files(tmp_path):
    (tmp_path / "x").write_text("")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("x")
    assert readable_file(tmp_path / "x", "a log") == tmp_path / "x"
    readable_file(tmp_path / "link", "a log")
    for name, part in [("none", "there is no file"), ("pipe", "a pipe or a device"), (".", "is a folder")]:
        with pytest.raises(InputError, match=f"{part}.*; give a log"):
            readable_file(tmp_path / name, "a log")
    for name in ("x" * 300, "nul\0"):
        with pytest.raises(InputError, match=r"cannot be used: .*; give another path"):
            readable_file(tmp_path / name, "a log")


def test_safe_targets(tmp_path):
    (tmp_path / "old").write_text("")
    (tmp_path / "log").write_text("")
    (tmp_path / "hard").hardlink_to(tmp_path / "log")
    (tmp_path / "link").symlink_to("old")
    os.mkfifo(tmp_path / "pipe")
    for name in ("new", "old"):
        assert safe_target(tmp_path / name, [tmp_path / "log", tmp_path / "none"]) == tmp_path / name
    for name, part in [
        ("log", "is read by the same command"),
        ("../" + tmp_path.name + "/log", "is read by the same command"),
        ("hard", "is read by the same command"),
        ("link", "is not a plain file"),
        ("pipe", "is not a plain file"),
        (".", "is not a plain file"),
        ("none/new", "there is no folder"),
        ("old/new", "there is no folder"),
        ("x" * 300, "File name too long"),
    ]:
        with pytest.raises(InputError, match=part):
            safe_target(tmp_path / name, [tmp_path / "log"])


def test_safe_folders(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dead").symlink_to("nothing")
    for name in (".", "new", "new/below", "link/new"):
        assert safe_folder(tmp_path / name) == tmp_path / name
    for name, part in [
        ("file", "is a file"),
        ("file/new", "is a file"),
        ("dead/new", "is a link to nothing"),
        ("x" * 300, "File name too long"),
    ]:
        with pytest.raises(InputError, match=part):
            safe_folder(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["dead", "file", "link"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / ("é" * 127)  # 254 bytes, of the 255 that a name may have
    write_atomically(target, lambda path: path.write_text("whole"))

    def fail(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device"):
        write_atomically(target, fail)
    assert target.read_text() == "whole"
    assert os.listdir(tmp_path) == [target.name]
