"""The same checkpoint asked through transformers, an endpoint and our engine says the same."""

import shutil
from pathlib import Path

import pytest
import trl
from scoring_server import scoring_server

from leitai.base.errors import LeitaiError
from leitai.data.bookshop import intents, rows
from leitai.evaluation.asking import Prompting
from leitai.evaluation.respondents.endpoint import EndpointSpec
from leitai.evaluation.respondents.endpoint.respondent import Endpoint
from leitai.evaluation.respondents.foreign import Foreign
from leitai.evaluation.respondents.local import Local
from leitai.evaluation.respondents.source import SourceSpec, open_respondent
from leitai.inference import LanguageModel
from leitai.training.scratch import create_scratch

ITEMS = [row for row in rows("intents") if row.split == "test"][:6]
LABELS = tuple(intent.id for intent in intents())[:5]
CHOICES = [LABELS, LABELS[:2], LABELS[::-1], LABELS[1:4], LABELS, LABELS[3:]]
REPLIES = [row for row in rows("replies") if row.split == "test"][:5]
TEXTS = ["Where is my order?", "我的订单在哪里？"]
ARMS = [
    Prompting(date="26 Jul 2024"),
    Prompting(system="Answer briefly. 请简短回答。", date="1 Jan 2026"),
]


@pytest.fixture(scope="module", params=["qwen2-nano", "qwen3-nano", "llama3-nano"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign") / request.param
    texts = [row.messages[-1]["content"] for row in rows("replies")[:200]]
    create_scratch(request.param, texts, folder, vocab_size=400, seed=3)
    return folder


@pytest.fixture(scope="module")
def lm(folder):
    return LanguageModel.load(folder)


def agree(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.prompt_tokens == other.prompt_tokens
        assert other.logprobs == pytest.approx(mine.logprobs, abs=2e-3)


def measured(found):
    return [one.tokens for one in found], [one.logprob for one in found]


@pytest.mark.parametrize("arm", ARMS, ids=["default", "system"])
def test_transformers_weighs_and_measures_as_we_do(folder, lm, arm):
    ours = Local(lm, arm)
    theirs = Foreign.load(folder, arm, dtype="float32", device="cpu")
    assert theirs.abilities == ours.abilities
    agree(ours.choose(ITEMS, CHOICES), theirs.choose(ITEMS, CHOICES))
    for mine, other in (
        (ours.measure(REPLIES), theirs.measure(REPLIES)),
        (ours.read(TEXTS), theirs.read(TEXTS)),
    ):
        assert measured(other)[0] == measured(mine)[0]
        assert measured(other)[1] == pytest.approx(measured(mine)[1], abs=5e-3)


OFFICIAL = [
    ("qwen2-nano", "qwen2_5", Prompting()),
    ("qwen3-nano", "qwen3", Prompting(thinking=False)),
    ("qwen3-nano", "qwen3", Prompting(thinking=True)),
    ("llama3-nano", "llama3_2", Prompting(date="1 Jan 2026")),
    ("llama3-nano", "llama3_2", Prompting()),
]


@pytest.mark.parametrize(("preset", "template", "arm"), OFFICIAL)
def test_official_templates_give_both_the_same_ids(preset, template, arm, tmp_path):
    texts = [row.messages[-1]["content"] for row in rows("replies")[:200]]
    create_scratch(preset, texts, tmp_path / "base", vocab_size=400, seed=3)
    official = Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja"
    shutil.copy(official, tmp_path / "base" / "chat_template.jinja")
    ours = Local(LanguageModel.load(tmp_path / "base"), arm)
    theirs = Foreign.load(tmp_path / "base", arm, dtype="float32", device="cpu")
    agree(ours.choose(ITEMS[:2], CHOICES[:2]), theirs.choose(ITEMS[:2], CHOICES[:2]))
    assert measured(theirs.measure(REPLIES[:2]))[0] == measured(ours.measure(REPLIES[:2]))[0]


def test_transformers_writes_as_we_do(folder, lm):
    theirs = Foreign.load(folder, ARMS[0], dtype="float32", device="cpu")
    for limit in (1, 15):
        mine = Local(lm, ARMS[0]).write(ITEMS, limit)
        other = theirs.write(ITEMS, limit)
        for one, two in zip(mine, other, strict=True):
            assert (one.text, one.finish) == (two.text, two.finish)
            assert one.prompt_tokens == two.prompt_tokens
    alone = [theirs.write([row], 15)[0].text for row in ITEMS]
    assert alone == [one.text for one in other]


def test_batches_are_cut_where_logits_would_not_fit(folder, lm, monkeypatch):
    theirs = Foreign.load(folder, ARMS[0], dtype="float32", device="cpu")
    together = theirs.choose(ITEMS, CHOICES)
    monkeypatch.setattr("leitai.evaluation.respondents.foreign._LOGITS", 1)
    agree(together, theirs.choose(ITEMS, CHOICES))


def test_an_endpoint_with_prompt_probabilities_weighs_as_we_do(folder, lm, tmp_path):
    with scoring_server(folder) as server:
        spec = EndpointSpec(url=server.url, model="tiny", tokenizer=str(folder))
        end = Endpoint(spec, ARMS[0], tmp_path / "a.jsonl")
        assert end.abilities == {"write", "choose", "measure"}
        ours = Local(lm, ARMS[0])
        agree(ours.choose(ITEMS, CHOICES), end.choose(ITEMS, CHOICES))
        assert measured(end.measure(REPLIES))[1] == pytest.approx(
            measured(ours.measure(REPLIES))[1], abs=5e-3
        )
        assert measured(end.read(TEXTS))[1] == pytest.approx(
            measured(ours.read(TEXTS))[1], abs=5e-3
        )
        asked = len(server.requests)
        again = Endpoint(spec, ARMS[0], tmp_path / "a.jsonl")
        agree(ours.choose(ITEMS, CHOICES), again.choose(ITEMS, CHOICES))
        assert len(server.requests) == asked


def test_a_server_that_scores_written_tokens_alone_is_found_out(folder, tmp_path):
    # llama.cpp accepts echo and logprobs and returns those of what it wrote: every choice would
    # score alike, in silence.
    with scoring_server(folder, echoes=False) as server:
        spec = EndpointSpec(url=server.url, model="tiny", tokenizer=str(folder))
        end = Endpoint(spec, ARMS[0], tmp_path / "a.jsonl")
        assert end.abilities == {"write"}
        with pytest.raises(LeitaiError, match="does not return log-probabilities of a prompt"):
            end.choose(ITEMS[:1], [["a", "b"]])


def test_each_source_opens_as_what_it_says(folder, tmp_path):
    for spec, kind in (
        (SourceSpec(model=str(folder)), Local),
        (SourceSpec(transformers=str(folder)), Foreign),
        (SourceSpec(endpoint=EndpointSpec(url="http://localhost/v1", model="m")), Endpoint),
    ):
        assert isinstance(open_respondent(spec, ARMS[0], folder=tmp_path), kind)
    with pytest.raises(LeitaiError, match="transformers cannot load it"):
        (tmp_path / "empty").mkdir()
        open_respondent(SourceSpec(transformers="empty"), ARMS[0], folder=tmp_path, base=tmp_path)
