import pytest
import torch
from torch.nn.functional import cross_entropy

from leitai.kernels import library, softmax_slope


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("rows", "size"), [(1, 7), (33, 1000), (5, 4099)])
def test_loss_and_slope_are_those_of_autograd(dtype: torch.dtype, rows: int, size: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    logits = torch.randn(rows, size, generator=generator).mul_(6).to(dtype)
    targets = torch.randint(size, (rows,), generator=generator)
    wide = torch.promote_types(dtype, torch.float32)
    weights = torch.rand(rows, generator=generator).to(wide)
    leaf = logits.to(wide, copy=True).requires_grad_()
    expected = cross_entropy(leaf, targets, reduction="none") * weights
    expected.sum().backward()
    losses, nothing = softmax_slope(logits.clone(), targets, weights, wanted=False)
    assert nothing is None
    torch.testing.assert_close(losses, expected.detach(), rtol=3e-6, atol=3e-6)
    again, slope = softmax_slope(logits, targets, weights, wanted=True)
    assert torch.equal(again, losses)
    assert slope is not None
    assert leaf.grad is not None
    tolerance = 8e-3 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(slope.to(wide), leaf.grad, rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_broken_logit_makes_the_loss_not_finite(broken: float) -> None:
    if library() is None:
        pytest.skip("no native kernels here")
    logits = torch.zeros(2, 64, dtype=torch.bfloat16)
    logits[1, 3] = broken
    losses, _ = softmax_slope(logits, torch.tensor([0, 0]), torch.ones(2), wanted=False)
    assert losses[0].isfinite()
    assert not losses[1].isfinite()
