"""HSTU: hierarchical sequential transduction units (Zhai et al., 2024), Eqs. (27) and (28)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srlaw.errors import InputError
from srlaw.models.batch import Batch
from srlaw.models.layers import (
    Dropout,
    ModelConfig,
    SequenceModel,
    init_embeddings,
    merge_heads,
    require_even_heads,
    rotary_table,
    rotate,
    rotation_at,
    split_heads,
    truncated_normal,
)

TIME_BUCKETS = 128
BUCKET_WIDTH = 0.301  # of the natural logarithm of a time difference, as in the original's code
LAYER_NORM_EPS = 1e-6
BLOCK = 64  # queries that attend together on a processor
GPU_BLOCK = 1024  # and on a GPU, to which every block is more launches
MASKED = -1e4  # silu(MASKED), its weight in a softmax and their derivatives are exactly 0
BIASES = ("position", "time", "both", "none", "rotary")
ATTENTIONS = ("silu", "softmax")


@dataclass(frozen=True)
class HSTUConfig(ModelConfig):
    """Sizes of an `HSTU`, and which of its parts it has; see `ModelConfig`.

    Attributes:
        bias: of the attention: by distance (``"position"``), by time difference (``"time"``), ``"both"`` or
            ``"none"``; or ``"rotary"``, none but queries and keys rotated by their positions as in LLaMA.
        attention: weights by ``"silu"``, divided by the number of tokens seen, or by ``"softmax"``.
        gate: multiply what was attended to by U, as in Eq. (28).
    """

    bias: str = "both"
    attention: str = "silu"
    gate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, known in (("bias", BIASES), ("attention", ATTENTIONS)):
            value = getattr(self, field)
            if not isinstance(value, str) or value not in known:
                raise InputError(f"{field} is {value!r}; it must be one of {', '.join(known)}")
        if not isinstance(self.gate, bool):
            raise InputError(f"gate is {self.gate!r}; it must be true or false")
        if self.bias == "rotary":
            require_even_heads(self)

    def for_data(self, has_timestamps: bool) -> HSTUConfig:
        """Without time stamps there is no time bias, whose parameters would get no gradient."""
        left = {"both": "position", "time": "none"} if not has_timestamps else {}
        return replace(self, bias=left.get(self.bias, self.bias))

    @property
    def projections(self) -> int:
        """U, V, Q and K; without the gate no U."""
        return 4 if self.gate else 3

    @property
    def block_weights(self) -> int:
        """The projections and the output, d² each."""
        return (self.projections + 1) * self.d_emb**2


class HSTU(SequenceModel):
    """Pointwise SiLU attention with relative bias, gated: Eqs. (27) and (28).

    With x the tokens, one block is::

        U, V, Q, K = silu(Norm(x) W)
        A_i = Σ_{j ≤ i} silu(q_i · k_j + p_{i−j} + t_{b(i, j)}) v_j / (i + 1)        Eq. (27), i from 0
        x = x + W_o (Norm(A) ⊙ U) + b_o                                              Eq. (28)

    p holds one bias per distance and t one per time bucket b(i, j) = ⌊ln max(time_i − time_j, 1) / 0.301⌋,
    the same for all heads. Norm is a LayerNorm without weights; the last one, with weights, gives the output.
    For ablations a configuration can leave out p, t or U, rotate q and k instead, or take softmax attention,
    Σ_j softmax_j(q_i · k_j / √d_head + p_{i−j} + t_{b(i, j)}) v_j.

    Differences from the text of the performance-law paper:

    - the input is normalised and the residual added, as in the original; (27) and (28) show neither;
    - Q, K, V and Gate are one projection followed by SiLU, as in the original; the text has no SiLU there;
    - silu(·) is divided by the number of tokens seen, which (27) leaves out;
    - (28) lacks a parenthesis; the gate stands outside Norm, as the sentence below it says.

    Differences from the original model:

    - the divisor is i + 1, the tokens that token i sees, not the padded length: the output does not depend
      on the rest of the batch. The LayerNorm after it cancels either but for its ε;
    - a time difference ends at the event itself; the original's code ends it at the next event, whose time
      is not known when the next item is to be predicted;
    - a difference that is negative counts as 0 (the original takes its absolute value);
    - a table of T_max biases for distances 0 … T_max − 1: a causal model never uses the others;
    - a last LayerNorm and dot products, not unit vectors and a temperature;
    - padding is not zeroed, since nothing valid attends to it;
    - ratings, if asked for, are interleaved with the items (section 4).

    As in the original's code, learned absolute positions are added to √d times the embeddings.

    Initialisation: embeddings, biases and W truncated normal of std 0.02, W_o Glorot uniform, b_o zero.
    """

    config: HSTUConfig
    rotary: Tensor

    def __init__(self, config: HSTUConfig) -> None:
        super().__init__(config)
        self.positions = nn.Embedding(config.max_tokens, config.d_emb)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(HSTUBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_emb, eps=LAYER_NORM_EPS)
        if config.bias == "rotary":
            self.register_buffer("rotary", rotary_table(config.max_tokens, config.d_head), persistent=False)
        init_embeddings(self)

    def encode(self, tokens: Tensor, batch: Batch) -> Tensor:
        length = tokens.shape[1]
        buckets = None
        if self.config.bias in ("time", "both") and batch.timestamps is not None:
            times = batch.timestamps.repeat_interleave(self.config.tokens_per_event, dim=1)
            buckets = time_buckets(times)
        rotation = rotation_at(self.rotary, length) if self.config.bias == "rotary" else None
        x = self.dropout(tokens * self.config.d_emb**0.5 + self.positions.weight[:length])
        for block in self.blocks:
            x = block(x, buckets, rotation)
        return self.norm(x)


class HSTUBlock(nn.Module):
    """One block of `HSTU`: ``(B, T, d)`` → ``(B, T, d)``."""

    def __init__(self, config: HSTUConfig) -> None:
        super().__init__()
        d = config.d_emb
        self.n_heads = config.n_heads
        self.gate = config.gate
        self.softmax = config.attention == "softmax"
        self.uvqk = nn.Linear(d, config.projections * d, bias=False)  # without U where there is no gate
        self.output = nn.Linear(d, d)
        both = config.bias == "both"
        self.position_bias = nn.Parameter(torch.empty(config.max_tokens)) if both or config.bias == "position" else None
        self.time_bias = nn.Parameter(torch.empty(TIME_BUCKETS)) if both or config.bias == "time" else None
        self.dropout = Dropout(config.dropout)
        for weight in (self.uvqk.weight, self.position_bias, self.time_bias):
            if weight is not None:
                truncated_normal(weight)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, buckets: Tensor | None, rotation: Tensor | None) -> Tensor:
        d = x.shape[-1]
        *u, v, q, k = F.silu(self.uvqk(F.layer_norm(x, (d,), eps=LAYER_NORM_EPS))).split(d, dim=-1)
        if rotation is not None:
            q, k = (rotate(part.unflatten(-1, (self.n_heads, -1)), rotation).flatten(-2) for part in (q, k))
        q, k, v = (split_heads(part, self.n_heads) for part in (q, k, v))
        attention = merge_heads(self.attend(q, k, v, buckets))
        if not self.softmax:
            attention = attention / torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        attention = F.layer_norm(attention, (d,), eps=LAYER_NORM_EPS)
        return x + self.output(self.dropout(attention * u[0] if self.gate else attention))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, buckets: Tensor | None) -> Tensor:
        """Eq. (27): Σ_{j ≤ i} silu(q_i · k_j + bias) v_j, or its softmax; ``(B, heads, T, d_head)``.

        A block of queries at a time meets only the keys up to its end, which saves a third of the work and
        keeps a block in the cache.
        """
        position_bias = by_distance(self.position_bias, q)
        if self.softmax:
            q = q * q.shape[-1] ** -0.5
        rows = []
        block = BLOCK if q.device.type == "cpu" else GPU_BLOCK
        for start in range(0, q.shape[2], block):
            end = min(start + block, q.shape[2])
            bias = position_bias[start:end, :end]
            if buckets is not None and self.time_bias is not None:
                bias = bias + looked_up(self.time_bias, buckets[:, start:end, :end]).unsqueeze(1)  # (B, 1, block, end)
            scores = (q[:, :, start:end] @ k[:, :, :end].mT).add_(bias)  # (B, heads, block, end)
            weights = scores.softmax(-1) if self.softmax else F.silu(scores)
            rows.append(weights @ v[:, :, :end])
        return torch.cat(rows, dim=2)


def by_distance(biases: Tensor | None, q: Tensor) -> Tensor:
    """The bias of query i on key j, biases[i − j] or 0, and `MASKED` if j > i: ``(T, T)`` for q ``(B, heads, T, d)``.

    Row i is a window into one vector. The gradient of a window is a sum for each distance; that of an index would be
    taken one element after the other on a GPU.
    """
    length = q.shape[2]
    future = q.new_full((length - 1,), MASKED, dtype=torch.float32)
    past = future.new_zeros(length) if biases is None else biases[:length]
    return torch.cat([future, past]).unfold(0, length, 1).flip(1)


def looked_up(table: Tensor, index: Tensor) -> Tensor:
    """``table[index]``; on a GPU as an embedding, whose gradient does not sum equal indices one after the other."""
    if table.device.type == "cpu":
        return table[index]
    return F.embedding(index, table[:, None]).squeeze(-1)


def time_buckets(times: Tensor) -> Tensor:
    """Bucket of time_i − time_j for every pair of tokens: int64 ``(B, T)`` → int64 ``(B, T, T)``."""
    gaps = (times[:, :, None] - times[:, None, :]).clamp(min=1).float()
    return (gaps.log() / BUCKET_WIDTH).long().clamp(max=TIME_BUCKETS - 1)
