"""The front page: findings whose words and numbers are those of the stored verdicts, one chart, and how to cite.

`{finding}` holds prose that was written for certain verdicts, and the build fails when they change; the role
`{evidence}` writes a number of one of these verdicts and links to its card.
"""

from pathlib import Path

import altair as alt
import polars as pl
import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from scoreboard import ledger
from sphinx.util.docutils import SphinxDirective, SphinxRole

from srlaw import charts, claims, paper
from srlaw.chapters import front
from srlaw.errors import InputError
from srlaw.evidence import check, fill, named

GUARDED = "srlaw_guarded"  # claims whose words the surrounding directive has checked


def rows(env) -> dict[str, dict]:
    return {row["id"]: row for row in ledger(env.srcdir)}


def card(env, row: dict, text: str, classes: tuple[str, ...] = ()) -> nodes.Node:
    """A link to the card of a judged claim, if its chapter is in this book."""
    shown = nodes.inline("", text, classes=list(classes))
    page = f"notebooks/{row['chapter']}"
    if page not in env.found_docs:
        return shown
    uri = env.app.builder.get_relative_uri(env.docname, page) + "#" + claims.anchor(row["id"])
    return nodes.reference("", "", shown, refuri=uri, internal=True)


class Evidence(SphinxRole):
    """{evidence}`claim: text with {names}`"""

    def run(self):
        claim, _, text = (part.strip() for part in self.text.partition(":"))
        if claim not in self.env.temp_data.get(GUARDED, ()):
            return [], [
                self.inliner.reporter.error(f"no {{finding}} around it names the word of {claim}", line=self.lineno)
            ]
        row = rows(self.env)[claim]
        try:
            return [card(self.env, row, fill(text, named(row)), ("srlaw-number",))], []
        except InputError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]


class Finding(SphinxDirective):
    """Prose for `claim: word; …`, with the number of the first claim written large if there is one."""

    required_arguments, final_argument_whitespace, has_content = 1, True, True
    option_spec = {"number": directives.unchanged, "holds": directives.unchanged}  # noqa: RUF012 (as docutils has it)

    def run(self):
        known = rows(self.env)
        try:
            guarded = check(self.arguments[0], self.options.get("holds", ""), known)
            number = fill(self.options.get("number", ""), named(known[guarded[0]]))
        except InputError as error:
            raise self.error(str(error)) from error
        self.env.temp_data[GUARDED] = guarded
        body = nodes.container("", *self.parse_content_to_nodes(), classes=["finding-text"])
        self.env.temp_data[GUARDED] = ()
        if not number:
            return body.children
        large = card(self.env, known[guarded[0]], number, ("finding-number",))
        return [nodes.container("", nodes.paragraph("", "", large), body, classes=["finding"])]


class Chart(SphinxDirective):
    """One panel as measured, as two laws describe it, and as one forecasts it."""

    def run(self):
        measured, lines, width = front.example()
        dataset, s_max, metric = front.EXAMPLE
        html = charts.page(draw(measured, lines, metric))
        ends = lines.filter(pl.col("n_layers") == pl.col("n_layers").max())["y"].to_list()
        deepest, last = (measured[name].to_list()[-1] for name in ("n_layers", "y"))
        said = (
            f"{dataset}, S_max {s_max}, width {width}: the points are the authors' measurements, one "
            f"run each. At {deepest:.0f} layers {last:.3f} was measured. The two curves that saw all sizes lie "
            f"at {ends[0]:.3f} and {ends[1]:.3f}; the one that saw the smaller half says {ends[2]:.3f}."
        )
        return [nodes.raw("", html, format="html"), nodes.paragraph("", said, classes=["caption"])]


def draw(measured: pl.DataFrame, lines: pl.DataFrame, metric: str):
    names = list(front.CURVES)
    levels = charts.log_axis(measured["n_layers"])
    x = alt.X("n_layers:Q", title="layers N", scale=alt.Scale(type="log", nice=False), axis=levels)
    y = alt.Y("y:Q", title=paper.METRICS[metric], scale=alt.Scale(zero=False))
    layers = alt.Tooltip("n_layers:Q", title="layers", format=".3~g")
    dashes = alt.Scale(domain=names, range=[[1, 0], [2, 3], [6, 3]])
    marks = alt.Scale(domain=[True, False], range=["square", "circle"])
    legend = alt.Legend(labelLimit=300, columns=1)
    curves = (
        alt.Chart(charts.rounded(lines, 5))
        .mark_line()
        .encode(
            x=x,
            y=y,
            color=alt.Color("curve:N", sort=names, title=None, legend=legend),
            strokeDash=alt.StrokeDash("curve:N", sort=names, legend=None, scale=dashes),
            tooltip=[alt.Tooltip("curve:N"), layers, alt.Tooltip("y:Q", format=".4f")],
        )
    )
    points = (
        alt.Chart(measured)
        .mark_point(size=70, filled=True, color=charts.INK)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("seen:N", legend=None, scale=marks),
            tooltip=[layers, alt.Tooltip("y:Q", title="measured", format=".4f")],
        )
    )
    return alt.layer(curves, points).properties(
        height=280,
        description=f"{paper.METRICS[metric]} against depth, measured, and three curves: two fitted to all sizes follow"
        " the points, one fitted to the smaller half goes another way.",
    )


class Cite(SphinxDirective):
    """Version, date and two entries for a bibliography, from CITATION.cff."""

    def run(self):
        about = yaml.safe_load((Path(self.env.srcdir).parent / "CITATION.cff").read_text(encoding="utf-8"))
        year = str(about["date-released"])[:4]
        source = about["references"][0]
        authors = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in source["authors"])
        arxiv = source["identifiers"][0]["value"].removeprefix("arXiv:")
        entries = (
            f"@software{{srlaw,\n  title = {{{about['title']}}},\n  author = {{{{{about['authors'][0]['name']}}}}},\n"
            f"  version = {{{about['version']}}},\n  year = {{{year}}}\n}}\n\n"
            f"@article{{shen{source['year']},\n  title = {{{source['title']}}},\n  author = {{{authors}}},\n"
            f"  year = {{{source['year']}}},\n  eprint = {{{arxiv}}},\n  archivePrefix = {{arXiv}}\n}}"
        )
        line = (
            f"Version {about['version']}, {about['date-released']}. To cite this book, and the paper that it examines:"
        )
        return [nodes.paragraph("", line), nodes.literal_block(entries, entries, language="bibtex")]


def setup(app):
    app.add_role("evidence", Evidence())
    app.add_directive("finding", Finding)
    app.add_directive("front-chart", Chart)
    app.add_directive("cite-book", Cite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
