"""Data flow one way: a module imports only from those before it in the design's order, and never the book."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT = "errors output files stored sequences markov datasets entropy metrics ratings baselines summary statistics"
MIDDLE = "models ranking training recommender saved runs sweep laws charts planner paper recover rules"
RIGHT = "claims evidence chapters errata notebook cli"
ORDER = [*LEFT.split(), *MIDDLE.split(), *RIGHT.split()]
"""Modules and folders of `srlaw`. Chains stand before the data sets, whose synthetic one is drawn from them,
and metrics before the training that reports them; nothing before the models imports torch."""
FILES = sorted((ROOT / "srlaw").rglob("*.py"))


def dotted(path: Path, root: Path = ROOT) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.Module, module: str, is_package: bool) -> set[str]:
    """Every name that a module imports, whole, inside functions too: ``a.b.c`` for ``from a.b import c``."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            names |= {".".join([*base, *([node.module] if node.module else []), alias.name]) for alias in node.names}
    return names


def imports_of(path: Path) -> set[str]:
    return imported(ast.parse(path.read_text(encoding="utf-8")), dotted(path), path.name == "__init__.py")


def place(name: str) -> int:
    """Where a module of `srlaw` stands in `ORDER`; the package itself, its version, stands before all."""
    parts = name.split(".")
    return ORDER.index(parts[1]) if len(parts) > 1 and parts[1] in ORDER else -1


def test_every_module_has_its_place():
    tops = {path.relative_to(ROOT / "srlaw").parts[0].removesuffix(".py") for path in FILES}
    assert tops - set(ORDER) == {"__init__"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_a_module_imports_only_from_those_before_it(path):
    here = place("srlaw.cli" if dotted(path) == "srlaw" else dotted(path))  # `srlaw.load` imports when it is called
    names = {name for name in imports_of(path) if name.split(".")[0] == "srlaw"}
    assert {name for name in names if place(name) > here} == set()


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_nothing_in_the_package_imports_the_book(path):
    tops = {name.split(".")[0] for name in imports_of(path)}
    assert tops & {"notebooks", "book", "tests", "benchmarks", "execute"} == set()


def test_no_two_modules_import_each_other():
    """Within a folder too, where `ORDER` says nothing: no cycle of imports, those inside functions included."""
    modules = {dotted(path): path for path in FILES}
    graph = {}
    for module, path in modules.items():
        names = imports_of(path)
        found = {name if name in modules else name.rpartition(".")[0] for name in names} & set(modules)
        graph[module] = found - {module, "srlaw"}
    # a package's __init__ runs before its modules: only what these import of each other counts
    graph = {m: {n for n in to if not m.startswith(f"{n}.")} for m, to in graph.items()}
    while free := {module for module, to in graph.items() if not to & set(graph)}:
        graph = {module: to for module, to in graph.items() if module not in free}
    assert graph == {}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("def f():\n    from srlaw.chapters import lemma", "srlaw.chapters.lemma"),
        ("from ..laws import fit", "srlaw.laws.fit"),
        ("from . import a", "srlaw.entropy.a"),
        ("import srlaw.cli", "srlaw.cli"),
        ("from srlaw import paper", "srlaw.paper"),
    ],
)
def test_the_test_sees_imports_of_every_form(code, name):
    assert imported(ast.parse(code), "srlaw.entropy.x", False) == {name}
    assert place(name) > place("srlaw.files")


TRAINS = {
    "chapters.learning",
    "chapters.your_data",
    "planner.folder",
    "planner.log",
    "planner.schedule",
    "planner.speed",
    "planner.request",
}


def at_import(path):
    """Modules of `srlaw`, and torch, that are imported when this one is: not those that a function imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = imported(tree, dotted(path), path.name == "__init__.py")
    parts = [name.split(".") for name in names if name.split(".")[0] in ("srlaw", "torch")]
    return {".".join(part[:n]) for part in parts for n in range(1, len(part) + 1)}


def test_only_what_trains_imports_torch():
    """It takes seconds: `srlaw stats`, `fit` and `claims` and the chapters of stored tables start without it."""
    graph = {dotted(path): at_import(path) for path in FILES}

    def reached(name):
        found, new = set(), {name}
        while new:
            found |= new
            new = set().union(*(graph.get(one, set()) for one in new)) - found
        return found

    heavy = {name.removeprefix("srlaw.") for name in graph if "torch" in reached(name)}
    whole = ("models", "ranking", "training", "recommender", "saved", "sweep")
    assert {name for name in heavy if name.split(".")[0] not in whole} == TRAINS
