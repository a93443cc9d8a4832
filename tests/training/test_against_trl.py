"""Whole runs of preference objectives against trl's own trainers, step by step."""

import shutil

import pytest
from objective_cases import lines, make, pairs

from leitai.training import AdaptSpec, train
from leitai.training.batches import epoch_windows

pytestmark = pytest.mark.evidence
pytest.importorskip("trl")

ROWS, BATCH, EPOCHS, SEED = 8, 4, 3, 5
TOLERANCE = 2e-5
BASE = {
    "method": {"name": "full"},
    "epochs": EPOCHS,
    "batch_rows": BATCH,
    "learning_rate": 0.003,
    "schedule": "constant",
    "warmup": 0.0,
    "weight_decay": 0.0,
    "patience": None,
}


def our_losses(checkpoint, rows, folder, **settings):
    train(checkpoint, rows, [], AdaptSpec(**BASE | settings), folder, seed=SEED, track=())
    return [line["loss"] for line in lines(folder)]


def in_order(examples, records, batch=BATCH):
    """Return the records as our run goes through them, an epoch after the other."""
    lengths = [example.length for example in examples]
    return [
        records[i]
        for epoch in range(EPOCHS)
        for window in epoch_windows(lengths, batch, SEED, epoch)
        for i in window
    ]


def parted(row):
    """A row's prompt and answer; what follows the answer is not learnt."""
    first, last = int(row.targets[0]), int(row.targets[-1]) + 1
    assert list(row.targets) == list(range(first, last))
    return row.ids[:first].tolist(), row.ids[first:last].tolist()


def their_losses(trainer_class, config_class, checkpoint, records, folder, batch=BATCH, **more):
    from datasets import Dataset
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer

    losses = []

    class Told(trainer_class):
        """Takes token ids in the order in which they come, and tells each batch's loss."""

        def _prepare_dataset(self, dataset, *_):
            return dataset

        def tokenize_row(self, feature, model=None):
            return feature

        def _get_train_sampler(self, *_):
            return SequentialSampler(self.train_dataset)

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            found = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            losses.append((found[0] if return_outputs else found).item())
            return found

    args = config_class(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=batch,
        learning_rate=BASE["learning_rate"],
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        **{"max_length": None} | more,
    )
    trainer = Told(
        model=AutoModelForCausalLM.from_pretrained(checkpoint),
        args=args,
        train_dataset=Dataset.from_list(records),
        processing_class=AutoTokenizer.from_pretrained(checkpoint),
    )
    trainer.train()
    return losses


def check(ours, theirs):
    assert len(ours) == ROWS // BATCH * EPOCHS
    assert max(ours) - min(ours) > 0.05  # something is learnt, so later steps mean something
    assert theirs == pytest.approx(ours, abs=TOLERANCE)


def test_dpo_is_that_of_dpo_trainer(checkpoint, tmp_path):
    from trl import DPOConfig, DPOTrainer

    rows, objective = pairs(ROWS), {"name": "dpo", "beta": 0.3}
    _, _, ready = make(checkpoint, tmp_path, objective=objective)
    examples = ready(rows)
    records = []
    for pair in examples:
        (prompt, chosen), (_, rejected) = parted(pair.chosen), parted(pair.rejected)
        records.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
    theirs = their_losses(
        *(DPOTrainer, DPOConfig, checkpoint, in_order(examples, records), tmp_path / "theirs"),
        beta=0.3,
    )
    check(our_losses(checkpoint, rows, tmp_path / "ours", objective=objective), theirs)


def test_kto_is_that_of_kto_trainer(checkpoint, tmp_path):
    """With our choice of the other rows' answers, which trl takes from the same batch."""
    from trl import KTOConfig, KTOTrainer

    rows = pairs(ROWS // 2)  # two votes each
    weights = {"desirable_weight": 1.3, "undesirable_weight": 0.7}
    objective = {"name": "kto", "beta": 0.2, **weights}
    _, _, ready = make(checkpoint, tmp_path, objective=objective)
    examples = ready(rows)
    records = []
    for vote in examples:
        (prompt, answer), (_, other) = parted(vote.row), parted(vote.other)
        records.append(
            {
                "prompt_ids": prompt,
                "completion_ids": answer,
                "KL_completion_ids": other,
                "label": vote.desirable,
            }
        )
    theirs = their_losses(
        *(KTOTrainer, KTOConfig, checkpoint, in_order(examples, records), tmp_path / "theirs"),
        beta=0.2,
        **weights,
    )
    check(our_losses(checkpoint, rows, tmp_path / "ours", objective=objective), theirs)


def test_orpo_is_that_of_orpo_trainer(checkpoint, tmp_path):
    """Over prompts of one token and one row at a time.

    trl lets the prompt's tokens count in the likelihood of the preferred answer, and there a
    batch's tokens alike; the paper (arXiv 2403.07691, eq. 6) knows the answer alone, row by row.
    """
    orpo = pytest.importorskip("trl.experimental.orpo")
    folder = tmp_path / "model"
    shutil.copytree(checkpoint, folder)
    first, last = ("<|im_start|>", "<|im_end|>")
    if "llama" in str(checkpoint):
        first, last = ("<|start_header_id|>", "<|eot_id|>")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages if m.role == 'assistant' %}"
        f"{first}{{{{ m.content }}}}{last}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{first}{{% endif %}}"
    )
    rows, objective = pairs(ROWS // BATCH), {"name": "orpo", "weight": 0.4}
    _, _, ready = make(folder, tmp_path, objective=objective)
    examples = ready(rows)
    records = []
    for pair in examples:
        record = {"prompt": ""}
        for name, row in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            prompt, answer = parted(row)
            assert len(prompt) == 1
            record[f"{name}_input_ids"] = prompt + answer
            record[f"{name}_attention_mask"] = [1] * len(prompt + answer)
            record[f"{name}_labels"] = [-100, *answer]
        records.append(record)
    theirs = their_losses(
        *(orpo.ORPOTrainer, orpo.ORPOConfig, folder, in_order(examples, records, 1)),
        tmp_path / "theirs",
        batch=1,
        max_length=512,
        beta=0.4,
        remove_unused_columns=False,
    )
    ours = our_losses(folder, rows, tmp_path / "ours", objective=objective, batch_rows=1)
    check(ours, theirs)
