"""What needs a GPU. ``benchmarks/gpu.py`` runs this file by itself, so it asks for srlaw and pytest alone."""

from dataclasses import replace

import pytest
import torch

from srlaw.datasets.synthetic import synthetic
from srlaw.models import CONFIGS
from srlaw.training import TrainConfig, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

QUICK = TrainConfig(epochs=3, batch_events=1024, learning_rate=3e-3, device="cpu")


@pytest.fixture(scope="module")
def data():
    return synthetic(seed=3, users=150, items=40, mean_length=25)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", CONFIGS)
def test_a_gpu_ends_near_where_the_cpu_does(data, model, precision):
    sizes = CONFIGS[model](n_items=data.n_items, n_layers=1, d_emb=16, s_max=20, dropout=0.0)
    cpu = train(data, sizes, QUICK, progress=False)
    gpu = train(data, sizes, replace(QUICK, device="cuda", precision=precision), progress=False)
    assert gpu.device == torch.cuda.get_device_name()
    assert {value.device.type for value in gpu.model.parameters()} == {"cpu"}
    assert gpu.test["loss"] == pytest.approx(cpu.test["loss"], rel=0.02)


@pytest.mark.parametrize("model", CONFIGS)
def test_a_gpu_goes_on_from_a_checkpoint_to_the_same_numbers(data, model, tmp_path):
    sizes = CONFIGS[model](n_items=data.n_items, n_layers=1, d_emb=16, s_max=20)
    config = replace(QUICK, device="cuda")
    whole = train(data, sizes, config, progress=False)
    saved = tmp_path / "half.pt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("srlaw.training.loop._finished", lambda history, config: len(history) == 2)
        train(data, sizes, config, checkpoint=saved, progress=False)
    again = train(data, sizes, config, checkpoint=saved, progress=False)
    assert len(again.history) == len(whole.history)
    assert again.test["loss"] == pytest.approx(whole.test["loss"], rel=1e-3)
    assert again.history["loss"].to_list() == pytest.approx(whole.history["loss"].to_list(), rel=1e-3)
