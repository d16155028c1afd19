"""The first use of every word of the glossary on a page leads to its entry.

The words are read from the directive {glossary} of `glossary.md`, so no chapter has to name them. Headings, links,
code, formulas and heads of tables stay as they are.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

PAGE = "glossary"
WITHOUT = (PAGE, "api", "references")
KEEP = (
    *(nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw),
    *(nodes.term, nodes.thead, nodes.citation_reference, nodes.caption, nodes.comment, nodes.rubric),
    addnodes.pending_xref,
)


def words(source: str) -> dict[str, str]:
    """Every word of a page's glossary → the first word of its entry.

    An entry is one or more lines without indent, each a word, and indented lines behind them.
    """
    block = re.search(r"```\{glossary\}\n(.*?)\n```", source, re.DOTALL)
    found, first = {}, None
    for line in block[1].splitlines() if block else ():
        if not line.strip() or line.startswith(" "):
            first = None
        else:
            first = first or line.strip()
            found[line.strip()] = first
    return found


def pattern(known: dict[str, str]) -> re.Pattern:
    """Any of the words, as a word of its own, also in the plural; the longest first."""
    longest = sorted(known, key=len, reverse=True)
    either = "|".join(re.escape(word).replace("'", "['’]") for word in longest)
    return re.compile(rf"(?<![\w@/·-])({either})s?(?![\w@/·-])", re.IGNORECASE)


def named(text: str, known: dict[str, str]) -> str | None:
    """The entry of a word as it stands in a text; capitals inside a word must agree, its first letter may differ."""
    plain = text.replace("’", "'")
    return known.get(plain) or known.get(plain[0].lower() + plain[1:])


class Links(SphinxTransform):
    default_priority = 800  # behind smart quotes, before references are resolved

    def apply(self, **kwargs):
        known = getattr(self.env, "srlaw_words", {})
        if not known or self.env.docname in WITHOUT:
            return
        wanted, seen = pattern(known), set()
        for text in list(self.document.findall(nodes.Text)):
            if not any(isinstance(parent, KEEP) for parent in ancestors(text)):
                link(text, wanted, known, seen)


def ancestors(node: nodes.Node):
    while node.parent is not None:
        node = node.parent
        yield node


def link(text: nodes.Text, wanted: re.Pattern, known: dict[str, str], seen: set[str]) -> None:
    """Replace a text by itself with links at the words that are new; `seen` holds their entries."""
    parts, end, whole = [], 0, str(text)
    for match in wanted.finditer(whole):
        entry = named(match[1], known)
        if entry is None or entry in seen:
            continue
        seen.add(entry)
        xref = addnodes.pending_xref(
            "", nodes.inline("", match[0], classes=["glossary-word"]), refdomain="std", reftype="term", reftarget=entry,
            refexplicit=True, refwarn=True, refdoc="",
        )  # fmt: skip
        parts += [nodes.Text(whole[end : match.start()]), xref]
        end = match.end()
    if parts:
        text.parent.replace(text, [part for part in [*parts, nodes.Text(whole[end:])] if part.astext()])


def read(app, env, added, changed, removed):
    """The words of this build; every page is out of date when they are others than before."""
    source = Path(app.srcdir) / f"{PAGE}.md"
    known = words(source.read_text(encoding="utf-8")) if source.exists() else {}
    if getattr(env, "srlaw_words", {}) == known:
        return []
    env.srlaw_words = known
    return sorted(env.found_docs)


def setup(app):
    app.connect("env-get-outdated", read)
    app.add_transform(Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
