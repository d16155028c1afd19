"""The arithmetic of the printed R²: against regression, against `srlaw.laws`, and where an answer was planted."""

import numpy as np
import polars as pl
import pytest

from srlaw import paper
from srlaw.chapters import printed
from srlaw.errors import InputError
from srlaw.laws import fit, get
from srlaw.paper import Panel


@pytest.fixture(scope="module")
def nearest():
    return printed.nearest()


def test_fourteen_printed_scaling_laws_are_planes_and_six_lie_a_round_amount_off():
    found = printed.planes()
    exact = found.filter(pl.col("offset").abs() < 5.1e-7)
    assert len(exact) == 14
    moved = found.filter(pl.col("offset").abs() > 5.1e-7)["offset"]
    assert moved.round(6).to_list() == [-0.05, -0.08, -0.05, -0.05, -0.03, 0.05]


def test_planes_are_ordinary_regression_and_the_law_log_linear():
    for row in printed.planes()[::7].iter_rows(named=True):
        points = paper.panel(row["dataset"], row["s_max"], row["metric"]).points
        n, d, y = (points[c].to_numpy().astype(float) for c in ("n_layers", "d_emb", "y"))
        design = np.column_stack([np.ones_like(y), np.log(n), np.log(d)])
        residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        assert row["plane"] == pytest.approx(1 - residual @ residual / ((y - y.mean()) ** 2).sum(), abs=1e-12)
        assert row["plane"] == pytest.approx(fit(get("log-linear"), points, "y").r2, abs=1e-12)


def test_sixteen_printed_r2_are_fits_with_a_whole_number(nearest):
    met = nearest.filter("met")
    assert {(*row[:3], row[3]) for row in met.select("dataset", "s_max", "metric", "p").iter_rows()} == {
        *{("ml-1m", 100, "hr10", 32), ("ml-1m", 100, "ndcg10", 4), ("ml-1m", 150, "hr10", 24)},
        *{("ml-1m", 150, "ndcg10", 16), ("ml-1m", 200, "hr10", 4), ("ml-1m", 200, "ndcg10", 8)},
        *{("amazon-books", 25, "hr10", 4), ("amazon-books", 25, "ndcg10", 8), ("amazon-books", 50, "ndcg10", 16)},
        *{("kuairand-pure", 25, "hr10", 20), ("kuairand-pure", 25, "ndcg10", 32), ("kuairand-pure", 50, "hr10", 12)},
        *{("kuairand-pure", 50, "ndcg10", 12), ("kuairand-pure", 100, "hr10", 14)},
        *{("kuairand-pure", 100, "ndcg10", 12), ("huawei-music", 50, "ndcg10", 31)},
    }
    in_code = met.filter(form="code")
    assert len(in_code) == 15
    assert in_code["off"].abs().max() <= 5.1e-7  # they round to what is printed
    assert nearest["chance"].sum() < 0.5
    assert (nearest["highest"] >= nearest["r2"]).all()
    assert (met["highest"] - met["r2"] < 1e-9).sum() == 12  # the others stand at a lower maximum of their p


def test_huawei_at_50_has_the_exponents_that_the_equations_print(nearest):
    hr, ng = nearest.filter(dataset="huawei-music", s_max=50).rows(named=True)
    assert (hr["p"], hr["form"], hr["w3"]) == (34, "equation", np.inf)
    assert abs(hr["off"]) < 3e-6
    assert hr["w4"] == pytest.approx(0.0365, abs=1e-4)  # Eq. (29)
    assert ng["w4"] == pytest.approx(0.0410, abs=5e-5)  # Eq. (30) has it in the term of D'


@pytest.mark.parametrize(
    ("form", "law", "name"), [("code", "performance-code", "p"), ("equation", "performance-shared", "p1")]
)
def test_the_general_engine_finds_the_same_held_fit(form, law, name):
    for key in (("ml-1m", 100, "hr10"), ("huawei-music", 25, "ndcg10"), ("kuairand-pure", 50, "hr10")):
        panel = paper.panel(*key)
        for p in (3.0, 14.0, 60.0):
            ours = printed.held_fits(panel, form, [p])["r2"].max()
            theirs = fit(get(law), panel.points, "y", fixed={name: p}).r2
            assert ours == pytest.approx(theirs, abs=1e-7)


def test_planted_exponents_are_found():
    n, d = (grid.ravel().astype(float) for grid in np.meshgrid([2, 4, 8, 16, 32, 64], [25, 50, 75, 100]))
    truth = {"b": 0.1, "w1": 0.02, "w3": -0.8, "w2": 0.03, "w4": -0.5, "p": 12.0}
    y = get("performance-code").predict(truth, {"n_layers": n, "d_emb": d})
    panel = Panel("made", 0, "hr10", pl.DataFrame({"n_layers": n, "d_emb": d, "hr10": y}))
    best = printed.held_fits(panel, "code", [11, 12, 13]).sort("r2").row(-1, named=True)
    assert best["p"] == 12
    assert best["r2"] == pytest.approx(1, abs=1e-12)
    assert (best["w3"], best["w4"]) == (pytest.approx(-0.8, abs=1e-6), pytest.approx(-0.5, abs=1e-6))


def test_an_incomplete_panel_is_one_sentence():
    points = paper.panel("ml-1m", 100, "hr10").points
    for broken in (points[1:], pl.concat([points, points[:1]])):
        with pytest.raises(InputError, match="each depth with each width once"):
            printed.held_fits(Panel("ml-1m", 100, "hr10", broken), "code")
