"""Chapter 9's section on the length of the histories."""

import re
from itertools import product

import numpy as np
import polars as pl
import pytest
from scipy import stats

from srlaw.chapters import lengths as study
from srlaw.laws import get

TRUTH = {"n_c": 3e6, "d_c": 2e5, "alpha_n": 0.12, "alpha_d": 0.3}


def rows(tokens=(1e5, 3e5, 9e5), noise=0.002, seed=0):
    """Runs whose three losses follow Eq. (1), the smallest ones twice."""
    rng, out = np.random.default_rng(seed), []
    for (place, d), n, width in product(enumerate(tokens), (1, 2, 4, 8), (8, 16, 32, 64)):
        size = 3000.0 * width + 12 * n * width**2
        value = get("kaplan").predict(TRUTH, {"n_params": np.array([size]), "tokens": np.array([d])})[0]
        for again in range(2 if n == 1 else 1):
            losses = {name: value + noise * rng.normal() for name in ("final_loss", "least_valid_loss", "loss")}
            shape = {"s_max": 25 * 2**place, "n_layers": n, "d_emb": width, "seed": again, "train_tokens": d}
            out.append({**shape, "events": 40 * d, "params_total": size, "hr10": 1 / value, **losses})
    return pl.DataFrame(out)


def made(tokens=(1e5, 3e5, 9e5), noise=0.002):
    frame = rows(tokens, noise)
    points, why = study.compared(frame)
    assert not why
    return points, frame


def test_planted_exponents_are_found():
    found = study.laws(*made()).filter(law="Eq. (1)", loss="loss").row(0, named=True)
    assert found["n"] == pytest.approx(TRUTH["alpha_n"], rel=0.1)
    assert found["n_low"] < TRUTH["alpha_n"] < found["n_high"]
    assert found["d_low"] < TRUTH["alpha_d"] < found["d_high"]
    assert found["r2"] > 0.99


def test_a_fitted_law_has_the_changes_of_what_it_was_fitted_to():
    points, frame = made((1e5, 3e5), noise=1e-5)
    change = study.steps(points, frame).filter(name="loss").row(0, named=True)
    law = study.laws(points, frame).filter(law="Eq. (1)", loss="loss").row(0, named=True)
    assert (law["narrow"], law["wide"]) == pytest.approx((change["narrow"], change["wide"]), abs=1e-3)


def test_two_amounts_of_data_leave_the_exponent_of_data_free():
    points, frame = made((1e5, 3e5))
    fitted = study.laws(points, frame)
    assert fitted.filter(pl.col("law") != "Eq. (1)")["d"].null_count() == 3
    text = study.words(points, study.steps(points, frame), fitted)
    assert "Two values of D cannot tell one β from another" in text
    assert "3.0 times the training events" in text
    assert not re.search(r"None|nan|  ", text)
    table = study.shown(fitted)
    told = ["law", "parameters", "loss", "R²", "exponent of size", "exponent of data", "the fit ends"]
    assert table.columns == told
    edge = fitted["status"].is_in(["at-bound", "degenerate-limit"])
    assert (table["the fit ends"] != "inside").to_list() == edge.to_list()
    assert "so they hold only if the law is right" in text
    assert (table["exponent of data"] == "not identified").sum() >= 3
    assert not any("null" in text for text in table["exponent of size"])


def test_a_change_is_that_of_the_same_sizes():
    points, frame = made()
    changes = study.steps(points, frame)
    assert changes["before"].unique(maintain_order=True).to_list() == [25, 50]
    row = changes.filter(before=25, name="loss").row(0, named=True)
    pair = [points.filter(s_max=s).sort("n_layers", "d_emb") for s in (25, 50)]
    each = pair[1]["loss"] - pair[0]["loss"]
    assert row["sizes"] == 16
    assert row["change"] == pytest.approx(each.mean())
    noise = frame.filter(s_max=25, n_layers=1).group_by("d_emb").agg(pl.col("loss").std())["loss"].to_numpy()
    sigma = np.sqrt((noise**2).mean())  # two runs of each of four sizes
    runs = (1 / pair[0]["runs"] + 1 / pair[1]["runs"]).to_numpy()
    half = stats.t.ppf(0.975, 4) * sigma * np.sqrt(runs.sum()) / 16
    assert (row["low"], row["high"]) == pytest.approx((row["change"] - half, row["change"] + half))
    assert row["width_r"] == pytest.approx(np.corrcoef(each, np.log(pair[0]["d_emb"]))[0, 1])
    assert row["wide"] == pytest.approx(each.filter(pair[0]["d_emb"] == 64).mean())
    assert (row["falls"], row["rises"]) == (16, 0)


def test_a_mean_of_nothing_hides_no_rise_and_fall():
    """Half of the sizes rise and half fall: the mean is near 0, the counts say what happens."""
    frame = rows((1e5, 3e5), noise=1e-4)
    side = pl.when(pl.col("d_emb") > 16).then(0.2).otherwise(-0.2)
    level = pl.col("d_emb") / 100
    bent = frame.with_columns(loss=level + 1e-4 * pl.col("seed") + pl.when(s_max=50).then(side).otherwise(0.0))
    points, _ = study.compared(bent)
    row = study.steps(points, bent).filter(name="loss").row(0, named=True)
    assert row["change"] == pytest.approx(0, abs=1e-3)
    assert row["width_r"] > 0.8
    assert (row["falls"], row["rises"]) == (8, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.drop("s_max"), "the table has no column s_max"),
        (lambda f: f.filter(s_max=25), "all runs have one length of history"),
        (lambda f: f.filter((pl.col("s_max") == 25) == (pl.col("n_layers") == 1)), "3 sizes in common"),
        (lambda f: f.with_columns(dropout=pl.col("s_max") / 100), "differ in dropout too"),
        (lambda f: pl.concat([f, f.filter(s_max=50)]), "two runs of one configuration"),
    ],
)
def test_why_lengths_cannot_be_compared(change, reason):
    points, why = study.compared(change(rows((1e5, 3e5))))
    assert points.is_empty()
    assert reason in why


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.drop("train_tokens"),
        lambda f: f.with_columns(train_tokens=1e5),
        lambda f: f.with_columns(train_tokens=pl.when(s_max=50).then(None).otherwise(1e5)),
        lambda f: f.with_columns(train_tokens=pl.lit("many")),
        lambda f: f.with_columns(train_tokens=pl.lit(0)),
        lambda f: f.drop("params_total"),
    ],
)
def test_without_amounts_of_data_there_are_the_changes_alone(change):
    frame = change(rows())
    points, why = study.compared(frame)
    assert not why
    fitted = study.laws(points, frame)
    assert fitted.is_empty()
    text = study.words(points, study.steps(points, frame), fitted)
    assert "least validation loss" in text
    assert "xponent" not in text


def test_what_a_table_lacks_is_left_out():
    frame = rows().drop("events", "final_loss", "seed")
    frame = frame.with_columns(hr10=pl.when(s_max=50).then(None).otherwise("hr10"))
    frame = pl.concat([frame, frame.head(1).with_columns(s_max=None)])
    frame = frame.unique(["s_max", "n_layers", "d_emb"], keep="first")
    points, why = study.compared(frame)
    assert not why
    text = study.words(points, study.steps(points, frame), study.laws(points, frame))
    assert "HR@10" not in text
    assert "training" not in text
    assert "No size was trained twice, so no interval is given" in text
    assert not re.search(r"None|nan|  |clearly|times the noise|\[[+-]", text.split("**Exponents")[0])
    assert "times the noise" not in text


def test_our_own_changes_depend_on_the_width_and_the_laws_miss_the_runs():
    frame = study.rows(model="hstu")
    points, _ = study.compared(frame)
    changes = study.steps(points, frame)
    r = dict(changes.select("name", "width_r").iter_rows())
    assert r["loss"] == pytest.approx(-0.88, abs=5e-3)
    assert r["least_valid_loss"] == pytest.approx(-0.88, abs=5e-3)
    low, high = changes.filter(name="loss").select("low", "high").row(0)
    assert (low, high) == pytest.approx((-0.190, -0.167), abs=1e-3)
    fitted = study.laws(points, frame)
    assert (fitted["times"] > 4).all()
    text = study.words(points, changes, fitted)
    assert "In 12 of 12 fits the residuals are clearly larger than the noise" in text
    assert "3 of the 12 fits end at a bound of the search or in a limit" in text
    assert "means over different target events" in text


def test_sizes_of_one_length_alone_are_named():
    frame = rows((1e5, 3e5)).filter((pl.col("s_max") == 50) | ((pl.col("n_layers") < 8) & (pl.col("d_emb") > 8)))
    points, _ = study.compared(frame)
    text = study.words(points, study.steps(points, frame), study.laws(points, frame))
    assert "9 sizes were trained with both, of 9 and 16. None of 25 events has depth 8 or width 8. " in text


def test_the_stored_rows_have_the_sizes_of_both_lengths():
    points, why = study.compared(study.rows(model="hstu"))
    assert not why
    assert points.filter(s_max=50).height == 25
    assert points.filter(s_max=25).height == 16
