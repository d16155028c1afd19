"""The paper's three frameworks, `SASRec`, `HSTU` and `LLaMA`, and `GPT` of a sister study; one file each."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from srlaw.errors import InputError
from srlaw.models.batch import Batch, collate
from srlaw.models.gpt import GPT, GPTConfig
from srlaw.models.hstu import HSTU, HSTUConfig
from srlaw.models.layers import ModelConfig, SequenceModel
from srlaw.models.llama import LLaMA, LLaMAConfig
from srlaw.models.sasrec import SASRec, SASRecConfig

__all__ = [
    "CONFIGS",
    "GPT",
    "HSTU",
    "MODELS",
    "Batch",
    "GPTConfig",
    "HSTUConfig",
    "LLaMA",
    "LLaMAConfig",
    "Model",
    "ModelConfig",
    "SASRec",
    "SASRecConfig",
    "SequenceModel",
    "build",
    "collate",
    "count_parameters",
    "flops_per_event",
    "name_of",
]


class Model(NamedTuple):
    """One architecture: its configuration and the module that is built from it."""

    config: type[ModelConfig]
    module: type[SequenceModel]


# Every model by the name that the command line, specifications and rows know it by. A new one is a line here and a
# file of its own.
MODELS: dict[str, Model] = {
    "sasrec": Model(SASRecConfig, SASRec),
    "hstu": Model(HSTUConfig, HSTU),
    "llama": Model(LLaMAConfig, LLaMA),
    "gpt": Model(GPTConfig, GPT),
}
CONFIGS: dict[str, type[ModelConfig]] = {name: model.config for name, model in MODELS.items()}


def name_of(config: ModelConfig) -> str:
    """The key in `MODELS` of a configuration.

    Raises:
        InputError: if there is no such model.
    """
    for name, model in MODELS.items():
        if type(config) is model.config:
            return name
    raise InputError(
        f"{type(config).__name__} is not one of {', '.join(model.config.__name__ for model in MODELS.values())}"
    )


def build(config: ModelConfig) -> SequenceModel:
    """The model of a configuration, freshly initialised from torch's random state.

    Raises:
        InputError: if there is no such model.
    """
    return MODELS[name_of(config)].module(config)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Parameters in all, and without embeddings (items, ratings and absolute positions)."""
    total = sum(parameter.numel() for parameter in model.parameters())
    embeddings = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Embedding))
    return total, total - embeddings


def flops_per_event(config: ModelConfig, length: float) -> float:
    """Forward floating-point operations per event of a history of `length` events, a multiply-add being two.

    With k tokens per event, T = k · length, W = ``config.block_weights`` and an average of (T + 1)/2 tokens
    seen, each of which costs d_emb multiply-adds in Q Kᵀ and as many in the sum over V::

        k · n_layers · (2 W + 2 d_emb (T + 1))

    Norms, activations and other work linear in d_emb are left out, and so is the comparison of the output
    with the catalogue: 2 · n_items · d_emb for all of it. Forward and backward together are three times this.
    """
    tokens = config.tokens_per_event * length
    per_token = 2 * config.block_weights + 2 * config.d_emb * (tokens + 1)
    return float(config.tokens_per_event * config.n_layers * per_token)
