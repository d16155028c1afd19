"""bfloat16 on a processor: products of rounded numbers, each rounded once."""

import pytest
import torch
from torch.nn import functional as F

from srlaw.models import CONFIGS, Batch, build
from srlaw.training.precision import Widened, products


def rounded(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


@pytest.mark.parametrize(
    ("product", "shapes"),
    [
        (torch.mm, [(5, 7), (7, 3)]),
        (torch.bmm, [(2, 5, 7), (2, 7, 3)]),
        (torch.addmm, [(3,), (5, 7), (7, 3)]),
        (F.linear, [(4, 5, 7), (3, 7), (3,)]),
        (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), [(2, 2, 6, 4)] * 3),
    ],
)
def test_a_product_is_exact_and_rounded_once(product, shapes):
    inputs = [rounded(*shape, seed=i).requires_grad_() for i, shape in enumerate(shapes)]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    with Widened():
        out = product(*inputs)
        pull = rounded(*out.shape, seed=9)
        gradients = torch.autograd.grad(out, inputs, pull)
    expected = product(*exact)
    assert out.dtype == torch.bfloat16
    most = 2**-8 if len(shapes[0]) < 4 else 2**-6  # rounding once is off by at most 2⁻⁹; attention has its inside
    for found, right in zip(
        [out, *gradients], [expected, *torch.autograd.grad(expected, exact, pull.double())], strict=True
    ):
        assert found.dtype == torch.bfloat16
        assert (found.double() - right).norm() < most * right.norm()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_is_as_close_to_float32_as_torchs_own_bfloat16(name):
    torch.manual_seed(0)
    model = build(CONFIGS[name](n_items=50, d_emb=32, s_max=40, n_heads=2, dropout=0.0))
    batch = Batch(torch.arange(80).view(2, 40) % 50, torch.tensor([40, 40]))

    def gradients(mode, enabled):
        with mode, torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            loss = (model(batch).float() @ model.items.weight.T).square().mean()
            found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        return torch.cat([gradient.flatten() for gradient in found if gradient is not None])

    exact = gradients(products("float32", torch.device("cpu")), False)
    ours = gradients(products("bfloat16", torch.device("cpu")), True)
    torchs = gradients(products("bfloat16", torch.device("cuda")), True)
    assert 0 < (ours - exact).norm() < 1.5 * (torchs - exact).norm()
