"""Figures as people write them: bytes, durations, counts."""

from leitai.comparison.wording import Bilingual, decimals

DASH = Bilingual.same("–")


def bytes_of(size: float) -> str:
    """Bytes in decimal units: 412 MB, 1.32 GB."""
    if size >= 999.5e6:
        return f"{size / 1e9:.2f} GB"
    if size >= 999.5e3:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e3:.0f} KB"


def duration_of(seconds: float) -> Bilingual:
    """A duration: 0.42 s, 12.3 s, 4 min 05 s, 1 h 02 min."""
    if seconds < 59.95:
        text = f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"
        return Bilingual(f"{text} s", f"{text} 秒")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return Bilingual(f"{minutes} min {rest:02d} s", f"{minutes} 分 {rest:02d} 秒")
    hours, minutes = divmod(minutes, 60)
    return Bilingual(f"{hours:,} h {minutes:02d} min", f"{hours:,} 小时 {minutes:02d} 分")


def count_of(number: float) -> str:
    """A whole number with thousands separators."""
    return decimals(round(number), 0)


def rate_of(number: float) -> str:
    """Things per second, with about three digits."""
    return decimals(number, 0 if number >= 100 else 1 if number >= 10 else 2)


def cut(text: str, most: int) -> str:
    """A text of at most so many characters, with an ellipsis where something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"
