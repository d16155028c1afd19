"""`TrainConfig`: everything about a training run that is not the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

from srlaw.errors import InputError

LOSSES = ("full", "sampled")
PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
DEVICES = ("auto", "cpu", "cuda")
EVENTS = ("test", "validation")
ORDERS = ("recorded", "random")
MAX_COUNT = 2**31 - 1
MAX_EPOCHS = 1_000_000
SAMPLED_ABOVE = 100_000  # items: a full softmax of larger catalogues takes most of the time and memory
BATCH_EVENTS = (256, 6400)  # of a batch by default: small data needs enough steps, a large batch fills the cores


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Attributes:
        epochs: at most so many passes over all histories; the learning rate falls to zero over all of them.
        batch_events: events of a batch, padding included; None for 1/400 of an epoch, within `BATCH_EVENTS`.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW, for matrices other than embeddings.
        warmup: share of all epochs' steps in which the learning rate rises linearly from zero.
        clip: largest Euclidean norm of the gradient.
        loss: ``"full"`` softmax over the catalogue, or ``"sampled"``, the paper's.
        negatives: of the sampled softmax, shared by a batch.
        log_correction: add ln((n_items − 1) / negatives) to the negatives' scores, so that the sum over them
            estimates that over the catalogue; the paper has no such term.
        patience: stop after so many epochs without a better validation NDCG@10; None never to stop early.
        fraction, test_fraction: shares of the users who train the model, and who validate and test it; see `split`.
        judged_on: the event that the metrics of the row are of: ``"test"``, or ``"validation"``, by which the epoch is
            chosen too; the test event is then not looked at. A plan compares sizes so.
        order: of the events of a history: as ``"recorded"``, or ``"random"``: what a model reaches without what their
            order tells; see `srlaw.sequences.Split.in_random_order`.
        precision: ``"float32"``, or ``"bfloat16"``: the model's products in bfloat16, weights and loss in float32.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``, the latter where there is one.
        devices: processes, one per GPU (or CPU), which share each step's events.
        seed: of the initial weights, the order of batches, dropout and negatives.

    Raises:
        InputError: naming the field and its value.
    """

    epochs: int = 40
    batch_events: int | None = None
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    warmup: float = 0.05
    clip: float = 1.0
    loss: str = "full"
    negatives: int = 256
    log_correction: bool = False
    patience: int | None = 5
    fraction: float = 1.0
    test_fraction: float = 1.0
    judged_on: str = "test"
    order: str = "recorded"
    precision: str = "float32"
    device: str = "auto"
    devices: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for field in ("epochs", "negatives", "devices", "patience", "batch_events"):
            value = getattr(self, field)
            may_be_none = value is None and field in ("patience", "batch_events")
            most = MAX_EPOCHS if field == "epochs" else MAX_COUNT
            holds = may_be_none or (_is_count(value) and 1 <= value <= most)
            _require(holds, field, value, f"a whole number of at least 1 and at most {most:,}")
        _require(_is_count(self.seed) and 0 <= self.seed <= MAX_COUNT, "seed", self.seed, "in 0 … 2³¹ − 1")
        for field in ("fraction", "test_fraction"):
            value = getattr(self, field)
            _require(_is_number(value) and 0 < value <= 1, field, value, "a number above 0 and at most 1")
        for field in ("learning_rate", "clip"):
            value = getattr(self, field)
            _require(_is_number(value) and 0 < value < float("inf"), field, value, "a number greater than 0")
        _require(_is_number(self.weight_decay) and self.weight_decay >= 0, "weight_decay", self.weight_decay, "≥ 0")
        _require(_is_number(self.warmup) and 0 <= self.warmup < 1, "warmup", self.warmup, "in [0, 1)")
        choices = {"loss": LOSSES, "precision": PRECISIONS, "device": DEVICES, "judged_on": EVENTS, "order": ORDERS}
        for field, known in choices.items():
            value = getattr(self, field)
            _require(isinstance(value, str) and value in known, field, repr(value), f"one of {', '.join(known)}")
        _require(isinstance(self.log_correction, bool), "log_correction", self.log_correction, "true or false")

    def for_data(self, events: int) -> TrainConfig:
        """The same with ``batch_events`` settled for an epoch of `events` target events."""
        if self.batch_events is not None:
            return self
        least, most = BATCH_EVENTS
        return replace(self, batch_events=max(least, min(most, events // 400)))


def loss_for(n_items: int) -> dict[str, str | bool]:
    """Fields of `TrainConfig` for a catalogue where nothing is said: the full softmax up to `SAMPLED_ABOVE` items.

    Above, the sampled one with its correction, without which it is an estimate of another loss.
    """
    return {"loss": "full"} if n_items <= SAMPLED_ABOVE else {"loss": "sampled", "log_correction": True}


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(holds: bool, field: str, value: object, what: str) -> None:
    if not holds:
        raise InputError(f"{field} is {value}; it must be {what}")
