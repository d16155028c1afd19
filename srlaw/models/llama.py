"""LLaMA as a sequential recommender (Touvron et al., 2023): items in place of word pieces."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

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
    truncated_normal,
)

RMS_NORM_EPS = 1e-5


@dataclass(frozen=True)
class LLaMAConfig(ModelConfig):
    """Sizes of a `LLaMA`; see `ModelConfig`. ``d_emb / n_heads`` must be even, for the rotation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_even_heads(self)

    @property
    def d_hidden(self) -> int:
        """Width of the SwiGLU layer: ⅔ · 4 d_emb, rounded up to a multiple of 16."""
        return -(-8 * self.d_emb // 48) * 16

    @property
    def block_weights(self) -> int:
        """Q, K, V and output, d² each, and the three layers of the SwiGLU."""
        return 4 * self.d_emb**2 + 3 * self.d_emb * self.d_hidden


class LLaMA(SequenceModel):
    """Pre-norm decoder: RMSNorm, rotary positions, causal softmax attention, SwiGLU, no biases.

    With x the tokens, one block is::

        x = x + W_O Attention(rotate(RMSNorm(x)))
        z = RMSNorm(x)
        x = x + W_down (silu(W_gate z) ⊙ W_up z)

    and a last RMSNorm gives the output.

    Differences from the text of the performance-law paper: none known; it names LLaMA2 as a framework and
    gives no details.

    Differences from the original model:

    - input and output embeddings are tied (LLaMA 2 keeps two tables);
    - as many heads for keys and values as for queries (the 34B and 70B models of LLaMA 2 share them);
    - the SwiGLU layer's width is rounded up to a multiple of 16, not of 256;
    - dropout of the embeddings and of each sub-layer's output (the original has none: it never sees a token
      twice);
    - ratings, if asked for, are interleaved with the items (section 4).

    Initialisation: every weight truncated normal of std 0.02, norms at 1.
    """

    rotary: Tensor

    def __init__(self, config: LLaMAConfig) -> None:
        super().__init__(config)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(LLaMABlock(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_emb, eps=RMS_NORM_EPS)
        self.register_buffer("rotary", rotary_table(config.max_tokens, config.d_head), persistent=False)
        init_embeddings(self)

    def encode(self, tokens: Tensor, batch: Batch) -> Tensor:
        rotation = rotation_at(self.rotary, tokens.shape[1])
        x = self.dropout(tokens)
        for block in self.blocks:
            x = block(x, rotation)
        return self.norm(x)


class LLaMABlock(nn.Module):
    """One block of `LLaMA`: ``(B, T, d)`` → ``(B, T, d)``."""

    def __init__(self, config: LLaMAConfig) -> None:
        super().__init__()
        d, hidden = config.d_emb, config.d_hidden
        self.n_heads = config.n_heads
        self.attention_norm = nn.RMSNorm(d, eps=RMS_NORM_EPS)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.output = nn.Linear(d, d, bias=False)
        self.feed_forward_norm = nn.RMSNorm(d, eps=RMS_NORM_EPS)
        self.gate_up = nn.Linear(d, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, d, bias=False)
        self.dropout = Dropout(config.dropout)
        for layer in (self.qkv, self.output, self.gate_up, self.down):
            truncated_normal(layer.weight)

    def forward(self, x: Tensor, rotation: Tensor) -> Tensor:
        q, k, v = self.qkv(self.attention_norm(x)).unflatten(-1, (3, self.n_heads, -1)).unbind(2)
        q, k = rotate(q, rotation), rotate(k, rotation)
        # (B, T, 3 d) → three of (B, T, heads, d_head); attention wants (B, heads, T, d_head)
        attention = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True
        )
        x = x + self.dropout(self.output(merge_heads(attention)))
        gate, up = self.gate_up(self.feed_forward_norm(x)).chunk(2, dim=-1)
        return x + self.dropout(self.down(F.silu(gate) * up))
