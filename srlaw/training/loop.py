"""The training loop: batches, steps, validation, early stopping, checkpoints."""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from tqdm import tqdm

from srlaw.baselines import remembered_ranks
from srlaw.errors import InputError
from srlaw.models import Batch, ModelConfig, SequenceModel, build
from srlaw.sequences import Sequences, Split, split
from srlaw.training import checkpoint as checkpoints
from srlaw.training.config import PRECISIONS, TrainConfig
from srlaw.training.data import batches, next_events
from srlaw.training.evaluate import evaluate, outcomes, summary
from srlaw.training.loss import full_softmax, sampled_softmax
from srlaw.training.precision import products
from srlaw.training.result import Trained, describe_device
from srlaw.training.room import device_of, require_room

if TYPE_CHECKING:
    from lightning_fabric import Fabric

REFRESH = 10  # steps between two looks at the loss, each of which waits for a GPU


def train(
    sequences: Sequences,
    model_config: ModelConfig,
    config: TrainConfig | None = None,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> Trained:
    """Train a model, keep its best epoch on the validation event, and evaluate that on the test event.

    Every event with one after it is a target's context, but for the last two events of a user (`split`).
    One seed gives the same numbers on one machine with the same number of threads. Several devices share
    each step's users; their gradients are averaged to that of the whole batch.

    Args:
        checkpoint: a file written after every epoch. If it exists, training goes on from there to the result
            that it would have had without the interruption; from the start, and says so, if the file is damaged.
        progress: show loss, events/s and time left on standard error.

    Raises:
        InputError: for data too short to split, a checkpoint of another run, a device that is not there, a model
            too large for the memory, or a loss that is no longer finite.
    """
    if model_config.n_items != sequences.n_items:
        raise InputError(f"n_items is {model_config.n_items}, but {sequences.name} has {sequences.n_items} items")
    config = config or TrainConfig()
    parts = split(sequences, model_config.s_max, config.fraction, config.test_fraction)
    if config.order == "random":
        parts = parts.in_random_order(model_config.s_max)
    model_config = model_config.for_data(parts.train.timestamps is not None)
    config = config.for_data(parts.events)
    require_room(model_config, config)
    fabric = _fabric(config)
    identity = checkpoints.identity(sequences, model_config, config)
    saved = checkpoints.load(checkpoint, identity) if checkpoint else None
    # Bound beforehand, because Fabric looks for modules inside arguments and refuses frozen dataclasses.
    job = {"parts": parts, "model_config": model_config, "config": config, "checkpoint": checkpoint}
    state = fabric.launch(partial(_fit, **job, identity=identity, saved=saved, progress=progress))
    model = build(model_config)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state["best"].items()})
    return Trained(
        model=model.eval(),
        model_config=model_config,
        config=config,
        history=pl.DataFrame(state["history"]),
        test=summary(state["outcomes"]),
        outcomes=state["outcomes"],
        yardsticks=remembered_ranks(parts.train, parts.judged(config.judged_on), model_config.s_max),
        dataset=sequences.name,
        train_lengths=parts.train.lengths - 1,
        device=state["device"],
    )


def _fabric(config: TrainConfig) -> Fabric:
    from lightning_fabric import Fabric  # slow to import

    device = device_of(config)
    strategy = "ddp_spawn" if config.devices > 1 else "auto"
    return Fabric(accelerator=device, devices=config.devices, strategy=strategy, precision=PRECISIONS[config.precision])


def _fit(
    fabric: Fabric,
    parts: Split,
    model_config: ModelConfig,
    config: TrainConfig,
    identity: str,
    saved: dict | None,
    checkpoint: Path | None,
    progress: bool,
) -> dict:
    """All epochs and the test, in each process; returns what `train` makes a `Trained` of."""
    torch.manual_seed(config.seed)
    model = build(model_config)
    model, optimizer = fabric.setup(model, optimizer_for(model, config))
    state = saved or {"identity": identity, "history": []}
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    bar = tqdm(
        total=config.epochs * parts.events,
        initial=len(state["history"]) * parts.events,
        unit=" events",
        unit_scale=True,
        disable=not progress or fabric.global_rank > 0,
    )
    with bar, products(config.precision, fabric.device):
        while not _finished(state["history"], config):
            state["history"].append(_epoch(fabric, model, optimizer, parts, config, len(state["history"]), bar))
            if best_epoch(state["history"]) == len(state["history"]):
                state["best"] = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
            if checkpoint and fabric.global_rank == 0:
                state |= {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                checkpoints.save(checkpoint, state)
        model.load_state_dict(state["best"])
        found = outcomes(model, parts.judged(config.judged_on), model_config.s_max, every_ranking=True)
    return {
        "history": state["history"],
        "best": {name: value.numpy() for name, value in state["best"].items()},  # tensors die with their process
        "outcomes": found,
        "device": describe_device(fabric.device, config.devices),
    }


def _epoch(
    fabric: Fabric,
    model: SequenceModel,
    optimizer: torch.optim.Optimizer,
    parts: Split,
    config: TrainConfig,
    epoch: int,
    bar: tqdm,
) -> dict[str, float]:
    """One pass over all histories, then validation: a row of `Trained.history`."""
    begin = time.perf_counter()
    model.train()
    assert config.batch_events is not None  # `train` settled it
    order = batches(parts.train.lengths - 1, config.batch_events, np.random.default_rng([config.seed, epoch]))
    torch.manual_seed(int(np.random.SeedSequence([config.seed, epoch, fabric.global_rank]).generate_state(1)[0]))
    total = torch.zeros((), device=fabric.device)
    done = 0
    for i, users in enumerate(order):
        rate = config.learning_rate * schedule((epoch + i / len(order)) / config.epochs, config.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        events = int((parts.train.lengths[users] - 1).sum())
        total += _step(fabric, model, optimizer, parts.train, users, events, config) * events
        done += events
        bar.update(events)
        if i % REFRESH == 0 or i == len(order) - 1:
            bar.set_postfix_str(f"epoch {epoch + 1}, loss {_finite(total, epoch) / done:.3f}", refresh=False)
    trained = time.perf_counter()
    valid = evaluate(model, parts.validation, model.config.s_max)
    reduced = cast(Tensor, fabric.all_reduce(total, reduce_op="sum"))  # what it is given: here a tensor
    return {
        "epoch": epoch + 1,
        "loss": float(reduced) / done,
        "valid_loss": valid["loss"],
        "valid_hr10": valid["hr10"],
        "valid_ndcg10": valid["ndcg10"],
        "events": done,
        "train_s": trained - begin,
        "seconds": time.perf_counter() - begin,
    }


def _step(
    fabric: Fabric,
    model: SequenceModel,
    optimizer: torch.optim.Optimizer,
    sequences: Sequences,
    users: np.ndarray,
    events: int,
    config: TrainConfig,
) -> Tensor:
    """One step of the optimiser; returns this process's share of the batch's mean loss.

    A process takes every `world_size`-th of `users`. Gradients are averaged over processes, so its loss is
    weighted by its share of the batch's events times `world_size`.
    """
    mine = users[fabric.global_rank :: fabric.world_size]
    step = next_events(sequences, mine if len(mine) else users[:1], model.config.s_max)
    share = len(step.targets) / events if len(mine) else 0.0
    inputs, places, targets = fabric.to_device((Batch(*step.inputs), step.places, step.targets))
    hidden = model(inputs).flatten(0, 1).index_select(0, places)  # (B, S, d) → (E, d)
    if config.loss == "full":
        loss = full_softmax(hidden, model.items.weight, targets)
    else:
        loss = sampled_softmax(hidden, model.items.weight, targets, config.negatives, config.log_correction)
    fabric.backward(loss * (share * fabric.world_size))
    fabric.clip_gradients(model, optimizer, max_norm=config.clip, error_if_nonfinite=False)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach() * share


def optimizer_for(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW; embeddings, norms and biases are not decayed."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    decayed = [p for p in model.parameters() if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in model.parameters() if p.ndim <= 1 or id(p) in embeddings]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def schedule(progress: float, warmup: float) -> float:
    """Share of the highest learning rate after `progress` ∈ [0, 1) of all steps: linear rise, then half a cosine."""
    if progress < warmup:
        return max(progress / warmup, 1e-2)
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def best_epoch(history: list[dict]) -> int:
    """The first epoch, from 1, with the highest validation NDCG@10."""
    return 1 + int(np.argmax([row["valid_ndcg10"] for row in history]))


def _finished(history: list[dict], config: TrainConfig) -> bool:
    done = len(history)
    patience = config.epochs if config.patience is None else config.patience
    return done > 0 and (done >= config.epochs or done - best_epoch(history) >= patience)


def _finite(total: Tensor, epoch: int) -> float:
    value = float(total)
    if not math.isfinite(value):
        raise InputError(f"the loss is no longer finite in epoch {epoch + 1}; lower learning_rate or clip")
    return value
