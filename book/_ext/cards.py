"""What opens a chapter, and the code that is its check: both are made when its page is read, from `cards.yml`.

The card has the claim, its word, one number, one chart, and the argument in a few sentences, all from what the
chapter stores. `source-read` puts it below the title of a page in `notebooks/`; the notebook itself and a reader's own
run of it stay without. A chapter without an entry stops the build.
"""

import ast
import json
import os
import re
import textwrap
from functools import cache
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from front import GUARDED, card, rows
from outputs import charted
from scoreboard import LABELS
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole
from stills import still

from srlaw.chapters import openings
from srlaw.errors import InputError
from srlaw.evidence import check, fill, named

ROOT = Path(__file__).parents[2]
FILE = "cards.yml"
FIELDS = {"written_for", "holds", "asks", "number", "says", "reading", "code"}
KEY = "key-chart"  # the tag of the cell whose chart the card shows
FOLDED = {"parameters": "the parameters", "set-up": "the imports"}


def chapter(docname: str) -> str | None:
    """The name of the notebook that a page is, if it is a chapter's own."""
    folder, _, name = docname.rpartition("/")
    return name if folder == "notebooks" else None


def entries(srcdir) -> dict[str, dict]:
    return parsed((Path(srcdir) / FILE).read_text(encoding="utf-8"))


@cache
def parsed(text: str) -> dict[str, dict]:
    """Once for all pages: parsing takes a tenth of a second. Nobody changes what it returns."""
    return yaml.safe_load(text)


def entry(known: dict[str, dict], name: str) -> dict:
    """The entry of a chapter.

    Raises:
        InputError: if there is none, or it has other fields than a card.
    """
    if name not in known:
        raise InputError(
            f"book/{FILE} has no entry {name}; add one with asks, number, says and reading (and written_for, if the "
            "chapter judges a claim), and give the cell of its most telling chart the tag key-chart"
        )
    if unknown := set(known[name]) - FIELDS:
        raise InputError(
            f"the entry {name} of book/{FILE} has {', '.join(sorted(unknown))}; a card has {', '.join(sorted(FIELDS))}"
        )
    if not known[name].get("written_for") and not openings.known(name):
        raise InputError(
            f"the entry {name} of book/{FILE} names no claim in written_for, and srlaw.chapters.openings has no "
            "numbers of it"
        )
    return known[name]


def opened(app, docname, source):
    """source-read of a notebook: the first cells folded; of a chapter also the card, and the code behind its cells."""
    name = chapter(docname)
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    fold_set_up(notebook)
    if name is not None:
        shown = entries(app.srcdir).get(name, {}).get("code", [])
        title, _, rest = "".join(notebook["cells"][0]["source"]).partition("\n")
        notebook["cells"][0]["source"] = f"{title}\n\n```{{chapter-card}}\n```\n\n{rest}"
        try:
            notebook["cells"] = with_code(notebook["cells"], shown, name)
        except InputError as error:
            raise ExtensionError(str(error)) from error
    source[0] = json.dumps(notebook)


def fold_set_up(notebook: dict) -> None:
    """Fold the cell of parameters and the one with the imports; each says what it is."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        tags = cell["metadata"].get("tags", [])
        kind = "parameters" if {"parameters", "injected-parameters"} & set(tags) else "set-up"
        if kind == "set-up" and "check_parameters()" not in "".join(cell["source"]):
            continue
        cell["metadata"]["tags"] = [*tags, "hide-input"] if "hide-input" not in tags else tags
        cell["metadata"]["mystnb"] = {
            "code_prompt_show": f"Show {FOLDED[kind]}",
            "code_prompt_hide": f"Hide {FOLDED[kind]}",
        }


def with_code(cells: list[dict], shown: list[str], name: str) -> list[dict]:
    """The cells, and behind each that first calls a function of `shown` the directive that shows it.

    An entry of `shown` is `package.module.function`, or the same with ` in NAME` if the cell calls NAME instead.
    """
    behind: dict[int, list[str]] = {}
    for text in shown:
        function, _, caller = text.partition(" in ")
        called = re.compile(rf"\b{re.escape(caller or function.rpartition('.')[2])}\(")
        at = next(
            (i for i, c in enumerate(cells) if c["cell_type"] == "code" and called.search("".join(c["source"]))), None
        )
        if at is None:
            raise InputError(
                f"no cell of {name} calls {called.pattern[2:-2]}, so book/{FILE} must say where {function} belongs"
            )
        behind.setdefault(at, []).append(function)
    out = []
    for i, cell in enumerate(cells):
        out.append(cell)
        if i in behind:
            text = "\n\n".join(f"```{{check-code}} {function}\n```" for function in behind[i])
            out.append({"cell_type": "markdown", "id": f"code-{i}", "metadata": {}, "source": text})
    return out


class Stored(SphinxRole):
    """{stored}`text with {names}`, of the numbers that `openings` has of this chapter."""

    def numbers(self) -> dict:
        return openings.numbers(chapter(self.env.docname) or "")

    def run(self):
        try:
            text = fill(self.text, self.numbers())
        except InputError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]
        return [nodes.inline("", text, classes=["srlaw-number"])], []


class ChapterCard(SphinxDirective):
    """The card of the chapter that it stands in."""

    def run(self):
        name = chapter(self.env.docname) or ""
        self.env.note_dependency(str(Path(self.env.srcdir) / FILE))
        try:
            made = entry(entries(self.env.srcdir), name)
            ledger = rows(self.env)
            guarded = check(made.get("written_for", ""), made.get("holds", ""), ledger)
            for row in (ledger[claim] for claim in guarded):
                self.env.note_dependency(str(Path(self.env.srcdir) / f"notebooks/{row['chapter']}.ipynb"))
            self.env.temp_data[GUARDED] = guarded
            card_node = nodes.container("", classes=["chapter-card"])
            card_node += self.head(made, name, guarded, ledger)
            card_node += nodes.container("", *self.figures(made, name, guarded, ledger), classes=["card-figures"])
            card_node += self.reading(made)
            card_node += self.others(name, ledger)
            self.env.temp_data[GUARDED] = ()
        except InputError as error:
            raise self.error(str(error)) from error
        return [card_node]

    def head(self, made, name, guarded, ledger) -> nodes.Node:
        """The claim with its word; of a chapter that judges none what it asks."""
        row = ledger[guarded[0]] if guarded else None
        if row is None or row["chapter"] != name:
            return nodes.container("", *self.parse_text_to_nodes(made["asks"]), classes=["card-claim"])
        word = card(self.env, row, LABELS[row["verdict"]], ("srlaw-badge", f"srlaw-{row['verdict']}"))
        said = [nodes.strong("", "", *lowered(f"{row['place']}.")), nodes.Text(" "), *lowered(row["statement"])]
        return nodes.paragraph("", "", word, nodes.Text(" "), *said, classes=["card-claim"])

    def figures(self, made, name, guarded, ledger) -> list[nodes.Node]:
        """The number with what it counts, and the chart."""
        values = named(ledger[guarded[0]]) if guarded else openings.numbers(name)
        number = fill(made["number"], values)
        large = (
            card(self.env, ledger[guarded[0]], number, ("card-number",))
            if guarded
            else nodes.inline("", number, classes=["card-number"])
        )
        words = nodes.container(
            "", nodes.paragraph("", "", large), *self.parse_text_to_nodes(made["says"]), classes=["card-key"]
        )
        return [words, nodes.raw("", key_chart(Path(self.env.srcdir) / f"notebooks/{name}.ipynb"), format="html")]

    def reading(self, made) -> nodes.Node:
        items = nodes.enumerated_list(enumtype="arabic", suffix=".")
        for text in made["reading"]:
            items += nodes.list_item("", *self.parse_text_to_nodes(text))
        return nodes.container(
            "", nodes.paragraph("", "", nodes.strong("", "In two minutes")), items, classes=["card-reading"]
        )

    def others(self, name, ledger) -> list[nodes.Node]:
        """Every verdict of the chapter, if there are several, in one folded list."""
        own = [row for row in ledger.values() if row["chapter"] == name]
        if len(own) < 2:
            return []
        listed = nodes.bullet_list()
        for row in own:
            word = card(self.env, row, LABELS[row["verdict"]], ("srlaw-badge", f"srlaw-{row['verdict']}"))
            said = [nodes.Text(" "), nodes.strong("", "", *lowered(f"{row['place']}.")), nodes.Text(" ")]
            listed += nodes.list_item("", nodes.paragraph("", "", word, *said, *lowered(row["statement"])))
        which = "Both" if len(own) == 2 else f"All {len(own)}"
        opening = f'<details class="srlaw-fold card-verdicts"><summary>{which} verdicts of this chapter</summary>'
        return [nodes.raw("", opening, format="html"), listed, nodes.raw("", "</details>", format="html")]


def lowered(text: str) -> list[nodes.Node]:
    """A plain text of the ledger with d_emb and the like as symbols with an index."""
    parts = re.split(r"(?<![\w])([A-Za-z])_(\w+)", text)
    symbols = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    after = [
        node for s, i, rest in symbols for node in (nodes.emphasis("", s), nodes.subscript("", i), nodes.Text(rest))
    ]
    return [nodes.Text(parts[0]), *after]


def tagged_chart(path: Path) -> tuple[dict, str]:
    """The specification of the one chart of a notebook whose cell has the tag `KEY`, and its id on the page.

    Raises:
        InputError: if not exactly one cell with the tag has a chart.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if KEY in cell["metadata"].get("tags", ())]
    stored = ["".join(output.get("data", {}).get("text/html", "")) for cell in tagged for output in cell["outputs"]]
    pages = [page for page in stored if "vegaEmbed(" in page]
    if len(tagged) != 1 or not pages:
        raise InputError(
            f"{len(tagged)} cells of {path.stem} have the tag {KEY}, with {len(pages)} charts; give it to the one cell "
            "whose chart the card is to show"
        )
    page = charted(pages[0])
    spec = json.JSONDecoder().raw_decode(page, page.rindex("})({") + 3)[0]
    return spec, page.partition('<div id="')[2].partition('"')[0]


def key_chart(path: Path) -> str:
    """A still picture of a notebook's `tagged_chart`, which leads to the chart itself."""
    spec, anchor = tagged_chart(path)
    said = escape(spec.get("description", ""))
    picture = still(json.dumps(spec, sort_keys=True))
    return f'<a class="card-chart vega-embed" href="#{anchor}" aria-label="To the chart: {said}">{picture}</a>'


class CheckCode(SphinxDirective):
    """A function of the package, folded, with a link to the file that it stands in."""

    required_arguments = 1

    def run(self):
        try:
            path, function = place_of(self.arguments[0])
            source, line = definition(path, function)
        except InputError as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(path))
        block = nodes.literal_block(source, source, language="python")
        place = path.relative_to(ROOT).as_posix()
        opening = (
            f'<details class="srlaw-fold check-code"><summary>The check in code: <code>{function}</code></summary>'
        )
        where = nodes.paragraph(
            "", "", nodes.Text("From "), self.link(place, line), nodes.Text(f", line {line}."), classes=["caption"]
        )
        return [nodes.raw("", opening, format="html"), where, block, nodes.raw("", "</details>", format="html")]

    def link(self, place: str, line: int) -> nodes.Node:
        """To the line in the repository where that is known, else to a copy of the file."""
        repository = os.environ.get("GITHUB_REPOSITORY")
        if repository:
            server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
            return nodes.reference("", place, refuri=f"{server}/{repository}/blob/main/{place}#L{line}")
        return addnodes.download_reference(
            "", "", nodes.literal("", place), reftarget=f"/../{place}", refdoc=self.env.docname
        )


def place_of(name: str) -> tuple[Path, str]:
    """The file of a dotted name, and what remains of the name in it.

    Raises:
        InputError: if no module of the package is the beginning of the name.
    """
    parts = name.split(".")
    for i in range(len(parts) - 1, 0, -1):
        path = ROOT.joinpath(*parts[:i]).with_suffix(".py")
        if path.exists():
            return path, ".".join(parts[i:])
    raise InputError(f"book/{FILE} wants to show {name}, and no module has it")


def definition(path: Path, name: str) -> tuple[str, int]:
    """The source of a function of a module, or of a method `Class.method`, and its first line.

    Raises:
        InputError: if there is none.
    """
    text = path.read_text(encoding="utf-8")
    inside: ast.AST = ast.parse(text)
    for part in name.split("."):
        named_so = (node for node in ast.iter_child_nodes(inside) if getattr(node, "name", None) == part)
        inside = next(named_so, ast.Module([], []))
    if not isinstance(inside, ast.FunctionDef | ast.ClassDef):
        raise InputError(f"there is no {name} in {path.relative_to(ROOT)}, which book/{FILE} wants to show")
    first = min([inside.lineno, *(decorator.lineno for decorator in inside.decorator_list)])
    lines = text.splitlines()[first - 1 : inside.end_lineno]
    return textwrap.dedent("\n".join(lines)), first


def setup(app):
    app.add_directive("chapter-card", ChapterCard)
    app.add_directive("check-code", CheckCode)
    app.add_role("stored", Stored())
    app.connect("source-read", opened)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
