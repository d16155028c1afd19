"""Still pictures of charts for the cards that open the chapters: small, with words as large as there is room for."""

import json
import re
import textwrap
from functools import cache
from typing import Any

import altair as alt
import vl_convert
from chart_pages import alike, nested, units

WIDTH, HEIGHT = 360, 200  # pixels of a single plot with its labels
COMPOSED = 420  # pixels that several together may have, or their words become too small
LINE = {True: 38, False: 22}  # characters of a line in the title of an axis of a single plot, and of one of several
LETTER = 6.4  # pixels of a character of a title
SEVERAL = {"hconcat", "vconcat", "concat", "facet", "repeat"}


@cache
def still(written: str) -> str:
    """The SVG of a chart, its numbers to a tenth of a pixel, without what a picture inside a link has no use for."""
    spec = json.loads(written)
    alike(spec)
    single = not SEVERAL & set(spec) and not {"row", "column", "facet"} & {c for _, e in units(spec) for c in e}
    if single:
        spec |= {"width": WIDTH, "height": min(spec.get("height", HEIGHT), HEIGHT)}
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["config"]["legend"]["columns"] = 2 if single else 3
    svg = drawn(wrapped(spec, LINE[single]))
    if single and (room := int(plot(svg) / LETTER)) < LINE[single]:  # beside long labels there is less of it
        svg = drawn(wrapped(spec, room))
    for _ in range(2):  # as the labels keep their width, once is not enough
        if across(svg) > COMPOSED:
            svg = drawn(narrower(spec, COMPOSED / across(svg)))
    svg = re.sub(r'\s(aria-\w+|role|class|version|xmlns(:\w+)?)="[^"]*"', "", svg)
    svg = re.sub(r'(id="|url\(#|href="#)', r"\1still-", svg)  # the chart itself has the same ids
    svg = re.sub(r'="[^"]*"', lambda value: re.sub(r"-?\d+\.\d{2,}", tenth, value[0]), svg)
    return svg.replace("<svg", '<svg role="img" aria-hidden="true"', 1)


def wrapped(spec: dict[str, Any], most: int) -> dict[str, Any]:
    """The specification with the titles of its horizontal axes in lines of so many characters."""
    for _, encoding in units(spec):
        for place in (encoding.get("x", {}), encoding.get("x", {}).get("axis") or {}):
            if title := place.get("title"):
                place["title"] = textwrap.wrap(title if isinstance(title, str) else " ".join(title), most)
    return spec


def plot(svg: str) -> float:
    """Pixels that a single plot takes without its labels."""
    return float(re.findall(r'class="background"[^>]* d="M[\d.]+,[\d.]+h([\d.]+)', svg)[0])


def narrower(spec: dict[str, Any], share: float, least: int = 90) -> dict[str, Any]:
    """The specification with every width in pixels a share of what it was, and not less than `least`."""
    for part in nested(spec):
        if isinstance(part.get("width"), int | float):
            part["width"] = max(least, round(part["width"] * share))
    return spec


def across(svg: str) -> float:
    return float(svg.partition('width="')[2].partition('"')[0])


def drawn(spec: dict[str, Any]) -> str:
    return vl_convert.vegalite_to_svg(spec, vl_version=".".join(alt.VEGALITE_VERSION.split(".")[:2]))


def tenth(number: re.Match) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
