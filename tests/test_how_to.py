"""The page of recipes: every command on it runs as written, one after the other, in a clone."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book/how-to.md").read_text(encoding="utf-8")
SECTIONS = {
    part.splitlines()[0]: re.findall(r"^```bash\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}
SAYS = {  # what a reader must see
    "Install": "recommend",
    "Bring a log": "last events of 200 users",
    "Plan: how deep, how wide, or neither": "the learning rate, checked",
    "Run a chapter on your log": "book/runs/mine/02-datasets.ipynb is made",
    "Train a model and recommend": "item→next",
    "Sweep over sizes on two cores": "± one standard error over users",
    "Use a GPU, or several": "GPUs are visible",
    "Fit a law, and plan from a table": "Train 6 sizes",
    "Reproduce a row of this book": "hr10_book",
    "Reproduce a verdict": "book/runs/again/14-new-frontiers.ipynb is made",
    "Add a law": "saturating",
    "Add a model": "unordered",
    "Add a chapter": "book/runs/mine/20-mine.ipynb is made",
    "Cite": "cff-version",
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What git would clone, with this environment as its `.venv`."""
    folder = tmp_path_factory.mktemp("clone") / "srlaw"
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, done.stdout.split("\0")):
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    for compiled in (ROOT / "srlaw").rglob("__pycache__/*.nb[ic]"):  # those of numba, as far as they are there
        (folder / compiled.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
    (folder / ".venv").symlink_to(sys.prefix)
    for name in ("requirements.lock", "pyproject.toml"):  # older than any environment, so that make installs nothing
        os.utime(folder / name, (0, 0))
    return folder


@pytest.mark.skipif(shutil.which("make") is None or shutil.which("perl") is None, reason="no make or perl on PATH")
def test_every_command_runs_as_written(clone):
    assert Path(sys.prefix, "ready").exists(), "the tests run in an environment that make has made"
    assert set(SECTIONS) == set(SAYS)
    # The installed package is that of another checkout; and two tests run beside each other.
    environment = {**os.environ, "PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
    for section, commands in SECTIONS.items():
        assert commands, section
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{section}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert SAYS[section] in done.stdout, (section, done.stdout[-2000:], done.stderr[-2000:])
    sizes = pl.read_csv(clone / "sizes/rows.csv").sort("n_layers", "d_emb")
    asked = [(n, d, "finished", 1) for n in (1, 2) for d in (8, 16)]
    assert sizes.select("n_layers", "d_emb", "status", "epochs").rows() == asked
    mine, book = (pl.read_csv(clone / f) for f in ("one-row/rows.csv", "data/sweeps/data-population-1.csv"))
    (row,) = mine.join(book, on=["key", "data"], suffix="_book").rows(named=True)
    if row["device"].startswith("cpu"):  # a GPU draws another dropout
        assert row["loss"] == pytest.approx(row["loss_book"], abs=0.01)
        assert row["hr10"] == pytest.approx(row["hr10_book"], abs=0.005)
    assert json.loads((clone / "recommended.json").read_text())


def test_no_command_is_left_out():
    assert PAGE.count("```") == 2 * sum(map(len, SECTIONS.values()))
