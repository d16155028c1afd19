"""GPT as a sequential recommender (Radford et al., 2019): the plain pre-norm decoder, items in place of word pieces."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from srlaw.models.batch import Batch
from srlaw.models.layers import (
    INIT_STD,
    Dropout,
    ModelConfig,
    SequenceModel,
    init_embeddings,
    merge_heads,
    split_heads,
    truncated_normal,
)

LAYER_NORM_EPS = 1e-5


@dataclass(frozen=True)
class GPTConfig(ModelConfig):
    """Sizes of a `GPT`; see `ModelConfig`."""

    @property
    def block_weights(self) -> int:
        """Q, K, V and output, d² each, and two layers of 4 d²."""
        return 12 * self.d_emb**2


class GPT(SequenceModel):
    """Pre-norm decoder: LayerNorm, learned positions, causal softmax attention, GELU feed-forward, biases.

    With x the tokens and a position's vector added to each, one block is::

        x = x + W_O Attention(LayerNorm(x))
        x = x + W_2 gelu(W_1 LayerNorm(x))

    and a last LayerNorm gives the output. It is a backbone of *Scaling New Frontiers*; the performance-law paper
    does not use it.

    Differences from the original model (GPT-2):

    - no dropout of attention weights (fused attention has none on a CPU); dropout elsewhere as there;
    - weights are drawn from a truncated normal distribution, as in the other models here;
    - ratings, if asked for, are interleaved with the items (section 4).

    Initialisation: every weight truncated normal of std 0.02, that of the two layers that end in the residual
    std 0.02 / √(2 n_layers); biases 0, norms at 1.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.positions = nn.Embedding(config.max_tokens, config.d_emb)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(GPTBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_emb, eps=LAYER_NORM_EPS)
        init_embeddings(self)

    def encode(self, tokens: Tensor, batch: Batch) -> Tensor:
        x = self.dropout(tokens + self.positions.weight[: tokens.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class GPTBlock(nn.Module):
    """One block of `GPT`: ``(B, T, d)`` → ``(B, T, d)``."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        d = config.d_emb
        self.n_heads = config.n_heads
        self.attention_norm = nn.LayerNorm(d, eps=LAYER_NORM_EPS)
        self.qkv = nn.Linear(d, 3 * d)
        self.output = nn.Linear(d, d)
        self.feed_forward_norm = nn.LayerNorm(d, eps=LAYER_NORM_EPS)
        self.up = nn.Linear(d, 4 * d)
        self.down = nn.Linear(4 * d, d)
        self.dropout = Dropout(config.dropout)
        into_residual = INIT_STD / (2 * config.n_layers) ** 0.5
        for layer in (self.qkv, self.output, self.up, self.down):
            truncated_normal(layer.weight, into_residual if layer in (self.output, self.down) else INIT_STD)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(part, self.n_heads) for part in self.qkv(self.attention_norm(x)).chunk(3, dim=-1))
        attention = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, heads, T, d_head)
        x = x + self.dropout(self.output(merge_heads(attention)))
        return x + self.dropout(self.down(F.gelu(self.up(self.feed_forward_norm(x)), approximate="tanh")))
