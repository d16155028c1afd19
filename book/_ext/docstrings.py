"""Docstrings of the package as autodoc wants them: code in double backticks, and signs that are no markup."""

import re

CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
SIGNS = re.compile(r"([\\*|]|(?<=\w)_(?!\w))")
BLOCK = re.compile(
    r"^(.*[^:\s])::?\n\n((?:(?: {4,}.*)?\n)+)", re.MULTILINE
)  # of code, below a line that ends in a colon


def tidy(app, what, name, obj, options, lines):
    """autodoc-process-docstring, before napoleon reads the sections."""
    text, end, out = "\n".join(lines) + "\n", 0, []
    for match in BLOCK.finditer(text):
        out += [prose(text[end : match.end(1)]), "::\n\n", match[2]]
        end = match.end()
    lines[:] = "".join([*out, prose(text[end:])]).removesuffix("\n").split("\n")


def prose(text: str) -> str:
    """Code in double backticks, and every other sign shown as it is."""
    parts = CODE.split(text)
    return "".join(f"``{p.strip('`')}``" if i % 2 else SIGNS.sub(r"\\\1", p) for i, p in enumerate(parts))


def setup(app):
    app.connect("autodoc-process-docstring", tidy, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
