"""bfloat16 on processors, most of which cannot multiply it: exact products of rounded numbers, in float32.

A product of two bfloat16 numbers is exact in float32. On a processor without instructions for bfloat16 PyTorch is up to
fifty times slower with it than with float32. So here the inputs of every product of matrices are widened, multiplied in
float32, and the result is rounded once: what the instructions of newer processors and of GPUs do, but for the order
of the sum. It is done on every processor, so that one seed means the same on all of them. Fused attention keeps its
weights in float32 as well, where a GPU rounds them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_PRODUCTS = {
    _ATEN.mm.default,
    _ATEN.addmm.default,
    _ATEN.bmm.default,
    _ATEN.baddbmm.default,
    _ATEN._scaled_dot_product_flash_attention_for_cpu.default,
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward.default,
}


class Widened(TorchDispatchMode):
    """While active, products of bfloat16 tensors, forward and backward, are those of float32, rounded."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func not in _PRODUCTS or not any(map(_is_bfloat16, args)):
            return func(*args, **(kwargs or {}))
        out = func(*(x.float() if _is_bfloat16(x) else x for x in args), **(kwargs or {}))
        if not isinstance(out, tuple):
            return out.bfloat16()
        if func is _ATEN._scaled_dot_product_flash_attention_for_cpu.default:
            return out[0].bfloat16(), out[1]  # the second is the logarithm of the sums, float32 in either case
        return tuple(gradient.bfloat16() for gradient in out)


def _is_bfloat16(x: object) -> bool:
    return isinstance(x, torch.Tensor) and x.dtype == torch.bfloat16


def products(precision: str, device: torch.device) -> AbstractContextManager:
    """What training in `precision` on `device` runs in."""
    return Widened() if precision == "bfloat16" and device.type == "cpu" else nullcontext()
