"""Losses, batches, and runs: reproducible, resumable, the same on two processes as on one."""

from __future__ import annotations

import errno
import io
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from srlaw.datasets.synthetic import population, synthetic
from srlaw.errors import InputError
from srlaw.metrics import summarise, summarise_sampled
from srlaw.models import CONFIGS, build
from srlaw.sequences import Sequences, split
from srlaw.training import TrainConfig, evaluate, loop, require_room, train
from srlaw.training import checkpoint as checkpoints
from srlaw.training.config import ORDERS
from srlaw.training.data import batches, next_events
from srlaw.training.loss import full_softmax, sampled_softmax

QUICK = TrainConfig(epochs=3, batch_events=1024, learning_rate=3e-3, device="cpu")


@pytest.fixture(scope="module")
def data() -> Sequences:
    return synthetic(seed=3, users=150, items=40, mean_length=25)


def sasrec(sequences: Sequences, **fields):
    return CONFIGS["sasrec"](**{"n_items": sequences.n_items, "n_layers": 1, "d_emb": 16, "s_max": 20} | fields)


def outcome(trained) -> tuple:
    """All that must repeat: everything but the times."""
    users = {name: values.tolist() for name, values in trained.outcomes.items()}
    return trained.history.drop("train_s", "seconds").rows(), trained.test, users


# ---- losses


def tensors(events=50, items=30, d=8, seed=0):
    rng = torch.Generator().manual_seed(seed)
    hidden = torch.randn(events, d, generator=rng, requires_grad=True)
    weight = torch.randn(items, d, generator=rng, requires_grad=True)
    return hidden, weight, torch.randint(items, (events,), generator=rng)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("events", [1, 50, 700])
def test_full_softmax_and_its_gradient(events, old, monkeypatch):
    if old:  # PyTorch 2.11, as on a machine with a GPU
        monkeypatch.delattr("torch.nn.LinearCrossEntropyOptions")
    hidden, weight, targets = tensors(events)
    loss = full_softmax(hidden, weight, targets)
    found = torch.autograd.grad(loss, (hidden, weight))
    scores = hidden @ weight.T
    expected = (scores.logsumexp(1) - scores[torch.arange(events), targets]).mean()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(found, torch.autograd.grad(expected, (hidden, weight)))


@pytest.mark.parametrize("correct", [False, True])
def test_sampled_softmax_by_a_plain_loop(correct):
    hidden, weight, targets = tensors(items=12)
    torch.manual_seed(5)
    loss = sampled_softmax(hidden, weight, targets, 20, correct)
    torch.manual_seed(5)
    drawn = torch.randint(12, (20,)).tolist()
    terms = []
    for h, target in zip(hidden.detach(), targets.tolist(), strict=True):
        others = [j for j in drawn if j != target]  # the target is never its own negative
        factor = 11 / len(others) if correct else 1.0
        rest = factor * sum(math.exp(h @ weight[j].detach()) for j in others)
        own = math.exp(h @ weight[target].detach())
        terms.append(-math.log(own / (own + rest)))
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-4)


def test_the_log_correction_makes_the_sampled_loss_estimate_the_full_one():
    hidden, weight, targets = tensors(d=2)
    full = full_softmax(hidden, weight, targets).item()
    estimate = sampled_softmax(hidden, weight, targets, 200_000, True).item()
    assert estimate == pytest.approx(full, rel=0.01)


def test_a_batch_whose_negatives_are_all_targets_has_no_loss_from_them():
    hidden, weight, _ = tensors(events=3, items=1)
    for correct in (False, True):
        assert sampled_softmax(hidden, weight, torch.zeros(3, dtype=torch.int64), 4, correct).item() == 0


# ---- batches and splits


@pytest.mark.parametrize("batch_events", [2048, 6400])
def test_padding_is_under_ten_per_cent_and_everyone_is_in_one_batch(batch_events):
    lengths = np.minimum(population(seed=1, users=3000, mean_length=100).lengths, 200)
    for rng in (None, np.random.default_rng(0)):
        parts = batches(lengths, batch_events, rng)
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(3000))
        area = np.array([len(users) * lengths[users].max() for users in parts])
        assert area.max() <= batch_events
        assert 1 - lengths.sum() / area.sum() < 0.1
        assert np.median(area) > 0.9 * batch_events


@pytest.mark.parametrize(("events", "batch"), [(10, 256), (200_000, 500), (10**8, 6400)])
def test_a_batch_is_a_share_of_an_epoch_within_bounds_unless_given(events, batch):
    assert TrainConfig().for_data(events).batch_events == batch
    assert TrainConfig(batch_events=77).for_data(events).batch_events == 77


def test_a_history_longer_than_a_batch_is_one_alone():
    assert [users.tolist() for users in batches(np.array([3, 50, 2]), 10)] == [[1], [0, 2]]


def test_split_keeps_two_events_apart_and_one_as_context():
    sequences = Sequences.from_lists([range(10), [1, 2, 3], [4], [5, 6, 7, 8]])
    parts = split(sequences, s_max=4)
    assert [history.tolist() for history in parts.train] == [[3, 4, 5, 6, 7], [5, 6]]
    assert parts.validation.target.tolist() == [8, 2, 7]
    assert parts.test.target.tolist() == [9, 3, 8]
    assert parts.events == 5
    step = next_events(parts.train, np.array([1, 0]), 4)
    assert step.inputs.items[step.valid].tolist() == [5, 3, 4, 5, 6]
    assert step.targets.tolist() == [6, 4, 5, 6, 7]
    assert step.inputs.items.shape == (2, 4)
    with pytest.raises(InputError, match="four events"):
        split(Sequences.from_lists([[1, 2, 3]]), 4)


# ---- evaluation


def test_evaluate_by_a_plain_loop(data):
    model = build(sasrec(data)).eval()
    ranks = {"": [], "_without_history": []}
    sampled = {"hr10_sampled": [], "ndcg10_sampled": []}
    for history in map(list, data):
        one = Sequences.from_lists([history])
        codes = torch.tensor([history[:-1][-20:]])
        with torch.no_grad():
            hidden = model(type(next_events(one, np.array([0]), 5).inputs)(codes, torch.tensor([codes.shape[1]])))
        scores = (model.items.weight @ hidden[0, -1]).tolist()
        for ranking in ranks:
            rivals = set(range(data.n_items)) - {history[-1]} - (set(history[:-1]) if ranking else set())
            ranks[ranking].append(1 + sum(scores[j] >= scores[history[-1]] for j in rivals))
        drawn = sorted(set(range(data.n_items)) - set(history[:-2]))  # what the authors' code may draw
        share = sum(scores[j] > scores[history[-1]] for j in drawn) / len(drawn)
        chances = [math.comb(2499, k) * share**k * (1 - share) ** (2499 - k) for k in range(10)]
        sampled["hr10_sampled"].append(sum(chances))
        sampled["ndcg10_sampled"].append(sum(p / math.log2(k + 2) for k, p in enumerate(chances)))
    found = evaluate(model, data, 20, every_ranking=True)
    for ranking, expected in ranks.items():
        assert found[f"hr10{ranking}"] == pytest.approx(np.mean([rank <= 10 for rank in expected]), abs=1e-9)
        gains = [(rank <= 10) / math.log2(1 + rank) for rank in expected]
        assert found[f"ndcg10{ranking}"] == pytest.approx(np.mean(gains), rel=1e-6)
    assert found["ndcg10_se"] == pytest.approx(np.std([(r <= 10) / math.log2(1 + r) for r in ranks[""]]) / 150**0.5)
    assert found["mrr"] == pytest.approx(np.mean([1 / rank for rank in ranks[""]]), rel=1e-6)
    for name, expected in sampled.items():
        assert found[name] == pytest.approx(np.mean(expected), rel=1e-6)
    assert found["users"] == data.n_users
    assert evaluate(model, data, 20).items() <= found.items()


def test_the_authors_ranking_in_expectation_is_that_of_their_draws():
    """2,499 draws with replacement from outside the training history, as their code makes them."""
    rng = np.random.default_rng(0)
    scores, trained, target = rng.normal(size=3000), rng.choice(3000, 40, replace=False), 17
    scores[target] = np.sort(scores)[-9]
    drawn = np.setdiff1d(np.arange(3000), trained)
    ranks = [1 + int((scores[rng.choice(drawn, 2499)] > scores[target]).sum()) for _ in range(4000)]
    exact = summarise_sampled(np.array([(scores[drawn] > scores[target]).mean()]))
    simulated = summarise(np.array(ranks))
    assert exact["hr10_sampled"] == pytest.approx(simulated["hr10"], abs=4 * simulated["hr10_se"])
    assert exact["ndcg10_sampled"] == pytest.approx(simulated["ndcg10"], abs=4 * simulated["ndcg10_se"])


def test_a_run_that_is_judged_on_validation_never_sees_the_test_event(data):
    judged = replace(QUICK, judged_on="validation")
    changed = np.array(data.items)
    changed[data.offsets[1:] - 1] = 0
    rows = [train(one, sasrec(data), judged, progress=False).row() for one in (data, replace(data, items=changed))]
    clock = ("wall_s", "events_per_s", "date")
    assert all(rows[0][name] == rows[1][name] for name in rows[0] if name not in clock)
    assert rows[0]["ndcg10"] == rows[0]["valid_ndcg10"]


def test_random_order_keeps_events_and_targets_and_costs_what_the_order_told(data):
    parts = split(data, 20)
    blind = parts.in_random_order(20)
    for own, other in ((parts.train, blind.train), *zip(parts[1:], blind[1:], strict=True)):
        if not isinstance(own, Sequences):
            assert np.array_equal(own.target, other.target)
            own, other = own.history, other.history
        assert np.array_equal(own.offsets, other.offsets)
        assert all(sorted(a) == sorted(b) and list(a[:-21]) == list(b[:-21]) for a, b in zip(own, other, strict=True))
        assert not np.array_equal(own.items, other.items)
    model, config = sasrec(data), replace(QUICK, epochs=8, batch_events=512, learning_rate=1e-2)
    loss = [train(data, model, replace(config, order=order), progress=False).test["loss"] for order in ORDERS]
    assert loss[1] - loss[0] > 0.1  # nats: each item of this population leads to few others


def test_fractions_of_users_are_nested_and_leave_the_catalogue_whole(data):
    whole, half, quarter = (split(data, 20, share, 0.25) for share in (1.0, 0.5, 0.25))
    assert [len(parts.test.target) for parts in (whole, half, quarter)] == [38, 38, 38]
    assert all(np.array_equal(parts.test.target, quarter.test.target) for parts in (whole, half))
    assert {parts.train.n_items for parts in (whole, half, quarter)} == {data.n_items}
    histories = [{tuple(history) for history in parts.train} for parts in (quarter, half, whole)]
    assert [len(some) for some in histories] == [38, 75, 150]
    assert histories[0] < histories[1] < histories[2]
    every = split(data, 20)
    assert np.array_equal(every.train.items, whole.train.items)
    trained = train(data, sasrec(data), replace(QUICK, fraction=0.5, test_fraction=0.25), progress=False)
    assert (trained.row()["train_users"], trained.row()["train_tokens"]) == (75, half.train.tokens)
    assert trained.test["users"] == 38


def test_evaluate_needs_a_user_with_two_events(data):
    with pytest.raises(InputError, match="two events"):
        evaluate(build(sasrec(data)), Sequences.from_lists([[1], [2]]), 20)


# ---- runs


@pytest.mark.parametrize("model", CONFIGS)
def test_every_model_learns(data, model):
    config = CONFIGS[model](n_items=data.n_items, n_layers=1, d_emb=16, s_max=20)
    trained = train(data, config, QUICK, progress=False)
    assert trained.history["loss"][-1] < trained.history["loss"][0] < math.log(data.n_items) + 0.2
    assert trained.test == pytest.approx(evaluate(trained.model, data, 20, every_ranking=True))


def test_a_row_is_flat_and_fit_for_json(data):
    trained = train(data, sasrec(data), QUICK, progress=False)
    row = json.loads(json.dumps(trained.row(), allow_nan=False))
    assert all(not isinstance(value, list | dict) for value in row.values())
    assert row["model"] == "sasrec"
    assert row["objective"] == "full"
    assert row["epochs"] == row["max_epochs"] == 3
    assert row["events"] == 3 * split(data, 20).events
    assert (row["train_users"], row["train_tokens"]) == (150, split(data, 20).train.tokens)
    assert row["least_valid_loss"] == trained.history["valid_loss"].min() <= row["valid_loss"]
    assert row["params_total"] - row["params_non_embedding"] == 16 * (data.n_items + 20)
    assert 0 < row["loss"] < math.log(data.n_items) + 0.2
    assert {"hr10", "hr50", "hr200", "ndcg10", "ndcg50", "ndcg200", "mrr", "flops", "wall_s", "versions"} <= set(row)


@pytest.mark.parametrize("fields", [{}, {"loss": "sampled", "negatives": 16, "log_correction": True}])
def test_one_seed_gives_one_result(data, fields):
    config = TrainConfig(epochs=2, batch_events=512, device="cpu", **fields)
    first = train(data, sasrec(data), config, progress=False)
    torch.rand(7)  # the caller's random state does not matter
    assert outcome(train(data, sasrec(data), config, progress=False)) == outcome(first)
    other = TrainConfig(epochs=2, batch_events=512, device="cpu", seed=1, **fields)
    assert outcome(train(data, sasrec(data), other, progress=False)) != outcome(first)


def test_an_interrupted_run_ends_like_an_undisturbed_one(data, tmp_path, monkeypatch):
    undisturbed = train(data, sasrec(data), QUICK, progress=False)
    epoch = loop._epoch

    def killed_in_epoch_two(fabric, model, optimizer, parts, config, number, bar):
        if number == 1:
            loop._step(fabric, model, optimizer, parts.train, np.arange(30), 400, config)
            raise KeyboardInterrupt
        return epoch(fabric, model, optimizer, parts, config, number, bar)

    checkpoint = tmp_path / "run.pt"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", killed_in_epoch_two)
        with pytest.raises(KeyboardInterrupt):
            train(data, sasrec(data), QUICK, checkpoint, progress=False)
    assert len(torch.load(checkpoint, weights_only=True)["history"]) == 1  # which does not mind the digest after it
    resumed = train(data, sasrec(data), QUICK, checkpoint, progress=False)
    assert outcome(resumed) == outcome(undisturbed)
    for name, value in undisturbed.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value)
    monkeypatch.setattr(loop, "_epoch", None)  # a finished run trains no more
    assert outcome(train(data, sasrec(data), QUICK, checkpoint, progress=False)) == outcome(undisturbed)
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_a_checkpoint_of_another_run_is_refused(data, tmp_path):
    checkpoint = tmp_path / "run.pt"
    quick = TrainConfig(epochs=1, device="cpu")
    train(data, sasrec(data), quick, checkpoint, progress=False)
    with pytest.raises(InputError, match="other settings or data"):
        train(data, sasrec(data), TrainConfig(epochs=2, device="cpu"), checkpoint, progress=False)
    checkpoint.write_bytes(b"user_id,item_id")
    with pytest.raises(InputError, match="not a checkpoint"):
        train(data, sasrec(data), quick, checkpoint, progress=False)
    assert checkpoint.read_bytes() == b"user_id,item_id"
    with pytest.raises(InputError, match="cannot be read"):
        train(data, sasrec(data), quick, tmp_path, progress=False)


def interrupted(data, checkpoint, monkeypatch, config=QUICK):
    """Train for one epoch of `config`, and leave the checkpoint."""
    epoch = loop._epoch

    def stopped(fabric, model, optimizer, parts, config, number, bar):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(fabric, model, optimizer, parts, config, number, bar)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(data, sasrec(data), config, checkpoint, progress=False)


def changed_weight(content):
    """A checkpoint, one bit of which has changed: of an exponent of an item's embedding."""
    state = torch.load(io.BytesIO(content), weights_only=True)
    place = content.index(state["model"]["items.weight"].numpy().tobytes()) + 3
    return content[:place] + bytes([content[place] ^ 64]) + content[place + 1 :]


def test_a_damaged_checkpoint_is_trained_again_from_the_start(data, tmp_path, monkeypatch, capsys):
    checkpoint = tmp_path / "run.pt"
    undisturbed = train(data, sasrec(data), QUICK, progress=False)
    interrupted(data, checkpoint, monkeypatch)
    whole = checkpoint.read_bytes()
    for damaged in (changed_weight(whole), whole[: len(whole) // 2], whole[:-1], b"", b"\0" * 512):
        checkpoint.write_bytes(damaged)
        assert outcome(train(data, sasrec(data), QUICK, checkpoint, progress=False)) == outcome(undisturbed)
        assert capsys.readouterr().err == f"srlaw: {checkpoint} is damaged; the run starts from the beginning\n"
    checkpoint.write_bytes(whole)
    assert outcome(train(data, sasrec(data), QUICK, checkpoint, progress=False)) == outcome(undisturbed)
    assert capsys.readouterr().err == ""


def test_no_changed_byte_of_a_checkpoint_goes_unnoticed(tmp_path, capsys):
    checkpoint = tmp_path / "run.pt"
    state = {"identity": "mine", "history": [{"loss": 0.5}], "model": {"w": torch.arange(40.0), "b": torch.ones(3)}}
    checkpoints.save(checkpoint, state)
    whole = checkpoint.read_bytes()
    assert str(checkpoints.load(checkpoint, "mine")) == str(state)
    places = range(4, len(whole), 5)
    for place in places:
        checkpoint.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert checkpoints.load(checkpoint, "mine") is None
    assert capsys.readouterr().err.count("is damaged") == len(places)
    checkpoint.write_bytes(b"not an archive any more" + whole[4:])
    with pytest.raises(checkpoints.ForeignCheckpoint, match="not a checkpoint"):
        checkpoints.load(checkpoint, "mine")


def test_checkpoints_of_sweeps_begun_with_srlaw_0_2_go_on(data, tmp_path, monkeypatch, capsys):
    """They have no digest: they are what torch saves."""
    checkpoint = tmp_path / "run.pt"
    undisturbed = train(data, sasrec(data), QUICK, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", lambda file, state: torch.save(state, file))
        interrupted(data, checkpoint, patch)
    whole = checkpoint.read_bytes()
    resumed = train(data, sasrec(data), QUICK, checkpoint, progress=False)
    assert outcome(resumed) == outcome(undisturbed)
    first = torch.load(io.BytesIO(whole), weights_only=True)["history"][0]
    assert resumed.history["seconds"][0] == first["seconds"]  # the epoch was not trained again
    assert capsys.readouterr().err == ""
    checkpoint.write_bytes(changed_weight(whole))
    assert outcome(train(data, sasrec(data), QUICK, checkpoint, progress=False)) == outcome(undisturbed)
    assert "is damaged" in capsys.readouterr().err


def test_a_full_disk_is_the_cause_of_the_error(data, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"run\.pt cannot be written: No space left on device") as caught:
        train(data, sasrec(data), QUICK, tmp_path / "run.pt", progress=False)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_two_processes_end_where_one_does(data):
    """Without dropout the averaged gradient is that of the whole batch, so only rounding differs.

    There are no time stamps: HSTU must not wait for the gradient of its time bias.
    """
    config = {"epochs": 2, "batch_events": 512, "device": "cpu"}
    data = Sequences(data.items, data.offsets, data.catalogue, name=data.name)
    sizes = CONFIGS["hstu"](n_items=data.n_items, n_layers=1, d_emb=16, s_max=20, dropout=0.0)
    one, two = (train(data, sizes, TrainConfig(devices=n, **config), progress=False) for n in (1, 2))
    assert two.history["loss"].to_list() == pytest.approx(one.history["loss"].to_list(), rel=1e-4)
    assert two.test["mrr"] == pytest.approx(one.test["mrr"], rel=0.02)
    assert two.device.startswith("2 × cpu")


def test_bfloat16_trains_and_keeps_its_weights_in_float32(data):
    config = TrainConfig(epochs=1, batch_events=1024, device="cpu", precision="bfloat16")
    trained = train(data, sasrec(data), config, progress=False)
    assert trained.history["loss"][0] < math.log(data.n_items) + 0.2
    assert {value.dtype for value in trained.model.parameters()} == {torch.float32}


def test_training_stops_early_and_keeps_the_best_epoch(data, monkeypatch):
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.25])
    real = loop.evaluate

    def graded(model, sequences, s_max, **options):
        return real(model, sequences, s_max, **options) | {"ndcg10": next(scores, 0.0)}

    monkeypatch.setattr(loop, "evaluate", graded)
    config = TrainConfig(epochs=9, batch_events=1024, patience=2, device="cpu")
    trained = train(data, sasrec(data), config, progress=False)
    assert trained.history["valid_ndcg10"].to_list() == [0.1, 0.3, 0.2, 0.3]
    assert trained.best_epoch == 2
    scores = iter([0.1, 0.3, 0.2])
    patient = train(data, sasrec(data), replace(config, patience=None), progress=False)
    assert patient.history.height == 9


def test_a_loss_that_is_not_finite_ends_the_run(data):
    with pytest.raises(InputError, match="no longer finite in epoch 1; lower learning_rate"):
        train(
            data,
            sasrec(data),
            TrainConfig(epochs=1, learning_rate=1e30, batch_events=256, device="cpu"),
            progress=False,
        )


def test_the_bar_goes_to_standard_error(data, capsys):
    train(data, sasrec(data), TrainConfig(epochs=1, device="cpu"), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "events/s" in err
    assert "loss" in err


def test_the_schedule_rises_then_falls_to_zero():
    assert loop.schedule(0.025, 0.05) == pytest.approx(0.5)
    assert loop.schedule(0.05, 0.05) == pytest.approx(1)
    assert loop.schedule(0.525, 0.05) == pytest.approx(0.5)
    assert loop.schedule(1.0, 0.0) == pytest.approx(0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 10**12),
        ("negatives", 10**12),
        ("devices", 2**31),
        ("seed", 2**31),
        ("patience", 0),
        ("batch_events", True),
        ("fraction", 0),
        ("test_fraction", 1.5),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("clip", "big"),
        ("warmup", 1),
        ("weight_decay", -1),
        ("loss", "bce"),
        ("precision", "float16"),
        ("device", "tpu"),
        ("log_correction", 1),
        ("seed", -1),
    ],
)
def test_a_bad_setting_is_named(field, value):
    with pytest.raises(InputError, match=f"^{field} is "):
        TrainConfig(**{field: value})


def test_what_does_not_fit_is_refused(data):
    with pytest.raises(InputError, match="n_items"):
        train(data, sasrec(data, n_items=41), QUICK, progress=False)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="0 GPUs"):
            train(data, sasrec(data), TrainConfig(device="cuda"), progress=False)


@pytest.mark.parametrize(
    ("sizes", "config", "part"),
    [
        ({}, {"devices": 999}, "devices is 999, but there are [0-9]+ CPU cores here"),
        (
            {"n_layers": 10**9},
            {},
            r"^n_layers 1000000000, d_emb 16, s_max 20, n_items 40 make about 1.28e\+12 parameters",
        ),
        ({"d_emb": 10**9}, {}, r"make about 5e\+18 parameters; training takes at least 74,505,806,863 GiB, but there"),
        ({"s_max": 2**30}, {}, "at least 256 GiB"),
        ({}, {"loss": "sampled", "negatives": 2**30}, "^negatives is 1073741824; training takes at least 12,288 GiB"),
    ],
)
def test_what_is_too_much_for_this_machine_is_refused_before_it_is_built(data, sizes, config, part, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=64 * 2**30))
    monkeypatch.setattr(loop, "build", None)
    with pytest.raises(InputError, match=part):
        train(data, sasrec(data, **sizes), replace(QUICK, **config), progress=False)


def test_processes_share_the_memory(data, monkeypatch):
    config = sasrec(data, d_emb=1024, n_layers=100)  # 0.52e9 parameters
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=12 * 2**30))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    require_room(config, QUICK)
    with pytest.raises(InputError, match="at least 16 GiB, but there are 12 GiB"):
        require_room(config, replace(QUICK, devices=2))
