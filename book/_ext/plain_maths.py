"""Formulas of a page without scripts: MathML, which browsers draw by themselves, in place of the source in TeX."""

import re
from html import unescape

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="math notranslate nohighlight"[^>]*>'
    r'\s*(?:<span class="eqno">.*?</span>)?\\[(\[](?P<source>.*?)\\[)\]]\s*</(?P=tag)>',
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


def add(app, pagename, templatename, context, doctree):
    """html-page-context: MathML beside each formula of the page."""
    body, found = FORMULA.subn(beside, context.get("body", ""))
    if found:
        context["body"] = body
        context["metatags"] = context.get("metatags", "") + HIDDEN


def setup(app):
    app.connect("html-page-context", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
