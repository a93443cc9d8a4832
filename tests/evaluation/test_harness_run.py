"""Whole tasks of lm-evaluation-harness: the same results as its own back end, and its files."""

import json
import sys

import pytest

pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'leitai[lm-eval]'")

from harness_models import make_checkpoint
from lm_eval.evaluator import simple_evaluate
from lm_eval.models.huggingface import HFLM

from leitai.base import LeitaiError
from leitai.cli import main
from leitai.evaluation.harness import LeitaiLM
from leitai.evaluation.harness_run import HarnessOptions, _find, run_harness

DATA = """
dataset_path: json
dataset_kwargs: {data_files: {test: FOLDER/rows.jsonl, train: FOLDER/rows.jsonl}}
test_split: test
fewshot_split: train
"""
TASKS = {
    "shop_choice": """
task: shop_choice
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: label
metric_list: [{metric: acc}, {metric: acc_norm}]
""",
    "shop_write": """
task: shop_write
output_type: generate_until
doc_to_text: "{{question}} "
doc_to_target: "{{choices[label]}}"
generation_kwargs: {until: ["\\n", "?"], max_gen_toks: 12, do_sample: false}
metric_list: [{metric: exact_match}]
""",
    "shop_text": """
task: shop_text
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: question
metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]
""",
}
ROWS = [
    {"question": "Where is my order?", "choices": ["on its way", "lost", "我不知道"], "label": 0},
    {"question": "我可以退货吗？", "choices": ["可以", "no", "42"], "label": 0},
    {"question": "What is 12 + 30?", "choices": ["12", "30", "42"], "label": 2},
    {"question": "The invoice shows the wrong address " * 12, "choices": ["yes", "是"], "label": 1},
    {"question": "谢谢！", "choices": ["Thank you", "Monday"], "label": 1},
]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS]
    (folder / "rows.jsonl").write_text("".join(lines), "utf-8")
    for name, text in TASKS.items():
        (folder / f"{name}.yaml").write_text(text + DATA.replace("FOLDER", str(folder)), "utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """The data set library keeps what it reads; none of it in the user's own cache."""
    import datasets

    before = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("cache")
    yield
    datasets.config.HF_DATASETS_CACHE = before


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def folder(request, tmp_path_factory):
    return make_checkpoint(request.param, tmp_path_factory.mktemp("models") / request.param)


WAYS = [
    {},
    {"num_fewshot": 2},
    {"num_fewshot": 1, "apply_chat_template": True, "system_instruction": "Be brief. 简短。"},
    {"num_fewshot": 1, "apply_chat_template": True, "fewshot_as_multiturn": False},
]


@pytest.mark.parametrize("way", WAYS, ids=["plain", "2-shot", "chat", "chat as text"])
def test_results_and_samples_are_those_of_hf(folder, tasks, way):
    names = list(TASKS) if "apply_chat_template" not in way else list(TASKS)[:2]
    options = HarnessOptions(include_path=tasks, **way)
    ours = run_harness(lambda: LeitaiLM(folder), names, options)
    manager, _ = _find(names, tasks)
    way = {"fewshot_as_multiturn": "apply_chat_template" in way, **way}
    theirs = simple_evaluate(
        model=HFLM(str(folder), device="cpu", dtype="float32", batch_size=1),
        tasks=names,
        task_manager=manager,
        **way,
    )
    assert list(ours["results"]) == names
    for name in names:
        for metric, value in theirs["results"][name].items():
            if isinstance(value, float):
                assert ours["results"][name][metric] == pytest.approx(value, rel=1e-4), metric
        for one, other in zip(ours["samples"][name], theirs["samples"][name], strict=True):
            assert one["prompt_hash"] == other["prompt_hash"]
            assert one["arguments"] == other["arguments"]
            assert str(one["filtered_resps"])[:9] == str(other["filtered_resps"])[:9]
    assert ours["config"]["model_source"] == "leitai"


@pytest.fixture
def leitai(capsys, monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["leitai", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_the_verb_prints_the_table_and_saves_everything(leitai, folder, tasks, tmp_path):
    words = ("lm-eval", folder, "--include-path", tasks, "--out", tmp_path / "out")
    code, said, err = leitai(*words, "--tasks", "shop_*", "--limit", 3)
    assert code == 0, err
    assert "|shop_choice" in said and "acc_norm" in said
    assert said.rstrip().splitlines()[-1].endswith("results.json")
    results = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert set(results["results"]) == set(TASKS) and "samples" not in results
    assert (tmp_path / "out" / "table.md").read_text("utf-8").startswith("|")
    for name in TASKS:
        rows = (tmp_path / "out" / "samples" / f"{name}.jsonl").read_text("utf-8").splitlines()
        assert len(rows) == 3 and json.loads(rows[0])["doc"]["question"]
    code, said, _ = leitai(
        *words, "-t", "shop_write", "--gen-kwargs", "{max_gen_toks: 1}", "--num-fewshot", 0
    )
    assert code == 0
    sample = json.loads(
        (tmp_path / "out" / "samples" / "shop_write.jsonl").read_text("utf-8").splitlines()[0]
    )
    assert sample["arguments"][0][1]["max_gen_toks"] == 1


def test_mistakes_are_one_line(leitai, tasks, tmp_path):
    folder = make_checkpoint("qwen3", tmp_path / "model")
    broken = tmp_path / "broken"
    broken.mkdir()
    text = TASKS["shop_text"].replace("shop_text", "gone") + DATA.replace("FOLDER", "/nowhere")
    (broken / "gone.yaml").write_text(text, "utf-8")
    cases = [
        (("--tasks", "arc_eazy", "--include-path", tasks), "did you mean arc_easy"),
        (("--tasks", ","), "no task is named"),
        (("--tasks", "gone", "--include-path", broken), "gone: the task cannot be set up"),
        (("--tasks", "gone", "--include-path", tmp_path / "none"), "no such folder"),
        (("--tasks", "shop_text", "--include-path", tasks, "--limit", 2.5), "limit = 2.5"),
        (("--tasks", "shop_write", "--include-path", tasks, "--gen-kwargs", "7"), "--gen-kwargs"),
        (
            ("--tasks", "shop_write", "--include-path", tasks, "--gen-kwargs", "{beams: 2}"),
            "beams = 2 is not supported",
        ),
    ]
    for words, expected in cases:
        code, _, err = leitai("lm-eval", folder, "--out", tmp_path / "out", *words)
        assert code == 2 and expected in err and err.count("\n") <= 3, (words, err)
    assert not (tmp_path / "out").exists()


def test_tasks_are_looked_for_before_the_model():
    def load():
        raise AssertionError("the model was loaded")

    with pytest.raises(LeitaiError, match="no task is named"):
        run_harness(load, [], HarnessOptions())
