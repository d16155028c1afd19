"""The directives {scoreboard}, {rules} and {errata}: claims with verdicts, how they are decided, what is misprinted.

All read the verdicts of the notebooks as they are at this build, and lead to the verdicts' cards.
"""

import re
from collections import Counter
from functools import lru_cache
from html import escape
from pathlib import Path

import outputs
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from srlaw import claims
from srlaw.errata import errata
from srlaw.rules import RULES
from srlaw.rules.flip import flip

METHOD = "notebooks/A1-methods"  # the page with the table of rules
ERRATA = "errata"
LABELS = claims.WORDS
SENTENCE = re.compile(r"(?<=[\w)%”])\. (?=[A-Z“(])")  # where one ends and the next begins
SHORT = ("Eq", "Eqs", "al")


def ledger(srcdir) -> list[dict]:
    """`srlaw.claims.ledger` of the notebooks as they are now; they are read again only when one has changed."""
    folder = Path(srcdir) / "notebooks"
    return _read(folder, tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.ipynb"))))


@lru_cache(maxsize=1)
def _read(folder: Path, state: tuple) -> list[dict]:
    return claims.ledger(folder)


def badge(verdict: str, text: str) -> nodes.inline:
    return nodes.inline("", text, classes=["srlaw-badge", f"srlaw-{verdict}"])


def framed(columns: dict[str, int], body: nodes.tbody) -> nodes.table:
    """A table of columns with these titles and widths in percent."""
    titles = (nodes.entry("", nodes.paragraph("", text)) for text in columns)
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in columns.values()), cols=len(columns))
    group += [nodes.thead("", nodes.row("", *titles)), body]
    return nodes.table("", group, classes=["scoreboard", "colwidths-given"])


class Rules(SphinxDirective):
    """Every judged claim: its rule in one line, its word, and a change of made-up evidence that flips the word."""

    def run(self):
        body, known = nodes.tbody(), {claim.id: claim for claim in claims.CLAIMS}
        for row in ledger(self.env.srcdir):
            if row["chapter"] is None:
                continue
            claim, rule = known[row["id"]], RULES[row["id"]]
            word: list[nodes.Node] = [nodes.paragraph("", "", badge(row["verdict"], LABELS[row["verdict"]]))]
            if claim.was and claim.was != row["verdict"]:
                before = nodes.Text(f"Was {LABELS[claim.was]}. {claim.revised}")
                word.append(nodes.paragraph("", "", before))
            cells = [
                [nodes.paragraph("", "", nodes.strong("", row["place"]))],
                [nodes.paragraph("", rule.decides)],
                word,
                self.flip(row["id"], row["verdict"]),
            ]
            body += nodes.row("", *(nodes.entry("", *cell) for cell in cells))
        return [framed({"Claim": 14, "Rule": 34, "Word": 22, "What flips it (made-up evidence)": 30}, body)]

    def flip(self, claim: str, word: str) -> list[nodes.Node]:
        other, changes = flip(claim, word)
        lines = [
            nodes.paragraph("", f"{line}: {readable(before)} → {readable(after)}") for line, before, after in changes
        ]
        return [*lines, nodes.paragraph("", "", badge(other, LABELS[other]))]


def readable(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(readable, value))
    return "none" if value is None else claims.shown(value) or "none"


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest."""
    for match in SENTENCE.finditer(text):
        if not text[: match.start()].endswith(SHORT):
            return text[: match.start() + 1], text[match.end() :]
    return text, ""


def card(env, row: dict, text: str) -> nodes.Node:
    """A badge of the claim's word that leads to its card, if a page of this book has it."""
    shown = badge(row["verdict"], text)
    docname = f"notebooks/{row['chapter']}"
    if docname not in env.found_docs:
        return shown
    return nodes.reference("", "", shown, refuri=to_card(env, row["chapter"], row["id"]), internal=True)


def to_card(env, chapter: str, claim: str) -> str:
    return env.app.builder.get_relative_uri(env.docname, f"notebooks/{chapter}") + "#" + claims.anchor(claim)


class Scoreboard(SphinxDirective):
    """Without an argument how many claims have which word, with the id of a publication all its claims."""

    optional_arguments = 1

    def run(self):
        rows = ledger(self.env.srcdir)
        if not self.arguments:
            return [self.summary(rows)]
        own = [row for row in rows if row["publication"] == self.arguments[0]]
        if not own:
            raise self.error(f"there is no publication {self.arguments[0]!r} in the ledger")
        return [self.table(own)]

    def summary(self, rows):
        counts = Counter(row["verdict"] for row in rows)
        line = nodes.paragraph("", f"{len(rows)} claims: ", classes=["scoreboard-summary"])
        for verdict, label in LABELS.items():
            if counts[verdict]:
                line += [badge(verdict, f"{counts[verdict]} {label}"), nodes.Text(" ")]
        return line

    def table(self, rows):
        body = nodes.tbody()
        for row in rows:
            claim = nodes.paragraph("", "", nodes.strong("", row["place"]), nodes.Text(f": {row['statement']}"))
            verdict = nodes.paragraph("", "", card(self.env, row, LABELS[row["verdict"]]))
            cells = [[claim], [verdict], self.evidence(row)]
            body += nodes.row("", *(nodes.entry("", *cell) for cell in cells))
        return framed({"Claim": 34, "Verdict": 14, "Evidence": 52}, body)

    def evidence(self, row) -> list[nodes.Node]:
        """Why in one sentence, the rest and the numbers folded; of an open claim all of what it would take."""
        if row["chapter"] is None:
            return [nodes.paragraph("", row["because"])]
        first, rest = (row["because"], "") if row["verdict"] == "open" else first_sentence(row["because"])
        why = nodes.paragraph("", f"{first} ")
        docname = f"notebooks/{row['chapter']}"
        if docname in self.env.found_docs:
            why += addnodes.pending_xref(
                "", nodes.inline("", f"Chapter {row['chapter'][:2]}"), refdomain="std", reftype="doc",
                reftarget=f"/{docname}", refexplicit=True, refwarn=True,
            )  # fmt: skip
        written = {name: claims.shown(value) for name, value in row["evidence"].items()}
        lines = "".join(
            f"<li>{escape(outputs.readable(name))}: <strong>{escape(outputs.readable(value))}</strong></li>"
            for name, value in written.items()
        )
        more = f"<p>{escape(outputs.readable(rest))}</p>" if rest else ""
        folded = (
            f'<details class="scoreboard-numbers"><summary>{"More, and the" if rest else "The"} numbers</summary>'
            f"{more}<ul>{lines}</ul></details>"
        )
        return [why, nodes.raw("", folded, format="html")]


class Errata(SphinxDirective):
    """Every erratum of a publication: printed, should be, evidence, each with an anchor of its own."""

    required_arguments = 1

    def run(self):
        own = [entry for entry in errata(ledger(self.env.srcdir)) if entry.publication.id == self.arguments[0]]
        if not own:
            raise self.error(f"the ledger has no errata of {self.arguments[0]!r}")
        body = nodes.tbody()
        for entry in own:
            anchor = f"erratum-{entry.id.replace('.', '-')}"
            here = nodes.reference("", "", nodes.strong("", entry.place), refuri=f"#{anchor}", internal=True)
            evidence = nodes.paragraph("", f"{entry.evidence} ")
            if f"notebooks/{entry.chapter}" in self.env.found_docs:
                uri = to_card(self.env, entry.chapter, entry.claim)
                evidence += nodes.reference("", "", nodes.Text("The verdict"), refuri=uri, internal=True)
            labelled = {"Printed": entry.printed, "Should be": entry.should_be}
            cells = [
                nodes.paragraph("", "", nodes.inline("", f"{label}: ", classes=["narrow-only"]), nodes.Text(text))
                for label, text in labelled.items()
            ]
            row = [nodes.paragraph("", "", here), *cells, evidence]
            body += nodes.row("", *(nodes.entry("", cell) for cell in row), ids=[anchor])
        return [framed({"Where": 17, "Printed": 21, "Should be": 22, "Evidence": 40}, body)]


def outdated(app, env, added, changed, removed):
    """Notebooks hold the verdicts, so the pages that collect them can be out of date although their files are not."""
    state = (ledger(app.srcdir), sorted(env.found_docs))
    if getattr(env, "srlaw_ledger", None) == state:
        return []
    env.srlaw_ledger = state
    return sorted({env.config.root_doc, METHOD, ERRATA} & env.found_docs)


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    app.add_directive("rules", Rules)
    app.add_directive("errata", Errata)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
