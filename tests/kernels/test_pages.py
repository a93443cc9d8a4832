"""Moving weights into huge pages leaves every number and address as it was."""

import torch

from leitai.kernels.pages import _runs, use_huge_pages


def test_numbers_and_addresses_stay():
    tensors = [torch.arange(3_000_000 + i) for i in range(3)] + [torch.ones(3)]
    places = [t.data_ptr() for t in tensors]
    use_huge_pages(tensors)
    assert [t.data_ptr() for t in tensors] == places
    for i, tensor in enumerate(tensors[:3]):
        assert torch.equal(tensor, torch.arange(3_000_000 + i))


def test_neighbours_make_one_run():
    whole = torch.zeros(30_000, dtype=torch.uint8)
    start = whole.data_ptr()
    parts = [whole[:10_000], whole[10_016:20_000], whole[29_000:]]
    assert _runs(reversed(parts)) == [(start, start + 20_000), (start + 29_000, start + 30_000)]
