"""Python texts may hold half a character; UTF-8 cannot."""


def repair(text: str) -> str:
    """Join surrogate pairs and turn lone surrogates into U+FFFD, as tiktoken does."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
