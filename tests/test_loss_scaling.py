"""Chapter 9: loss and ranking against size and data, on made tables with known answers and by other routes."""

import re

import numpy as np
import polars as pl
import pytest
from scipy.optimize import least_squares
from scipy.stats import rankdata

from srlaw import stored
from srlaw.chapters import data_scaling
from srlaw.chapters import loss_scaling as study
from srlaw.datasets.synthetic import synthetic
from srlaw.errors import InputError
from srlaw.laws import Kaplan, fit

GRID = [(n, d) for n in (1, 2, 4, 8) for d in (8, 16, 32, 64)]


def made(loss, noise=0.0, repeats=1, **more):
    """Rows as a sweep's, with a loss that is a function of parameters, depth and width."""
    rng = np.random.default_rng(0)
    rows = []
    for n, d in GRID:
        for seed in range(repeats if n == 1 else 1):
            size = 3000 * d + 5 * n * d * d
            value = loss(size, n, d) + noise * rng.normal()
            rows.append(
                {"n_layers": n, "d_emb": d, "seed": seed, "params_total": size, "params_non_embedding": 5 * n * d * d}
                | {"least_valid_loss": value, "loss": value + 0.2}
                | {"hr10": 1 - 0.13 * value, "ndcg10": 0.3 - 0.03 * value}
                | more
            )  # fmt: skip
    return pl.DataFrame(rows)


def test_eq_1_at_one_amount_of_data_is_eq_1():
    """The law of one argument, fitted to losses of Eq. (1), predicts what Eq. (1) does for other sizes."""
    truth = {"n_c": 3e13, "d_c": 2e5, "alpha_n": 0.2, "alpha_d": 0.3}
    n = np.geomspace(1e4, 1e7, 12)
    loss = Kaplan().predict(truth, {"n_params": n, "tokens": np.full(12, 1e6)})
    found = fit(study.OneDataSize(), {"n_params": n, "loss": loss}, "loss")
    beyond = np.array([3e7])
    expected = Kaplan().predict(truth, {"n_params": beyond, "tokens": np.array([1e6])})
    assert found.r2 > 1 - 1e-10
    assert found.predict({"n_params": beyond}) == pytest.approx(expected, rel=1e-4)


def test_the_power_law_of_our_runs_has_the_r2_that_scipy_finds():
    points = study.cells(study.rows())
    n, d = (points[name].to_numpy() for name in ("n_layers", "d_emb"))
    table = study.fits(study.rows())
    for loss in study.LOSSES:
        y = points[loss].to_numpy()

        def gap(q, y=y):
            return q[0] + q[1] * n ** -q[3] + q[2] * d ** -q[4] - y

        starts = ([y.min(), 1, 1, alpha, alpha] for alpha in (0.05, 0.5, 1.5))
        box = ([-np.inf] * 3 + [0] * 2, [np.inf] * 3 + [10] * 2)
        best = min(2 * least_squares(gap, start, bounds=box, x_scale="jac", max_nfev=3000).cost for start in starts)
        scipys = 1 - best / ((y - y.mean()) ** 2).sum()
        ours = table.filter(loss=loss, form=study.POWER)["r2"].item()
        assert scipys - 1e-6 <= ours <= scipys + 2e-3  # scipy creeps where an exponent has its best value at a limit


def test_noise_pools_the_repeated_cells():
    frame = made(lambda size, n, d: 6.0, noise=0.1, repeats=4)
    groups = [part["loss"].to_numpy() for _, part in frame.filter(n_layers=1).group_by("d_emb")]
    pooled = np.sqrt(np.mean([np.var(group, ddof=1) for group in groups]))
    row = study.noise(frame).filter(name="loss").row(0, named=True)
    assert row["sigma"] == pytest.approx(pooled)
    assert row["dof"] == 12
    assert study.noise(made(lambda size, n, d: 6.0)).is_empty()


def test_a_true_law_leaves_the_noise_and_forecasts_and_a_plane_does_not():
    frame = made(lambda size, n, d: 5 + 40 * size**-0.4 * 3, noise=2e-4, repeats=4)
    fits, ahead = study.fits(frame), study.held_out(frame)
    law, plane = study.EQ_1[0], "plane in logarithms of depth and width"
    assert fits.filter(loss="loss", form=law)["times"].item() < 2
    assert fits.filter(loss="loss", form=plane)["times"].item() > 4

    def errors(form):
        return ahead.filter(loss="loss", form=form)["rmse"]

    assert max(errors(law)) < 0.01 < min(errors(study.NEAREST))
    ratios = study.ranges(study.leads(ahead)).filter(loss="loss", form=law).row(0, named=True)
    assert ratios["splits"] == 5  # two of the six shares hold out as many of 16 sizes
    assert ratios["most"] < 0.1
    assert study.wins(study.leads(ahead), "loss", law, plane) == (4, 4)  # the smallest half has two widths alone


def test_each_split_is_a_fit_to_the_smaller_sizes():
    """A plane by numpy's least squares, and the nearest smaller size by hand, for every number of sizes held out."""
    points = study.cells(study.rows(model="hstu", s_max=50))
    ratios = study.leads(study.held_out(study.rows(model="hstu", s_max=50)))
    assert ratios["tested"].unique().sort().to_list() == [5, 6, 8, 9, 10, 12]
    ln = np.log(points.select("n_layers", "d_emb").to_numpy().astype(float))
    x = np.column_stack([np.ones(len(ln)), ln])
    for loss in study.LOSSES:
        y = points[loss].to_numpy()
        for k in (5, 12):
            known = np.linalg.lstsq(x[:-k], y[:-k])[0]
            nearest = [int(((ln[:-k] - row) ** 2).sum(axis=1).argmin()) for row in ln[-k:]]
            errors = [np.sqrt(np.mean((guess - y[-k:]) ** 2)) for guess in (x[-k:] @ known, y[nearest])]
            ours = ratios.filter(loss=loss, form=study.PLANE, tested=k)["ratio"].item()
            assert ours == pytest.approx(errors[0] / errors[1], rel=1e-6)


def test_eq_1_forecasts_the_training_loss_at_every_split_and_the_test_loss_at_none():
    ratios = study.leads(study.held_out(study.rows(model="hstu", s_max=50)))
    ends = study.ranges(ratios).filter(form=study.EQ_1[0])
    assert dict(ends.select("loss", "least").iter_rows()) == pytest.approx(
        {"final_loss": 0.467, "least_valid_loss": 0.619, "loss": 0.924}, abs=5e-4
    )
    assert dict(ends.select("loss", "most").iter_rows()) == pytest.approx(
        {"final_loss": 0.736, "least_valid_loss": 1.346, "loss": 1.253}, abs=5e-4
    )
    assert study.wins(ratios, "final_loss", study.PLANE, study.EQ_1[0]) == (6, 6)
    text = study.forecasts(ratios, study.EQ_1[0])
    assert "6 splits, which hold out the 5 to 12 largest sizes" in text
    assert "in 6 of 6 splits." in text
    assert not re.search(r"None|nan|  ", text)
    assert study.ranges_shown(ratios).filter(form=study.PLANE)["test loss"].item() == "2.00 to 2.71"


def test_too_few_sizes_for_a_law_are_told_of():
    few = pl.col("n_layers").is_in([1, 2, 4]) & pl.col("d_emb").is_in([8, 16, 32])
    corner = (pl.col("n_layers") == 1) | (pl.col("d_emb") == 8)
    ratios = study.leads(study.held_out(made(lambda size, n, d: 5 + 300 * size**-0.4).filter(few & corner)))
    assert "too few sizes" in study.forecasts(ratios, study.EQ_1[0])


def test_fits_that_end_at_an_edge_are_told_of():
    fitted = study.fits(study.rows(model="hstu", s_max=50))
    edge = fitted.filter(pl.col("status").is_in(["at-bound", "degenerate-limit"]))
    assert edge.filter(pl.col("form").is_in(study.EQ_1)).height == 5
    text = study.at_edges(fitted)
    assert text.startswith(f"{len(edge)} of the {len(fitted)} fits end at a bound")
    assert "power law in depth and width (training loss, test loss)" in text
    assert study.at_edges(fitted.filter(status="ok")).startswith("None of the 11 fits")


def test_what_hr_falls_short_of_one_over_what_ndcg_does():
    points = study.cells(study.rows(model="hstu", s_max=50))
    ratios = [(1 - hr) / (1 - ndcg) for hr, ndcg in points.select("hr10", "ndcg10").iter_rows()]
    assert study.shortfalls(points) == pytest.approx((min(ratios), max(ratios)))
    assert study.shortfalls(points.drop("hr10")) is None


def test_steps_say_what_is_clear():
    frame = made(lambda size, n, d: 6.0 - 0.3 * np.log2(d) + 0.01 * n, noise=0.001, repeats=3)
    steps = study.steps(frame)
    wider = steps.filter(loss="loss", direction="width")
    assert len(wider) == 12
    assert (wider["clear"] < -study.CLEAR).all()
    assert len(steps.filter(loss="loss", direction="depth")) == 12


def test_a_line_through_one_is_found_and_another_refused():
    line = study.linear(made(lambda size, n, d: 5 + 300 * size**-0.4, noise=0.001))
    hr = line.filter(metric="hr10", loss="least_valid_loss").row(0, named=True)
    ndcg = line.filter(metric="ndcg10", loss="least_valid_loss").row(0, named=True)
    assert (hr["a"], hr["k"], hr["r2_one"]) == pytest.approx((1, 0.13, 1), abs=1e-6)
    assert ndcg["a"] == pytest.approx(0.3, abs=1e-6)
    assert ndcg["r2_one"] < 0.5


def test_where_a_curve_parts():
    curve = {"key": ["a"] * 4, "epoch": [1, 2, 3, 4], "valid_loss": [7.0, 6.0, 6.1, 6.4]}
    curve |= {"valid_ndcg10": [0.02, 0.08, 0.1, 0.09], "n_layers": [1] * 4, "d_emb": [8] * 4, "seed": [0] * 4}
    row = study.parting(pl.DataFrame(curve)).row(0, named=True)
    assert (row["epoch_loss"], row["epoch_ranking"]) == (2, 3)
    assert (row["share"], row["loss_rise"]) == pytest.approx((0.8, 0.1))


def test_a_readers_table_needs_no_more_than_sizes_a_loss_and_a_metric(tmp_path):
    small = made(lambda size, n, d: 5 + 300 * size**-0.4).select("n_layers", "d_emb", "loss", "hr10")
    small.write_csv(tmp_path / "mine.csv")
    frame = study.rows(tmp_path / "mine.csv")
    assert set(study.fits(frame)["loss"]) == {"loss"}
    assert len(study.linear(frame)) == 1
    assert study.held_out(frame)["tested"].unique().sort().to_list() == [3, 4, 5, 6, 8]
    with pytest.raises(InputError, match="model = llama"):
        study.rows(made(lambda *_: 5.0, model="hstu").pipe(_written, tmp_path), model="llama")
    with pytest.raises(InputError, match="no column 'loss'"):
        study.rows(small.drop("loss").pipe(_written, tmp_path))


def _written(frame, folder):
    frame.write_csv(folder / "table.csv")
    return folder / "table.csv"


def test_two_depths_are_too_few():
    with pytest.raises(InputError, match="2 depths and 4 widths; this takes 3 of each"):
        study.cells(made(lambda *_: 5.0).filter(pl.col("n_layers") < 3))


def test_the_stored_measures_are_those_of_the_training_histories():
    log = synthetic(users=60, items=30, mean_length=20)
    half = data_scaling.measures(log, 10, 0.5)
    whole = data_scaling.measures(log, 10)
    assert half["users"] == 30
    assert whole["users"] == 60
    assert half["tokens"] < whole["tokens"]
    assert whole["shuffle_loss"] > 0.1
    table = stored.data_measures().filter(dataset="ml-1m", s_max=50).sort("fraction")
    assert table["users"].to_list() == [755, 1510, 3020, 6040]
    rows = pl.read_csv(study.repository() / study.OWN).filter(s_max=50, fraction=1.0)
    assert table["tokens"][-1] == rows["train_tokens"][0]


def test_what_explains_within_and_between():
    """Loss = level − 0.5 ln tokens within each log; between logs the level follows nothing but tokens / ApEn."""
    rows = []
    for i, (name, apen) in enumerate((("a", 0.1), ("b", 0.02), ("c", 0.4), ("d", 0.05), ("e", 0.2))):
        for share in (0.25, 0.5, 1.0):
            tokens = share * 1000 * (i + 1)
            row = {"dataset": name, "s_max": 50, "fraction": share, "users": 10, "tokens": tokens, "shuffle_loss": 0.1}
            row |= {"tokens_over_apen": tokens / apen, "tokens_over_real_entropy": tokens / 5}
            row |= {"tokens_over_entropy": tokens / 3, "loss": 9 + 5 * apen - 0.5 * np.log(tokens / 1000 / (i + 1))}
            row["least_valid_loss"] = row["loss"] - 1
            rows.append(row | {"hr10": 0.1 + share / 100, "ndcg10": 0.05 + tokens / 1e6})
    found = data_scaling.explained(pl.DataFrame(rows))
    loss = found.filter(outcome="loss")
    tokens = loss.filter(measure="tokens").row(0, named=True)
    assert (tokens["within"], tokens["slope"]) == pytest.approx((1, -0.5))
    assert loss.filter(measure="tokens_over_apen")["between"].item() < tokens["between"]
    assert (tokens["between"], tokens["real_sets"]) == (tokens["between_real"], 5)
    assert data_scaling.shown(found).columns == ["measure", *data_scaling.OUTCOMES.values()]
    assert data_scaling.shown_between(found)["logs"].to_list()[:2] == ["all 5", "the 5 real ones"]
    few = data_scaling.explained(pl.DataFrame(rows).filter(pl.col("dataset") < "e"))
    assert few["between"].null_count() == len(few)
    assert data_scaling.shown_between(few).is_empty()
    made_up = pl.DataFrame(rows).with_columns(pl.col("dataset").replace("e", "population-e"))
    alone = data_scaling.explained(made_up)
    assert alone["between"].null_count() == 0
    assert alone["between_real"].null_count() == len(alone)
    assert data_scaling.shown_between(alone)["logs"].unique().to_list() == ["all 5"]


def test_the_test_loss_of_sweep_c_hangs_on_epochs_that_were_chosen_early():
    """R² within logs by a regression with a dummy for each log and s_max, with and without the log of early epochs."""
    table = data_scaling.rows()
    early = data_scaling.early(table).row(0, named=True)
    hasty = table.filter(pl.col("dataset") == "wikipedia-edits", pl.col("best_epoch") <= 2)
    assert (early["dataset"], early["early"], early["runs"]) == ("wikipedia-edits", 9, 16)
    assert (early["early_loss_low"], early["early_loss_high"]) == (hasty["loss"].min(), hasty["loss"].max())
    assert early["late_loss_high"] < 3 < early["early_loss_low"]
    assert early["late_ndcg10_low"] < early["early_ndcg10_high"]

    def r2(points, outcome):
        level = points.select(pl.concat_str("dataset", "s_max", separator=" ")).to_series().to_dummies().to_numpy()
        y = points[outcome].to_numpy()
        left = []
        for x in (level, np.column_stack([level, np.log(points["tokens"].to_numpy())])):
            left.append(((y - x @ np.linalg.lstsq(x, y)[0]) ** 2).sum())
        return 1 - left[1] / left[0]

    points = data_scaling.cells(table)
    ours = data_scaling.explained(points).filter(measure="tokens")
    others = points.filter(pl.col("dataset") != "wikipedia-edits")
    for outcome, whole, without in (("loss", 0.362, 0.631), ("least_valid_loss", 0.676, 0.760)):
        assert ours.filter(outcome=outcome)["within"].item() == pytest.approx(r2(points, outcome))
        assert r2(points, outcome) == pytest.approx(whole, abs=5e-4)
        assert r2(others, outcome) == pytest.approx(without, abs=5e-4)


def test_the_words_on_sweep_c_are_of_its_rows():
    text = data_scaling.words(data_scaling.rows())
    for part in (
        "In 9 of 16 runs on Wikipedia edits",
        "Without this log the R² for tokens is 0.63 for the test loss and 0.76 for the least validation loss",
        "Over the 5 real logs alone",
        "They have one number of tokens by construction",
        "there are 5 at s_max 10 and 9 at s_max 50",
        "485 to 9,359 items",
    ):
        assert part in text
    assert not re.search(r"None|nan|  |shuffle_loss", text)
    few = data_scaling.words(data_scaling.rows().filter(pl.col("dataset").is_in(["ml-1m", "lastfm"])))
    assert "2 logs are too few" in few
    assert "Wikipedia" not in few


def test_the_real_logs_alone_have_their_own_correlation():
    real = data_scaling.cells(data_scaling.rows()).filter(~pl.col("dataset").str.starts_with("population"), fraction=1)
    each = [
        rankdata(part[name].to_numpy()) for s_max in (10, 50) for part in [real.filter(s_max=s_max)] for name in
        ("tokens", "loss")
    ]  # fmt: skip
    found = data_scaling.explained(data_scaling.cells(data_scaling.rows())).filter(measure="tokens", outcome="loss")
    mean = (np.corrcoef(each[0], each[1])[0, 1] + np.corrcoef(each[2], each[3])[0, 1]) / 2
    assert found["between_real"].item() == pytest.approx(mean)
    assert mean == pytest.approx(-0.85)


@pytest.mark.parametrize(
    ("names", "said", "unsaid"),
    [
        (["ml-100k", "lastfm"], "", "made up"),
        (["ml-100k", "population-1", "population-2"], "2 of the logs are made up", "which every measure finds"),
        (["population-1", *"abcd"], "", "made up"),
        (["population-3", "population-3-users-twice"], "or in the duplicates planted in them", "which every measure f"),
        ([*"abcde", "population-1", "population-4"], "finds.", "too few"),
    ],
)
def test_made_up_logs_are_told_of(names, said, unsaid):
    text = data_scaling.made_up(pl.DataFrame({"dataset": names}))
    assert said in text
    assert unsaid not in text
