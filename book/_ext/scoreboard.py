"""The directive {scoreboard}: every claim of the paper with its verdict, as of this build."""

from collections import Counter
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from srlaw import claims

LABELS = {verdict: verdict.replace("-", " ") for verdict in claims.VERDICTS}
LABELS["reproduced-with-correction"] = "reproduced with a correction"


def ledger(srcdir) -> list[dict]:
    return claims.ledger(Path(srcdir) / "notebooks")


def badge(verdict: str, text: str) -> nodes.inline:
    return nodes.inline("", text, classes=["srlaw-badge", f"srlaw-{verdict}"])


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
        titles = (nodes.entry("", nodes.paragraph("", text)) for text in ("Claim", "Verdict", "Evidence"))
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (34, 14, 52)), cols=3)
        group += [nodes.thead("", nodes.row("", *titles)), body]
        return nodes.table("", group, classes=["scoreboard"])

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
    """Notebooks hold the verdicts, so the front page can be out of date although its own file is not."""
    state = (ledger(app.srcdir), sorted(env.found_docs))
    if getattr(env, "srlaw_ledger", None) == state:
        return []
    env.srlaw_ledger = state
    return [env.config.root_doc]


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
