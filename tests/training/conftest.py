"""A tiny checkpoint of each family with its own tokenizer, and rows to train it on."""

import pytest
import torch
from training_rows import make_checkpoint, make_rows

from leitai.text import Chat, Tokenizer


@pytest.fixture(scope="session", params=["qwen3", "llama"])
def checkpoint(request, tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="session")
def qwen(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("qwen3-only"), "qwen3")


@pytest.fixture(scope="session")
def chat(qwen):
    return Chat.from_folder(qwen, Tokenizer.from_folder(qwen))


@pytest.fixture(scope="session")
def rows():
    return make_rows


@pytest.fixture(autouse=True)
def one_thread():
    """Bits depend on the number of threads; these tests compare bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
