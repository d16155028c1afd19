"""The errata: printed → should be → evidence, with every number read from the tables or from the stored verdicts.

The words of an entry are data, `errata` in the ledger of its publication. Its numbers have two sources: the evidence of
its claim, by the short names of the claim's rule (that of another claim is ``{claim[name]}``), and a function below,
which reads the printed tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl
import yaml

from srlaw import paper, stored
from srlaw.chapters import columns, data_readings, optimal_size, printed, successor
from srlaw.claims import CLAIMS, LEDGER, Publication, ledger
from srlaw.entropy.report import describe_lengths
from srlaw.errors import InputError
from srlaw.evidence import fill, named

TITLES = {
    "ml-1m": "MovieLens-1M",
    "kuairand-pure": "KuaiRand-pure",
    "amazon-books": "Amazon Books",
    "huawei-music": "Huawei Music",
}
Facts = dict[str, Any]


@dataclass(frozen=True)
class Erratum:
    """One entry as it is shown; `claim` is the id of the claim whose card has the evidence, `chapter` where that is."""

    id: str
    publication: Publication
    place: str
    printed: str
    should_be: str
    evidence: str
    claim: str
    chapter: str


def errata(rows: Iterable[dict] | None = None) -> list[Erratum]:
    """Every entry with its numbers, publication by publication.

    Args:
        rows: `srlaw.claims.ledger`; by default that of the repository's own notebooks.

    Raises:
        InputError: an entry that names a number which nobody computes, or a claim that no chapter judges.
    """
    judged = {row["id"]: row for row in (ledger() if rows is None else rows)}
    cards = {id_: named(row) for id_, row in judged.items() if row["chapter"]}
    entries = []
    for publication in dict.fromkeys(claim.publication for claim in CLAIMS):
        content = yaml.safe_load((LEDGER / f"{publication.id}.yml").read_text(encoding="utf-8"))
        for entry in content.get("errata", []):
            if entry["claim"] not in cards:
                raise InputError(f"erratum {entry['id']}: no chapter has judged {entry['claim']}")
            values = cards | cards[entry["claim"]] | FACTS.get(entry["id"], dict)()
            try:
                texts = {key: fill(entry[key], values) for key in ("place", "printed", "should_be", "evidence")}
            except InputError as error:
                raise InputError(f"erratum {entry['id']}: {error}") from error
            entries.append(
                Erratum(
                    entry["id"], publication, claim=entry["claim"], chapter=judged[entry["claim"]]["chapter"], **texts
                )
            )
    return entries


def _tokens(dataset: str) -> list[int]:
    return paper.table(2).filter(pl.col("dataset") == dataset).sort("s_max")["tokens"].to_list()


def _listed(values: Iterable[Any], form: str = ",") -> str:
    *most, last = (format(value, form) if not isinstance(value, str) else value for value in values)
    return f"{', '.join(most)} and {last}" if most else last


def tokens() -> Facts:
    cuts = sorted(paper.table(2).filter(pl.col("dataset") == "ml-1m")["s_max"])
    counted = [describe_lengths(stored.lengths("ml-1m"), cut)["tokens"] for cut in cuts]
    there, here = (_listed(_tokens(name)) for name in ("ml-1m", "kuairand-pure"))
    return {"there": there, "here": here, "counted": _listed(counted)}


def tokens_over_apen() -> Facts:
    def last(number: int, corrected: bool) -> dict:
        frame = paper.table(number, corrected).filter(pl.col("dataset") == "ml-1m").sort("s_max")
        return frame.row(-1, named=True)

    ratio = [last(2, corrected)["tokens_over_apen"] for corrected in (False, True)]
    inverse = [last(1, corrected)["apen_over_tokens"] for corrected in (False, True)]
    return {
        "s_max": last(2, False)["s_max"],
        **{"printed_ratio": ratio[0], "right_ratio": ratio[1], "inverse": inverse[0], "inverse_right": inverse[1]},
    }


def amazon_apen() -> Facts:
    rows = columns.without_repeats()

    def at(name: str) -> str:
        pairs = rows.select(name, "s_max").iter_rows()
        return _listed([f"{value:.3f} at S_max {cut}" for value, cut in pairs])

    others = columns.like_amazon()["apen"]
    return {"printed": at("printed"), "least": at("least"), "others": f"{others.min():.3f} to {others.max():.3f}"}


def huawei_apen() -> Facts:
    rows = columns.implied_apen()
    odd = rows.filter(~pl.col("agrees")).row(0, named=True)
    return {**odd, "agree": int(rows["agrees"].sum()), "rows": len(rows)}


def kuairand_lengths() -> Facts:
    rows = paper.table(2, corrected=True).filter(pl.col("dataset") == "kuairand-pure").sort("s_max")
    users = (rows["tokens"] / rows["mean_length"]).to_list()
    return {
        "lengths": _listed(rows["mean_length"].to_list(), ".2f"),
        "there": _listed(rows["tokens"].to_list()),
        "users": _listed(users, ",.0f"),
    }


def huawei_d_prime() -> Facts:
    rows = data_readings.table_against_figures().filter(pl.col("dataset") == "huawei-music").sort("s_max")
    hr, ng = (rows.filter(pl.col("metric") == paper.METRICS[metric]) for metric in paper.FIGURE_METRICS)
    crossed = hr.sort("nearest_off").row(0, named=True)
    alone = hr.sort("nearest_off").row(-1, named=True)
    return {
        **{"hr": _listed(hr["table"].to_list(), ".5g"), "ng": _listed(ng["table"].to_list(), ".5g")},
        **{"hr_figure": _listed(hr["figure"].to_list(), ".5g"), "ng_figure": _listed(ng["figure"].to_list(), ".5g")},
        **{"cuts": _listed(ng["s_max"].to_list()), "ng_off": ng["nearest_off"].max()},
        **{"crossed_hr": f"{crossed['table']:.5g}", "crossed_at": crossed["nearest"].rsplit(" ", 1)[1]},
        "alone": f"{alone['table']:.5g}",
    }


def scaling_r2() -> Facts:
    rows = printed.planes().filter(pl.col("offset").abs() > printed.MET).rename({"printed": "drawn"})

    def texts(column: str) -> str:
        return (
            "; ".join(
                f"{TITLES[row['dataset']]} {row['s_max']} {paper.METRICS[row['metric']]}: {row[column]:.6f}"
                for row in rows.iter_rows(named=True)
            )
            + "."
        )

    return {"printed": texts("drawn"), "plane": texts("plane")}


def eq_29() -> Facts:
    params = [paper.equation(29, variant)[1] for variant in ("printed", "corrected")]
    marked = paper.table(3).filter(pl.col("col2") == 370)["col2"].item()
    return {
        "printed_p": params[0]["p_d"],
        "mended_p": params[1]["p_d"],
        "w4": str(params[0]["w4"]),
        "marked": str(marked),
    }


def eq_30() -> Facts:
    params = paper.equation(30)[1]
    return {"w4": str(params["w4"]), "w5": params["w5"]}


def _local() -> list[tuple[int, int]]:
    half = paper.table(3).filter(pl.col("solution") == "local")
    return list(half.select("col1", "col2").iter_rows())


def table_3_columns() -> Facts:
    again = optimal_size.printed_again().filter(pl.col("solution") == "local")
    rows = _local()
    deepest, narrowest = rows[0]
    narrow = paper.table(3).filter((pl.col("col1") == deepest) & (pl.col("solution") == "local"))["hr10"].item()
    return {
        "columns": "; ".join(f"N = {n}, d = {d}" for n, d in rows[:2]),
        "exchanged_rows": "; ".join(f"N = {d}, d = {n}" for n, d in rows[:2]),
        **{"exchanged": int(again["exchanged"].sum()), "common": len(again), "budget": 8 * 64**2},
        **{"deepest": deepest, "narrowest": narrowest, "narrow_hr": narrow},
    }


def table_3_budget() -> Facts:
    *others, (col1, col2) = _local()
    products = [n * d for n, d in others]
    return {
        **{"col1": col1, "col2": col2, "product": col1 * col2, "least": min(products), "most": max(products)},
        **{"budget": 8 * 64**2, "baseline": 8 * 64},
    }


def table_3_603() -> Facts:
    half = paper.table(3).filter(pl.col("solution") == "global")
    return {"marked_d": half["col2"].to_list()[-1]}


def _successor_tokens(dataset: str) -> str:
    return _listed(paper.successor("3").filter(pl.col("dataset") == dataset).sort("s_max")["tokens"].to_list())


def p_law_tokens() -> Facts:
    return {"printed_there": _successor_tokens("ml-1m"), "printed_here": _successor_tokens("kuairand-pure")}


def p_law_figure_3() -> Facts:
    table = paper.successor("6")
    values = [table.filter(pl.col("target") == target)["real_entropy"].item() for target in ("hr10", "ndcg10", "loss")]
    return {"printed": _listed(values, ".4f")}


def p_law_twins() -> Facts:
    pairs = successor.twins().iter_rows(named=True)
    return {"twin_panels": _listed([f"{TITLES[row['dataset']]} at S_max {row['s_max']}" for row in pairs])}


def p_law_loss_column() -> Facts:
    rows = successor.loss_columns().filter(~pl.col("same"))
    places = [f"{TITLES[row['dataset']]} {row['s_max']}" for row in rows.iter_rows(named=True)]
    return {
        **{"successor": _listed(rows["successor"].to_list(), ".4f"), "rows_changed": _listed(places)},
        "printed_first": _listed(rows["first"].to_list(), ".4f"),
    }


FACTS: dict[str, Callable[[], Facts]] = {
    **{"tokens": tokens, "tokens-over-apen": tokens_over_apen, "amazon-apen": amazon_apen, "huawei-apen": huawei_apen},
    **{"kuairand-lengths": kuairand_lengths, "huawei-d-prime": huawei_d_prime, "scaling-r2": scaling_r2},
    **{"eq-29": eq_29, "eq-30": eq_30, "table-3-columns": table_3_columns, "table-3-budget": table_3_budget},
    **{"table-3-603": table_3_603, "p-law-tokens": p_law_tokens, "p-law-figure-3": p_law_figure_3},
    **{"p-law-twins": p_law_twins, "p-law-loss-column": p_law_loss_column},
}
"""Numbers of an entry beyond the evidence of its claim, by its id; they win over evidence of the same name."""
