"""Charts as the pages have them: tooltips, legends to click, one colour a name, and a picture where scripts are off.

The notebooks keep plain specifications; what a page adds is the same for all of them and is added here, when the page
is written. `charts.js` does the rest in the browser.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from outputs import SETS_AND_MODELS

from srlaw.charts import INK, PALETTE

EMBEDDED = re.compile(r"\}\)\((\{.*\}), (\{[^\n]*\})\);\n</script>")  # how Altair's HTML ends, spec and options
DIV = re.compile(r'<div id="(chart-[0-9a-f]+)"></div>')
POINTED = ("point", "circle", "square", "bar", "tick", "rect", "rule", "arc")
WIDTH = 560  # pixels of a picture whose chart takes the width of the page
PARTS = ("layer", "hconcat", "vconcat", "concat")
FAINT = 0.12  # opacity of what a click on the legend leaves out, as a share of what it was

# One colour a name in the whole book, as the code writes it and as the pages do (`outputs`). Models and the data sets
# of the paper first; another name takes what its chart has free.
FIXED: dict[str, str] = {
    form: colour
    for names in (
        ("hstu", "llama", "sasrec", "gpt"),
        ("ml-1m", "amazon-books", "kuairand-pure", "huawei-music", "ml-100k", "lastfm"),
    )
    for name, colour in zip(names, PALETTE, strict=False)
    for form in (name, SETS_AND_MODELS.get(name, name))
} | {"optimum": INK}


def units(spec: dict[str, Any], above: dict[str, Any] | None = None) -> Iterator[tuple[dict, dict]]:
    """Every single plot within a specification, with its encoding, what it has from the layers around it included."""
    encoding = {**(above or {}), **spec.get("encoding", {})}
    for name in PARTS:
        for part in spec.get(name, []):
            yield from units(part, encoding)
    if "spec" in spec:
        yield from units(spec["spec"])
    if "mark" in spec:
        yield spec, encoding


def nested(spec: dict[str, Any]) -> Iterator[dict]:
    """A specification and all that it is composed of."""
    yield spec
    for part in [*(part for name in PARTS for part in spec.get(name, [])), *([spec["spec"]] if "spec" in spec else [])]:
        yield from nested(part)


def polished(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification with tooltips on every mark, legends to click and the book's colours; the given one is kept."""
    spec = json.loads(json.dumps(spec))
    config = spec.setdefault("config", {})
    for mark in POINTED:
        config.setdefault(mark, {}).setdefault("tooltip", {"content": "encoding"})
    config.setdefault("line", {}).setdefault("point", {"opacity": 0, "size": 60})  # what a pointer finds of a line
    alike(spec)
    clickable(spec)
    return spec


def alike(spec: dict[str, Any]) -> None:
    """What a still picture has too: the book's colours, one legend for what is named twice, in full colours."""
    config = spec.setdefault("config", {})
    config.setdefault("legend", {}).setdefault("symbolOpacity", 1)
    config.setdefault("axis", {}).setdefault("labelLimit", 240)  # pixels; a panel with its metric has 200
    colour_names(spec)
    one_legend(spec)


def _coloured(spec: dict[str, Any]) -> Iterator[tuple[dict, dict, dict, str]]:
    """Plots that have a legend of names or ordered sizes: plot, encoding, the channel, its field."""
    for unit, encoding in units(spec):
        colour = encoding.get("color")
        if isinstance(colour, dict) and colour.get("type") in ("nominal", "ordinal") and "field" in colour:
            yield unit, encoding, colour, colour["field"].replace("\\", "")


def clickable(spec: dict[str, Any]) -> None:
    """A click on a legend's entry leaves it alone in its full colour, and one on another adds that.

    A click on each again, or a double click, brings the rest.
    """
    names: dict[str, str] = {}
    for unit, encoding, colour, field in list(_coloured(spec)):
        if colour.get("legend", {}) is None or {"opacity", "row", "column", "facet"} & set(encoding):
            continue
        if field not in names:
            names[field] = f"legend_{len(names)}"
            select = {"type": "point", "fields": [field], "toggle": "true"}  # no key to hold, as phones have none
            chosen = {"name": names[field], "select": select, "bind": "legend"}
            unit["params"] = [*unit.get("params", []), chosen]
        mark = unit["mark"] if isinstance(unit["mark"], dict) else {"type": unit["mark"]}
        whole = mark.get("opacity", {"area": 0.7, "tick": 0.7}.get(mark["type"], 1))
        left = {"condition": {"param": names[field], "value": whole}, "value": round(FAINT * whole, 3)}
        channel = "strokeOpacity" if mark["type"] == "line" else "opacity"  # of a line's points, opacity stays 0
        unit["encoding"] = {**unit.get("encoding", {}), channel: left}


def colour_names(spec: dict[str, Any]) -> None:
    """The same colour for a model or a data set in every chart that has no colours of its own."""
    values: dict[str, set[str]] = {}
    for rows in spec.get("datasets", {}).values():
        for row in rows:
            for field, value in row.items():
                if isinstance(value, str):
                    values.setdefault(field, set()).add(value)
    for _, _, colour, field in _coloured(spec):
        found = colours(values.get(field, set()))
        if found and "scale" not in colour:
            order = colour.get("sort")
            names = sorted(found, key=order.index) if isinstance(order, list) and set(found) <= set(order) else [*found]
            colour["scale"] = {"domain": names, "range": [found[name] for name in names]}


def colours(names: set[str]) -> dict[str, str]:
    """Name → colour where a name is a model or one of the paper's data sets; else nothing."""
    if not names & set(FIXED) or len(names) > len(PALETTE):
        return {}
    free = [colour for colour in PALETTE if colour not in {FIXED.get(name) for name in names}]
    others = dict(zip(sorted(names - set(FIXED)), free, strict=False))
    return {name: FIXED.get(name) or others[name] for name in sorted(names)}


def one_legend(spec: dict[str, Any]) -> None:
    """Vega-Lite joins the legends of colour and shape, or dashes, only where both name the same domain."""
    for _, encoding, colour, _ in _coloured(spec):
        domain = colour.get("scale", {}).get("domain", colour.get("sort"))
        for name in ("shape", "strokeDash"):
            other = encoding.get(name, {})
            shown = None not in (colour.get("legend", {}), other.get("legend", {}))
            if shown and isinstance(domain, list) and other.get("field") == colour["field"]:
                for channel in (colour, other):
                    channel.setdefault("scale", {}).setdefault("domain", domain)


def picture(spec: dict[str, Any], folder: Path) -> str:
    """Name of a plain chart's drawing in a folder, drawn unless it is there: an SVG on white, where scripts are off."""
    still = json.loads(json.dumps(spec))
    alike(still)
    still.setdefault("config", {})["background"] = "white"
    if still.get("width") == "container":
        still["width"] = WIDTH
    text = json.dumps(still, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:16] + ".svg"
    if not (folder / name).exists():
        import vl_convert  # slow to import

        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(vl_convert.vegalite_to_svg(text), encoding="utf-8")
    return name


def rewrite(body: str, keep: Path, use) -> str:
    """A page's HTML with its charts `polished`, each followed by its picture; `use` gives a picture's address."""
    pieces, last = [], 0
    for div in DIV.finditer(body):
        embedded = EMBEDDED.search(body, div.end())
        if embedded is None or DIV.search(body, div.end(), embedded.start()):
            raise ValueError(
                f"{div[1]} has no specification that can be read; does Altair write its HTML otherwise now?"
            )
        plain = json.loads(embedded[1])
        spec = polished(plain)
        said = escape(spec.get("description", "a chart"), quote=True)
        still = f'<img class="chart-still" src="{use(picture(plain, keep))}" alt="{said}">'
        still = f'<noscript><div class="chart-still-box">{still}</div></noscript>'
        written = re.sub(r"<(?=[a-zA-Z/!])", r"\\u003c", json.dumps(spec, sort_keys=True))
        pieces += [body[last : div.end()], body[div.end() : embedded.start(1)], written]
        pieces += [body[embedded.end(1) : embedded.end()], still]
        last = embedded.end()
    return "".join(pieces) + body[last:]


def finish(app, pagename, templatename, context, doctree):
    """html-page-context, before Vega is loaded for the page."""
    if app.builder.format != "html" or "vegaEmbed(" not in context.get("body", ""):
        return
    keep = Path(app.srcdir) / "_build/pictures"
    shown = Path(app.outdir) / "_static/charts"
    shown.mkdir(parents=True, exist_ok=True)

    def use(name: str) -> str:
        (shown / name).write_bytes((keep / name).read_bytes())
        return context["pathto"](f"_static/charts/{name}", resource=True)

    context["body"] = rewrite(context["body"], keep, use)


def setup(app):
    app.connect("html-page-context", finish, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
