"""Chapter 7: correlations of the published data parameters, and that one panel cannot identify D′."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from srlaw import paper, stored
from srlaw.chapters import data_fits, data_readings
from srlaw.chapters import data_scale as study


@pytest.fixture(scope="module")
def right():
    return study.points(corrected=True)


def test_points_hold_every_printed_parameter_and_the_swap_keeps_apen(right):
    printed = study.points()
    assert printed.group_by("source", maintain_order=True).len()["len"].to_list() == [9, 10, 10, 10, 10]
    assert printed["source"].unique(maintain_order=True).to_list() == list(study.SOURCES)
    assert np.allclose(printed["apen"], right["apen"], rtol=1e-6)
    assert np.allclose(right["x"].tail(40), right["tokens"].tail(40) / right["apen"].tail(40))


def test_correlations_of_the_tables(right):
    # Pearson and Spearman by hand from the printed columns of Table 2
    table = paper.table(2)
    found = study.correlations(study.points()).filter(source="Table 2, HR@10", group="all")
    assert found["pearson"].item() == pytest.approx(np.corrcoef(table["tokens_over_apen"], table["hr10_d_prime"])[0, 1])
    assert found["pearson"].item() == pytest.approx(0.9969, abs=1e-4)
    small = study.correlations(right).filter(source="Table 2, HR@10", group="two small")
    assert (small["n"].item(), round(small["pearson"].item(), 3)) == (6, 0.655)


def test_fewer_than_three_points_have_no_correlation():
    assert set(study.correlation([1, 2], [3, 4]).values()) == {None}


def line(slope=1.0, noise=0.0):
    """Four data sets in a line, as a source."""
    x = np.geomspace(1, 1e3, 10)
    y = 2 * x**slope * np.exp(noise * np.sin(np.arange(10)))
    names = ["kuairand-pure"] * 3 + ["ml-1m"] * 3 + ["amazon-books"] * 2 + ["huawei-music"] * 2
    rows = {"source": "made", "dataset": names, "s_max": range(10), "x": x, "y": y, "x_tokens": x, "tokens": x}
    return pl.DataFrame({**rows, "apen": np.exp(np.cos(np.arange(10)))})


def test_an_exact_law_is_found():
    slopes = study.elasticities(line(1.0))
    assert np.allclose(slopes["elasticity"], 1)
    assert np.allclose(slopes["r2"], 1)
    assert np.allclose(study.elasticities(line(0.5))["elasticity"], 0.5)
    out = study.leave_dataset_out(line(1.0))
    assert np.allclose(out["line"], 1)
    assert np.allclose(out["power"], 1)
    found = study.tokens_and_entropy(line(1.0, 1e-9)).row(0, named=True)
    assert (found["tokens"], found["inverse_apen"]) == pytest.approx((1, 0), abs=1e-6)


def test_permutation_tests_are_exact():
    rising = study.permutation_tests(line()).row(0, named=True)
    assert (rising["between"], rising["within"]) == (1 / 24, 1 / 144)
    assert (rising["between_least"], rising["within_least"]) == (1 / 24, 1 / 144)
    falling = study.permutation_tests(line(-1.0)).row(0, named=True)
    assert (falling["between"], falling["within"]) == (1, 1)


def test_influence(right):
    shares = study.covariance_shares(right).group_by("source").agg(pl.col("covariance", "variance").sum())
    assert np.allclose(shares["covariance"], 1)
    assert np.allclose(shares["variance"], 1)
    part = right.filter(source="Table 2, HR@10")
    removed = study.leave_k_out(part, 4)
    assert removed["low"].is_sorted(descending=True)
    assert removed["high"].is_sorted()
    small = study.correlations(right).filter(source="Table 2, HR@10", group="two small")["pearson"].item()
    assert removed["low"][-1] == pytest.approx(small)  # the four large points carry it
    assert "huawei-music 50" in removed["removed"][-1]


def test_amazon_without_repeats_has_a_larger_apen(right):
    new = study.with_entropy_of_lengths(right, "amazon-books")
    here = pl.col("dataset") == "amazon-books"
    assert new.filter(~here).equals(right.filter(~here))
    assert (new.filter(here)["apen"] > 9 * right.filter(here)["apen"]).all()
    two = new.filter(here & (pl.col("source") != "Table 1"))
    assert np.allclose(two["x"], two["tokens"] / two["apen"])


def test_table_2_and_the_figures_disagree():
    twice = data_readings.table_against_figures()
    assert len(twice) == 20
    assert twice.filter(metric="HR@10")["factor"].max() == pytest.approx(0.8922 / 0.0595)
    found = twice.filter(pl.col("nearest_off") < 5e-4)
    assert found["nearest"].to_list() == ["huawei-music 25", "huawei-music 25", "huawei-music 50"]
    assert found["s_max"].to_list() == [50, 50, 25]


def test_one_panel_does_not_identify_d_prime():
    choices, counts = data_fits.same_curve(paper.panel("ml-1m", 100, "hr10"))
    assert choices["d_prime"].n_unique() == 4
    assert choices["r2"].max() - choices["r2"].min() < 1e-9
    assert counts == {"parameters": 10, "identified": 7, "data_columns": 1}
    stopped = data_fits.fitted_from(paper.panel("ml-1m", 100, "hr10"))
    assert stopped == pytest.approx([1, 10, 100], rel=0.1)


def test_readings_of_huaweis_values():
    frame = data_readings.readings()
    huawei = frame.filter(dataset="huawei-music", metric="HR@10")
    values = {
        reading: dict(zip(part["s_max"], part["y"], strict=True)) for (reading,), part in huawei.group_by("reading")
    }
    printed, exchanged, drawn, figures = (values[name] for name in data_readings.READINGS)
    assert printed == {50: 70.350, 25: 35.522}
    assert exchanged == {50: 35.522, 25: 70.350}
    assert drawn == figures == pytest.approx({50: 50.688, 25: 70.359}, abs=1e-3)
    others = frame.filter(pl.col("dataset") != "huawei-music", metric="HR@10")
    by = others.pivot("reading", index=["dataset", "s_max"], values="y")
    assert by[data_readings.READINGS[0]].equals(by[data_readings.READINGS[1]])
    assert by[data_readings.READINGS[0]].equals(by[data_readings.READINGS[2]])
    assert not by[data_readings.READINGS[0]].equals(by[data_readings.READINGS[3]])


def test_ranges_by_hand(right):
    found = data_readings.ranges(data_readings.readings())
    r = {(row["reading"], row["metric"]): row for row in found.to_dicts()}
    part = right.filter(source="Table 2, HR@10")
    x, y = part["x"].to_numpy(), part["y"].to_numpy().copy()
    assert r["as printed", "HR@10"]["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    y[-2:] = y[-2:][::-1]
    assert part["dataset"].to_list()[-2:] == ["huawei-music"] * 2
    exchanged = r["Huawei's exchanged", "HR@10"]
    assert exchanged["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    keep = (part["dataset"] != "kuairand-pure").to_numpy()
    assert exchanged["without"] == "kuairand-pure"
    assert exchanged["low"] == pytest.approx(np.corrcoef(x[keep], y[keep])[0, 1])
    assert exchanged["high"] == pytest.approx(np.corrcoef(x[:-2], y[:-2])[0, 1])  # without Huawei
    rounded = [round(r[name, metric]["r"], 3) for name in data_readings.READINGS for metric in ("HR@10", "NDCG@10")]
    assert rounded == [0.997, 0.996, 0.795, 0.884, 0.890, 0.883, 0.879, 0.874]


def test_an_average_does_not_mind_an_exchange():
    found = data_readings.ranges(data_readings.averaged(data_readings.readings()))
    by = {(row["reading"], row["metric"]): row for row in found.to_dicts()}
    for metric in ("HR@10", "NDCG@10"):
        assert by["as printed", metric]["r"] == pytest.approx(by["Huawei's exchanged", metric]["r"])
    assert set(found["n"]) == {4}
    assert found["r"].min() > 0.98


def test_substitutes():
    rows = study.substitutes()
    assert len(rows) == 30
    counts = [
        tuple(part["says"].to_list().count(word) for word in study.LEADS)
        for _, part in rows.group_by("version", maintain_order=True)
    ]
    assert counts == [(3, 3, 4), (3, 4, 3), (0, 6, 4)]
    one = rows.filter(source="Table 2, HR@10", version="as printed", scale="linear").row(0, named=True)
    table = paper.table(2)
    for column, name in (("tokens_over_apen", "with_apen"), ("tokens", "tokens_alone")):
        assert one[name] == pytest.approx(np.corrcoef(table[column], table["hr10_d_prime"])[0, 1])
    assert one["difference"] == one["with_apen"] - one["tokens_alone"]
    gaps = [one["difference"]]
    for out in table["dataset"].unique():
        rest = table.filter(pl.col("dataset") != out)
        r = [np.corrcoef(rest[x], rest["hr10_d_prime"])[0, 1] for x in ("tokens_over_apen", "tokens")]
        gaps.append(r[0] - r[1])
    assert (one["low"], one["high"]) == pytest.approx((min(gaps), max(gaps)))
    assert one["says"] == "ahead"


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.01, 0.3, "ahead"), (-0.3, -0.01, "behind"), (-0.01, 0.3, "tied"), (-0.3, 0.01, "tied"), (0.0, 0.1, "tied")],
)
def test_a_lead_survives_leaving_out_any_data_set(low, high, says):
    assert study.lead(low, high) == says


EPOCH = Path(__file__).parents[2] / "shared" / "paper" / "chinchilla_epoch_extracted.csv"


def test_stored_refit_is_what_the_points_give():
    refit = stored.chinchilla_refit()
    assert refit["fit"].to_list() == ["least", "error", *data_fits.PUBLISHED, "best E"]
    assert refit["E"].to_list() == pytest.approx([1.817218, 0.0249, 1.61, 1.69, 1.6442], rel=1e-3)
    if not EPOCH.is_file():
        pytest.skip("Epoch AI's extracted Chinchilla points are not beside this checkout")
    again = data_fits.chinchilla_refit(EPOCH, resamples=40)
    free = pl.col("fit") != "error"
    for name in refit.columns[1:]:
        assert again.filter(free)[name].to_list() == pytest.approx(refit.filter(free)[name].to_list(), rel=1e-3)
    assert again.filter(~free)["E"].item() == pytest.approx(refit.filter(~free)["E"].item(), rel=0.4)


def test_equation_2_and_its_source():
    here, there = data_fits.PUBLISHED.values()
    assert here == {"E": 1.61, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}  # as the paper prints them
    assert there == here | {"E": 1.69}


def test_each_data_set_by_itself():
    frame = study.points(corrected=True)
    rows = study.within_data_sets(frame)
    tables = rows.filter(pl.col("source").str.starts_with("Table"))
    assert (tables["up"].sum(), tables["steps"].sum()) == (16, 17)
    figures = rows.filter(pl.col("source").str.starts_with("figures"))
    fallen = figures.filter(pl.col("up") < pl.col("steps"))["dataset"]
    assert set(fallen) == {"amazon-books", "huawei-music"}
    line = frame.with_columns(y=3 * pl.col("x"))
    assert study.within_data_sets(line)["steepness"].to_list() == pytest.approx([1] * len(rows), abs=1e-6)
