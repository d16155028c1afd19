"""SASRec: self-attentive sequential recommendation (Kang and McAuley, 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from srlaw.models.batch import Batch
from srlaw.models.layers import Dropout, ModelConfig, SequenceModel, init_embeddings, merge_heads, split_heads

LAYER_NORM_EPS = 1e-8


@dataclass(frozen=True)
class SASRecConfig(ModelConfig):
    """Sizes of a `SASRec`; see `ModelConfig`. One head, as in the original."""

    n_heads: int = 1

    @property
    def block_weights(self) -> int:
        """Q, K, V and the two layers of the feed-forward, d² each."""
        return 5 * self.d_emb**2


class SASRec(SequenceModel):
    """Causal softmax attention and a pointwise feed-forward, learned positions.

    With x the tokens, one block is::

        q = LayerNorm(x)
        x = LayerNorm(q + Attention(q W_Q, x W_K, x W_V))
        x = x + W_2 relu(W_1 x)

    It keeps what the original code does where the original paper says otherwise: only the queries are
    normalised, both residuals start from a normalised value, and there is no output projection of the
    attention. Embeddings are multiplied by √d, a last LayerNorm gives the output.

    Differences from the text of the performance-law paper: none known; it names SASRec as a framework and
    gives no details.

    Differences from the original model:

    - padding stands on the right, so position 0 is the oldest event kept, not the s_max-th from the end;
      padded tokens are not zeroed, since nothing valid attends to them;
    - no dropout of attention weights (fused attention has none on a CPU); dropout elsewhere as there;
    - the output is a vector to be compared with all items; the original's loss, binary cross-entropy with
      one negative, is not part of the model;
    - ratings, if asked for, are interleaved with the items (section 4).

    Initialisation: embeddings truncated normal of std 0.02, linear layers Glorot uniform with zero bias
    (TensorFlow's default, hence the original's).
    """

    def __init__(self, config: SASRecConfig) -> None:
        super().__init__(config)
        self.positions = nn.Embedding(config.max_tokens, config.d_emb)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(SASRecBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_emb, eps=LAYER_NORM_EPS)
        init_embeddings(self)

    def encode(self, tokens: Tensor, batch: Batch) -> Tensor:
        x = tokens * self.config.d_emb**0.5 + self.positions.weight[: tokens.shape[1]]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class SASRecBlock(nn.Module):
    """One block of `SASRec`: ``(B, T, d)`` → ``(B, T, d)``."""

    def __init__(self, config: SASRecConfig) -> None:
        super().__init__()
        d = config.d_emb
        self.n_heads = config.n_heads
        self.attention_norm = nn.LayerNorm(d, eps=LAYER_NORM_EPS)
        self.query = nn.Linear(d, d)
        self.key_value = nn.Linear(d, 2 * d)
        self.feed_forward_norm = nn.LayerNorm(d, eps=LAYER_NORM_EPS)
        inner, outer = nn.Linear(d, d), nn.Linear(d, d)
        self.feed_forward = nn.Sequential(inner, nn.ReLU(), Dropout(config.dropout), outer, Dropout(config.dropout))
        # K and V are two layers of shape (d, d) that share one product; Glorot's bound is that of each.
        weights = [self.query.weight, *self.key_value.weight.chunk(2)]
        for weight in [*weights, inner.weight, outer.weight]:
            nn.init.xavier_uniform_(weight)
        for layer in (self.query, self.key_value, inner, outer):
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        queries = self.attention_norm(x)
        key, value = self.key_value(x).chunk(2, dim=-1)
        q, k, v = (split_heads(part, self.n_heads) for part in (self.query(queries), key, value))
        attention = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = self.feed_forward_norm(queries + merge_heads(attention))
        return x + self.feed_forward(x)
