"""What a reader may give a notebook, and what the notebooks take."""

import ast
import importlib
import json
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from srlaw import notebook
from srlaw.errors import InputError

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9A][0-9]*-*.ipynb"))
DEFAULTS = """s_max = [25, 50]  # events kept
m = 2
rate = 4e-3
sorted_by_time = False
path = None
dataset = "synthetic"
models = ["sasrec", "hstu"]
panel = ["ml-1m", 100, "hr10"]
shares = [0.0, 0.5]
reading = {}
laws = []  # all
seed = 0
"""


def typed(**given):
    cell = notebook.INJECTED + "".join(f"{name} = {value!r}\n" for name, value in given.items())
    return notebook.typed(["", DEFAULTS, cell, "import numpy"], given)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"s_max": "[50, 100]"}, [50, 100]),
        ({"s_max": "50, 100"}, [50, 100]),
        ({"s_max": 50}, [50]),
        ({"s_max": "50"}, [50]),
        ({"m": 3.0}, 3),
        ({"rate": 1}, 1.0),
        ({"rate": "1e-3"}, 0.001),
        ({"sorted_by_time": "yes"}, True),
        ({"sorted_by_time": 0}, False),
        ({"path": "files"}, "files"),
        ({"path": None}, None),
        ({"dataset": 2019}, "2019"),
        ({"models": "hstu"}, ["hstu"]),
        ({"models": "hstu, llama"}, ["hstu", "llama"]),
        ({"models": "['hstu']"}, ["hstu"]),
        ({"panel": "ml-1m, 50, ndcg10"}, ["ml-1m", 50, "ndcg10"]),
        ({"shares": 0}, [0.0]),
        ({"laws": "power"}, ["power"]),
        ({"laws": []}, []),
        ({"seed": 0}, 0),
        ({"reading": "time=none, sort=true"}, {"time": "none", "sort": True}),
        ({"reading": "separator=;"}, {"separator": ";"}),
        ({"reading": {"user": "who", "sort": False}}, {"user": "who", "sort": False}),
    ],
)
def test_values_take_the_type_of_their_default(given, value):
    (name,) = given
    found = typed(**given)[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"datset": "x"}, "no parameter 'datset'; did you mean dataset?"),
        ({"zebra": 1}, "no parameter 'zebra'; it has s_max, m,"),
        ({"sort": True}, "no parameter 'sort'; give it as -p reading \"sort=True\""),
        ({"s_max": "fifty"}, "s_max is 'fifty'; it must be a number, like 25"),
        ({"s_max": []}, "s_max is empty"),
        ({"s_max": [50, -1]}, "s_max is -1; it must be positive"),
        ({"m": 2.5}, "m is 2.5; it must be a whole number"),
        ({"m": True}, "m is True; it must be a number"),
        ({"m": 10**400}, "m is 1000"),
        ({"seed": -1}, "seed is -1; it must be zero or more"),
        ({"rate": float("nan")}, "rate is nan; it must be a number"),
        ({"rate": float("inf")}, "rate is inf; it must be a number"),
        ({"sorted_by_time": "maybe"}, "sorted_by_time is 'maybe'; it must be true or false"),
        ({"path": [1]}, "path is [1]; it must be one name or path"),
        ({"dataset": ""}, "dataset is ''; it must be one name or path"),
        ({"panel": "ml-1m"}, "panel takes 3 values"),
        ({"panel": ["ml-1m", "x", "hr10"]}, "panel is 'x'; it must be a number"),
        ({"reading": "sort"}, "key=value"),
        ({"reading": 3}, "key=value"),
        ({"reading": "sort=perhaps"}, "reading, sort is 'perhaps'; it must be true or false"),
        ({"reading": "colour=red"}, "no setting 'colour'; it has user, item, time, separator, sort, duplicates"),
    ],
)
def test_one_sentence_for_what_is_not_a_parameter_or_not_a_value_of_it(given, sentence):
    with pytest.raises(InputError) as error:
        typed(**given)
    assert sentence in str(error.value)
    assert len(str(error.value)) < 250


def test_without_values_of_the_reader_nothing_is_changed():
    assert notebook.typed(["", DEFAULTS, "import numpy"], {"m": 2}) == {}


def test_outside_of_a_notebook_there_is_nothing_to_check():
    assert notebook.check_parameters() is None


def test_the_defaults_are_those_of_the_cell_before_the_readers():
    cells = ["", DEFAULTS, notebook.INJECTED + "m = 3\n", "charts.use()", "n = 1\n"]
    assert notebook.typed(cells, {"m": 3}) == {"m": 3}


@pytest.mark.parametrize(
    ("dataset", "about"), [("synthetic", True), ("ml-1m", True), ("ml-100k", False), ("folder/ml-1m.csv", False)]
)
def test_cells_about_the_paper_are_left_out_on_other_logs_alone(monkeypatch, dataset, about):
    shell = InteractiveShell()
    monkeypatch.setattr(notebook, "get_ipython", lambda: shell)
    for name in ("another.csv", "another.csv", dataset):  # one kernel may run several chapters
        found = notebook.about_the_paper(name)
    assert found == about
    shell.run_cell(f"{notebook.ABOUT}\nsaid = 'paper'")
    shell.run_cell("other = 1\n# about the paper")
    assert ("said" in shell.user_ns) == about
    assert shell.user_ns["other"] == 1


def shown(source, *, text=None, tags=()):
    data = [{"output_type": "display_data", "data": {"text/markdown": [text]}, "metadata": {}}] if text else []
    return {"cell_type": "code", "source": [source], "outputs": data, "metadata": {"tags": list(tags)}}


def test_text_that_a_notebook_writes_stands_on_the_page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    prose = importlib.import_module("prose")
    about = f"{notebook.ABOUT}\n"
    cells = [
        {"cell_type": "markdown", "source": "# Title", "metadata": {}},
        shown(f"{about}Markdown('## Heading')", text="\n## Heading\n", tags=["prose"]),
        shown(f"{about}rows = 1"),
        shown("None", tags=["prose"]),
        shown("Markdown('4 users')", text="4 users"),
    ]
    page = prose.as_markdown({"cells": cells})["cells"]
    assert [cell["cell_type"] for cell in page] == ["markdown", "markdown", "code", "code"]
    assert page[1]["source"] == "## Heading"
    cells[1]["outputs"] = []  # on another log
    assert prose.as_markdown({"cells": cells})["cells"] == [cells[0], cells[4]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_checks_its_parameters_before_it_computes(path):
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert code[0].metadata.tags == ["parameters"]
    tree = ast.parse(code[0].source)
    defaults = {line.targets[0].id: ast.literal_eval(line.value) for line in tree.body}  # plain lines, nothing else
    assert notebook._literals(code[0].source) == defaults
    assert "check_parameters()" in code[1].source
    if "path" in defaults:
        assert defaults["reading"] == {}
        assert "path, **reading)" in json.dumps([cell.source for cell in code]) or "path, reading)" in json.dumps(
            [cell.source for cell in code]
        )
