"""Pretraining on text: blocks, document boundaries, whole runs."""

import gzip
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import (
    assert_close,
    check_accumulation,
    check_resumes,
    gradients,
    lines,
    make,
    taken,
)
from training_rows import CITIES

from leitai.base import LeitaiError
from leitai.data import DataSource, Row
from leitai.data.shards import Documents, read_documents
from leitai.training import AdaptSpec
from leitai.training.job import run_train_job
from leitai.training.objectives.tokens import TokenFile

PRETRAIN = {"name": "pretraining"}


def documents(count, start=0):
    texts = [
        " ".join(CITIES[(n * k + k) % 10] for k in range(1, 2 + n % 17))
        for n in range(start, start + count)
    ]
    return [
        Row(str(n), ({"role": "document", "content": text},), f"text, line {n}")
        for n, text in enumerate(texts)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 30), min_size=1, max_size=20), st.integers(2, 40))
def test_every_token_but_a_documents_first_is_predicted_once(sizes, block):
    ids = np.arange(sum(sizes), dtype=np.uint32)
    starts = np.cumsum([0, *sizes[:-1]])
    file = TokenFile(ids, starts, np.ones(len(ids), np.int64))
    blocks = file.blocks(block)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    seen = []
    for part in blocks:
        assert 1 < part.length <= block + 1
        for row in part.rows():
            assert len(set(owner[row.ids])) == 1  # nothing across documents
            assert (np.diff(row.ids) == 1).all()
            seen += list(row.labels)
    assert sorted(seen) == sorted(set(ids.tolist()) - set(starts.tolist()))
    assert sum(part.answer_bytes for part in blocks) == len(seen)


def test_packed_is_one_by_one(checkpoint, tmp_path):
    """The forest of a block gives what transformers gives for each document alone."""
    transformers = pytest.importorskip("transformers")
    objective, decoder, ready = make(
        checkpoint, tmp_path, objective=PRETRAIN, method={"name": "full"}, max_length=40
    )
    blocks = ready(documents(30))
    assert len(blocks) > 4
    from leitai.models import save_decoder

    save_decoder(decoder, tmp_path / "model")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "model", dtype=torch.float32
    )
    total, count = torch.zeros(()), 0
    for row in (row for block in blocks for row in block.rows()):
        ids = torch.from_numpy(row.ids)[None]
        total = total + theirs(input_ids=ids, labels=ids).loss * (len(row.ids) - 1)
        count += len(row.ids) - 1
    (total / count).backward()
    expected = (total / count).item(), taken(theirs)
    for size in (100, 2):
        assert_close(gradients(objective, decoder, blocks, size), expected, 1e-4)


def test_runs_accumulate_and_resume(checkpoint, tmp_path, monkeypatch):
    spec = AdaptSpec(
        method={"name": "full"},
        objective=PRETRAIN,
        epochs=3,
        batch_rows=2,
        accumulation=2,
        learning_rate=5e-3,
        max_length=24,
    )
    data = documents(60), documents(8, 70)
    check_resumes(checkpoint, *data, spec, tmp_path, monkeypatch, step=7)
    check_accumulation(checkpoint, *data, spec, tmp_path)
    log = lines(tmp_path / "whole")
    checks = [line["valid_bits_per_byte"] for line in log if "valid_loss" in line]
    assert checks[-1] < 0.8 * checks[0]


def test_shards_of_several_kinds(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n\n{"text": "two"}\n')
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write('{"text": "three"}\n')
    (tmp_path / "c.txt").write_text("four\nlines\n")
    rows = list(read_documents(DataSource(path="*", format="text"), tmp_path, None))
    found = [(row.source, row.messages[0]["content"]) for row in rows]
    assert found == [
        ("./a.jsonl, line 1", "one"),
        ("./a.jsonl, line 3", "two"),
        ("./b.jsonl.gz, line 1", "three"),
        ("./c.txt", "four\nlines\n"),
    ]
    by_split = DataSource(path={"train": "a.jsonl", "validation": "c.txt"}, format="text")
    valid = list(Documents([by_split], tmp_path, None, "validation"))
    assert [row.source for row in valid] == ["c.txt"]


def test_a_split_by_content(tmp_path):
    with (tmp_path / "a.jsonl").open("w") as file:
        for n in range(500):
            file.write(json.dumps({"text": f"text {n}"}) + "\n")
    source = DataSource(path="a.jsonl", format="text", split={"validation": 0.2, "test": 0.1})
    parts = {
        name: {row.source for row in Documents([source], tmp_path, None, name)}
        for name in ("train", "validation", "test")
    }
    assert sum(map(len, parts.values())) == 500
    assert len(parts["validation"]) == pytest.approx(100, abs=30)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.jsonl", '{"text": "x"}\n{"text": 3}\n', r"line 2: no text in the field \"text\""),
        ("a.jsonl", '["x"]\n', "line 1: expected an object"),
        ("a.md", "x", "files of type"),
        ("a.jsonl.gz", "x", "gzip"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, name, content, what):
    (tmp_path / name).write_text(content)
    with pytest.raises(LeitaiError, match=what):
        list(read_documents(DataSource(path=name, format="text"), tmp_path, None))
    with pytest.raises(LeitaiError, match="no file matches"):
        list(read_documents(DataSource(path="*.none", format="text"), tmp_path, None))


def test_a_spec_trains_from_random_weights(tmp_path):
    with (tmp_path / "a.jsonl").open("w") as file:
        for row in documents(80):
            file.write(json.dumps({"text": row.messages[0]["content"]}) + "\n")
    (tmp_path / "spec.yaml").write_text(
        "name: tiny\nmodel: scratch:llama3-nano\nvocab_size: 330\n"
        "data:\n  - {path: '*.jsonl', format: text, split: {validation: 0.2, test: 0}}\n"
        "adapt:\n  method: {name: full}\n  objective: {name: pretraining}\n"
        "  epochs: 1\n  batch_rows: 4\n  max_length: 64\n  learning_rate: 1e-3\n"
    )
    result = run_train_job(tmp_path / "spec.yaml", tmp_path / "run")
    assert result.best_bits_per_byte is not None
    with pytest.raises(LeitaiError, match=r"plain text.*pretraining"):
        run_train_job(
            tmp_path / "spec.yaml", tmp_path / "b", overrides=["adapt.objective.name=instruction"]
        )
