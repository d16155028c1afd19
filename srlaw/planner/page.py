"""The files of a plan: its rows, its answer as JSON and as a page that needs no network, and the ready command."""

from __future__ import annotations

import html
import json
import math
import re
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from srlaw.charts import GRID, INK, theme
from srlaw.files import write_atomically
from srlaw.planner.extras import recorded
from srlaw.planner.screen import before, lines
from srlaw.planner.steps import next_steps
from srlaw.summary import METRICS, sentence

FINE = 36  # steps of the surface in each direction, between which colours change
LOOK = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #24292f; --grid: #d8dbdf; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --ink: #e6e9ec; --grid: #3a4149; } }
body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; font-size: 13px; } th { text-align: left; vertical-align: top; padding-right: 1.5rem;
  font-weight: 500; min-width: 9rem; } td, th { padding-block: 0.15rem; }
figure { margin: 2rem 0; overflow-x: auto; } svg { max-width: 100%;
  height: auto; }
svg [fill="#24292f"] { fill: var(--ink); } svg [stroke="#24292f"] { stroke: var(--ink); }
svg [stroke="#d8dbdf"] { stroke: var(--grid); } .mark-rect path { shape-rendering: crispEdges; }
"""


def write(out: Path, answer: dict[str, Any], rows: pl.DataFrame) -> None:
    """``rows.csv``, ``plan.json``, ``plan.html`` and, with a recommendation, ``train.sh``, each whole or not at all."""
    curves = [file for folder in ("sweep", "chosen") if (file := out / folder / "curves.csv").exists()]
    points = pl.concat([pl.read_csv(file, infer_schema_length=None) for file in curves], how="diagonal_relaxed")
    texts = {
        "rows.csv": rows.write_csv(),
        "plan.json": json.dumps(plain(answer), indent=1, allow_nan=False) + "\n",
        "plan.html": page(answer, rows, points),
    }
    if answer.get("command"):
        texts["train.sh"] = answer["command"] + "\n"
    for name, text in texts.items():
        write_atomically(out / name, lambda file, text=text: file.write_text(text, encoding="utf-8", newline=""))


def plain(value: Any) -> Any:
    """As JSON has it: None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def page(answer: dict[str, Any], rows: pl.DataFrame, curves: pl.DataFrame) -> str:
    """The whole page: what came out, the surface with the runs, learning curves, shares of the users, the schedule."""
    evidence = answer["evidence"]
    words = METRICS.get(evidence.get("metric", ""), "metric")
    figures = []
    if cells := evidence.get("cells"):
        for key in dict.fromkeys((cell["model"], cell["s_max"]) for cell in cells):
            mine = [cell for cell in cells if (cell["model"], cell["s_max"]) == key]
            name = f"What {key[0]} at s_max {key[1]} is expected to reach, and the sizes that were run"
            figures.append((name, surface(mine, words, answer["recommendation"])))
    if len(curves):
        figures.append(("Learning curves of every run on all users", learning(rows, curves, words)))
    if data := evidence.get("more_data"):
        figures.append(("Shares of the users who train", shares(data["points"], words)))
    drawn = "\n".join(
        f"<figure><figcaption>{html.escape(name)}</figcaption>{svg(chart)}</figure>" for name, chart in figures
    )
    known = [(name, value) for name, value in lines(answer) if name != "no recommendation"]  # the sentence above has it
    found = "\n".join(f'<tr><th scope="row">{html.escape(a)}</th><td>{html.escape(b)}</td></tr>' for a, b in known)
    command = f"<pre>{html.escape(answer['command'])}</pre>\n" if answer.get("command") else ""
    steps = "\n".join(f"<li>{_marked(step)}</li>" for step in next_steps(answer, answer["before"]))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>srlaw plan</title><style>{LOOK}</style></head><body>
<h1>How deep and how wide</h1>
<p>{html.escape(sentence(answer["reason"]))}</p>
<table>{found}</table>
{command}<h2>What to do next</h2>
<ul>{steps}</ul>
{drawn}
<h2>Before the training</h2>
<pre>{html.escape(before(answer["before"]))}</pre>
</body></html>
"""


def _marked(step: str) -> str:
    """A sentence of `next_steps`, its commands as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(step))


def surface(cells: list[dict[str, Any]], words: str, chosen: dict[str, Any] | None) -> alt.LayerChart | alt.FacetChart:
    """Expected metric between the cells, linear in ln N and ln d, in eight colours; the runs, the choice as a cross."""
    depths, widths = (np.array(sorted({cell[name] for cell in cells}), float) for name in ("n_layers", "d_emb"))
    height = np.zeros((len(depths), len(widths)))
    for cell in cells:
        height[np.searchsorted(depths, cell["n_layers"]), np.searchsorted(widths, cell["d_emb"])] = cell["expected"]
    ln_n, ln_d = (np.linspace(np.log(x[0]), np.log(x[-1]), FINE + 1) for x in (depths, widths))
    middle_n, middle_d = ((x[1:] + x[:-1]) / 2 for x in (ln_n, ln_d))
    along = np.array([np.interp(middle_d, np.log(widths), row) for row in height])
    fine = np.array([np.interp(middle_n, np.log(depths), column) for column in along.T]).T
    tiles = pl.DataFrame(
        [
            {"d": a, "d2": b, "n": c, "n2": e, "height": float(fine[i, j])}
            for i, (c, e) in enumerate(zip(np.exp(ln_n[:-1]), np.exp(ln_n[1:]), strict=True))
            for j, (a, b) in enumerate(zip(np.exp(ln_d[:-1]), np.exp(ln_d[1:]), strict=True))
        ]
    )
    x = alt.X("d:Q", title="width", scale=alt.Scale(type="log", base=2, nice=False), axis=_ticks(widths))
    y = alt.Y("n:Q", title="layers", scale=alt.Scale(type="log", base=2, nice=False), axis=_ticks(depths))
    colour = alt.Color("height:Q", title=words, bin=alt.Bin(maxbins=8), scale=alt.Scale(scheme="viridis"))
    ground = alt.Chart(tiles).mark_rect(strokeWidth=0).encode(x=x, x2="d2", y=y, y2="n2", color=colour)
    ran = pl.DataFrame([{"d": cell["d_emb"], "n": cell["n_layers"]} for cell in cells if cell["runs"]])
    layers = [
        ground,
        alt.Chart(ran).mark_point(size=60, fill="white", stroke="black", opacity=1).encode(x="d:Q", y="n:Q"),
    ]
    same = chosen and (chosen["model"], chosen["s_max"]) == (cells[0]["model"], cells[0]["s_max"])
    if chosen and same:
        here = pl.DataFrame([{"d": chosen["d_emb"], "n": chosen["n_layers"]}])
        cross = alt.Chart(here).mark_point(shape="cross", size=160, fill="#d55e00", stroke="black", opacity=1)
        layers.append(cross.encode(x="d:Q", y="n:Q"))
    return alt.layer(*layers).properties(width=520, height=320)


def learning(rows: pl.DataFrame, curves: pl.DataFrame, words: str) -> alt.Chart:
    """Validation by epoch, a line a run on all users; width as colour, depth as dashes."""
    metric = {label: name for name, label in METRICS.items()}.get(words, "ndcg10")
    whole = recorded(rows).filter(pl.col("fraction") == 1).select("key", "n_layers", "d_emb")
    points = curves.join(whole, on="key").select("key", "epoch", f"valid_{metric}", "n_layers", "d_emb")
    return (
        alt.Chart(points)
        .mark_line(strokeWidth=1.5, opacity=0.8)
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y(f"valid_{metric}:Q", title=f"{words} on validation", scale=alt.Scale(zero=False)),
            color=alt.Color("d_emb:O", title="width"),
            strokeDash=alt.StrokeDash("n_layers:O", title="layers"),
            detail="key:N",
        )
        .properties(width=520, height=300)
    )


def shares(points: list[dict[str, Any]], words: str) -> alt.Chart:
    """The metric by the share of the users who train, a line a size."""
    table = pl.DataFrame(points).with_columns(size=pl.format("{} × {}", "n_layers", "d_emb"))
    shown = table["fraction"].unique().sort().to_numpy()
    return (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            x=alt.X("fraction:Q", title="share of the users", scale=alt.Scale(type="log", base=2), axis=_ticks(shown)),
            y=alt.Y("y:Q", title=words, scale=alt.Scale(zero=False)),
            color=alt.Color("size:N", title="layers × width"),
        )
        .properties(width=520, height=260)
    )


def _ticks(values: np.ndarray) -> alt.Axis:
    return alt.Axis(values=[float(value) for value in values], format="~g")


def svg(chart: alt.Chart | alt.LayerChart | alt.FacetChart) -> str:
    """A drawing, whose text and grid take the colours of the page."""
    import vl_convert  # slow to import

    spec = chart.to_dict()
    spec["config"] = theme().get("config", {})
    drawn = vl_convert.vegalite_to_svg(json.dumps(spec))
    drawn = re.sub(rf'(fill|stroke)="{INK}"', lambda found: f'{found[1]}="{INK}"', drawn, flags=re.IGNORECASE)
    return re.sub(rf'stroke="{GRID}"', f'stroke="{GRID}"', drawn, flags=re.IGNORECASE)
