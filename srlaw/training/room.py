"""What a run asks of the machine it is trained on, compared with what there is before anything is built."""

from __future__ import annotations

import os

import psutil
import torch

from srlaw.errors import InputError
from srlaw.models import ModelConfig
from srlaw.training.config import BATCH_EVENTS, TrainConfig

BYTES_PER_PARAMETER = 16  # weight, gradient and two moments of AdamW in float32
BYTES_PER_SCORE = 12  # of a negative: score, its logarithm of a softmax, gradient


def device_of(config: TrainConfig) -> str:
    """``cpu`` or ``cuda``."""
    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.device


def require_room(model_config: ModelConfig, config: TrainConfig) -> None:
    """Compare devices and the least memory that training takes with those of this machine.

    Raises:
        InputError: if they do not suffice.
    """
    device = device_of(config)
    there, kind = (torch.cuda.device_count(), "GPUs") if device == "cuda" else (os.cpu_count() or 1, "CPU cores")
    if config.devices > there:
        raise InputError(f"devices is {config.devices}, but there are {there} {kind} here")
    sizes = ", ".join(f"{name} {getattr(model_config, name)}" for name in ("n_layers", "d_emb", "s_max", "n_items"))
    parameters = model_config.about_parameters
    scores = (config.batch_events or BATCH_EVENTS[0]) * config.negatives if config.loss == "sampled" else 0
    if device == "cuda":
        has, copies = torch.cuda.get_device_properties(0).total_memory, 1
    else:
        has, copies = psutil.virtual_memory().total, config.devices  # processes that share the memory
    for takes, what in (
        (BYTES_PER_PARAMETER * parameters * copies, f"{sizes} make about {parameters:.3g} parameters"),
        (BYTES_PER_SCORE * scores, f"negatives is {config.negatives}"),
    ):
        if takes > has:
            gib, limit = (f"{size / 2**30:,.0f} GiB" for size in (takes, has))
            raise InputError(f"{what}; training takes at least {gib}, but there are {limit} of memory here")
