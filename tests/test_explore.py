"""The charts with sliders, drawn at chosen places: what they print is what the package computes by another route."""

import json
import re

import numpy as np
import polars as pl
import pytest
import vl_convert

from srlaw import paper, stored
from srlaw.chapters import explore, sliders, theorems
from srlaw.errors import InputError
from srlaw.laws import fit, get
from srlaw.planner import decide
from srlaw.planner.budgets import budgets
from srlaw.planner.forecast import LINEAR

FITS = stored.exponents()


def part(whole: dict, place: int) -> dict:
    """One part of a composed chart, as a specification of its own: the second holds the text."""
    of_all = {name: whole[name] for name in ("data", "datasets", "params") if name in whole}
    return {**(whole.get("concat") or whole["vconcat"])[place], **of_all}


def texts(spec: dict, **values) -> list[str]:
    """Every text that is drawn with parameters at these values."""
    unknown = set(values) - {param["name"] for param in spec["params"]}
    assert not unknown
    moved = [{**param, "value": values.get(param["name"], param["value"])} for param in spec["params"]]
    return re.findall(r"<text[^>]*>([^<]*)</text>", vl_convert.vegalite_to_svg(json.dumps({**spec, "params": moved})))


def number(written: list[str], before: str, after: str = r"$") -> float:
    """The number that stands behind some words."""
    found = [re.search(rf"{before}([−-]?[\d.]+){after}", text) for text in written]
    return float(next(hit[1] for hit in found if hit).replace("−", "-"))


@pytest.fixture(scope="module")
def whole():
    return explore.equation7(digits=6).to_dict(validate=False)


@pytest.fixture(scope="module")
def equation7(whole):
    return part(whole, 1)


@pytest.fixture(scope="module")
def theorem():
    return part(sliders.theorem().to_dict(validate=False), 1)


def r_squared(panel, w3, w4, p) -> float:
    """R² of b + w1 (ln N + p N^−w3) + w2 (ln d + p d^−w4) by least squares over all points."""
    n, d = (panel.points[name].to_numpy().astype(float) for name in ("n_layers", "d_emb"))
    design = np.column_stack([np.ones_like(n), np.log(n) + p * n**-w3, np.log(d) + p * d**-w4])
    q, _ = np.linalg.qr(design / np.linalg.norm(design, axis=0))
    y = panel.points["y"].to_numpy()
    left, spread = y - q @ (q.T @ y), y - y.mean()
    return 1 - (left @ left) / (spread @ spread)


@pytest.mark.parametrize("key", [("ml-1m", 100, "hr10"), ("amazon-books", 50, "hr10"), ("huawei-music", 25, "hr10")])
def test_at_the_fitted_exponents_the_chart_has_the_r2_of_the_fit(equation7, key):
    row = paper.of_panel(FITS, paper.panel(*key))
    written = texts(equation7, panel=explore.label(*key), use=explore.FITTED)
    assert number(written, "^R² ") == pytest.approx(row["r2"], abs=2e-6)
    assert r_squared(paper.panel(*key), row["w3"], row["w4"], row["p1"]) == pytest.approx(row["r2"], abs=1e-6)


def test_stored_exponents_are_those_of_the_fit():
    panel = paper.panel("kuairand-pure", 50, "ndcg10")
    found, row = fit(get("performance-shared"), panel.points, "y"), paper.of_panel(FITS, panel)
    assert row["r2"] == pytest.approx(found.r2, abs=1e-6)
    assert FITS.height == 20
    assert FITS.select("w3", "w4", "p1", "r2").null_count().sum_horizontal().item() == 0
    every = FITS.join(stored.panel_fits().filter(law="performance-shared"), on=paper.PANEL)
    assert (every["r2"] - every["r2_right"]).abs().max() < 1e-5


@pytest.mark.parametrize(("w3", "w4", "size", "sign"), [(-0.5, 1.25, -1.0, "−"), (0.4, -2.0, 1.5, "+")])
def test_at_the_sliders_the_chart_has_the_r2_of_least_squares(equation7, w3, w4, size, sign):
    panel = paper.panel("ml-1m", 200, "ndcg10")
    written = texts(equation7, panel=explore.label(*panel.key), w3=w3, w4=w4, size=size, sign=sign)
    wanted = r_squared(panel, w3, w4, (-1 if sign == "−" else 1) * 10**size)
    assert number(written, "^R² ") == pytest.approx(wanted, abs=2e-6)


def test_without_p_the_chart_has_the_plane(equation7):
    written = texts(equation7, panel=explore.label("ml-1m", 150, "hr10"), size=-99)
    assert number(written, "^R² ") == pytest.approx(number(written, "plane in logs, p = 0: "), abs=1e-4)


def test_what_each_term_explains_adds_up_to_the_best_with_a_p_of_its_own(whole):
    """The highest points of the two lines "p refitted" add up to the fit with one p for each term."""
    key, highest = ("huawei-music", 50, "ndcg10"), []
    for place in (2, 3):
        plot = part(whole, place)
        text = {"text": {"field": "highest", "type": "quantitative", "format": ".6f"}}
        only = {name: plot[name] for name in ("data", "datasets", "params") if name in plot}
        only |= {"transform": plot["layer"][1]["transform"], "mark": "text", "encoding": text}
        highest.append(float(texts(only, panel=explore.label(*key))[0]))
    own = stored.panel_fits().filter(law="performance", dataset=key[0], s_max=key[1], metric=key[2])["r2"].item()
    assert sum(highest) == pytest.approx(own, abs=5e-4)  # the exponents of the chart have steps of 0.05


def test_plane_and_curve_are_those_of_the_laws():
    panel = paper.panel("huawei-music", 50, "ndcg10")
    fits = {
        (*one.key, law): fit(get(law), one.points, "y")
        for one in paper.panels()
        for law in (("performance", "log-linear") if one.key == panel.key else ("log-linear",))
    }
    written = texts(part(explore.plane_and_curve(fits).to_dict(validate=False), 1), panel=explore.label(*panel.key))
    for law, words in {
        "log-linear": "plane, dashed, 3 numbers: R² ",
        "performance": r"Eq. \(7\), full, 7 numbers: R² ",
    }.items():
        assert number(written, words) == pytest.approx(fits[(*panel.key, law)].r2, abs=1e-4)
    table = explore.points(fits).filter(panel=explore.label(*panel.key))
    left = (table["y"] - table["performance"]).to_numpy()
    assert left == pytest.approx(fits[(*panel.key, "performance")].residuals)


@pytest.mark.parametrize("units", list(theorems.UNITS))
def test_both_sides_of_the_theorem_are_those_of_the_chapter(theorem, units):
    h, n, items = 0.7, 50, 2.0**9
    written = texts(theorem, h=h, size=np.log10(n), items=9, units=units)
    left = theorems.code_bits(h, np.log(items), n) / n
    assert number(written, "^left ", " bits") == pytest.approx(left, abs=1e-4)
    right = left / theorems.margin(h, np.log(items), n, units)
    assert number(written, "bits per event, right ") == pytest.approx(right, abs=1e-4)
    assert number(written, "holds from h = ", r" \(") == pytest.approx(
        theorems.boundary(n, np.log(items), units), abs=1e-4
    )
    word = "The inequality holds." if left >= right else "The inequality does not hold."
    assert word in written


def test_of_few_items_no_chain_is_so_random(theorem):
    assert "No chain of so few items is so random." in texts(theorem, h=2.0, items=1)


def test_a_budget_buys_what_the_planner_names():
    rows = stored.sweep("loss-scaling")
    bought = budgets(rows, laws=LINEAR, count=40)
    most = 200_000
    row = bought.filter(pl.col("max_params") <= most).row(-1, named=True)
    named = decide(rows, laws=LINEAR, count=40, max_params=most)["recommendation"]
    assert (row["n_layers"], row["d_emb"]) == (named["n_layers"], named["d_emb"])
    assert row["expected"] == pytest.approx(named["ndcg10"])
    assert [row["low"], row["high"]] == pytest.approx(named["interval"]["ndcg10"])
    written = texts(part(sliders.budget(bought, 0.0945).to_dict(validate=False), 1), budget=np.log10(most))
    assert {f"{row['n_layers']} × {row['d_emb']} (layers × width)", "for at most 200,000 parameters"} <= set(written)
    assert f"95% of new runs: {row['low']:.4f} to {row['high']:.4f}" in written


def test_budgets_need_the_parameters_of_every_run():
    rows = stored.sweep("loss-scaling")
    with pytest.raises(InputError, match="no column 'params_total'"):
        budgets(rows.drop("params_total"))
    with pytest.raises(InputError, match="row 1: column 'params_total' is empty"):
        budgets(rows.with_columns(pl.lit(None, pl.Int64).alias("params_total")))
    failed = rows[:1].with_columns(pl.lit("failed").alias("status"), pl.lit(None, pl.Int64).alias("params_total"))
    plain, more = (budgets(table, laws=LINEAR, count=40) for table in (rows, pl.concat([failed, rows])))
    assert more.equals(plain)


def test_budgets_of_several_models_are_refused():
    with pytest.raises(InputError, match="one model at one s_max"):
        budgets(stored.sweep("frameworks").filter(pl.col("seed") == 0, pl.col("precision") == "float32"))
