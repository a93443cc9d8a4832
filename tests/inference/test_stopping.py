"""Tokens to text: whole characters, stop strings, limits; against cutting the finished text."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.inference.stopping import TextStream

texts = st.text(alphabet="ab停止🙂\n\u0301", max_size=24)


@st.composite
def token_lists(draw):
    """A text's bytes cut anywhere, also inside characters; now and then a byte of no character."""
    data = draw(texts).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from([b"\xff", b"\xe5", b"\xf0\x9f"])) + data[at:]
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=10)) | {0, len(data)})
    return [data[a:b] for a, b in pairwise(cuts)]


def run(tokens, **options):
    stream = TextStream(lambda i: tokens[i], **options)
    pieces = []
    for index in range(len(tokens)):
        pieces.append(stream.push(index))
        if stream.stopped:
            return stream, pieces, index
    return stream, [*pieces, stream.finish()], None


@settings(max_examples=400)
@given(
    tokens=token_lists(),
    stop=st.lists(st.text(alphabet="ab停止🙂\n", min_size=1, max_size=4), max_size=3),
)
def test_pieces_join_to_the_text_before_the_first_stop(tokens, stop):
    stream, pieces, _ = run(tokens, stop=stop)
    data = b"".join(tokens)
    ends = [at for one in stop if (at := data.find(one.encode())) >= 0]
    assert "".join(pieces) == stream.text
    # The text may end earlier in its bytes only at a stop string that was complete first.
    if not ends:
        assert stream.text == data.decode("utf-8", "replace")
        assert not stream.stopped
    else:
        assert stream.stopped
        assert not any(one in stream.text for one in stop)
        assert data.startswith(stream.text.encode()) or "\ufffd" in stream.text


@settings(max_examples=200)
@given(tokens=token_lists())
def test_no_piece_breaks_a_character(tokens):
    stream, pieces, _ = run(tokens)
    if "\ufffd" not in stream.text:
        assert all("\ufffd" not in piece for piece in pieces)
    assert stream.text == b"".join(tokens).decode("utf-8", "replace")


def test_a_stop_string_across_three_tokens_is_never_shown():
    tokens = [b"The answer", b". En", b"d of", b" text", b" more"]
    stream, pieces, last = run(tokens, stop=["End of text"])
    assert pieces == ["The answer", ". ", "", ""]
    assert (stream.text, last) == ("The answer. ", 3)


def test_what_only_began_like_a_stop_string_is_shown():
    stream, pieces, _ = run([b"a En", b"d", b"less"], stop=["End of"])
    assert "".join(pieces) == "a Endless"
    assert not stream.stopped


def test_the_earliest_of_several_stops_counts():
    stream, _, _ = run([b"one STOP two END"], stop=["END", "STOP"])
    assert stream.text == "one "


@given(tokens=token_lists(), limit=st.integers(1, 8))
def test_the_character_limit_is_exact(tokens, limit):
    stream, pieces, _ = run(tokens, max_characters=limit)
    whole = b"".join(tokens).decode("utf-8", "replace")
    assert stream.text == whole[:limit] == "".join(pieces)
    assert stream.full == (len(whole) >= limit)
