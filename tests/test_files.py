"""Paths that may be read and written, files whole or not at all, and sentences that stay on one line."""

import os
import pickle

import pytest

from srlaw.errors import LONGEST, InputError, one_line, quoted
from srlaw.files import readable_file, safe_folder, safe_target, write_atomically


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
