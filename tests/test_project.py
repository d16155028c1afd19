"""What a clone must hold for the two commands of the README to work."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import srlaw

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def files() -> list[Path]:
    """Everything that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_lock_holds_what_the_project_asks_for():
    extras = PROJECT["optional-dependencies"]
    for line in PROJECT["dependencies"] + extras["book"] + extras["test"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked()[canonicalize_name(wanted.name)]), line


def test_lock_installs_from_any_index():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://| @ |\+|nvidia|srlaw==", text)
    assert locked()["torch"] == "2.13.0"


def test_what_the_package_imports_is_declared():
    names = {"distributed": "dask", "lightning": "lightning-fabric", "yaml": "pyyaml"}
    names["vl_convert"] = "vl-convert-python"
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + extras["book"] + extras["cluster"]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    for path in (ROOT / "srlaw").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"srlaw"}:
                assert canonicalize_name(names.get(name, name)) in declared, f"{path.name} imports {name}"


def test_actions_are_pinned_by_commit():
    text = (ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8")
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    assert [action for action in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []


def test_conda_environment_is_in_step():
    *packages, pip = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    python = next(name for name in packages if name.startswith("python="))
    assert PROJECT["requires-python"] == f">={python.removeprefix('python=')}"
    assert pip["pip"] == ["-r requirements.lock", "-e ."]


def test_no_large_file():
    assert [path.name for path in files() if path.stat().st_size > 1_000_000] == []


def test_no_path_of_one_machine():
    pattern = re.compile(rb"(?<![\w.])/(?:home|root|work|Users|opt)/\w+")
    found = {str(path.relative_to(ROOT)): pattern.findall(path.read_bytes()) for path in files()}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_contents_list_every_notebook():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    listed = [entry.removeprefix("notebooks/") for entry in entries if entry.startswith("notebooks/")]
    assert listed == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_executed_and_has_parameters(path):
    code = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in code) == 1
    # nbval does not compare a cell without a count, so a missing one would hide a changed number.
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []


def takes() -> dict[str, str]:
    """What a reader gives each chapter, by its parameters."""
    found = {}
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        (parameters,) = (cell for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
        names = {line.split(" = ")[0] for line in "".join(parameters["source"]).splitlines()}
        found[path.stem] = "a log" if "reading" in names else "a table" if names & {"table", "runs"} else "nothing"
    return found


def test_the_readme_says_of_every_chapter_what_it_takes():
    rows = re.findall(
        r"^\| `([0-9A]\d[a-z]?-[\w-]+)` \| (a log|a table|nothing) \|", (ROOT / "README.md").read_text("utf-8"), re.M
    )
    assert dict(rows) == takes()
    assert len(rows) == len(takes())


def test_how_to_links_the_chapters_that_take_a_log_or_a_table():
    page = (ROOT / "book/how-to.md").read_text("utf-8")
    logs, _, rest = page.partition("## Run a chapter")[2].partition(" take a log")
    for kind, text in (("a log", logs), ("a table", rest.partition(" take a table")[0])):
        linked = re.findall(r"\(notebooks/([\w-]+)\.ipynb\)", text)
        assert linked == [name for name, given in takes().items() if given == kind]


def test_the_readme_answers_as_the_front_page_does():
    page = (ROOT / "book/intro.md").read_text("utf-8").partition("## The answer in one minute")[2]
    answer = re.search(r"^:::\{finding\}[^\n]*\n(.*?)\n:::$", page, re.DOTALL | re.M)[1]
    assert " ".join(answer.split()) in " ".join((ROOT / "README.md").read_text("utf-8").split())


def test_the_citation_has_the_version_and_a_date():
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert about["version"] == srlaw.__version__
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", str(about["date-released"]))
