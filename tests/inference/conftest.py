import pytest
import torch
from inference_reference import make_checkpoint
from random_weights import FAMILIES

from leitai.inference import LanguageModel


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {family: make_checkpoint(family, root / family) for family in FAMILIES}


@pytest.fixture(scope="session")
def models(folders):
    return {family: LanguageModel.load(folder) for family, folder in folders.items()}


@pytest.fixture(scope="session", params=list(FAMILIES))
def family(request):
    return request.param


@pytest.fixture(scope="session")
def lm(models, family):
    return models[family]


@pytest.fixture(scope="session")
def reference(folders, family):
    """transformers' model of the same folder."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folders[family], dtype=torch.float32).eval()
