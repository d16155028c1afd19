"""The directives {scoreboard} and {rules}: every claim with its verdict, and how it is decided, as of this build."""

from collections import Counter
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from srlaw import claims
from srlaw.rules import RULES, cases

METHOD = "notebooks/A1-methods"  # the page with the table of rules
LABELS = {verdict: verdict.replace("-", " ") for verdict in claims.VERDICTS}
LABELS["reproduced-with-correction"] = "reproduced with a correction"


def ledger(srcdir) -> list[dict]:
    return claims.ledger(Path(srcdir) / "notebooks")


def badge(verdict: str, text: str) -> nodes.inline:
    return nodes.inline("", text, classes=["srlaw-badge", f"srlaw-{verdict}"])


def framed(columns: dict[str, int], body: nodes.tbody) -> nodes.table:
    """A table of columns with these titles and widths in percent."""
    titles = (nodes.entry("", nodes.paragraph("", text)) for text in columns)
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in columns.values()), cols=len(columns))
    group += [nodes.thead("", nodes.row("", *titles)), body]
    return nodes.table("", group, classes=["scoreboard"])


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
        other, changes = cases.flip(claim, word)
        lines = [
            nodes.paragraph("", f"{line}: {readable(before)} → {readable(after)}") for line, before, after in changes
        ]
        return [*lines, nodes.paragraph("", "", badge(other, LABELS[other]))]


def readable(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(readable, value))
    return "none" if value is None else claims.shown(value) or "none"


class Scoreboard(SphinxDirective):
    def run(self):
        rows = ledger(self.env.srcdir)
        out: list[nodes.Node] = [self.summary(rows)]
        publications = dict.fromkeys(claim.publication for claim in claims.CLAIMS)
        for publication in publications:
            own = [row for row in rows if row["publication"] == publication.id]
            title = nodes.paragraph("", "", nodes.emphasis("", publication.title), classes=["scoreboard-title"])
            out += [title, self.table(own)] if len(publications) > 1 else [self.table(own)]
        return out

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
            verdict = nodes.paragraph("", "", badge(row["verdict"], LABELS[row["verdict"]]))
            cells = [[claim], [verdict], self.evidence(row)]
            body += nodes.row("", *(nodes.entry("", *cell) for cell in cells))
        return framed({"Claim": 34, "Verdict": 14, "Evidence": 52}, body)

    def evidence(self, row) -> list[nodes.Node]:
        """Why, where to read on, and the numbers, folded; of an open claim, what it would take."""
        if row["chapter"] is None:
            return [nodes.paragraph("", row["because"])]
        why = nodes.paragraph("", f"{row['because']} ")
        docname = f"notebooks/{row['chapter']}"
        if docname in self.env.found_docs:
            why += addnodes.pending_xref(
                "", nodes.inline("", f"Chapter {row['chapter'][:2]}"), refdomain="std", reftype="doc",
                reftarget=f"/{docname}", refexplicit=True, refwarn=True,
            )  # fmt: skip
        lines = "".join(
            f"<li>{escape(name)}: <strong>{escape(claims.shown(value))}</strong></li>"
            for name, value in row["evidence"].items()
        )
        folded = f'<details class="scoreboard-numbers"><summary>The numbers</summary><ul>{lines}</ul></details>'
        return [why, nodes.raw("", folded, format="html")]


def outdated(app, env, added, changed, removed):
    """Notebooks hold the verdicts, so the pages that collect them can be out of date although their files are not."""
    state = (ledger(app.srcdir), sorted(env.found_docs))
    if getattr(env, "srlaw_ledger", None) == state:
        return []
    env.srlaw_ledger = state
    return sorted({env.config.root_doc, METHOD} & env.found_docs)


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    app.add_directive("rules", Rules)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
