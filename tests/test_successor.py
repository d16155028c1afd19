"""Chapter 12: the successor's tables, each surprising number found by a second route."""

from collections import Counter

import numpy as np
import polars as pl
import pytest

from srlaw import paper, stored
from srlaw.chapters import data_scaling
from srlaw.chapters import successor as study
from srlaw.chapters import successor_checks as checks

TARGETS = ("hr10", "ndcg10", "loss")


@pytest.fixture(scope="module")
def readings():
    return study.readings()


def row(readings, tokens="put right", form="1/D′", rows="all"):
    part = readings.filter(tokens=tokens, form=form, rows=rows)
    return {r["target"]: (r["product"], r["alone"]) for r in part.iter_rows(named=True)}


def test_readings_are_those_found_by_hand(readings):
    assert len(readings) == 3 * 4 * 6 * 3
    printed, right = row(readings, "as printed"), row(readings)
    assert [printed[t][0] for t in TARGETS] == pytest.approx([0.9913, 0.9906, 0.9881], abs=5e-5)
    assert [right[t][0] for t in TARGETS] == pytest.approx([0.878, 0.849, 0.817], abs=5e-4)
    assert [right[t][1] for t in TARGETS] == pytest.approx([0.960, 0.936, 0.957], abs=5e-4)
    small = row(readings, rows="small data sets")
    assert [small[t][0] for t in TARGETS] == pytest.approx([0.701, 0.590, 0.508], abs=5e-4)
    assert [small[t][1] for t in TARGETS] == pytest.approx([0.855, 0.816, 0.803], abs=5e-4)
    both = row(readings, "put right, S′ exchanged too")
    assert [both[t][0] for t in TARGETS] == pytest.approx([0.794, 0.789, 0.844], abs=5e-4)
    itself = row(readings, form="D′ itself")
    assert [itself[t][0] for t in TARGETS] == pytest.approx([0.997, 0.993, 0.954], abs=5e-4)
    assert [itself[t][1] for t in TARGETS] == pytest.approx([0.995, 0.993, 0.941], abs=5e-4)


def test_readings_by_squared_correlations(readings):
    """R² of a line is the square of a correlation: another formula, and rows put together by hand."""
    table = paper.successor("3")
    tokens = table["tokens"].to_list()
    right = [*tokens[3:6], *tokens[:3], *tokens[6:]]
    s = table["inverse_real_entropy"].to_numpy()
    for target in TARGETS:
        y = table[f"inverse_d_{target}_e-7"].to_numpy()
        for reading, t in (("as printed", tokens), ("put right", right)):
            t = np.array(t, float)
            for form, u, v in (("1/D′", lambda z: 1 / z, y), ("logarithms", np.log, np.log(y))):
                found = row(readings, reading, form)[target]
                assert found[0] == pytest.approx(np.corrcoef(u(t * s), v)[0, 1] ** 2, abs=1e-10)
                assert found[1] == pytest.approx(np.corrcoef(u(t), v)[0, 1] ** 2, abs=1e-10)


def test_all_draws_of_data_sets_against_random_ones():
    frame, rng = study.data(), np.random.default_rng(0)
    exact = study.resampled().filter(target="loss").row(0, named=True)
    assert exact["draws"] == 4**4 - 4
    parts = [part for _, part in frame.group_by("dataset")]
    leads = []
    while len(leads) < 2000:
        chosen = rng.integers(0, 4, 4)
        if len(set(chosen)) > 1:
            drawn = pl.concat([parts[k] for k in chosen])
            t, s, y = (drawn[c].to_numpy().astype(float) for c in ("tokens_right", "s", "loss"))
            leads.append(np.corrcoef(1 / (t * s), y)[0, 1] ** 2 - np.corrcoef(1 / t, y)[0, 1] ** 2)
    assert np.mean(np.array(leads) > 0) == pytest.approx(exact["ahead"], abs=0.03)
    assert np.median(leads) == pytest.approx(exact["median"], abs=0.02)
    assert exact["low"] < np.quantile(leads, 0.2) < exact["high"]


def test_tokens_of_movielens_stand_in_kuairands_rows():
    frame = study.data()
    own = stored.statistics("ml-1m").filter(pl.col("s_max") >= 100).sort("s_max")["tokens"].to_list()
    assert frame.filter(dataset="kuairand-pure").sort("s_max")["tokens"].to_list() == own
    assert frame.filter(dataset="ml-1m").sort("s_max")["tokens_right"].to_list() == own
    assert (frame["tokens"] != frame["tokens_right"]).sum() == 6
    assert sorted(frame["tokens"]) == sorted(frame["tokens_right"])


def test_entropies_of_movielens_stand_in_its_own_rows():
    recorded = stored.real_entropy("ml-1m").filter(kind="as recorded")
    for s_max, s in study.data().filter(dataset="ml-1m").select("s_max", "s").iter_rows():
        assert 1 / recorded.filter(s_max=s_max)["real_entropy"].item() == pytest.approx(s, rel=4e-3)


def test_loss_columns_agree_each_with_its_own_measure():
    columns = study.loss_columns()
    assert columns["same"].sum() == 5
    first, new = (np.corrcoef(columns["x"], columns[name])[0, 1] ** 2 for name in ("first", "successor"))
    assert (first, new) == pytest.approx((0.438, 0.987), abs=1e-3)


def test_table_6_prints_one_number_in_another_row():
    six = study.printed_r2()
    alone = six.filter(measure="token_only")
    computed = dict(zip(alone["target"], alone["computed"], strict=True))
    stated = dict(zip(alone["target"], alone["printed"], strict=True))
    assert computed["loss"] == pytest.approx(stated["loss"], abs=5e-5)
    assert computed["hr10"] == pytest.approx(stated["ndcg10"], abs=5e-5)
    assert abs(computed["hr10"] - stated["hr10"]) > 0.009


def test_errors_with_an_offset_are_those_of_a_plane_fitted_here():
    grid, errors = paper.grid(), study.errors().filter(law="scaling")
    checked = 0
    for e in errors.iter_rows(named=True):
        part = grid.filter(dataset=e["dataset"], s_max=e["s_max"])
        design = np.column_stack([np.ones(len(part)), part["n_layers"].log(), part["d_emb"].log()])
        y = part[e["metric"]].to_numpy()
        left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        rmse = 1e3 * np.sqrt(np.mean(left**2))
        assert e["plane"] == pytest.approx(rmse, rel=1e-9)
        checked += abs(e["rmse"] - rmse) < 1e-3
    assert checked == 16
    assert (errors["off"].abs() <= 0.01).sum() == 17


def test_tables_1_7_and_8():
    table = study.table_1()
    assert table["cut_law"].sum() == table["cut_scaling"].sum() == 19
    assert (table["gain"].min(), table["gain"].max()) == pytest.approx((0.0253, 4.2126), abs=1e-4)
    offset = table.filter((pl.col("plane") - pl.col("scaling_figure")).abs() > 0.01)
    assert len(offset) == 6
    assert study.twins().rows() == [("ml-1m", 150), ("ml-1m", 200)]
    orders = study.misordered()
    assert (len(orders), orders["opposite"].sum()) == (13, 4)


def test_rows_of_table_2_are_measurements_at_other_sizes():
    """By whole numbers of ten-thousandths, in a dictionary: every measurement with both metrics, at any s_max."""
    found: dict[tuple[int, int], list] = {}
    for r in paper.grid().filter(dataset="ml-1m").iter_rows(named=True):
        key = (round(1e4 * r["hr10"]), round(1e4 * r["ndcg10"]))
        found.setdefault(key, []).append((r["s_max"], r["n_layers"], r["d_emb"]))
    table = study.in_panel("ml-1m")
    sizes = []
    for r in table.iter_rows(named=True):
        there = found.get((round(1e4 * r["hr10"]), round(1e4 * r["ndcg10"])), [])
        assert there == ([] if r["s_max"] is None else [(r["s_max"], r["n_there"], r["d_there"])])
        sizes += [(s, r["n_layers"], n, r["d_emb"], d) for s, n, d in there]
    assert Counter(s for s, *_ in sizes) == {200: 7}
    assert {(n, there) for _, n, there, *_ in sizes if n != there} == {(28, 24)}
    assert {(d, there) for *_, d, there in sizes if d != there} == {(54, 50)}
    assert all(n != m or d != e for _, n, m, d, e in sizes)


def test_table_2_and_the_first_papers_table_3():
    again = study.same_measurement()
    assert again.row(0)[:4] == (12, 44, 48, 14)
    assert len(again) == 1
    assert study.leads("H*d~512") == pytest.approx({"ndcg10": 4e-4, "ndcg50": 2e-4, "hr10": 3e-4, "hr50": 5e-4})
    assert study.table_2("H*d~512").filter("prediction")["size"].item() == 528
    assert min(study.leads("global").values()) == pytest.approx(6e-4)


def test_the_optimum_of_the_panel_is_shallower_than_the_prediction():
    fits = study.refits(draws=40)
    assert fits["n_layers"].is_between(15, 18.2).all()
    assert fits["d_emb"].is_between(49, 55).all()
    assert (fits["n_low"] < fits["n_layers"]).all()
    assert (fits["n_layers"] < fits["n_high"]).all()
    hr = fits.filter(metric="hr10", law="performance")["noise"].item()
    assert hr == pytest.approx(study.scatter("ml-1m", 200, "hr10"))


def test_the_assumption_depends_on_what_t_is():
    table = checks.assumption()
    assert [table[f"holds_{name}"].sum() for name in ("all", "printed", "one")] == [3, 3, 10]
    first = table.row(by_predicate=pl.col("s_max") == 150, named=True)
    assert first["all_events"] == pytest.approx(np.log(570537) / 570539)
    short = table["mean_length"] < table["longest"]  # the same assumption, solved for the mean length
    assert short.to_list() == table["holds_all"].to_list()


def test_expected_candidates_against_draws():
    table = checks.candidates()
    items = table.filter(dataset="ml-1m")["items"].item()
    rng = np.random.default_rng(0)
    drawn = [len(np.unique(rng.integers(1, items, checks.SAMPLED_NEGATIVES))) for _ in range(200)]
    expected = table.filter(dataset="ml-1m")["distinct"].item()
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.std(drawn) / np.sqrt(200))
    assert table["share"].max() < 0.5


def test_draws_of_the_published_code_are_kinder_than_all_items_run_by_run():
    runs = checks.kinder()
    by_hand = []
    for name in checks.MOVIELENS:
        rows = stored.sweep(name)
        by_hand += [a / b for a, b in rows.select("hr10_sampled", "hr10").iter_rows()]
    assert runs["ratio"].min() == pytest.approx(min(by_hand))
    assert runs["ratio"].max() == pytest.approx(max(by_hand))
    assert runs["ratio"].min() > 1


def test_our_measures_explain_as_a_correlation_within_logs_does_and_table_6_is_as_printed():
    points = data_scaling.cells(data_scaling.rows())
    found = checks.quality(points)
    levels = points.with_columns(
        pl.col(name).log() - pl.col(name).log().mean().over("dataset", "s_max") for name in checks.MEASURES.values()
    ).with_columns(pl.col("hr10") - pl.col("hr10").mean().over("dataset", "s_max"))
    for measure, ours in checks.MEASURES.items():
        r = np.corrcoef(levels[ours], levels["hr10"])[0, 1]
        row = found.filter(source=checks.OURS, measure=measure, target="hr10")
        assert row["r2"].item() == pytest.approx(r**2)
    printed = found.filter(source=checks.PRINTED, target="loss", measure="real_entropy")
    assert printed["r2"].item() == 0.9881
    leads = checks.leads(points)
    assert leads.filter(target="loss")["printed"].item() == pytest.approx(0.9881 - 0.8776)
    assert (leads["low"] <= leads["ours"]).all()  # the whole lies between the parts
    few = checks.leads(points.filter(pl.col("dataset").is_in(points["dataset"].unique().sort()[:2].implode())))
    assert few["low"].null_count() == len(few)
