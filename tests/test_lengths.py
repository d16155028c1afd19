"""Chapter 9's section on the length of the histories."""

import re
from itertools import product

import numpy as np
import polars as pl
import pytest

from srlaw.chapters import lengths as study
from srlaw.laws import get

TRUTH = {"n_c": 3e6, "d_c": 2e5, "alpha_n": 0.12, "alpha_d": 0.3}


def made(tokens=(1e5, 3e5, 9e5), noise=0.002, seed=0):
    """Cells whose three losses follow Eq. (1)."""
    rng, out = np.random.default_rng(seed), []
    for (place, d), n, width in product(enumerate(tokens), (1, 2, 4, 8), (8, 16, 32, 64)):
        size = 3000.0 * width + 12 * n * width**2
        value = get("kaplan").predict(TRUTH, {"n_params": np.array([size]), "tokens": np.array([d])})[0]
        losses = {name: value + noise * rng.normal() for name in ("final_loss", "least_valid_loss", "loss")}
        shape = {"s_max": 25 * 2**place, "n_layers": n, "d_emb": width, "train_tokens": d}
        out.append({**shape, "params_total": size, "hr10": 1 / value, **losses})
    return study.cells(pl.DataFrame(out))


def test_planted_exponents_are_found():
    found = study.laws(made()).filter(law="Eq. (1)", loss="loss").row(0, named=True)
    assert found["n"] == pytest.approx(TRUTH["alpha_n"], rel=0.1)
    assert found["n_low"] < TRUTH["alpha_n"] < found["n_high"]
    assert found["d_low"] < TRUTH["alpha_d"] < found["d_high"]
    assert found["r2"] > 0.99


def test_two_amounts_of_data_leave_the_exponent_of_data_free():
    points = made((1e5, 3e5))
    fitted = study.laws(points)
    assert fitted.filter(pl.col("law") != "Eq. (1)")["d"].null_count() == 3
    assert "cannot tell one β from another" in study.words(points, study.steps(points), fitted)


def test_a_change_is_that_of_the_same_sizes():
    points = made(noise=0)
    changes = study.steps(points)
    assert changes["before"].unique(maintain_order=True).to_list() == [25, 50]
    row = changes.filter(before=25, name="loss").row(0, named=True)
    pair = [points.filter(s_max=s).sort("n_layers", "d_emb") for s in (25, 50)]
    each = pair[1]["loss"] - pair[0]["loss"]
    assert row["sizes"] == 16
    assert row["change"] == pytest.approx(each.mean())
    assert row["low"] < row["change"] < row["high"]
    assert row["wide"] == pytest.approx(each.filter(pair[0]["d_emb"] == 64).mean())
    assert row["wide"] < row["narrow"] < 0
    text = study.words(points, changes, study.laws(points))
    assert "in line with Eq. (1)" in text
    assert not re.search(r"None|nan|  ", text)


def test_a_table_without_tokens_has_the_changes_alone():
    points = made().drop("train_tokens")
    fitted = study.laws(points)
    assert fitted.is_empty()
    assert "exponent" not in study.words(points, study.steps(points), fitted)


def test_what_is_not_identified_is_said():
    table = study.shown(study.laws(made((1e5, 3e5))))
    assert table.columns == ["law", "parameters", "loss", "R²", "exponent of size", "exponent of data"]
    assert (table["exponent of data"] == "not identified").sum() >= 3
    assert not any("null" in text for text in table["exponent of size"])


def test_one_length_or_other_sizes_give_no_section():
    points = made()
    assert study.several(points)
    assert not study.several(points.filter(s_max=25))
    assert not study.several(points.drop("s_max"))
    apart = points.filter(((pl.col("s_max") == 25) & (pl.col("n_layers") == 1)) | (pl.col("s_max") == 50))
    assert study.several(apart)
    assert not study.several(apart.filter((pl.col("s_max") == 25) | (pl.col("n_layers") > 1)))


def test_the_stored_rows_have_the_sizes_of_both_lengths():
    points = study.cells(study.rows(model="hstu"))
    assert {25, 50} <= set(points["s_max"])
    assert points.filter(s_max=50).height == 25
    assert points.filter(s_max=25).height == 16
