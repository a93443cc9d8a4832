"""The classification head against transformers' and PEFT's."""

from dataclasses import replace

import pytest
import torch
from objective_cases import (
    assert_close,
    check_accumulation,
    check_resumes,
    gradients,
    make,
    taken,
)
from training_rows import make_rows

from leitai.adapters import load_adapter
from leitai.base import LeitaiError
from leitai.models import load_decoder, save_decoder
from leitai.training import AdaptSpec, train

CLASSIFY = {"name": "classification"}
METHODS = {"full": {"name": "full"}, "lora": {"name": "lora", "rank": 3}}


def labelled(count, start=0):
    return [
        replace(row, label=["goods", "parcel", "退货"][int(row.id) % 3])
        for row in make_rows(count, start)
    ]


def theirs_of(folder):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32
    )


def test_logits_and_gradients_are_those_of_transformers(checkpoint, tmp_path):
    objective, decoder, ready = make(
        checkpoint, tmp_path, objective=CLASSIFY, method=METHODS["full"]
    )
    examples = ready(labelled(9))
    save_decoder(decoder, tmp_path / "model")
    theirs, info = theirs_of(tmp_path / "model"), load_decoder(tmp_path / "model").config
    assert theirs.config.id2label == dict(enumerate(info.labels))
    assert type(theirs).__name__.endswith("ForSequenceClassification")
    losses = []
    for example in examples:
        ids = torch.from_numpy(example.ids)[None]
        out = theirs(input_ids=ids, labels=torch.tensor([example.label]))
        losses.append(out.loss)
        with torch.no_grad():
            ours = decoder.logits(decoder(ids)[:, -1])
        torch.testing.assert_close(ours, out.logits, rtol=1e-5, atol=1e-5)
    mean = torch.stack(losses).mean()
    mean.backward()
    reference = mean.item(), taken(theirs)
    for size in (100, 4, 1):
        assert_close(gradients(objective, decoder, examples, size), reference, 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_trained_classifier_loads_everywhere(checkpoint, tmp_path, method):
    spec = AdaptSpec(
        objective=CLASSIFY,
        method=METHODS[method],
        epochs=16,
        batch_rows=8,
        learning_rate=3e-3,
        patience=None,
    )
    result = train(checkpoint, labelled(24), labelled(9, 24), spec, tmp_path / "run")
    ids = torch.arange(30).view(1, 30)
    if method == "full":
        ours, theirs = load_decoder(result.output), theirs_of(result.output)
    else:
        peft = pytest.importorskip("peft")
        ours = load_decoder(checkpoint)
        load_adapter(ours, result.output, checkpoint)
        transformers = pytest.importorskip("transformers")
        base = transformers.AutoModelForSequenceClassification.from_pretrained(
            checkpoint, num_labels=3, dtype=torch.float32
        )
        theirs = peft.PeftModel.from_pretrained(base, result.output)
    theirs.config.pad_token_id = None
    assert ours.config.labels == ("goods", "parcel", "退货")
    with torch.no_grad():
        expected = theirs.eval()(input_ids=ids).logits
        torch.testing.assert_close(ours.logits(ours(ids)[:, -1]), expected, rtol=1e-4, atol=1e-4)
    assert result.final_loss < 0.6


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_resumes_to_the_same_bits(checkpoint, tmp_path, monkeypatch, method):
    spec = AdaptSpec(
        objective=CLASSIFY, method=METHODS[method], epochs=2, batch_rows=8, learning_rate=1e-2
    )
    check_resumes(checkpoint, labelled(24), labelled(9, 24), spec, tmp_path, monkeypatch)


def test_accumulation_gives_the_same_run(qwen, tmp_path):
    spec = AdaptSpec(objective=CLASSIFY, method=METHODS["full"], epochs=2, learning_rate=2e-3)
    check_accumulation(qwen, labelled(30), labelled(9, 30), spec, tmp_path)


def test_training_goes_on_with_the_same_head_or_not_at_all(checkpoint, tmp_path):
    spec = AdaptSpec(objective=CLASSIFY, method=METHODS["full"], epochs=1)
    result = train(checkpoint, labelled(9), [], spec, tmp_path / "run")
    train(result.output, labelled(9), [], spec, tmp_path / "on")
    two = [row for row in labelled(9) if row.label != "goods"]
    with pytest.raises(LeitaiError, match="tells 3 labels apart, the data has others"):
        train(result.output, two, [], spec, tmp_path / "other")
    with pytest.raises(LeitaiError, match="is a classifier and predicts no tokens"):
        train(result.output, make_rows(4), [], AdaptSpec(), tmp_path / "words")


def test_rows_that_do_not_fit_are_refused(qwen, tmp_path, rows):
    spec = AdaptSpec(objective=CLASSIFY)
    with pytest.raises(LeitaiError, match=r"line 1: no label"):
        train(qwen, rows(4), [], spec, tmp_path / "a")
    odd = [replace(row, label="new") for row in labelled(1)]
    with pytest.raises(LeitaiError, match='the label "new" is in no training row'):
        train(qwen, labelled(4), odd, spec, tmp_path / "b")
    with pytest.raises(LeitaiError, match="more than max_length = 4"):
        train(qwen, labelled(4), [], spec.model_copy(update={"max_length": 4}), tmp_path / "c")
