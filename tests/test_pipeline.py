"""How notebooks are executed, and that a stored number nobody computes any more is noticed."""

import importlib
import json
import re
import shutil
import signal as signals
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import polars as pl
import psutil
import pytest
from filelock import FileLock
from jupyter_client.manager import run_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

ROOT = Path(__file__).parents[1]


def write(path, *sources, ignored=()):
    """A notebook of code cells, those `ignored` with outputs that nbval does not compare."""
    tags = [{"tags": ["nbval-ignore-output"]} if i in ignored else {} for i in range(len(sources))]
    cells = [nbformat.v4.new_code_cell(s, id=f"cell-{i}", metadata=tags[i]) for i, s in enumerate(sources)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


@pytest.fixture
def project(tmp_path):
    """A project of two notebooks with the real executor."""
    for folder in ("book", "notebooks", "srlaw", "data"):
        (tmp_path / folder).mkdir()
    for script in ("execute", "chapter", "processes"):
        shutil.copy(ROOT / f"book/{script}.py", tmp_path / "book")
    (tmp_path / "requirements.lock").write_text("")
    source = "import sys; print(40 + 2); print('noise', file=sys.stderr)"
    write(tmp_path / "notebooks/01-good.ipynb", source, "import time; print(time.time_ns())", ignored=[1])
    return tmp_path


def execute(project):
    return subprocess.run([sys.executable, "book/execute.py"], cwd=project, capture_output=True, text=True)


def test_only_changed_notebooks_are_executed_and_twice_gives_the_same_bytes(project):
    notebook = project / "notebooks/01-good.ipynb"
    assert execute(project).returncode == 0
    first = notebook.read_bytes()
    cell, clock = json.loads(first)["cells"]
    assert cell["execution_count"] == 1
    assert len(clock["outputs"]) == 1
    assert [output["text"] for output in cell["outputs"]] == [["42\n"]]
    assert "papermill" not in first.decode()

    assert "0 of 1 notebooks" in execute(project).stdout
    (project / "data/table.csv").write_text("x\n1\n")
    again = execute(project).stdout
    assert "1 of 1 notebooks" in again
    assert "came out otherwise and stay as they are stored" in again  # the time is another one
    assert notebook.read_bytes() == first
    assert not (project / "book/_build/executed/01-good.ipynb").exists()
    content = nbformat.read(notebook, as_version=4)
    content.cells[1].outputs = []
    nbformat.write(content, notebook)
    assert "1 of 1 notebooks" in execute(project).stdout
    assert json.loads(notebook.read_bytes())["cells"][0] == cell
    assert json.loads(notebook.read_bytes())["cells"][1]["outputs"] != clock["outputs"]


@pytest.mark.parametrize("path", ["srlaw/laws.py", "data/table.csv", "requirements.lock", "notebooks/01-good.ipynb"])
def test_what_a_notebook_depends_on(project, monkeypatch, path):
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    script = importlib.import_module("execute")
    monkeypatch.setattr(script, "ROOT", project)
    notebook = project / "notebooks/01-good.ipynb"

    def digest():
        return script.stamp(notebook, script.shared_inputs())

    before = digest()
    assert digest() == before
    (project / path).write_text("another")
    assert digest() != before


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

    executed = notebook.read_text()
    for name, right, wrong in [("text", '"42\\n"', '"43\\n"'), ("table", "<td>42</td>", "<td>43</td>")]:
        head, found, tail = executed.rpartition(right)  # the last one is the output
        assert found
        notebook.with_stem(name).write_text(head + wrong + tail)
    done = subprocess.run([*command, "-rfE", "notebooks"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1
    failed = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert sorted(" ".join(words[:2]) for words in failed) == [
        "notebooks/table.ipynb::Cell 1", "notebooks/text.ipynb::Cell 0",
    ]  # fmt: skip
    assert "2 failed, 4 passed" in done.stdout


def start(project):
    return subprocess.Popen(
        [sys.executable, "book/execute.py"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_at_once_take_turns(project):
    write(project / "notebooks/01-good.ipynb", "import time; time.sleep(3); print(40 + 2)")
    both = [start(project), start(project)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(out.splitlines()[0][0] for out, _ in said) == ["0", "1"]  # the second finds nothing left to do
    assert sum("Another build of this book is running" in error for _, error in said) == 1


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
def test_nothing_outlives_a_killed_build(project, signal):
    started = project / "started"
    write(project / "notebooks/01-good.ipynb", f"import time; open({str(started)!r}, 'w'); time.sleep(300)")
    build = start(project)
    wait(started.exists, 60)
    family = psutil.Process(build.pid).children(recursive=True)
    assert len(family) >= 2  # papermill and the kernel
    build.send_signal(getattr(signals, signal))
    build.communicate(timeout=30)
    wait(lambda: not any(process.is_running() and process.status() != "zombie" for process in family), 15)
    with FileLock(project / ".cache/build.lock", blocking=False):  # or it raises Timeout
        pass


def wait(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def kernel():
    """One kernel for many chapters, which has imported torch once; each chapter finds its namespace empty."""
    with run_kernel(kernel_name="python3") as client:
        yield client


def chapter_by(kernel, chapter, **parameters):
    """Texts of the chapter with a reader's parameters, put there by papermill; CellExecutionError if a cell fails."""
    source = load_notebook_node(str(ROOT / f"notebooks/{chapter}.ipynb"))
    empty = nbformat.v4.new_code_cell(
        "%reset -f\nassert not {'charts', 'dataset'} & set(globals())", metadata={"tags": []}
    )
    source.cells.insert(0, empty)
    client = NotebookClient(parameterize_notebook(source, parameters), km=kernel.parent, resources={})
    client.kc = kernel
    return texts(client.execute())


def texts(notebook):
    """What a page says: its Markdown and its outputs."""
    cells = notebook.cells
    shown = [text for cell in cells for output in cell.get("outputs", []) for text in output.get("data", {}).values()]
    return [cell.source for cell in cells if cell.cell_type == "markdown"] + shown


NOT_THE_READERS = re.compile(
    r"MovieLens|ML-1M|KuaiRand|Amazon|Huawei|Yelp|Wikipedia|synthetic|\bTables? \d|Figures? \d|order source|user types",
    re.I,
)
"""Words of the data of the paper and of this book, which a page on a reader's log has no use for."""


LIGHT = {
    "02-datasets": {"s_max": "10, 20"},
    "03a-duplication": {"shares": "0, 0.5, 0.9"},
    "04-models": {"s_max": 10, "epochs": 1, "n_layers": 1, "d_emb": 4, "device": "cpu"},
    "11-your-data": {},
}


@pytest.mark.parametrize("chapter", LIGHT)
def test_a_chapter_runs_on_another_log(tmp_path, kernel, chapter):
    rng = np.random.default_rng(0)
    rows = [(user, int(item), time) for user in range(40) for time, item in enumerate(rng.integers(0, 15, 12))]
    log = tmp_path / "shop.csv"
    pl.DataFrame(rows, ["who", "item", "time"], orient="row").write_csv(log)
    made = chapter_by(kernel, chapter, dataset=str(log), reading="user=who, sort=true", **LIGHT[chapter])
    assert any("shop" in str(text) for text in made)
    assert NOT_THE_READERS.findall("\n".join(map(str, made))) == []


@pytest.mark.parametrize("chapter", sorted(set(LIGHT) - {"11-your-data"}))  # it names nobody else in any case
def test_the_stored_page_has_the_words_that_another_log_must_not_have(chapter):
    page = texts(nbformat.read(ROOT / f"notebooks/{chapter}.ipynb", as_version=4))
    assert len(set(NOT_THE_READERS.findall("\n".join(map(str, page))))) >= 4


SMALL = {
    "two events each": [(1, "a", 1), (1, "b", 2), (2, "c", 1), (2, "a", 2)],
    "one item": [(1, "a", 1), (1, "a", 2), (1, "a", 3), (2, "a", 1), (2, "a", 2), (2, "a", 3), (2, "a", 4)],
    "one user": [(1, "a", 1), (1, "b", 2), (1, "a", 3), (1, "b", 4), (1, "c", 5)],
}


@pytest.mark.parametrize("log", SMALL)
@pytest.mark.parametrize("chapter", LIGHT)
def test_a_small_log_gives_a_page_or_one_sentence(tmp_path, kernel, chapter, log):
    file = tmp_path / "small.csv"
    pl.DataFrame(SMALL[log], ["user", "item", "time"], orient="row").write_csv(file)
    least = {"03a-duplication": "more than 2", "04-models": "four", "11-your-data": "four"}
    if chapter in least and log == "two events each":
        with pytest.raises(CellExecutionError) as caught:
            chapter_by(kernel, chapter, dataset=str(file), **LIGHT[chapter])
        assert caught.value.ename == "InputError"
        assert caught.value.evalue.startswith(f"small has no user with {least[chapter]} events")
        return
    made = chapter_by(kernel, chapter, dataset=str(file), **LIGHT[chapter])
    page = "".join(map(str, made))
    assert "is nan" not in page
    if chapter == "02-datasets":
        assert ("is not defined for small, as no user has more than 2 events" in page) == (log == "two events each")


def test_a_chapter_refuses_a_parameter_that_it_does_not_have(kernel):
    with pytest.raises(CellExecutionError) as caught:
        chapter_by(kernel, "05-performance-law", dataset="mine.csv")
    assert caught.value.ename == "InputError"
    assert caught.value.evalue == "this notebook has no parameter 'dataset'; it has n_bootstrap, profiled, seed"


@pytest.fixture
def make_run(monkeypatch):
    """What `make run` calls."""
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    return importlib.import_module("run").main


@pytest.mark.parametrize(
    ("name", "notebook", "options", "sentence"),
    [
        ("", "02-datasets", [], "Say which: make run NAME=mine"),
        ("../x", "02-datasets", [], "NAME is '../x'; it becomes a folder"),
        ("<b>", "02-datasets", [], "NAME is '<b>'; it becomes a folder"),
        ("x", "99-nothing", [], "there is no notebook '99-nothing'; there are 01-lemma-3-1, "),
        ("x", "02-datasets", ["-p", "dataset"], "02-datasets: Option '-p' requires 2 arguments."),
        ("x", "02-datasets", ["-f", "none.yml"], "02-datasets: [Errno 2] No such file or directory: 'none.yml'"),
        ("x", "02-datasets", ["-y", "[1]"], "02-datasets: cannot convert"),
        ("x", "05-performance-law", ["-p", "dataset", "m.csv"], "05-performance-law: this notebook has no parameter"),
    ],
)
def test_make_run_ends_in_one_sentence(make_run, capfd, name, notebook, options, sentence):
    before = set((ROOT / "book/runs").iterdir())
    assert make_run(name, notebook, options) == 2
    said = capfd.readouterr().err
    assert said.splitlines()[-1].startswith(sentence)
    assert "Traceback" not in said
    assert set((ROOT / "book/runs").iterdir()) == before
