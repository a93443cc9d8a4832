"""A machine with round figures."""

from leitai.planning import Machine


def round_machine(**changes):
    figures = {
        "device": "cpu",
        "name": "test",
        "threads": 1,
        "memory_bytes": 24_000_000_000,
        "process_bytes": 300_000_000,
        "trainer_bytes": 400_000_000,
        "native": True,
        "products": {
            dtype: [[m, w, 1e11] for m in (1, 512) for w in (128, 2048)]
            for dtype in ("float32", "bfloat16")
        },
        "attention": {
            "float32": 4e10,
            "bfloat16": 4e10,
            "float32+training": 4e10,
            "bfloat16+training": 4e10,
            "call": 1e-5,
            "call+training": 3e-5,
        },
        "stream": 2e10,
        "training": {
            name: {"call": 1e-4, "byte": 1e-10}
            for name in ("full float32", "lora float32", "lora bfloat16")
        },
        "forward": {name: {"call": 1e-4, "byte": 1e-10} for name in ("float32", "bfloat16")},
        "decode": {
            name: {"call": 1e-4, "byte": 5e-11, "row": 1e-11} for name in ("float32", "bfloat16")
        },
        "optimiser": 1e-9,
        "logit": 1e-9,
    }
    return Machine(**figures | changes)
