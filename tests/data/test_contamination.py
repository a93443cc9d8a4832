"""Long runs of words shared with the training data."""

from leitai.data import Row
from leitai.data.contamination import LENGTH, runs, shared_runs, words


def row(number, text, answer="yes"):
    messages = ({"role": "user", "content": text}, {"role": "assistant", "content": answer})
    return Row(id=str(number), messages=messages, source=f"line {number}")


SENTENCE = "the quick brown fox jumps over the lazy dog while seven cats watch from afar"


def test_words_are_folded_and_chinese_is_counted_by_character():
    assert words("The ＱＵＩＣＫ fox, 很快!") == ["the", "quick", "fox", "很", "快"]
    assert len(runs(SENTENCE)) == len(SENTENCE.split()) - LENGTH + 1


def test_a_shared_run_is_found_whatever_stands_around_it():
    train = [row(0, f"Once upon a time {SENTENCE.upper()}!"), row(1, "something else entirely")]
    test = [row(2, f"Is it true that {SENTENCE}?"), row(3, " ".join(SENTENCE.split()[:12]))]
    assert shared_runs(train, test) == ["2"]


def test_a_run_in_the_answer_counts():
    assert shared_runs([row(0, "what?", SENTENCE)], [row(1, SENTENCE)]) == ["1"]


def test_thirteen_chinese_characters_in_a_row_are_found():
    text = "书店里的猫每天都在窗台上晒太阳"
    assert shared_runs([row(0, f"听说{text}。")], [row(1, f"为什么{text}呢？")]) == ["1"]


def test_what_every_training_row_says_is_an_instruction():
    train = [row(i, f"{SENTENCE}: {i}") for i in range(50)]
    assert shared_runs(train, [row(99, f"{SENTENCE}: x")]) == []
