"""The language of lines and texts, by their script."""

import pytest

from leitai.text.languages import language_of, split_languages

MIXED = "Hello there.\n\n你好，世界。\n用 iPhone 15 打开。\n12345\nBye!"


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("你好", "zh"),
        ("请问 iPhone 还有货吗", "zh"),
        ("The Chinese word for book is 书", "en"),
        ("naïve café", "en"),
        ("12,345 …", "other"),
        ("  \n", None),
        ("𠮷野家", "zh"),
    ],
)
def test_language_by_script(line, language):
    assert language_of(line) == language


def test_text_is_cut_without_loss():
    runs = list(split_languages(MIXED))
    assert "".join(run for _, run in runs) == MIXED
    assert [language for language, _ in runs] == ["en", "zh", "other", "en"]
    assert runs[0][1] == "Hello there.\n\n"
