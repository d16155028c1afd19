"""What the three models learn of sources whose best possible prediction is known exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from scipy.special import entr, logsumexp
from torch.nn import functional as F

from srlaw.datasets import load
from srlaw.datasets.synthetic import Population, population
from srlaw.models import CONFIGS, flops_per_event
from srlaw.sequences import Sequences
from srlaw.studies.floor import bayes_optimal
from srlaw.training import TrainConfig, Trained, train
from srlaw.training.data import next_events

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
    """

    name: str
    people: Population | None
    sequences: Sequences


def sources(dataset: str, users: int, s_max: int, seed: int = 0, path: str | None = None) -> list[Source]:
    """For ``synthetic`` the populations of `SOURCES`, `users` users each; else the data set alone.

    Histories keep their last `s_max` + 2 events: two held out, and `s_max` with a next one.
    """
    if dataset != "synthetic":
        return [Source(dataset, None, load(dataset, path).truncate(s_max + 2))]
    people = {name: population(seed, users, **sizes) for name, sizes in SOURCES.items()}
    return [Source(name, who, who.sample().truncate(s_max + 2)) for name, who in people.items()]


def yardsticks(source: Source) -> dict[str, float | None]:
    """Expected losses of three ideal predictors in nats per event, and the best metrics on the last events.

    Returns:
        ``popularity`` knows how often each item occurs; ``last_item`` also the true P(next | last item) of the
        whole population; ``floor`` is Bayes-optimal given all of a history (`bayes_optimal`), on each user's last
        event; ``floor_valid`` the same on the last but one; ``hr10`` and ``ndcg10`` are those of the optimum.
        All are None for a source without a known law.
    """
    if source.people is None:
        return dict.fromkeys(("popularity", "last_item", "floor", "floor_valid", "hr10", "ndcg10"))
    joint = pair_distribution(source.people)
    optimum = bayes_optimal(source.people, source.sequences)
    before = bayes_optimal(source.people, source.sequences.leave_one_out().history)
    return {
        "popularity": float(entr(joint.sum(0)).sum()),
        "last_item": float(entr(joint).sum() - entr(joint.sum(1)).sum()),
        "floor": optimum["loss"],
        "floor_valid": before["loss"],
        "hr10": optimum["hr10"],
        "ndcg10": optimum["ndcg10"],
    }


def pair_distribution(people: Population) -> np.ndarray:
    """Stationary probability of two items in a row, over all users, shape ``(A, A)``."""
    pairs = [c.stationary if c.order == 2 else c.stationary[:, None] * c.transition for c in people.chains]
    weights = np.bincount(people.types, weights=people.lengths)
    return np.average(pairs, axis=0, weights=weights)


def learn(
    source: Source, models: list[str], n_layers: int, d_emb: int, s_max: int, config: TrainConfig
) -> dict[str, Trained]:
    """Each of `models` trained on a source, by name."""
    sizes = {"n_items": source.sequences.n_items, "n_layers": n_layers, "d_emb": d_emb, "s_max": s_max}
    return {name: train(source.sequences, CONFIGS[name](**sizes), config, progress=False) for name in models}


def curves(source: Source, runs: dict[str, Trained]) -> pl.DataFrame:
    """Rows ``source, model, epoch, valid_loss, …``: the runs' histories, beside the `yardsticks`."""
    known = {name: pl.lit(value, pl.Float64).alias(name) for name, value in yardsticks(source).items()}
    return pl.concat(
        run.history.select(pl.lit(source.name).alias("source"), pl.lit(model).alias("model"), pl.all(), *known.values())
        for model, run in runs.items()
    )


def results(source: Source, runs: dict[str, Trained]) -> pl.DataFrame:
    """One row a model: test ``loss``, ``hr10``, ``ndcg10`` beside the best possible, sizes, cost and speed.

    ``learned`` is the share of the way from the loss of ``popularity`` to the ``floor``; ``flops_per_event`` counts
    the forward pass of the model alone.
    """
    best = yardsticks(source)
    rows = []
    for model, run in runs.items():
        row, lengths = run.row(), run.train_lengths.astype(float)
        found = {name: row[name] for name in ("loss", "hr10", "ndcg10", "params_total", "params_non_embedding")}
        learned = best["floor"] and (best["popularity"] - row["loss"]) / (best["popularity"] - best["floor"])
        rows.append(
            {"source": source.name, "model": model, **found}
            | {"floor": best["floor"], "best_hr10": best["hr10"], "best_ndcg10": best["ndcg10"], "learned": learned}
            | {"flops_per_event": flops_per_event(run.model_config, (lengths**2).sum() / lengths.sum())}
            | {"events_per_s": row["events_per_s"]}
        )
    floats = dict.fromkeys(("floor", "best_hr10", "best_ndcg10", "learned"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=floats)


def loss_by_position(source: Source, runs: dict[str, Trained], users: int = 1000) -> pl.DataFrame:
    """Loss on *new* users of the same population by the number of events seen, for each model and the optimum.

    Args:
        users: how many are drawn, with another seed than those trained on.

    Returns:
        ``predictor`` (a model or ``optimum``), ``seen`` (1, 2, 4, … events, the lower end of a bin that doubles)
        and ``loss``, nats per event.
    """
    s_max = min(run.model_config.s_max for run in runs.values())
    rng = np.random.default_rng([source.people.seed, 2])
    lengths = rng.choice(source.people.lengths, users)
    people = replace(source.people, lengths=lengths, seed=source.people.seed + 1)
    fresh = people.sample().truncate(s_max + 1)
    losses = {"optimum": optimal_losses(people, fresh)}
    losses |= {name: model_losses(run, fresh) for name, run in runs.items()}
    seen = np.concatenate([np.arange(1, n) for n in fresh.lengths])
    order = max(chain.order for chain in people.chains)
    kept = seen >= order  # before that a second-order chain has no context
    table = [
        pl.DataFrame({"predictor": name, "seen": 2 ** np.floor(np.log2(seen[kept])).astype(int), "loss": loss[kept]})
        for name, loss in losses.items()
    ]
    return pl.concat(table).group_by("predictor", "seen", maintain_order=True).mean().sort("predictor", "seen")


def optimal_losses(people: Population, sequences: Sequences) -> np.ndarray:
    """−ln P(event | all events before it) of every event but each user's first, types unknown; nats, ``(E,)``."""
    out = []
    for user in range(sequences.n_users):
        items = sequences.catalogue[sequences[user]]
        steps = np.stack([_log_steps(chain, items) for chain in people.chains])  # (types, n), first row log π
        joint = logsumexp(np.cumsum(steps, axis=1), axis=0)  # ln Σ_k P_k(x_1 … x_i)
        out.append(joint[:-1] - joint[1:])
    return np.concatenate(out)


def _log_steps(chain, items: np.ndarray) -> np.ndarray:
    """ln P(x_1), ln P(x_2 | x_1), … under one chain, shape ``(n,)``."""
    with np.errstate(divide="ignore"):
        if chain.order == 1:
            start = [chain.stationary[items[0]]]
            return np.log(np.concatenate([start, chain.transition[items[:-1], items[1:]]]))
        first = chain.stationary.sum(1)[items[0]]
        second = chain.stationary[items[0], items[1]] / first
        later = chain.transition[items[:-2], items[1:-1], items[2:]]
        return np.log(np.concatenate([[first, second], later]))


@torch.no_grad()
def model_losses(run: Trained, sequences: Sequences) -> np.ndarray:
    """−ln softmax of every event but each user's first, given the events before it; nats, shape ``(E,)``."""
    step = next_events(sequences, np.arange(sequences.n_users), run.model_config.s_max)
    scores = run.model(step.inputs)[step.valid] @ run.model.items.weight.T  # (E, n_items)
    return F.cross_entropy(scores, step.targets, reduction="none").double().numpy()


def findings(found: pl.DataFrame, known: list[dict]) -> str:
    """What `results` say in words, one Markdown list entry a source; empty where no source has a known law."""
    lines = []
    for best in known:
        if best["floor"] is None:
            continue
        rows = found.filter(pl.col("source") == best["source"]).sort("loss")
        order = ", ".join(f"{model} {share:.0%}" for model, share in rows.select("model", "learned").iter_rows())
        line = f"- **{best['source'].capitalize()}**: of the way from popularity to the floor, {order}."
        if best["last_item"] - best["floor"] > 0.05:  # there is something to gain from more than the last item
            beyond = rows.filter(pl.col("loss") < best["last_item"])["model"].to_list()
            who = " and ".join(beyond) or "no model"
            line += f" Below {best['last_item']:.2f}, the least loss that the last item alone allows: {who}."
        lines.append(line)
    return "\n".join(lines)
