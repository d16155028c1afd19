"""Chapter 11: from a reader's log to a recommendation: what `srlaw plan` does, with a sentence for every number."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from srlaw import charts, paper
from srlaw import statistics as tells
from srlaw.baselines import NAMES
from srlaw.datasets import load
from srlaw.datasets.synthetic import synthetic
from srlaw.errors import InputError
from srlaw.files import repository
from srlaw.planner import decide, screen
from srlaw.planner.decide import TEXT
from srlaw.planner.page import plain
from srlaw.planner.request import Request, chosen_s_max
from srlaw.runs import curves_beside, finished_rows
from srlaw.sequences import Sequences, data_hash
from srlaw.summary import METRICS, recommended, sentence

EMBEDDED = "synthetic"
PLANTED = {"seed": 1, "users": 2000, "types": 2, "branching": 2, "items": 100}
"""The population of embedded histories whose plan is stored: `data/statistics/README.md` says how it was made."""
STORED = ("data", "statistics", "plan-planted.csv")
BINS = 40
DRAWS = 100  # resamples behind the intervals
MIME = "application/vnd.srlaw.plan+json"
MEANS = {
    "no recommendation": "The reason why no size is named.",
    "all sizes alike": "What a model reaches here whatever its size, and the cheapest of them, where none stands out.",
    "recommended": "The size that is expected to be best among those that could be compared.",
    "expected": "What one new run of this size is to reach; 95 of 100 such intervals hold it.",
    "tested once": "The one run that met the test event; its error is that of the users who were tested.",
    "draws that agree": "The share of the resampled tables from which the same size would be named.",
    "gain over yardstick": "Its lead over the best predictor that only counts: shown where the interval is above zero.",
    "gain over smallest": "What the size is worth: its gain over the smallest model of the table.",
    "smaller": "The cheapest size that is not shown to be worse; in brackets, what it is expected to lose.",
    "noise of one run": "The standard deviation between runs of one size; smaller differences of two runs say nothing.",
    "epochs": "What longer training gains; above what noise alone reaches, the models are not trained to the end.",
    "events in random order": "What the size loses when it is not told in which order a user's events came.",
    "gain at": "What more users would bring, carried on from shares of them, where these runs can tell.",
    "the full run": "What training the recommended size takes on this machine, and its size.",
    "minutes it took": "All in all, on this machine.",
}
"""First words of a line of the screen → what its number says. A line of longer training begins with a number."""


@dataclass(frozen=True, eq=False)
class Planned:
    """An answer of the planner, the runs and learning curves behind it (empty if there are none), and their source."""

    answer: dict[str, Any]
    runs: pl.DataFrame
    curves: pl.DataFrame
    source: str


def log(rows: str | None, minutes: float, dataset: str, path: str | None, reading: dict[str, Any]) -> Sequences:
    """The reader's log; of the embedded data, with nothing to train and no table, the one whose runs are stored."""
    if dataset != EMBEDDED or path or rows or minutes:
        return load(dataset, path, **reading)
    found = synthetic(**PLANTED)
    return replace(found, timestamps=np.arange(found.tokens))  # as in the file that was planned


def planned(sequences: Sequences, request: Request, rows: str | None, minutes: float, out: Path) -> Planned:
    """The plan of a finished table of runs of this log, or of what is trained now in the folder `out`.

    Without a table and minutes, the embedded data has its stored table, and any other log has no plan.

    Raises:
        InputError: as `decide` and `plan_log`; for both a table and minutes, or for runs of another log.
    """
    if rows and minutes:
        raise InputError("rows and minutes are both given; take the table, or train anew")
    if not rows and not minutes:
        if request.log != EMBEDDED:
            reason = "nothing was trained: give minutes to train in, or rows, a finished table of runs of this log"
            none = {"recommendation": None, "reason": reason, "evidence": {}}
            return Planned(none, pl.DataFrame(), pl.DataFrame(), "")
        rows = str(repository(*STORED))
    if rows:
        runs = pl.DataFrame(finished_rows(rows, TEXT)[0], infer_schema_length=None)
        if "data" in runs.columns and set(runs["data"]) != {data_hash(sequences)}:
            raise InputError(f"{rows} holds runs of another log than {sequences.name}; give the table of this log")
        answer = decide(rows, request.metric, paper.shapes(), max_params=request.max_params, count=DRAWS)
        return Planned(answer, runs, _curves(Path(rows)), f"the {len(runs)} finished runs of {Path(rows).name}")
    from srlaw.planner.log import plan_log  # trains, so it takes torch

    answer = plan_log(request, out, paper.shapes())
    runs = pl.read_csv(out / "rows.csv", infer_schema_length=None)
    source = f"the {len(runs)} runs that {request.minutes:g} minutes allowed, which {out} keeps"
    return Planned(answer, runs, _curves(out / "rows.csv"), source)


def _curves(rows: Path) -> pl.DataFrame:
    """Learning curves where a plan, or this book, leaves them beside a table of runs."""
    places = [curves_beside(rows), *(rows.parent / name / "curves.csv" for name in ("sweep", "chosen"))]
    frames = [pl.read_csv(file, infer_schema_length=None) for file in places if file.exists()]
    return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()


def cut(sequences: Sequences, planned: Planned) -> int:
    """The s_max that the plan has, or that the log's lengths suggest."""
    known = planned.answer["evidence"].get("s_max")
    return int(max(known)) if known else chosen_s_max(sequences)


def statistics(sequences: Sequences, found: dict[str, Any]) -> pl.DataFrame:
    """What the log is, with a sentence for each number. `found` is of `srlaw.planner.request.facts`."""
    lengths = sequences.lengths
    left, most = found["users_with_less_than_4_events"], int(lengths.max())
    repeated = 1 - sequences.without_repeats().tokens / sequences.tokens
    rows = [
        ("users", f"{found['users']:,}", "Each has one history, in the order of time."),
        ("items", f"{found['items']:,}", "Every one of them is ranked for every user; nothing is sampled."),
        ("events", f"{found['events']:,}", "One event is one item of one user."),
        ("events of a user", f"{np.median(lengths):g}", f"Half of the users have more; the most is {most:,}."),
        ("s_max", f"{found['s_max']}", "A model looks at so many of the last events of a user."),
        ("events kept", f"{found['covered']:.0%}", "What the histories keep when they are cut to s_max."),
        ("repeats", f"{repeated:.0%}", "Events with an item that the same user has had before."),
        ("users tested", f"{found['tested_users']:,}", f"They have four events or more; {left:,} users have fewer."),
    ]  # fmt: skip
    return pl.DataFrame(rows, ["what", "value", "what it says"], orient="row")


def histogram(sequences: Sequences) -> pl.DataFrame:
    """Users by the number of their events: ``low, high, users``, bins of one width."""
    counts, edges = np.histogram(sequences.lengths, bins=min(BINS, max(1, int(np.ptp(sequences.lengths)))))
    return charts.rounded(pl.DataFrame({"low": edges[:-1], "high": edges[1:], "users": counts}), 5)


def support(sequences: Sequences, s_max: int) -> str:
    """What the order of the histories tells, in a sentence."""
    return tells.evidence(sequences, s_max)["support"]


def yardsticks(found: dict[str, Any]) -> pl.DataFrame:
    """HR@10 and NDCG@10 of each predictor that only counts: ``yardstick, metric, value, error``."""
    known = found["yardsticks"]
    return pl.DataFrame(
        [
            {"yardstick": words, "metric": label, "value": known[key], "error": known[f"{key}_se"]}
            for name, words in NAMES.items()
            for metric, label in METRICS.items()
            for key in (f"baseline_{name}_{metric}",)
        ]
    )


def beside(found: dict[str, Any]) -> pl.DataFrame:
    """The same as a table with errors, and the smallest visible difference."""
    values = {
        (row["yardstick"], row["metric"]): f"{row['value']:.4f} ± {row['error']:.4f}"
        for row in yardsticks(found).to_dicts()
    }
    rows = [(words, *(values[words, label] for label in METRICS.values())) for words in NAMES.values()]
    rows.append(("smallest visible difference", *(f"{found[f'smallest_visible_{metric}']:.4f}" for metric in METRICS)))
    return pl.DataFrame(rows, ["yardstick", *METRICS.values()], orient="row")


def rounded(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they are drawn: floats at four digits, so that a page does not change with the processor."""
    return charts.rounded(pl.DataFrame(list(rows), infer_schema_length=None), 4).to_dicts()


def about_surface(planned: Planned, words: str) -> str:
    """What the pictures of the sizes show, and how much the forecasts behind them weigh."""
    evidence = planned.answer["evidence"]
    if not (forecasts := evidence.get("forecasts")):
        return ""
    heaviest = forecasts[0]
    return (
        f"Colours are the {words} that is expected of each size, also between the sizes; circles are sizes that were "
        f"run, and a cross is the recommended one. The runs are {planned.source}. The expectation is the mean of "
        f"{len(forecasts)} forecasts, each weighed by how well it foretold the most expensive runs from the others: "
        f"*{heaviest['forecast']}* weighs most ({heaviest['weight']:.0%})."
    )


def explained(answer: dict[str, Any]) -> pl.DataFrame:
    """The lines of the planner's screen, each with what it says."""
    rows = [(name, value, _means(name)) for name, value in screen.lines(answer)]
    return pl.DataFrame(rows, ["what", "value", "what it says"], orient="row")


def _means(name: str) -> str:
    return next(
        text for words, text in MEANS.items() if name.startswith(words) or (name[0].isdigit() and words in name)
    )


@dataclass(frozen=True)
class Card:
    """The recommendation, or the reason why there is none; displays as a card and is stored as data."""

    answer: dict[str, Any]

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        record = {name: plain(self.answer[name]) for name in ("recommendation", "reason")}
        return {
            MIME: record,
            "text/html": self._html(),
            "text/plain": f"{self._head()}. {sentence(self.answer['reason'])}",
        }

    def _head(self) -> str:
        chosen = self.answer["recommendation"]
        return "no recommendation" if chosen is None else recommended(chosen)

    def _html(self) -> str:
        chosen = self.answer["recommendation"]
        colour, word = ("open", "no recommendation") if chosen is None else ("reproduced", "recommended")
        head = "" if chosen is None else f" <strong>{html.escape(self._head())}</strong>"
        return (
            f'<div class="srlaw-verdict" id="recommendation"><p><span class="srlaw-badge srlaw-{colour}">{word}</span>'
            f"{head}</p><p>{html.escape(sentence(self.answer['reason']))}</p></div>"
        )
