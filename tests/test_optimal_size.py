"""Chapter 8: the optima of Eqs. (29) and (30), their rounding, and Table 3's own rows."""

import numpy as np
import polars as pl
import pytest

from srlaw import paper
from srlaw.chapters import optimal_size as study
from srlaw.errors import InputError
from srlaw.laws import PANEL_LAWS


@pytest.fixture(scope="module")
def optima():
    rows = study.equation_optima().iter_rows(named=True)
    return {(row["reading"], row["budget"]): (row["n_layers"], row["d_emb"]) for row in rows}


def test_golden_optima(optima):
    assert optima["(29) as printed", "free"] == (None, None)
    assert optima["(29), 34 for 3", "free"][1] == pytest.approx(370.8, abs=0.05)
    assert optima["(30) as printed", "free"][1] == pytest.approx(168.6, abs=0.05)
    assert optima["(30) as printed", "N·d² = 32768"] == pytest.approx((14.0, 48.4), abs=0.05)
    assert optima["(30) as printed", "N·d = 512"] == pytest.approx((5.71, 89.6), abs=0.05)


def test_free_optima_have_a_closed_form(optima):
    for name in list(study.READINGS)[1:]:
        p = study.reading(name)
        assert optima[name, "free"][1] == pytest.approx(study.turning_width(p["p_d"], p["w4"]), rel=1e-4)


def test_rounding_ranges():
    alone = study.rounding_one_by_one("(29), 34 for 3")
    assert alone["d_high"].to_list() == pytest.approx([553.1, 381.8], abs=0.1)
    together = study.rounding_all("(29), 34 for 3", 500, seed=1)["d_emb"]
    assert together.max() < 569.3
    assert together.min() > 239.7
    assert together.min() < 260
    assert together.max() > 530
    local = study.rounding_all("(30) as printed", 20, 1, study.BUDGETS["N·d² = 32768"])
    assert np.allclose(local["n_layers"] * local["d_emb"] ** 2, 32768, rtol=1e-6)


def test_corrected_equations_follow_the_measurements():
    found = study.equations_against_points("huawei-music").filter(s_max=50)
    r2 = dict(zip(found["reading"], found["r2"], strict=True))
    reported = dict(zip(found["reading"], found["reported"], strict=True))
    for name in ("(29), 34 for 3", "(30), exponents exchanged"):
        assert r2[name] == pytest.approx(reported[name], abs=2e-3)
    assert r2["(29) as printed"] < 0.1
    assert r2["(30) as printed"] < 0.5
    times = found.filter(reading="(29), 34 for 3")["times"].item()
    assert times == pytest.approx(50, rel=0.01)


def test_columns_of_the_local_half_are_exchanged():
    fits = study.fit_all("huawei-music", 50, ("performance", "log-quadratic"), ("hr10",))
    missed = study.misses(study.predictions(fits, "local"))
    assert (missed["exchanged"] < missed["printed"]).all()
    inside = study.predictions(fits, "global").filter(pl.col("col2") == 370)
    assert (inside["printed"] - inside["measured"]).abs().max() < 5e-4
    own = study.own_optima(fits, 30).filter(budget="free")
    assert ((own["d_low"] < own["d_emb"]) & (own["d_emb"] < own["d_high"])).all()
    with pytest.raises(InputError, match="no panel huawei-music, s_max 7"):
        study.fit_all("huawei-music", 7)


def test_laws_of_the_chapter_are_those_of_a_panel_the_one_without_an_optimum_last():
    assert {*study.LAWS, "log-linear"} == set(PANEL_LAWS)
    assert study.LAWS[-1] == "power"


def test_peak_of_an_exact_parabola_and_of_noise():
    d = np.array([128, 256, 370, 512, 603, 1024.0])
    exact = study.peak(d, 0.35 - 0.01 * np.log(d / 420) ** 2)
    assert exact["d_emb"] == pytest.approx(420)
    assert (exact["low"], exact["high"]) == pytest.approx((420, 420), rel=1e-4)
    flat = study.peak(d, np.array([1, -1, 1, -1, 1, -1.0]))
    assert flat["low"] is None


def test_fieller_interval_covers():
    rng, d = np.random.default_rng(0), np.array([128, 256, 370, 512, 603, 1024.0])
    hits = 0
    for _ in range(400):
        found = study.peak(d, 0.35 - 0.01 * np.log(d / 420) ** 2 + rng.normal(0, 5e-4, 6))
        hits += found["low"] is None or found["low"] <= 420 <= found["high"]
    assert 0.92 <= hits / 400 <= 0.98


def test_margins_and_sources():
    leads = study.margins(19.25e6)
    assert leads.filter(other="64 × 8")["lead"].item() == pytest.approx(0.0003)
    assert leads["standard_error"].max() < 1.6e-4
    assert (leads["lead"] > 0).all()
    best = study.where_from(370)
    assert best["source"][0] == "(29), 34 for 3"
    assert study.where_from(603)["off"].abs().min() > 1 / 603


def test_table_3_shares_four_rows_with_the_panel():
    rows = study.table3("global").select(pl.col("col1").cast(int), pl.col("col2").cast(int), "hr10", "ndcg10")
    grid = paper.grid().filter(dataset="huawei-music", s_max=50).select("n_layers", "d_emb", "hr10", "ndcg10")
    assert len(rows.join(grid, left_on=["col1", "col2", "hr10", "ndcg10"], right_on=grid.columns)) == 4


def test_the_successor_prints_table_3_again_with_its_columns_exchanged():
    again = study.printed_again()
    assert again.filter(solution="global")["same"].to_list() == [True] * 5
    local = again.filter(solution="local").rows(named=True)
    assert [row["exchanged"] for row in local] == [True] * 4 + [False]
    assert (local[-1]["col1"], local[-1]["col2"], local[-1]["n_layers"], local[-1]["d_emb"]) == (48, 14, 12, 44)


def test_every_measured_step_in_depth_goes_up():
    steps = study.depth_steps()
    assert len(steps) == 48
    assert (steps["change"] > 0).all()
