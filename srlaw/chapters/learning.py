"""What the three models learn of sources whose best possible prediction is known exactly."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl
from scipy.special import entr

from srlaw import baselines, charts, stored
from srlaw.datasets import load
from srlaw.datasets.floor import bayes_optimal, optimal_losses, pair_distribution
from srlaw.datasets.synthetic import Population, population
from srlaw.errors import InputError
from srlaw.models import CONFIGS, ModelConfig, flops_per_event
from srlaw.sequences import Sequences, split
from srlaw.sweep.runner import data_hash, run_key
from srlaw.training import TrainConfig, Trained, event_losses, train

SOURCES = {
    "first order": {"items": 100, "branching": 8},
    "second order": {"items": 30, "branching": 4, "order": 2},
    "four user types": {"items": 40, "branching": 4, "types": 4},
}


@dataclass(frozen=True, eq=False)
class Source:
    """Histories to train on, and the population that they were drawn from.

    Attributes:
        people: None for a data set whose law is not known.
        sequences: the last `s_max` + 2 events of each user: two to hold out, and `s_max` before the last.
        s_max: events that a model sees before the one to predict.
    """

    name: str
    people: Population | None
    sequences: Sequences
    s_max: int

    @property
    def tested(self) -> Sequences:
        """Each user's last event, and all that a model is shown before it; users of one event are left out."""
        return self.sequences.truncate(self.s_max + 1).at_least(2)


def sources(
    dataset: str, users: int, s_max: int, seed: int = 0, path: str | None = None, reading: dict | None = None
) -> list[Source]:
    """For ``synthetic`` the populations of `SOURCES`, `users` users each; else the data set alone, read by `load`."""
    if dataset != "synthetic":
        sequences = load(dataset, path, **(reading or {}))
        return [Source(sequences.name, None, sequences.truncate(s_max + 2), s_max)]
    people = {name: population(seed, users, **sizes) for name, sizes in SOURCES.items()}
    return [Source(name, who, who.sample().truncate(s_max + 2), s_max) for name, who in people.items()]


@cache
def yardsticks(source: Source) -> dict[str, float | None]:
    """Expected losses of three ideal predictors in nats per event, and the best metrics on the last events.

    Returns:
        ``popularity`` knows how often each item occurs; ``last_item`` also the true P(next | last item) of the
        whole population; ``floor`` is Bayes-optimal given all that a model is shown (`bayes_optimal`), on each
        user's last event; ``floor_valid`` the same on the last but one; ``hr10`` and ``ndcg10`` are those of the
        optimum. All are None for a source without a known law.
    """
    if source.people is None:
        return dict.fromkeys(("popularity", "last_item", "floor", "floor_valid", "hr10", "ndcg10"))
    joint = pair_distribution(source.people)
    optimum = bayes_optimal(source.people, source.tested)
    before = bayes_optimal(source.people, source.sequences.leave_one_out().history)
    return {
        "popularity": float(entr(joint.sum(0)).sum()),
        "last_item": float(entr(joint).sum() - entr(joint.sum(1)).sum()),
        "floor": optimum["loss"],
        "floor_valid": before["loss"],
        "hr10": optimum["hr10"],
        "ndcg10": optimum["ndcg10"],
    }


def learn(source: Source, models: list[str], n_layers: int, d_emb: int, config: TrainConfig) -> dict[str, Trained]:
    """Each of `models` trained on a source, by name.

    Raises:
        InputError: a model that does not exist.
    """
    sized = _sized(source, models, n_layers, d_emb)
    return {name: train(source.sequences, size, config, progress=False) for name, size in sized.items()}


def _sized(source: Source, models: list[str], n_layers: int, d_emb: int) -> dict[str, ModelConfig]:
    unknown = [name for name in models if name not in CONFIGS]
    if unknown:
        raise InputError(f"there is no model {unknown[0]!r}; there are {', '.join(CONFIGS)}")
    items, s_max = source.sequences.n_items, source.s_max
    return {name: CONFIGS[name](n_items=items, n_layers=n_layers, d_emb=d_emb, s_max=s_max) for name in models}


@dataclass(frozen=True, eq=False)
class Lessons:
    """What the models have learned of the sources.

    Attributes:
        keys: of the runs, as those of a sweep: they stand for all settings and for the data.
        users: how many new users `positions` was measured on.
        made: a sentence on where and when the models were trained, and with which versions.
        curves, results, positions: the tables of the functions of these names, of all sources; the last is that of
            `loss_by_position`, None where no source has a known law.
    """

    keys: list[str]
    users: int
    made: str
    curves: pl.DataFrame
    results: pl.DataFrame
    positions: pl.DataFrame | None

    @property
    def stored(self) -> str:
        """The text of ``data/statistics/learning.json``: numbers to six digits, more than is printed."""
        tables = {"curves": self.curves, "results": self.results, "positions": self.positions}
        rows = {name: None if x is None else charts.rounded(x).to_dicts() for name, x in tables.items()}
        return json.dumps({"keys": self.keys, "users": self.users, "made": self.made} | rows, indent=1) + "\n"


def lessons(
    data: list[Source],
    models: list[str],
    n_layers: int,
    d_emb: int,
    config: TrainConfig,
    users: int = 1000,
    again: bool = False,
) -> Lessons:
    """Each of `models` trained on each source; read from `stored.learning` if that holds these very runs.

    A training depends on how the processor rounds, so a page that trained would differ between machines: mostly in
    the third digit of a loss, by a tenth of a nat where a model has just begun to learn something.

    Args:
        users: new ones, to measure the loss by position on.
        again: train in any case.
    """
    keys = [
        run_key(s.name, data_hash(s.sequences), name, size, config)
        for s in data
        for name, size in _sized(s, models, n_layers, d_emb).items()
    ]
    known = stored.learning()
    if not again and known["keys"] == keys and known["users"] == users:
        tables = (pl.DataFrame(known[name], infer_schema_length=None) for name in ("curves", "results", "positions"))
        return Lessons(keys, users, known["made"], *tables)
    runs = {s.name: learn(s, models, n_layers, d_emb, config) for s in data}
    one = next(run for of_source in runs.values() for run in of_source.values()).row()
    by_position = [
        loss_by_position(s, runs[s.name], users).with_columns(source=pl.lit(s.name)) for s in data if s.people
    ]
    return Lessons(
        keys,
        users,
        f"Trained on {one['device']}, with {one['versions']}, on {str(one['date'])[:10]}.",
        pl.concat(curves(s, runs[s.name]) for s in data),
        pl.concat(results(s, runs[s.name]) for s in data),
        pl.concat(by_position) if by_position else None,
    )


def curves(source: Source, runs: dict[str, Trained]) -> pl.DataFrame:
    """Rows ``source, model, epoch, valid_loss, …``: the runs' histories, beside the `yardsticks`."""
    known = {name: pl.lit(value, pl.Float64).alias(name) for name, value in yardsticks(source).items()}
    return pl.concat(
        run.history.select(pl.lit(source.name).alias("source"), pl.lit(model).alias("model"), pl.all(), *known.values())
        for model, run in runs.items()
    )


def last_losses(source: Source, runs: dict[str, Trained]) -> pl.DataFrame:
    """Loss on each user's last event in nats: one row a user, one column a model.

    Where the law is known also what the ideal predictors of `yardsticks` lose on these very events: ``popularity``,
    ``last_item`` and ``optimum``. Differences of two columns are free of the luck of the draw that both share.
    """
    tested = source.tested
    last = np.cumsum(tested.lengths - 1) - 1  # of each user's events but the first
    losses = {name: event_losses(run.model, tested, source.s_max)[last] for name, run in runs.items()}
    if source.people:
        joint = pair_distribution(source.people)
        ends = tested.catalogue[tested.items[tested.offsets[1:] - 1]]
        before = tested.catalogue[tested.items[tested.offsets[1:] - 2]]
        losses["popularity"] = -np.log(joint.sum(0)[ends])
        losses["last_item"] = -np.log(joint[before, ends] / joint.sum(1)[before])
        losses["optimum"] = optimal_losses(source.people, tested)[last]
    return pl.DataFrame(losses)


def results(source: Source, runs: dict[str, Trained]) -> pl.DataFrame:
    """One row a model, the lowest loss first: test metrics beside the best possible, sizes, cost and speed.

    Returns:
        ``loss``; ``excess`` over the optimum on the same events and its standard error ``excess_se``; ``learned``, the
        share of the way from ``popularity`` to the optimum; ``beyond_last_item`` and ``tied``: whether the loss is
        lower than that of ``last_item``, and not higher than that of the model in the row above, by two standard
        errors of the paired difference; ``hr10, ndcg10`` and the best expected ones; ``flops_per_event`` of the
        forward pass of the model alone. What needs a known law is null without one.
    """
    losses, best = last_losses(source, runs), yardsticks(source)
    unknown = dict.fromkeys(("excess", "excess_se", "learned", "beyond_last_item"))
    rows, above = [], None
    means = losses.mean().row(0, named=True)
    for model in sorted(runs, key=lambda name: means[name]):
        run, loss = runs[model], losses[model]
        row, lengths = run.row(), run.train_lengths.astype(float)
        found = {"source": source.name, "model": model, "loss": means[model]} | unknown
        if source.people:
            popularity, last_item, optimum = (losses[name] for name in ("popularity", "last_item", "optimum"))
            found["excess"], found["excess_se"] = _mean_and_error(loss - optimum)
            gained = pl.DataFrame({"own": popularity - loss, "all": popularity - optimum}).mean().row(0, named=True)
            found["learned"] = gained["own"] / gained["all"]
            found["beyond_last_item"] = _clearly_positive(last_item - loss)
        found["tied"] = above is not None and not _clearly_positive(loss - losses[above])
        found |= {name: row[name] for name in ("hr10", "ndcg10", "params_total", "params_non_embedding")}
        found |= {"best_hr10": best["hr10"], "best_ndcg10": best["ndcg10"], "events_per_s": row["events_per_s"]}
        found["flops_per_event"] = flops_per_event(run.model_config, (lengths**2).sum() / lengths.sum())
        rows.append(found)
        above = model
    kinds = dict.fromkeys(("excess", "excess_se", "learned", "best_hr10", "best_ndcg10"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=kinds | {"beyond_last_item": pl.Boolean})


def untrained(data: list[Source]) -> pl.DataFrame:
    """The yardsticks of each source, counted in the histories that the models are trained on; same test events.

    Returns:
        ``source, predictor, hr10, hr10_se, ndcg10, ndcg10_se``; the errors are over users.

    Raises:
        InputError: if nobody in a source has the four events that training takes.
    """
    rows = []
    for source in data:
        parts = split(source.sequences, source.s_max)
        found = baselines.yardsticks(parts.train, parts.test, source.s_max)
        columns = [f"{metric}{end}" for metric in baselines.METRICS for end in ("", "_se")]
        for name, words in baselines.NAMES.items():
            values = {column: found[f"baseline_{name}_{column}"] for column in columns}
            rows.append({"source": source.name, "predictor": words, **values})
    return pl.DataFrame(rows)


def _mean_and_error(values: pl.Series) -> tuple[float, float]:
    """Mean and its standard error, which one value alone does not have: NaN."""
    x = values.to_numpy()
    return float(x.mean()), float(x.std(ddof=1)) / len(x) ** 0.5 if len(x) > 1 else math.nan


def _clearly_positive(difference: pl.Series) -> bool:
    mean, error = _mean_and_error(difference)
    return mean > 2 * error


def loss_by_position(source: Source, runs: dict[str, Trained], users: int = 1000) -> pl.DataFrame:
    """Loss on *new* users of the same population by the number of events seen, for each model and the optimum.

    Args:
        users: how many are drawn, with another seed than those trained on.

    Returns:
        ``predictor`` (a model or ``optimum``), ``seen`` (1, 2, 4, … events, the lower end of a bin that doubles)
        and ``loss``, nats per event.

    Raises:
        InputError: a source without a known law.
    """
    if source.people is None:
        raise InputError(f"no new users can be drawn of {source.name}, whose law is not known; use synthetic data")
    rng = np.random.default_rng([source.people.seed, 2])
    lengths = rng.choice(source.people.lengths, users)
    people = replace(source.people, lengths=lengths, seed=source.people.seed + 1)
    fresh = people.sample().truncate(source.s_max + 1)
    losses = {"optimum": optimal_losses(people, fresh)}
    losses |= {name: event_losses(run.model, fresh, source.s_max) for name, run in runs.items()}
    seen = np.concatenate([np.arange(1, n) for n in fresh.lengths])
    order = max(chain.order for chain in people.chains)
    kept = seen >= order  # before that a second-order chain has no context
    table = [
        pl.DataFrame({"predictor": name, "seen": 2 ** np.floor(np.log2(seen[kept])).astype(int), "loss": loss[kept]})
        for name, loss in losses.items()
    ]
    return pl.concat(table).group_by("predictor", "seen", maintain_order=True).mean().sort("predictor", "seen")
