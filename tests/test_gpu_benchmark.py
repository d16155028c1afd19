"""benchmarks/gpu.py must work untouched on the day a GPU is at hand: here it is rehearsed on the processor."""

import importlib.util
from pathlib import Path

import pytest
import torch

from srlaw.datasets.synthetic import synthetic
from srlaw.sweep import expand, read_spec

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("gpu", ROOT / "benchmarks" / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_speeds_are_measured_for_every_model_size_and_precision(gpu, capsys):
    data = synthetic(users=30, items=20, mean_length=10)
    gpu.speeds(data, "cpu", sizes=[(1, 8)], n=64, s_max=10)
    lines = capsys.readouterr().out.splitlines()
    assert sum("events/s" in line for line in lines) == 6
    events, flops = gpu.speed(data, "cpu", "hstu", 1, 8, "float32", s_max=10)
    assert events > 0
    assert flops > events * 2 * 3 * 20 * 8  # at least the comparison with the items


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU: the benchmark itself can be run")
def test_without_a_gpu_it_says_so(gpu, capsys):
    assert gpu.main(None, Path("unused"), None) == 2
    assert "no GPU is visible" in capsys.readouterr().err


def test_its_sweep_is_the_papers_own_panel():
    runs = expand(read_spec(ROOT / "data" / "sweeps" / "paper-panel.yml"))
    sizes = {(run.architecture["n_layers"], run.architecture["d_emb"]) for run in runs}
    assert {(n, d) for n in (4, 8, 16, 32) for d in (25, 50, 100)} <= sizes
