#!/bin/sh
# Everything that docs/performance.md shows, and the simulation of docs/evaluation.md, filled in; `make bench` calls it.
#
#     sh benchmarks/all.sh                          all of it
#     sh benchmarks/all.sh lora-llama writing       these parts, by the names below
#
# Each part is kept as soon as it is done, so a run that was stopped goes on with the rest. Keep the
# machine idle. Minutes are rough, for two Zen 4 cores.
#
#     part                  minutes   what
#     full-nano                 1     small models from random weights, against transformers
#     full-micro                2
#     lora-micro                1
#     lora-chat                 4     LoRA, Qwen2.5-0.5B
#     lora-shared               6     the same behind a shared instruction
#     lora-llama                6     LoRA, Llama-3.2-1B
#     pairs                     6     preference pairs, against Leitai without sharing
#     adalora prefix            1     small model, against peft
#     dpo                       2     against trl
#     pretrain-100m             6     against Trainer and litgpt
#     pretrain-100m-bf16        4
#     finetune-100m-bf16        5
#     score-77                  1     against transformers
#     score-77-large            7     against lm-eval
#     score-banking77           6     the same on real ones; wants `leitai data get banking77`
#     score-5shot               8     against lm-eval and transformers
#     score-5shot-500           4     Leitai alone
#     generate                  3     small batches, against transformers
#     load load-wide            1
#     writing                  10     one and eight streams, shared prompts, transformers, llama.cpp
#     decoder                   3     one stream by format of the weights, llama.cpp
#     quantization              4     what 8 and 4 bits cost in quality (makes runs/demo first)
#     plan                     10     what `leitai plan` says against what came of it
#     growth                    4     a training step by length, branches, batch, vocabulary
#     duels                     3     simulated verdicts: how often wrong, after how many items
set -u
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-.venv/bin/python}
PEERS_PYTHON=${PEERS_PYTHON:-.venv-peers/bin/python}
LLAMA_BIN=${LLAMA_BIN:-.llama.cpp/build/bin} # llama-bench and llama-batched-bench, if they are there
GGUF=${GGUF:-.llama.cpp/gguf}
RUNS=${RUNS:-runs}
ROUNDS=${ROUNDS:-2}

cases="full-nano full-micro lora-micro lora-chat lora-shared lora-llama pairs adalora prefix dpo \
pretrain-100m pretrain-100m-bf16 finetune-100m-bf16 score-77 score-77-large score-banking77 score-5shot generate \
load load-wide"
failed=

measure() {
    case $1 in
    writing)
        set --
        [ -x "$LLAMA_BIN/llama-batched-bench" ] &&
            set -- --llama-batched-bench "$LLAMA_BIN/llama-batched-bench" --gguf "$GGUF"
        "$PYTHON" benchmarks/generation.py --rounds "$ROUNDS" --save "$@"
        ;;
    decoder)
        set --
        [ -x "$LLAMA_BIN/llama-bench" ] &&
            set -- --llama-bench "$LLAMA_BIN/llama-bench" --gguf "$GGUF"
        "$PYTHON" benchmarks/decoder.py --save "$@"
        ;;
    quantization)
        model=$RUNS/demo/contenders/A/run/model
        [ -d "$model" ] ||
            "$PYTHON" -m leitai compare examples/demo.yaml --out "$RUNS/demo" || return
        "$PYTHON" benchmarks/quantization.py --model "$model" --data bookshop --rows 300 --save
        ;;
    plan) "$PYTHON" benchmarks/plan_error.py --save ;;
    growth) "$PYTHON" benchmarks/growth.py --save ;;
    duels) "$PYTHON" benchmarks/duels.py --save ;;
    score-5shot-500) "$PYTHON" benchmarks/peers.py --save --rounds 1 --only score-5shot-500 ;;
    *)
        "$PYTHON" benchmarks/peers.py --save --rounds "$ROUNDS" --only "$1" \
            --peers-python "$PEERS_PYTHON"
        ;;
    esac
}

[ $# -gt 0 ] || set -- $cases score-5shot-500 writing decoder quantization plan \
    growth duels
for part in "$@"; do
    echo "== $part, $(date +%H:%M)" >&2
    measure "$part" || failed="$failed $part"
done
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
