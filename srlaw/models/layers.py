"""What the three models share: the sizes, the embeddings of section 4, and how an output is read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srlaw.errors import InputError
from srlaw.models.batch import Batch

RATING_LEVELS = 21  # half stars 0, 0.5, …, 10
INIT_STD = 0.02
ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of a decoder-only sequence model.

    Attributes:
        n_items: items in the catalogue.
        n_layers: decoder blocks, the paper's N.
        d_emb: width of the item embeddings and of every block.
        s_max: longest history in events; a longer batch is refused.
        n_heads: attention heads, a divisor of `d_emb`.
        dropout: probability in [0, 1), while training.
        use_ratings: interleave each event's item and rating, as section 4 does: 2 tokens an event.

    Raises:
        InputError: naming the field and its value.
    """

    n_items: int
    n_layers: int = 2
    d_emb: int = 64
    s_max: int = 200
    n_heads: int = 2
    dropout: float = 0.1
    use_ratings: bool = False

    def __post_init__(self) -> None:
        for field in ("n_items", "n_layers", "d_emb", "s_max", "n_heads"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
                raise InputError(f"{field} is {value!r}; it must be a whole number of at least 1 and below 2³¹")
        if self.d_emb % self.n_heads:
            raise InputError(f"d_emb is {self.d_emb}; it must be a multiple of n_heads, {self.n_heads}")
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout!r}; it must be at least 0 and less than 1")
        if not isinstance(self.use_ratings, bool):
            raise InputError(f"use_ratings is {self.use_ratings!r}; it must be true or false")

    def for_data(self, has_timestamps: bool) -> ModelConfig:
        """The same without what the data cannot feed; a model that uses more than items says what that is."""
        return self

    @property
    def d_head(self) -> int:
        return self.d_emb // self.n_heads

    @property
    def tokens_per_event(self) -> int:
        return 2 if self.use_ratings else 1

    @property
    def max_tokens(self) -> int:
        """T_max, tokens of the longest history."""
        return self.tokens_per_event * self.s_max

    @property
    def about_parameters(self) -> int:
        """Parameters of the model but for the small ones, known before it is built: items, positions and blocks."""
        return (self.n_items + self.max_tokens) * self.d_emb + self.n_layers * self.block_weights

    @property
    def block_weights(self) -> int:
        """Weights that one token is multiplied with in one block; each model says how many."""
        raise NotImplementedError


class SequenceModel(nn.Module):
    """Token embeddings in, one vector per event out; a model adds `encode`.

    With ratings an event k is two tokens, i_k and r_k, and its output is read at r_k, after both. The
    ratings' embedding has one row per half star, 0 to 10: a rating is rounded to the nearest half and
    clipped; one that is missing (NaN) has the row of 0.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Embedding(config.n_items, config.d_emb)
        self.ratings = nn.Embedding(RATING_LEVELS, config.d_emb) if config.use_ratings else None

    def embed(self, batch: Batch) -> Tensor:
        """Embeddings of the tokens i_1, (r_1,) i_2, (r_2,) …: ``(B, T, d_emb)``, T = S or 2S."""
        length = batch.items.shape[1]
        if length > self.config.s_max:
            raise InputError(f"a history has {length} events, but s_max is {self.config.s_max}; truncate it first")
        items = self.items(batch.items)
        if self.ratings is None:
            return items
        if batch.ratings is None:
            raise InputError("use_ratings is True, but these sequences have no ratings")
        levels = (2 * batch.ratings.nan_to_num()).round().clamp(0, RATING_LEVELS - 1).long()
        return torch.stack([items, self.ratings(levels)], dim=2).flatten(1, 2)  # (B, S, 2, d) → (B, 2S, d)

    def encode(self, tokens: Tensor, batch: Batch) -> Tensor:
        """Hidden states ``(B, T, d_emb)`` of token embeddings ``(B, T, d_emb)``, causal."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """After each event, what the next item's embedding is compared with: ``(B, S, d_emb)``.

        No padding mask is needed: with padding on the right and causal attention no event sees it. Rows
        from ``lengths`` on are finite and mean nothing.

        Raises:
            InputError: if a history is longer than ``s_max``, or ratings are configured and missing.
        """
        hidden = self.encode(self.embed(batch), batch)
        step = self.config.tokens_per_event
        return hidden[:, step - 1 :: step]  # (B, T, d) → (B, S, d): the last token of each event


class Dropout(nn.Module):
    """`nn.Dropout` for any shape, four times as fast on a CPU: 16 random bits an element, not 64.

    The probability to keep is a multiple of 2⁻¹⁶; the scale is exactly its inverse.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        levels = round((1 - self.p) * 2**16)
        bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), 2**63 - 1).view(torch.int16)
        keep = bits[: x.numel()].view(x.shape) < levels - 2**15
        return x * keep.to(x.dtype).mul_(2**16 / levels)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (B, T, d) → (B, heads, T, d_head)


def merge_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)  # (B, heads, T, d_head) → (B, T, d)


def init_embeddings(model: nn.Module) -> None:
    """Every embedding from a normal distribution of std 0.02, truncated at two std: small first logits."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            truncated_normal(module.weight)


def truncated_normal(weight: Tensor, std: float = INIT_STD) -> None:
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def rotary_table(length: int, d_head: int) -> Tensor:
    """Cosine and sine of ``t · base^(−2j / d_head)``, j < d_head / 2: float32 ``(length, d_head / 2, 2)``."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies)
    return torch.stack([angles.cos(), angles.sin()], dim=-1).float()


def rotation_at(table: Tensor, length: int) -> Tensor:
    """The first `length` rows of a `rotary_table` as complex numbers: ``(length, 1, d_head / 2)``."""
    rotary = table[:length, None]  # (T, 1, d_head / 2, 2)
    return torch.view_as_complex(rotary if rotary.dtype == torch.float64 else rotary.float())


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate the pairs (x_2j, x_2j+1) by their position's angles, as products of complex numbers.

    Args:
        x: ``(B, T, heads, d_head)``.
        rotation: complex, ``(T, 1, d_head / 2)``.
    """
    wide = x if x.dtype == torch.float64 else x.float()
    pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2)))  # (B, T, heads, d_head) → (B, T, heads, d_head / 2)
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)  # → (B, T, heads, d_head)


def require_even_heads(config: ModelConfig) -> None:
    """A rotation turns pairs, so a head's width must be even."""
    if config.d_head % 2:
        raise InputError(f"d_emb is {config.d_emb}; d_emb / n_heads, {config.d_head}, must be even")
