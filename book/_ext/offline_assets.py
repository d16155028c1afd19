"""Maths, charts and search without a network: MathJax and Vega come from installed packages, not from a CDN.

Both files are too large to commit, and Jupyter Book would load every script in `_static` on every page.
"""

import importlib.resources
import re
from importlib.metadata import version
from pathlib import Path

import altair
import vl_convert

from srlaw.files import write_atomically

# Charts are drawn while the page is still being laid out, and Vega looks at their width again only when the
# window changes: tell it whenever the column of text gets another width.
REFIT = """
addEventListener("load", () => {
  let width = 0;
  new ResizeObserver(([column]) => {
    if (column.contentRect.width === width) return;
    width = column.contentRect.width;
    dispatchEvent(new Event("resize"));
  }).observe(document.querySelector("article"));
});
"""


def write_scripts(app):
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    packaged = importlib.resources.files("sphinx-mathjax-offline") / "static/mathjax/tex-svg-full.js"
    (static / "mathjax.js").write_bytes(packaged.read_bytes())
    # The bundle declares hundreds of one-letter globals: keep them inside a function. Telling the loader in
    # Altair's HTML that these versions are present keeps it from asking the CDN for them.
    (static / "vega.js").write_text(
        f"(function () {{\n{bundle(Path(app.srcdir).parent / '.cache')}\n}})();\n"
        f'var VEGA_DEBUG = {{vega_version: "{altair.VEGA_VERSION}", '
        f'vegalite_version: "{altair.VEGALITE_VERSION}", vegaembed_version: "{altair.VEGAEMBED_VERSION}"}};\n{REFIT}'
        + Path(__file__).with_name("charts.js").read_text(encoding="utf-8"),
        encoding="utf-8",
    )


def bundle(cache: Path) -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, which takes seconds to put together, once for each version."""
    kept = cache / f"vega-{version('altair')}-{version('vl-convert-python')}.js"
    if not kept.exists():
        cache.mkdir(exist_ok=True)
        text = vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue] (its types lack the default)
        write_atomically(kept, lambda file: file.write_text(text, encoding="utf-8"))
    return kept.read_text(encoding="utf-8")


MAPPED = re.compile(r"\s*/[/*]# sourceMappingURL=.*\s*$")
DIGITS = r"queryTerm.match(/^\d+$/)"  # Sphinx's search leaves whole numbers out, and people look for 603


def search_numbers(app, error):
    """build-finished: let the search find numbers, which are in its index."""
    script = Path(app.outdir) / "_static/searchtools.js"
    if error or app.builder.format != "html":
        return
    text = script.read_text(encoding="utf-8")
    if DIGITS in text:
        script.write_text(text.replace(DIGITS, "false"), encoding="utf-8")


def no_maps(app, error):
    """build-finished: no source maps of the theme, megabytes that no reader loads, nor the lines that name them."""
    if error or app.builder.format != "html":
        return
    for path in (Path(app.outdir) / "_static").rglob("*.map"):
        mapped = path.with_suffix("")
        if mapped.exists():
            mapped.write_text(MAPPED.sub("", mapped.read_text(encoding="utf-8")), encoding="utf-8")
        path.unlink()


def load_vega(app, pagename, templatename, context, doctree):
    if "vegaEmbed(" in context.get("body", ""):
        app.add_js_file("vega.js")


def setup(app):
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", load_vega)
    app.connect("build-finished", search_numbers)
    app.connect("build-finished", no_maps)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
