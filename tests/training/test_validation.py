"""Choosing the best weights by what the model answers."""

import json
from dataclasses import replace

import pytest
from training_rows import CITIES

from leitai.adapters import Full
from leitai.base import LeitaiError
from leitai.evaluation.metrics.chrf import chrf
from leitai.evaluation.validation import METRICS, write
from leitai.inference import LanguageModel
from leitai.models import load_decoder
from leitai.training import AdaptSpec, train
from leitai.training.spec import ValidationSpec
from leitai.training.validation import Trainee, spread


def labelled(rows):
    """The city that a question begins with is its label."""
    result = []
    for number, row in enumerate(rows):
        label = CITIES[number % 4]
        question = {"role": "user", "content": f"parcel to {label}"}
        messages = (question, {"role": "assistant", "content": label})
        result.append(replace(row, messages=messages, label=label))
    return result


def spec(metric, **more):
    return AdaptSpec(
        method=Full(),
        batch_rows=8,
        learning_rate=0.01,
        patience=None,
        validation=ValidationSpec(metric=metric, **more),
    )


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("metric", ["accuracy", "exact_match", "chrf"])
def test_the_weights_with_the_best_metric_are_kept(qwen, chat, rows, tmp_path, metric):
    data = labelled(rows(32)), labelled(rows(8, 40))
    run = tmp_path / "run"
    seen = {}

    def counted(trainee):
        seen[len(seen)] = METRICS[metric](trainee)
        return seen[len(seen) - 1]

    adapt = spec(metric, rows=6, max_characters=12).model_copy(update={"evaluate_every": 2})
    result = train(qwen, *data, adapt, run, metrics={metric: counted}, track=())
    scores = [line[f"valid_{metric}"] for line in lines(run) if "valid_loss" in line]
    assert scores == list(seen.values()) and len(set(scores)) > 1
    assert result.best_score == max(scores)
    steps = [line["step"] for line in lines(run) if "valid_loss" in line]
    assert result.best_step == steps[scores.index(max(scores))]
    kept = Trainee(
        load_decoder(result.output).eval(),
        chat,
        spread(data[1], 6),
        tuple(sorted(CITIES[:4])),
        max_characters=12,
    )
    assert METRICS[metric](kept) == max(scores)


def test_asking_changes_nothing_of_training(qwen, rows, tmp_path):
    data = labelled(rows(32)), labelled(rows(8, 40))
    plain = train(qwen, *data, spec("loss"), tmp_path / "plain", track=())
    asked = train(qwen, *data, spec("loss"), tmp_path / "asked", track=(), write=write, samples=3)
    assert (plain.best_loss, plain.final_loss) == (asked.best_loss, asked.final_loss)
    assert (tmp_path / "plain/model/model.safetensors").read_bytes() == (
        tmp_path / "asked/model/model.safetensors"
    ).read_bytes()
    shown = [json.loads(x) for x in (tmp_path / "asked/samples.jsonl").read_text().splitlines()]
    assert [x["step"] for x in shown] == [4, 8, 12]
    lm = LanguageModel.load(tmp_path / "asked/model")
    for sample in shown[-1]["samples"]:
        question = [{"role": "user", "content": sample["prompt"]}]
        assert lm.chat(question, max_tokens=40, max_characters=200) == sample["written"]


def test_what_is_missing_is_named(qwen, rows, tmp_path):
    with pytest.raises(LeitaiError, match="no way to measure chrf was passed"):
        train(qwen, rows(8), rows(4, 20), spec("chrf"), tmp_path / "a", track=())
    with pytest.raises(LeitaiError, match="accuracy needs validation rows"):
        train(qwen, rows(8), [], spec("accuracy"), tmp_path / "b", metrics=METRICS, track=())
    with pytest.raises(LeitaiError, match="line 21: accuracy needs a label"):
        train(
            qwen, rows(8), rows(4, 20), spec("accuracy"), tmp_path / "c", metrics=METRICS, track=()
        )


def test_rows_are_taken_evenly():
    assert spread(list(range(10)), 4) == [0, 2, 5, 7]
    assert spread(list(range(3)), None) == spread(list(range(3)), 9) == [0, 1, 2]


def test_chrf_agrees_with_sacrebleu():
    pairs = [
        ("The cat sat on the mat.", "The cat is on the mat."),
        ("您好，订单已发货", "您好，您的订单已经发货。"),
        ("", "nothing"),
        ("ab", "ab"),
        ("a  b\tc", "abc d"),
    ]
    sacrebleu = pytest.importorskip("sacrebleu")
    metric = sacrebleu.CHRF()
    for start in range(len(pairs)):
        for end in range(start + 1, len(pairs) + 1):
            ours, theirs = zip(*pairs[start:end], strict=True)
            expected = metric.corpus_score(list(ours), [list(theirs)]).score / 100
            assert chrf(ours, theirs) == pytest.approx(expected, abs=1e-9), pairs[start:end]


def test_chrf_at_its_ends_and_by_hand():
    assert chrf(["Oslo 奥斯陆"], ["Oslo 奥斯陆"]) == pytest.approx(1.0)
    assert chrf(["xyz"], ["abc"]) == chrf([""], ["abc"]) == 0.0
    # "ab" against "ac": one of two letters, none of one pair
    assert chrf(["ab"], ["ac"]) == pytest.approx((0.5 + 0.0) / 2)
