"""Pages for the reader's own runs: notebooks that papermill wrote to `runs/NAME/`.

A run is a copy of a chapter, so its title, labels and relative links would collide with the chapter's; they are
changed while Sphinx reads the page. The file itself stays as papermill wrote it. Names of runs and values of
parameters are the reader's own text: they are shown as they are, never as markup.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from srlaw.charts import literal
from srlaw.notebook import RUN_NAME

# A line that defines a label for cross-references: (name)=, :label: name, :name: name
LABEL = re.compile(r"^(\(.+\)=|:(label|name):.*)[ \t]*\n?", re.MULTILINE)
EQUATION_LABEL = re.compile(r"\$\$[ \t]*\([^)\n]+\)[ \t]*$", re.MULTILINE)
CHAPTER_LINK = re.compile(r"(?<=\]\()(\./)?(?=(?:\d\d[a-z]?|A\d)-)")
CHAPTER_DOC = re.compile(r"(?<=\{doc\}`)([^`<]*<)?(?=(?:\d\d[a-z]?|A\d)-)")


def runs(srcdir) -> dict[str, Path]:
    """Document name → file, e.g. runs/mine/02-datasets."""
    return {path.relative_to(srcdir).with_suffix("").as_posix(): path for path in notebooks(srcdir) if plain(path)}


def notebooks(srcdir) -> list[Path]:
    return sorted(Path(srcdir).glob("runs/*/*.ipynb"))


def plain(path: Path) -> bool:
    """Themes write the names of pages into scripts and attributes as they are: others than these have no page."""
    return all(RUN_NAME.fullmatch(name) for name in (path.parent.name, path.stem))


def leave_out(app, config):
    """config-inited: no page for a run whose name is not plain; `Runs` says so."""
    left_out = [path.relative_to(app.srcdir).as_posix() for path in notebooks(app.srcdir) if not plain(path)]
    config.exclude_patterns = [*config.exclude_patterns, *(re.sub(r"([*?[])", r"[\1]", name) for name in left_out)]


def about(notebook: dict) -> str:
    """The parameters that were given, and whether the run came to its end."""
    record = notebook["metadata"].get("papermill", {})
    given = ", ".join(f"{name} = {value!r}" for name, value in record.get("parameters", {}).items())
    return (given or "default parameters") + (". It stopped at an error" if record.get("exception") else "")


def code(text: str) -> str:
    """A code span of Markdown that holds any text."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


def adapt(app, docname, source):
    """source-read: make a run's page distinguishable from the chapter it was made from."""
    if docname not in runs(app.srcdir):
        return
    _, name, chapter = docname.split("/")
    notebook = json.loads(source[0])
    origin = f"{{doc}}`/notebooks/{chapter}`" if f"notebooks/{chapter}" in app.env.found_docs else literal(chapter)
    note = f"Your run *{literal(name)}* of {origin}, with {code(about(notebook))}."
    titled = False

    def head(match: re.Match) -> str:
        return f"# {match[1]}: {literal(name)}\n\n{note}"

    for cell in notebook["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        text = LABEL.sub("", "".join(cell["source"]))
        text = EQUATION_LABEL.sub("$$", text)
        text = CHAPTER_LINK.sub("../../notebooks/", text)
        text = CHAPTER_DOC.sub(lambda match: f"{match[1] or ''}/notebooks/", text)
        if not titled:
            text, titled = re.subn(r"^# (.*)$", head, text, count=1, flags=re.MULTILINE)
        cell["source"] = text
    source[0] = json.dumps(notebook)


class Runs(SphinxDirective):
    """The directive {run-list}: a list of the runs, each with its parameters."""

    def run(self):
        found, files = runs(self.env.srcdir), notebooks(self.env.srcdir)
        if not files:
            return [nodes.paragraph("", "There are no runs yet.")]
        entries = nodes.bullet_list()
        for docname, path in found.items():
            link = addnodes.pending_xref(
                "", nodes.inline("", docname.removeprefix("runs/")), refdomain="std", reftype="doc",
                reftarget=f"/{docname}", refexplicit=True, refwarn=True,
            )  # fmt: skip
            given = nodes.literal("", about(json.loads(path.read_text(encoding="utf-8"))))
            entries += nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(": "), given))
        left_out = ", ".join(path.relative_to(self.env.srcdir).as_posix() for path in files if not plain(path))
        if not left_out:
            return [entries]
        why = "Without a page, as names of runs have letters, digits, spaces and . _ + - only: "
        return [entries, nodes.paragraph("", "", nodes.Text(why), nodes.literal("", left_out))]


def outdated(app, env, added, changed, removed):
    """A new run changes the contents in the margin of every page."""
    state = notebooks(app.srcdir)
    if getattr(env, "srlaw_runs", []) == state:
        return ["runs/index"] if any(name in changed for name in runs(app.srcdir)) else []
    env.srlaw_runs = state
    return sorted(env.found_docs)


def setup(app):
    app.add_directive("run-list", Runs)
    app.connect("source-read", adapt)
    app.connect("config-inited", leave_out)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
