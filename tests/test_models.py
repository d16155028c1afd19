"""The three models: parity with independent implementations, causality, padding, gradients, counts."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from srlaw.errors import InputError
from srlaw.models import (
    CONFIGS,
    MODELS,
    Batch,
    Model,
    ModelConfig,
    build,
    collate,
    count_parameters,
    flops_per_event,
    hstu,
)
from srlaw.models.layers import RATING_LEVELS, Dropout, SequenceModel
from srlaw.sequences import Sequences

NAMES = sorted(CONFIGS)
every_model = pytest.mark.parametrize("name", NAMES)
with_and_without_ratings = pytest.mark.parametrize("use_ratings", [False, True])


def small_model(name, seed=0, dtype=torch.float64, **fields):
    """An untrained model in evaluation mode with weights large enough that every part of it matters."""
    torch.manual_seed(seed)
    sizes = {"n_items": 11, "n_layers": 2, "d_emb": 8, "s_max": 9, "n_heads": 2} | fields
    model = build(CONFIGS[name](**sizes)).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return model


def random_batch(lengths, n_items=11, seed=0):
    """Histories of these lengths with ratings and increasing timestamps, zero where padded."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor(lengths)
    shape = (len(lengths), int(lengths.max()))
    valid = torch.arange(shape[1]) < lengths[:, None]
    items = torch.randint(n_items, shape, generator=generator)
    ratings = torch.randint(1, 11, shape, generator=generator) / 2
    times = torch.randint(1, 5000, shape, generator=generator).cumsum(1)
    return Batch(items * valid, lengths, ratings * valid, times * valid)


def rows(batch, index, length):
    """One history of a batch alone, without padding."""
    return Batch(*(None if part is None else part[index : index + 1, :length] for part in batch._replace(lengths=None)))


# --- batches


def random_sequences(lengths, seed=0):
    rng = np.random.default_rng(seed)
    tokens = sum(lengths)
    return Sequences(
        items=rng.integers(1, 11, tokens),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        catalogue=np.arange(11),
        ratings=rng.integers(1, 11, tokens) / 2,
        timestamps=np.arange(1, tokens + 1),
    )


def test_collate_keeps_the_last_events_and_pads_on_the_right():
    sequences = random_sequences([3, 0, 7, 1, 5])
    users = np.array([4, 2, 1, 3])
    batch = collate(sequences, users, s_max=4)
    assert batch.lengths.tolist() == [4, 4, 0, 1]
    for row, user in enumerate(users):
        expected = slice(sequences.offsets[user], sequences.offsets[user + 1])
        length = int(batch.lengths[row])
        for part, column in zip(batch[:1] + batch[2:], ("items", "ratings", "timestamps"), strict=True):
            values = getattr(sequences, column)[expected][-4:]
            assert part[row, :length].tolist() == values.tolist()
            assert not part[row, length:].any()
    assert [part.dtype for part in batch] == [torch.int64, torch.int64, torch.float32, torch.int64]


def test_collate_pads_only_to_the_longest_row():
    batch = collate(random_sequences([3, 6, 2]), np.array([0, 2]), s_max=200)
    assert batch.items.shape == (2, 3)


def test_collate_of_empty_histories_and_of_none():
    empty = Sequences.from_lists([[], []])
    batch = collate(empty, np.array([0, 1]), s_max=5)
    assert batch.items.tolist() == [[0], [0]]
    assert batch.lengths.tolist() == [0, 0]
    assert batch.ratings is None
    assert batch.timestamps is None
    assert collate(empty, np.array([], dtype=np.int64), s_max=5).items.shape == (0, 1)


def test_collate_refuses_an_s_max_below_one():
    with pytest.raises(InputError, match="s_max is 0"):
        collate(random_sequences([3]), np.array([0]), s_max=0)


# --- configurations


@every_model
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_items", 0),
        ("n_layers", -1),
        ("d_emb", 2.5),
        ("d_emb", 9),
        ("s_max", 0),
        ("n_heads", True),
        ("dropout", 1.0),
        ("dropout", float("nan")),
        ("dropout", "0.2"),
        ("use_ratings", 1),
    ],
)
def test_a_bad_configuration_names_the_field_and_the_value(name, field, value):
    with pytest.raises(InputError, match=f"^{field} is {value!r};"):
        CONFIGS[name](**({"n_items": 10, "n_heads": 2} | {field: value}))


def test_configurations_of_one_model_check_their_own_fields():
    with pytest.raises(InputError, match=r"d_emb is 6; .*3, must be even"):
        CONFIGS["llama"](n_items=10, d_emb=6)
    for field, value in (("bias", "yes"), ("bias", True), ("attention", "relu"), ("gate", 1)):
        with pytest.raises(InputError, match=f"{field} is {value!r}"):
            CONFIGS["hstu"](n_items=10, **{field: value})
    with pytest.raises(InputError, match=r"d_emb is 6; .*3, must be even"):
        CONFIGS["hstu"](n_items=10, d_emb=6, bias="rotary")


def test_build_knows_only_the_registered():
    with pytest.raises(InputError, match="ModelConfig is not one of"):
        build(ModelConfig(n_items=3))


# --- parity with independent implementations


def test_sasrec_equals_torchs_own_layers():
    model = small_model("sasrec", use_ratings=True)
    batch, d = random_batch([9, 5]), 8
    x = model.embed(batch) * d**0.5 + model.positions(torch.arange(18))
    mask = torch.ones(18, 18, dtype=torch.bool).triu(1)
    for block in model.blocks:
        attention = nn.MultiheadAttention(d, 2, batch_first=True, dtype=torch.float64)
        first, second = (nn.Conv1d(d, d, 1, dtype=torch.float64) for _ in range(2))
        with torch.no_grad():
            attention.in_proj_weight.copy_(torch.cat([block.query.weight, block.key_value.weight]))
            attention.in_proj_bias.copy_(torch.cat([block.query.bias, block.key_value.bias]))
            attention.out_proj.weight.copy_(torch.eye(d))  # the original has no output projection
            for convolution, layer in ((first, block.feed_forward[0]), (second, block.feed_forward[3])):
                convolution.weight.copy_(layer.weight[..., None])
                convolution.bias.copy_(layer.bias)
        queries = block.attention_norm(x)
        x = queries + attention(queries, x, x, attn_mask=mask, need_weights=False)[0]
        x = block.feed_forward_norm(x)
        x = x + second(first(x.mT).relu()).mT
    torch.testing.assert_close(model(batch), model.norm(x)[:, 1::2])


@with_and_without_ratings
def test_llama_equals_transformers(use_ratings):
    transformers = pytest.importorskip("transformers")
    model = small_model("llama", d_emb=16, use_ratings=use_ratings)
    config = transformers.LlamaConfig(
        vocab_size=11,
        hidden_size=16,
        intermediate_size=model.config.d_hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=model.config.max_tokens,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
    )
    theirs = transformers.LlamaModel(config).double().eval()

    def halves(weight):  # pairs (2j, 2j + 1) of each head → (j, j + d_head / 2), as transformers rotates them
        return weight.unflatten(0, (2, -1, 2)).transpose(1, 2).flatten(0, 2)

    for ours, layer in zip(model.blocks, theirs.layers, strict=True):
        q, k, v = ours.qkv.weight.chunk(3)
        gate, up = ours.gate_up.weight.chunk(2)
        layer.load_state_dict(
            {
                "self_attn.q_proj.weight": halves(q),
                "self_attn.k_proj.weight": halves(k),
                "self_attn.v_proj.weight": v,
                "self_attn.o_proj.weight": ours.output.weight,
                "mlp.gate_proj.weight": gate,
                "mlp.up_proj.weight": up,
                "mlp.down_proj.weight": ours.down.weight,
                "input_layernorm.weight": ours.attention_norm.weight,
                "post_attention_layernorm.weight": ours.feed_forward_norm.weight,
            }
        )
    theirs.norm.load_state_dict(model.norm.state_dict())
    batch = random_batch([9, 9])
    with torch.no_grad():
        expected = theirs(inputs_embeds=model.embed(batch)).last_hidden_state
        # their angles are float32, whatever the model is
        torch.testing.assert_close(model(batch), expected[:, 1::2] if use_ratings else expected, rtol=1e-5, atol=1e-5)


@with_and_without_ratings
def test_gpt_equals_transformers(use_ratings):
    transformers = pytest.importorskip("transformers")
    model = small_model("gpt", d_emb=16, use_ratings=use_ratings)
    config = transformers.GPT2Config(
        vocab_size=11, n_embd=16, n_layer=2, n_head=2, n_positions=model.config.max_tokens, attn_implementation="eager"
    )
    theirs = transformers.GPT2Model(config).double().eval()
    theirs.wpe.load_state_dict(model.positions.state_dict())
    theirs.ln_f.load_state_dict(model.norm.state_dict())
    for ours, layer in zip(model.blocks, theirs.h, strict=True):
        layer.ln_1.load_state_dict(ours.attention_norm.state_dict())
        layer.ln_2.load_state_dict(ours.feed_forward_norm.state_dict())
        pairs = [(layer.attn.c_attn, ours.qkv), (layer.attn.c_proj, ours.output)]
        for conv, linear in [*pairs, (layer.mlp.c_fc, ours.up), (layer.mlp.c_proj, ours.down)]:
            conv.load_state_dict({"weight": linear.weight.T, "bias": linear.bias})  # their weights are (in, out)
    batch = random_batch([9, 9])
    with torch.no_grad():
        expected = theirs(inputs_embeds=model.embed(batch)).last_hidden_state
        torch.testing.assert_close(model(batch), expected[:, 1::2] if use_ratings else expected)


def silu(x):
    return x / (1 + math.exp(-x))


def layer_norm(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-6)


def turned(vector, place):
    """Each pair (x_2j, x_2j+1) rotated by the angle place · base^(−2j / d_head)."""
    pairs = vector.reshape(-1, 2)
    angle = place * 10_000.0 ** (-2 * np.arange(len(pairs)) / len(vector))
    x, y = pairs.T
    return np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1).ravel()


def hstu_block_by_loops(block, x, times, config):
    """Eqs. (27) and (28) for one history, a pair of tokens at a time; x: (T, d)."""
    weights = {key: value.detach().numpy() for key, value in block.named_parameters()}
    length, d = x.shape
    projected = [layer_norm(row) @ weights["uvqk.weight"].T for row in x]
    parts = np.split(np.array([[silu(value) for value in row] for row in projected]), 4 if config.gate else 3, axis=1)
    v, q, k = parts[-3:]
    out = np.zeros_like(x)
    for i in range(length):
        attended = np.zeros(d)
        for head in np.split(np.arange(d), config.n_heads):
            scores = []
            for j in range(i + 1):
                a, b = q[i, head], k[j, head]
                score = turned(a, i) @ turned(b, j) if config.bias == "rotary" else a @ b
                score /= math.sqrt(len(head)) if config.attention == "softmax" else 1
                if config.bias in ("position", "both"):
                    score += weights["position_bias"][i - j]
                if config.bias in ("time", "both") and times is not None:
                    score += weights["time_bias"][int(math.log(max(times[i] - times[j], 1)) / 0.301)]
                scores.append(score)
            given = np.exp(scores) / np.exp(scores).sum() if config.attention == "softmax" else None
            given = [silu(score) / (i + 1) for score in scores] if given is None else given
            attended[head] = sum(share * v[j, head] for j, share in enumerate(given))
        gated = layer_norm(attended) * (parts[0][i] if config.gate else 1)
        out[i] = x[i] + gated @ weights["output.weight"].T + weights["output.bias"]
    return out


VARIANTS = [
    *({"bias": bias} for bias in hstu.BIASES),
    {"attention": "softmax"},
    {"attention": "softmax", "bias": "rotary", "gate": False},
    {"gate": False},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_variant_of_hstu_is_causal_ignores_padding_and_learns_with_all_its_parameters(variant, monkeypatch):
    monkeypatch.setattr(hstu, "BLOCK", 4)
    model, batch = small_model("hstu", **variant), random_batch([9, 5])
    together = model(batch)
    torch.testing.assert_close(model(rows(batch, 1, 5))[0], together[1, :5])
    later = batch.items.clone()
    later[:, 5:] = (later[:, 5:] + 3) % 11
    torch.testing.assert_close(model(batch._replace(items=later))[:, :5], together[:, :5], rtol=0, atol=0)
    together.square().sum().backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []
    with FlopCounterMode(display=False) as counter:
        model(rows(batch, 0, 1))
    assert flops_per_event(model.config, 1) == counter.get_total_flops()


@pytest.mark.parametrize("length", [1, 5, 9])
def test_a_bias_by_distance_is_constant_on_diagonals_and_gets_their_sums_back(length):
    biases = torch.arange(9.0, requires_grad=True)
    table = hstu.by_distance(biases, torch.zeros(2, 1, length, 3))
    expected = [[i - j if j <= i else hstu.MASKED for j in range(length)] for i in range(length)]
    assert table.tolist() == expected
    weight = torch.rand(length, length)
    table.backward(weight)
    sums = [float(weight.diagonal(-distance).sum()) for distance in range(length)] + [0.0] * (9 - length)
    torch.testing.assert_close(biases.grad, torch.tensor(sums))
    assert hstu.by_distance(None, torch.zeros(1, 1, 2, 3)).tolist() == [[0, hstu.MASKED], [0, 0]]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("timed", [False, True])
@with_and_without_ratings
def test_hstu_equals_a_plain_loop(timed, use_ratings, variant, monkeypatch):
    monkeypatch.setattr(hstu, "BLOCK", 4)  # several blocks of queries, the last one not full
    model = small_model("hstu", use_ratings=use_ratings, **variant)
    batch = random_batch([9, 9])
    if not timed:
        batch = batch._replace(timestamps=None)
    tokens = model.embed(batch).detach().numpy()
    for row in range(2):
        x = tokens[row] * math.sqrt(8) + model.positions.weight[: tokens.shape[1]].detach().numpy()
        times = np.repeat(batch.timestamps[row].tolist(), 2 if use_ratings else 1) if timed else None
        for block in model.blocks:
            x = hstu_block_by_loops(block, x, times, model.config)
        expected = F.layer_norm(torch.from_numpy(x), (8,), model.norm.weight, model.norm.bias, eps=1e-6)
        tolerance = {"rtol": 1e-5, "atol": 1e-5} if model.config.bias == "rotary" else {}  # angles are float32
        torch.testing.assert_close(model(batch)[row], expected[1::2] if use_ratings else expected, **tolerance)


def test_hstu_time_buckets():
    times = torch.tensor([[0, 1, 2, 100, 10**15, 5]])
    buckets = hstu.time_buckets(times)[0]
    assert buckets[1:5, 0].tolist() == [0, 2, 15, 114]
    assert buckets.diagonal().tolist() == [0] * 6
    assert buckets[5, 4] == 0  # a clock that goes backwards
    assert hstu.time_buckets(torch.tensor([[0, 2**62]])).max() == hstu.TIME_BUCKETS - 1


def test_hstu_without_timestamps_ignores_them():
    model = small_model("hstu", bias="position")
    batch = random_batch([9, 4])
    torch.testing.assert_close(model(batch), model(batch._replace(timestamps=None)), rtol=0, atol=0)


# --- what an output may depend on


@every_model
@with_and_without_ratings
@pytest.mark.parametrize("event", [1, 5])
def test_the_future_never_changes_the_past(name, use_ratings, event, monkeypatch):
    monkeypatch.setattr(hstu, "BLOCK", 4)
    model = small_model(name, use_ratings=use_ratings)
    batch = random_batch([9, 9])
    before = model(batch)
    for field in ("items", "ratings", "timestamps"):
        changed = getattr(batch, field).clone()
        changed[:, event:] = (changed[:, event:] + 3) % 11 if field == "items" else changed[:, event:] + 3000
        after = model(batch._replace(**{field: changed}))
        torch.testing.assert_close(after[:, :event], before[:, :event], rtol=0, atol=0)
        used = field == "items" or (field == "ratings" and use_ratings) or (field == "timestamps" and name == "hstu")
        assert ((after - before)[:, event].abs() > 1e-6).any() == used  # the event itself is seen at once


@every_model
@with_and_without_ratings
def test_padding_does_not_matter(name, use_ratings):
    model = small_model(name, use_ratings=use_ratings)
    lengths = [9, 3, 1, 6]
    batch = random_batch(lengths)
    together = model(batch)
    assert together.shape == (4, 9, 8)
    assert torch.isfinite(together).all()
    for index, length in enumerate(lengths):
        torch.testing.assert_close(model(rows(batch, index, length))[0], together[index, :length])
    noise = torch.arange(9) >= torch.tensor(lengths)[:, None]
    noisy = model(batch._replace(items=torch.where(noise, 7, batch.items)))
    torch.testing.assert_close(noisy[~noise], together[~noise], rtol=0, atol=0)


@every_model
def test_order_matters(name):
    model = small_model(name)
    items = torch.tensor([[1, 2, 3, 4], [2, 1, 3, 4]])
    last = model(Batch(items, torch.tensor([4, 4])))[:, -1]
    assert (last[0] - last[1]).abs().max() > 1e-6


@every_model
def test_ratings_are_rounded_to_half_stars(name):
    model = small_model(name, use_ratings=True)
    batch = rows(random_batch([6]), 0, 6)

    def rated(*values):
        return model(batch._replace(ratings=torch.tensor([values])))

    torch.testing.assert_close(rated(1, 2, 3.1, 0.9, -2, 99), rated(1, 2, 3, 1, 0, 10), rtol=0, atol=0)
    torch.testing.assert_close(rated(1, 2, 3, 4, 5, math.nan), rated(1, 2, 3, 4, 5, 0), rtol=0, atol=0)
    assert (rated(1, 2, 3, 4, 5, 4.5) - rated(1, 2, 3, 4, 5, 4))[:, -1].abs().max() > 1e-6


@every_model
def test_unusable_batches_are_refused(name):
    batch = random_batch([9])
    with pytest.raises(InputError, match="9 events, but s_max is 8"):
        small_model(name, s_max=8)(batch)
    with pytest.raises(InputError, match="no ratings"):
        small_model(name, use_ratings=True)(batch._replace(ratings=None))


# --- gradients, numbers, counts


@every_model
@with_and_without_ratings
def test_gradients(name, use_ratings, monkeypatch):
    monkeypatch.setattr(hstu, "BLOCK", 2)
    model = small_model(name, n_items=4, n_layers=1, d_emb=4, s_max=3, use_ratings=use_ratings)
    batch = random_batch([3, 2], n_items=4)
    names, values = zip(*model.named_parameters(), strict=True)

    def output(*parameters):
        return functional_call(model, dict(zip(names, parameters, strict=True)), (batch,))

    assert torch.autograd.gradcheck(output, tuple(value.detach().requires_grad_() for value in values))


@every_model
def test_every_parameter_gets_a_gradient(name):
    model = small_model(name, use_ratings=True)
    model(random_batch([9, 9, 9])).square().sum().backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@every_model
@pytest.mark.parametrize("mixed", [False, True])
def test_bfloat16_is_finite_and_close(name, mixed):
    torch.manual_seed(0)
    model = build(CONFIGS[name](n_items=50, d_emb=32, s_max=40, use_ratings=True)).eval()
    batch = random_batch([40, 17], n_items=50)
    exact = model(batch)
    if mixed:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = model(batch)
    else:
        rounded = model.bfloat16()(batch)
    assert torch.isfinite(rounded).all()
    assert (rounded.float() - exact).norm() < 0.03 * exact.norm()
    rounded.float().square().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@every_model
def test_first_logits_are_small_and_a_seed_fixes_them(name):
    def logits(seed):
        torch.manual_seed(seed)
        model = build(CONFIGS[name](n_items=300))
        assert model.items.weight.std().item() == pytest.approx(0.02 * 0.88, rel=0.03)  # cut at two std
        assert model.items.weight.abs().max() <= 0.04
        with torch.no_grad():
            return model(random_batch([30, 30], n_items=300)) @ model.items.weight.T

    assert logits(1).abs().max() < 1.5
    torch.testing.assert_close(logits(1), logits(1), rtol=0, atol=0)
    assert not torch.equal(logits(1), logits(2))


# By hand: SASRec's block has five d × d layers with biases and two LayerNorms; LLaMA's four d × d and three
# d × 32 without biases, two RMSNorms (16 · ⌈8 · 8 / 48⌉ = 32); HSTU's five d × d, one bias, and its two tables.
NON_EMBEDDING = {
    "sasrec": 2 * (5 * (64 + 8) + 2 * 16) + 16,
    "llama": 2 * (4 * 64 + 3 * 8 * 32 + 2 * 8) + 8,
    "hstu": 2 * (5 * 64 + 8 + 18 + 128) + 16,
    "gpt": 2 * (12 * 64 + (24 + 8 + 32 + 8) + 4 * 8) + 16,
}


@every_model
def test_parameter_counts(name):
    total, non_embedding = count_parameters(small_model(name, use_ratings=True))
    positions = 0 if name == "llama" else 18 * 8
    assert non_embedding == NON_EMBEDDING[name]
    assert total == non_embedding + 11 * 8 + RATING_LEVELS * 8 + positions


@every_model
@with_and_without_ratings
def test_flops_by_hand(name, use_ratings):
    config = CONFIGS[name](n_items=11, n_layers=3, d_emb=8, s_max=9, use_ratings=use_ratings)
    weights = {"sasrec": 5 * 64, "llama": 4 * 64 + 3 * 8 * 32, "hstu": 5 * 64, "gpt": 12 * 64}[name]
    length, k = 6, 2 if use_ratings else 1
    seen = sum(i + 1 for i in range(k * length))
    by_hand = 3 * (2 * weights * k * length + 2 * 2 * 8 * seen)
    assert flops_per_event(config, length) * length == pytest.approx(by_hand)


@every_model
def test_flops_equal_torchs_count(name):
    model = small_model(name, n_layers=3)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(rows(random_batch([1]), 0, 1))
    assert flops_per_event(model.config, 1) == counter.get_total_flops()


# --- dropout, learning


def test_dropout_keeps_the_right_share_and_the_mean():
    torch.manual_seed(0)
    layer, x = Dropout(0.3), torch.ones(501, 1999, requires_grad=True)
    y = layer(x)
    kept = y != 0
    assert kept.float().mean() == pytest.approx(0.7, abs=0.002)
    assert kept.float().mean(1).std() == pytest.approx(math.sqrt(0.3 * 0.7 / 1999), rel=0.15)
    for shift in range(1, 9):  # neighbours share a random word, and must not be alike for it
        pairs = (kept[:, shift:] & kept[:, :-shift]).float().mean()
        assert pairs == pytest.approx(0.49, abs=0.003)
    assert y.max().item() == pytest.approx(1 / 0.7, rel=1e-4)
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach(), rtol=0, atol=0)
    assert layer.eval()(x) is x


@every_model
def test_dropout_acts_in_training_alone_and_follows_the_seed(name):
    model, batch = small_model(name, dropout=0.5), random_batch([9])

    def train_output(seed):
        torch.manual_seed(seed)
        return model.train()(batch)

    torch.testing.assert_close(train_output(1), train_output(1), rtol=0, atol=0)
    assert not torch.equal(train_output(1), train_output(2))
    torch.testing.assert_close(model.eval()(batch), model(batch), rtol=0, atol=0)
    assert model.train()(random_batch([1])).shape == (1, 1, 8)


@every_model
def test_each_model_learns_what_two_items_decide(name):
    """x_t = x_{t−1} + x_{t−2} mod 7: a model that uses order and both items predicts it surely."""
    torch.manual_seed(0)
    walks = [torch.arange(7).repeat_interleave(7), torch.arange(7).repeat(7)]
    while len(walks) < 9:
        walks.append((walks[-1] + walks[-2]) % 7)
    items = torch.stack(walks, dim=1)  # (49, 9), every start
    model = build(replace(CONFIGS[name](n_items=7, d_emb=16, s_max=8, n_heads=2), dropout=0.0))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = Batch(items[:, :-1], torch.full((49,), 8))
    for _ in range(150):
        logits = model(batch)[:, 1:] @ model.items.weight.T
        loss = F.cross_entropy(logits.flatten(0, 1), items[:, 2:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2


# ---- the registry


@dataclass(frozen=True)
class BareConfig(ModelConfig):
    """Of a model that has no block."""

    @property
    def block_weights(self) -> int:
        return 0


class Bare(SequenceModel):
    def encode(self, tokens, batch):
        return tokens


def test_a_line_in_the_registry_is_all_that_a_new_model_needs(monkeypatch, capsys):
    from srlaw.cli import main
    from srlaw.datasets.synthetic import synthetic
    from srlaw.sweep import Run
    from srlaw.training import train

    monkeypatch.setitem(MODELS, "bare", Model(BareConfig, Bare))
    data = synthetic(users=40, items=20, mean_length=12)
    run = Run("bare", {"d_emb": 4, "s_max": 20}, {"epochs": 1, "device": "cpu"})
    row = train(data, *run.configs(data.n_items), progress=False).row()
    assert (row["model"], row["params_total"]) == ("bare", 80)
    monkeypatch.setattr("sys.argv", ["srlaw", "train", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "sasrec, hstu, llama, gpt, bare." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("use_ratings", [False, True])
def test_the_number_of_parameters_is_about_known_before_a_model_is_built(name, use_ratings):
    config = CONFIGS[name](n_items=5000, n_layers=6, d_emb=64, s_max=50, use_ratings=use_ratings)
    assert config.about_parameters == pytest.approx(count_parameters(build(config))[0], rel=0.04)
    assert CONFIGS[name](n_items=10, n_layers=10**9, d_emb=2**30).about_parameters > 10**27  # and never overflows


def test_a_longest_history_that_nobody_has_costs_no_table_of_its_square():
    config = CONFIGS["hstu"](n_items=10, n_layers=1, d_emb=4, s_max=100_000)
    model = build(config)
    assert sum(buffer.numel() for buffer in model.buffers()) == 0
    assert model(Batch(torch.zeros(1, 3, dtype=torch.long), torch.tensor([3]))).shape == (1, 3, 4)
