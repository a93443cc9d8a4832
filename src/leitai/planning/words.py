"""Durations and sizes as people say them."""


def duration(seconds: float) -> str:
    """Say how long: "0.41 s", "112 s", "41 minutes", "5.2 hours", "6.0 days"."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 180:
        return f"{seconds:.0f} s"
    if seconds < 3 * 3600:
        return f"{seconds / 60:.0f} minutes"
    if seconds < 3 * 86_400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86_400:.1f} days"


def gigabytes(size: float) -> str:
    """Say how much memory, in GB of 10^9 bytes."""
    return f"{size / 1e9:.{2 if size < 1e9 else 1}f} GB"


def operations(flops: float) -> str:
    """Say how many floating-point operations."""
    for power, name in ((18, "EFLOP"), (15, "PFLOP"), (12, "TFLOP")):
        if flops >= 10**power:
            return f"{flops / 10**power:.1f} {name}"
    return f"{flops / 1e9:.1f} GFLOP"
