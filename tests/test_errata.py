"""The errata: what they call printed stands in the tables, and what it should be follows from a count or a verdict."""

import re

import polars as pl
import pytest
import yaml

from srlaw import paper, stored
from srlaw.claims import CLAIMS, LEDGER, ledger
from srlaw.entropy.report import describe_lengths
from srlaw.errata import FACTS, errata
from srlaw.errors import InputError
from srlaw.evidence import named

ROWS = ledger()
CARDS = {row["id"]: named(row) for row in ROWS if row["chapter"]}
ENTRIES = {entry.id: entry for entry in errata(ROWS)}
RAW = {
    entry["id"]: entry
    for path in LEDGER.glob("*.yml")
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")).get("errata", [])
}
NAMES = (
    r"MovieLens-1M|\b(HR|NDCG)@10|Tables? \d( and \d)?|Figures? \d( and \d)?|Eqs?\. \(\d+\)|Theorem 3\.3|Lemma \d\.\d"
    r"|N·d²|i = 1, …|ln 2|1 < Loss|below 1\b|1 nat\b|2\.8% and up to 345%|≃ 512"
)


def numbers(text: str) -> list[float]:
    return [float(part.replace(",", "")) for part in re.findall(r"\d[\d,]*\.?\d*(?:e-\d+)?", text)]


def test_every_entry_of_the_ledger_is_shown_once_and_nothing_is_computed_for_nobody():
    assert list(ENTRIES) == [
        entry["id"]
        for publication in dict.fromkeys(claim.publication.id for claim in CLAIMS)
        for entry in yaml.safe_load((LEDGER / f"{publication}.yml").read_text(encoding="utf-8")).get("errata", [])
    ]
    assert len(RAW) == len(ENTRIES)
    assert set(FACTS) <= set(RAW)


@pytest.mark.parametrize("entry", RAW.values(), ids=lambda entry: entry["id"])
def test_no_number_is_typed(entry):
    for key in ("printed", "should_be", "evidence"):
        text = re.sub(r"\{.+?\}", "", entry[key])
        assert re.findall(r"\d", re.sub(NAMES, "", text)) == [], (key, text)


def tokens(table: pl.DataFrame, dataset: str) -> list[int]:
    return table.filter(pl.col("dataset") == dataset).sort("s_max")["tokens"].to_list()


def test_tokens_are_printed_so_and_counted_so():
    entry, counted = (
        ENTRIES["tokens"],
        [describe_lengths(stored.lengths("ml-1m"), cut)["tokens"] for cut in (100, 150, 200)],
    )
    here, there = tokens(paper.table(1), "kuairand-pure"), tokens(paper.table(1), "ml-1m")
    assert counted == here == [447407, 570537, 661028]
    assert numbers(entry.printed)[1:4] == there
    assert numbers(entry.should_be)[1:4] == counted
    assert numbers(ENTRIES["p-law-tokens"].printed)[1:4] == tokens(paper.successor("3"), "ml-1m") == there


def test_ratios_are_those_of_the_corrected_tables():
    for text, corrected in (
        (ENTRIES["tokens-over-apen"].printed, False),
        (ENTRIES["tokens-over-apen"].should_be, True),
    ):
        rows = [
            paper.table(n, corrected).filter((pl.col("dataset") == "ml-1m") & (pl.col("s_max") == 200)) for n in (2, 1)
        ]
        wanted = rows[0]["tokens_over_apen"].item(), rows[1]["apen_over_tokens"].item()
        assert numbers(text)[-2:] == pytest.approx(wanted, rel=1e-3)
    assert CARDS["table-2-data"]["quality_right"] == pytest.approx(
        numbers(ENTRIES["tokens-over-apen"].should_be)[0], rel=1e-3
    )


def test_entropies_of_table_2():
    table = paper.table(2)
    amazon = table.filter(pl.col("dataset") == "amazon-books").sort("s_max")
    assert numbers(ENTRIES["amazon-apen"].printed)[::2] == amazon["apen"].to_list()
    least = numbers(ENTRIES["amazon-apen"].should_be)[::2][:2]
    assert min(a / b for a, b in zip(least, amazon["apen"], strict=True)) == pytest.approx(
        CARDS["table-2-data"]["amazon_factor"], rel=0.01
    )
    huawei = table.filter((pl.col("dataset") == "huawei-music") & (pl.col("s_max") == 50))
    assert numbers(ENTRIES["huawei-apen"].printed)[0] == huawei["apen"].item()
    ratio = (huawei["tokens"] / huawei["tokens_over_apen"]).item()
    assert numbers(ENTRIES["huawei-apen"].should_be)[0] == round(ratio, 3) != huawei["apen"].item()


def test_huaweis_d_prime_is_that_of_table_and_figures():
    table = paper.table(2).filter(pl.col("dataset") == "huawei-music").sort("s_max")
    figures = paper.figure_fits("performance_law").filter(pl.col("dataset") == "huawei-music").sort("s_max")
    printed = re.sub(r"\w+@10", "", ENTRIES["huawei-d-prime"].printed)
    assert numbers(printed)[:4] == table["hr10_d_prime"].to_list() + table["ndcg10_d_prime"].to_list()
    drawn = figures.filter(pl.col("metric") == "ndcg10")["d_prime"].to_list()
    assert numbers(re.sub(r"\w+@10", "", ENTRIES["huawei-d-prime"].should_be))[:2] == pytest.approx(drawn, rel=1e-4)
    assert drawn == pytest.approx(table["ndcg10_d_prime"].to_list()[::-1], rel=2e-4)  # at each other's s_max


def test_the_scaling_laws_r2_are_off_by_whole_hundredths():
    texts = [re.findall(r"0\.\d{6}", text) for text in (ENTRIES["scaling-r2"].printed, ENTRIES["scaling-r2"].should_be)]
    printed, planes = ([float(value) for value in text] for text in texts)
    stated = set(paper.figure_fits("scaling_law")["r2"].to_list())
    assert set(printed) <= stated
    offsets = [float(part) for part in CARDS["performance-against-scaling"]["offsets"].split(",")]
    assert [round(a - b, 4) for a, b in zip(printed, planes, strict=True)] == offsets
    assert len(stated) - len(printed) <= CARDS["performance-against-scaling"]["planes"]


def test_the_equations():
    assert numbers(ENTRIES["eq-2"].printed) == [paper.equation(2)[1]["E"]]
    assert numbers(ENTRIES["eq-2"].should_be) == [paper.equation(2, "corrected")[1]["E"]]
    printed, mended = (paper.equation(29, variant)[1] for variant in ("printed", "corrected"))
    assert numbers(ENTRIES["eq-29"].printed)[:2] == [printed["p_d"], printed["w4"]]
    law_optimum = (mended["p_d"] * mended["w4"]) ** (1 / mended["w4"])  # where ln d + p d^−w turns
    assert numbers(ENTRIES["eq-29"].should_be) == [mended["p_d"], mended["w4"], pytest.approx(law_optimum, abs=0.05)]
    params = paper.equation(30)[1]
    assert (
        numbers(ENTRIES["eq-30"].printed) == [params["w4"], params["w5"]] == numbers(ENTRIES["eq-30"].should_be)[::-1]
    )


def test_table_3():
    local = paper.table(3).filter(pl.col("solution") == "local")
    assert numbers(ENTRIES["table-3-columns"].printed) == [
        x for row in local.select("col1", "col2").rows()[:2] for x in row
    ]
    exchanged = numbers(ENTRIES["table-3-columns"].should_be)
    assert exchanged == [x for row in local.select("col2", "col1").rows()[:2] for x in row]
    n, d = local.select("col1", "col2").row(-1)
    assert numbers(ENTRIES["table-3-budget"].printed)[:3] == [n, d, n * d]
    assert numbers(ENTRIES["table-3-603"].printed) == [
        paper.table(3).filter(pl.col("solution") == "global")["col2"][-1]
    ]


def test_the_successors_regressions_and_losses():
    printed = paper.successor("6").sort("target")["real_entropy"].to_list()  # hr10, loss, ndcg10
    hr, ng, loss = numbers(re.sub(r"\w+@10", "", ENTRIES["p-law-figure-3"].printed))[:3]
    assert [hr, loss, ng] == printed
    card = CARDS["p-law-figure-3"]
    assert numbers(ENTRIES["p-law-figure-3"].should_be) == [round(card[name], 4) for name in ("hr", "ng", "loss")]
    column = paper.successor("3")["inverse_d_loss_e-7"].to_list()
    assert set(numbers(ENTRIES["p-law-loss-column"].printed)[:4]) <= set(column)
    assert set(numbers(ENTRIES["p-law-loss-column"].should_be)[:4]) <= set(paper.table(1)["inv_d_l"].to_list())


def test_an_entry_without_its_verdict_is_refused():
    rows = [row if row["id"] != "eq-29" else row | {"chapter": None} for row in ROWS]
    with pytest.raises(InputError, match="erratum eq-29: no chapter has judged eq-29"):
        errata(rows)
