"""Entropies of sequences, in nats: approximate, block, conditional, Lempel–Ziv; per user and pooled."""

from srlaw.entropy.apen import apen, apen_per_user, apen_pooled, apen_without_repeats, mean_apen
from srlaw.entropy.block import (
    CORRECTIONS,
    EntropyRate,
    block_entropy,
    conditional_entropies,
    conditional_entropy,
    entropy_of_counts,
    entropy_rate,
    shannon,
)
from srlaw.entropy.coding import (
    compression_ratio,
    lempel_ziv,
    lempel_ziv_phrases,
    match_lengths,
    phrase_lengths,
)
from srlaw.entropy.expected import expected_apen, expected_apen_regular, usable_length
from srlaw.entropy.ngrams import relabel

__all__ = [
    "CORRECTIONS",
    "EntropyRate",
    "apen",
    "apen_per_user",
    "apen_pooled",
    "apen_without_repeats",
    "block_entropy",
    "compression_ratio",
    "conditional_entropies",
    "conditional_entropy",
    "entropy_of_counts",
    "entropy_rate",
    "expected_apen",
    "expected_apen_regular",
    "lempel_ziv",
    "lempel_ziv_phrases",
    "match_lengths",
    "mean_apen",
    "phrase_lengths",
    "relabel",
    "shannon",
    "usable_length",
]
