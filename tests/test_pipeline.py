"""How notebooks are executed, and that a stored number nobody computes any more is noticed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[1]


def write(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


@pytest.fixture
def project(tmp_path):
    """A project of two notebooks with the real executor."""
    for folder in ("book", "notebooks", "srlaw", "data"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "book/execute.py", tmp_path / "book")
    (tmp_path / "requirements.lock").write_text("")
    write(tmp_path / "notebooks/01-good.ipynb", "import sys; print(40 + 2); print('noise', file=sys.stderr)")
    return tmp_path


def execute(project):
    return subprocess.run([sys.executable, "book/execute.py"], cwd=project, capture_output=True, text=True)


def test_only_changed_notebooks_are_executed_and_twice_gives_the_same_bytes(project):
    notebook = project / "notebooks/01-good.ipynb"
    assert execute(project).returncode == 0
    first = notebook.read_bytes()
    (cell,) = json.loads(first)["cells"]
    assert cell["execution_count"] == 1
    assert [output["text"] for output in cell["outputs"]] == [["42\n"]]
    assert "papermill" not in first.decode()

    assert "0 of 1 notebooks" in execute(project).stdout
    (project / "data/table.csv").write_text("x\n1\n")
    assert "1 of 1 notebooks" in execute(project).stdout
    assert notebook.read_bytes() == first
    (project / "srlaw/laws.py").write_text("")
    assert "1 of 1 notebooks" in execute(project).stdout


def test_a_failing_notebook_is_named_and_stays_as_it_was(project):
    bad = project / "notebooks/02-bad.ipynb"
    write(bad, "print('before')", "raise ValueError('no such column')")
    before = bad.read_bytes()
    done = execute(project)
    assert done.returncode == 1
    assert "no such column" in done.stderr
    assert done.stderr.strip().endswith("Failed: notebooks/02-bad.ipynb")
    assert bad.read_bytes() == before
    assert sorted(path.name for path in (project / "notebooks").iterdir()) == ["01-good.ipynb", "02-bad.ipynb"]
    assert "1 of 2 notebooks" in execute(project).stdout


def test_a_number_changed_by_hand_fails(project):
    notebook = project / "notebooks/01-good.ipynb"
    write(notebook, "print(40 + 2)", "from IPython.display import HTML\nHTML('<td>42</td>')")
    assert execute(project).returncode == 0
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", "--rootdir", str(project)]

    def check():
        return subprocess.run([*command, str(notebook)], cwd=project, capture_output=True, text=True).returncode

    assert check() == 0
    executed = notebook.read_text()
    for right, wrong in [('"42\\n"', '"43\\n"'), ("<td>42</td>", "<td>43</td>")]:
        head, _, tail = executed.rpartition(right)  # the last one is the output
        notebook.write_text(head + wrong + tail)
        assert check() == 1


@pytest.mark.parametrize(
    ("chapter", "parameters"),
    [
        ("02-datasets", {"s_max": [10, 20]}),
        ("03-theorems", {"chains": 90, "pairs": 50, "coded_events": 10_000, "long_events": 2000}),
        ("04-models", {"s_max": 10, "epochs": 1, "n_layers": 1, "d_emb": 4, "device": "cpu"}),
    ],
)
def test_a_chapter_runs_on_another_log(tmp_path, chapter, parameters):
    rng = np.random.default_rng(0)
    rows = [(user, int(item), time) for user in range(40) for time, item in enumerate(rng.integers(0, 15, 12))]
    log = tmp_path / "shop.csv"
    pl.DataFrame(rows, ["user", "item", "time"], orient="row").write_csv(log)
    made = tmp_path / "made.ipynb"
    (tmp_path / "parameters.yml").write_text(json.dumps(parameters | {"dataset": str(log)}))
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--log-level", "ERROR"]
    files = [ROOT / "notebooks" / f"{chapter}.ipynb", made, "-f", tmp_path / "parameters.yml"]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = nbformat.read(made, as_version=4).cells
    shown = [output["data"].get("text/plain", "") for cell in cells for output in cell.get("outputs", [])]
    assert any("shop" in text for text in shown)
