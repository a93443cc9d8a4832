"""From what a model wrote to right or wrong."""

import unicodedata


def normalise(text: str) -> str:
    """Fold what should not decide an exact match: width, case, outer space and end punctuation."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(text.split()).strip(" .。!！?？\"'“”‘’`")


def find_label(written: str, labels: tuple[str, ...]) -> str | None:
    """Find the one label that an answer names.

    The whole answer may be the label; else the first line may contain exactly one label (a label
    inside a longer one that is also there does not count).

    Returns:
        The label, or None when none or several are named.
    """
    folded = {normalise(label): label for label in labels}
    whole = normalise(written)
    if whole in folded:
        return folded[whole]
    first = normalise(written.strip().split("\n", 1)[0])
    named = [label for label in folded if label and label in first]
    longest = [a for a in named if not any(a != b and a in b for b in named)]
    return folded[longest[0]] if len(longest) == 1 else None


def exact_match(written: str, reference: str) -> bool:
    """Tell whether two answers are the same after `normalise`."""
    return normalise(written) == normalise(reference)
