"""Formulas of a page without scripts: MathML, which browsers draw by themselves, in place of the source in TeX."""

import re
from html import unescape
from pathlib import Path

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="math notranslate nohighlight"[^>]*>'
    r'\s*(?:<span class="eqno">.*?</span>)?\\[(\[](?P<source>[^<]*)\\[)\]]\s*</(?P=tag)>(?!<noscript>)',
    re.DOTALL,
)
# The number of an equation stays; only what a script would have replaced is gone.
HIDDEN = """<noscript><style>
.math.notranslate { font-size: 0; } .math .eqno { font-size: 1rem; } .plain-maths { overflow-x: auto; }
</style></noscript>"""
SAME = {r"\cr": r"\\", "{aligned}": "{align*}"}  # commands of MathJax by the names that the converter knows
TAG = re.compile(r"\\tag\{(.*?)\}")
BARE = re.compile(r"\\(ln|log|exp|min)(?![a-z])(?=\s*(?![({\[_^|]|\\(left|[Bb]ig)))")
"""A function whose argument is in no brackets, before which TeX has a thin space."""


def mathml(source: str, display: bool) -> str:
    """MathML of a formula in TeX; a `\\tag` becomes a number in parentheses behind it."""
    known = BARE.sub(r"\\\1\\,", TAG.sub(r"\\qquad\\text{(\1)}", source.strip()))
    for ours, theirs in SAME.items():
        known = known.replace(ours, theirs)
    return convert(known, display="block" if display else "inline")


def beside(formula: re.Match) -> str:
    """The formula as it stands, for MathJax, and its MathML where there is no script; a wide one scrolls."""
    alone = formula["tag"] == "div"
    plain = mathml(unescape(formula["source"]), alone)
    plain = f'<div class="plain-maths">{plain}</div>' if alone else plain
    return f"{formula[0]}<noscript>{plain}</noscript>"


def add(app, error):
    """build-finished: MathML beside each formula of a page, in its contents and titles too, if it is not there yet."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page, found = FORMULA.subn(beside, path.read_text(encoding="utf-8"))
        if found:
            page = page if HIDDEN in page else page.replace("</head>", f"{HIDDEN}</head>", 1)
            path.write_text(page, encoding="utf-8")


def setup(app):
    app.connect("build-finished", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
