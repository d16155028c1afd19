"""Text that a notebook writes: on the page a cell tagged `prose` is what it displayed, as if it stood there.

So its headings are in the contents of the page, and its links and formulas are those of the book. Where a run on
another log left out what is about the paper, nothing of these cells is on the page.
"""

import json

from srlaw.notebook import ABOUT


def written(cell: dict) -> bool:
    return cell["cell_type"] == "code" and "prose" in cell["metadata"].get("tags", ())


def source(cell: dict) -> str:
    return "".join(cell["source"])


def text(cell: dict) -> str:
    """The Markdown that a cell displayed; empty if it was left out."""
    shown = [output.get("data", {}).get("text/markdown", "") for output in cell["outputs"]]
    return "\n\n".join("".join(part) for part in shown).strip()


def as_markdown(notebook: dict) -> dict:
    """The notebook with cells of Markdown for those tagged `prose`, and without what was left out."""
    about = [cell for cell in notebook["cells"] if source(cell).startswith(f"{ABOUT}\n")]
    left_out = about if any(written(cell) and not text(cell) for cell in about) else []
    cells = []
    for cell in notebook["cells"]:
        if written(cell) and text(cell):
            kept = {"cell_type": "markdown", "metadata": {}, "source": text(cell)}
            cells.append(kept | ({"id": cell["id"]} if "id" in cell else {}))
        elif not written(cell) and cell not in left_out:
            cells.append(cell)
    return {**notebook, "cells": cells}


def adapt(app, docname, content):
    """source-read: for notebooks."""
    if str(app.env.doc2path(docname)).endswith(".ipynb"):
        content[0] = json.dumps(as_markdown(json.loads(content[0])))


def setup(app):
    app.connect("source-read", adapt, priority=400)  # before those who look at the text of a page
    return {"parallel_read_safe": True, "parallel_write_safe": True}
