"""The paper's equations have addresses, and the first mention of one on a page leads to where it is quoted.

An equation's place is the display formula with its number as the tag, or the quotation that begins with "Eq. (7).",
on the first page that has it. A mention is "Eq. (7)" in running text.
"""

import re

from docutils import nodes
from glossary_links import KEEP, ancestors

TAG = re.compile(r"\\tag\{(\d+)\}")
QUOTED = re.compile(r"Eq\. \((\d+)\)\.?")
MENTION = re.compile(r"Eq\.\s\((\d+)\)")
WITHOUT = ("api", "references")


def places(doctree: nodes.document) -> list[int]:
    """Numbers of the equations that a page quotes; each place gets the id ``eq-NUMBER``."""
    found: dict[int, nodes.Element] = {}
    for block in doctree.findall(nodes.math_block):
        for tag in TAG.finditer(block.astext()):
            found.setdefault(int(tag[1]), block)
    for quote in doctree.findall(nodes.block_quote):
        for strong in quote.findall(nodes.strong):
            if quoted := QUOTED.fullmatch(strong.astext().replace("\xa0", " ")):
                found.setdefault(int(quoted[1]), strong)
    for number, place in found.items():
        place["ids"].append(f"eq-{number}")
    return list(found)


def collect(app, doctree):
    """doctree-read: what this page has."""
    known = app.env.srlaw_equations = getattr(app.env, "srlaw_equations", {})
    known[app.env.docname] = places(doctree)


def forget(app, env, docname):
    getattr(env, "srlaw_equations", {}).pop(docname, None)


def homes(known: dict[str, list[int]]) -> dict[int, str]:
    """Number → the page on which it is quoted first, in the order of the chapters' names."""
    return {number: page for page in sorted(known, reverse=True) for number in known[page]}


def link(doctree: nodes.document, home: dict[int, str], address) -> None:
    """Make the first mention of each equation a link; `address` gives that of a page."""
    seen = set()
    for text in list(doctree.findall(nodes.Text)):
        if any(isinstance(parent, (*KEEP, nodes.strong)) for parent in ancestors(text)):
            continue
        parts, end, whole = [], 0, str(text)
        for mention in MENTION.finditer(whole):
            number = int(mention[1])
            if number in home and number not in seen:
                seen.add(number)
                inner = nodes.inline("", mention[0], classes=["equation-mention"])
                where = f"{address(home[number])}#eq-{number}"
                parts += [nodes.Text(whole[end : mention.start()]), nodes.reference("", "", inner, refuri=where)]
                parts[-1]["internal"] = True
                end = mention.end()
        if parts:
            text.parent.replace(text, [part for part in [*parts, nodes.Text(whole[end:])] if part.astext()])


def resolve(app, doctree, docname):
    """doctree-resolved: all pages are read."""
    if app.builder.format == "html" and docname not in WITHOUT:
        home = homes(getattr(app.env, "srlaw_equations", {}))
        link(doctree, home, lambda page: "" if page == docname else app.builder.get_relative_uri(docname, page))


def setup(app):
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-resolved", resolve)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
