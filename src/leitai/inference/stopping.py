"""Token ids to text as they arrive: whole characters only, and an end at the stop strings."""

import codecs
from collections.abc import Callable, Sequence


class TextStream:
    """Turns one row's tokens into text piece by piece.

    A piece never ends inside a UTF-8 character, nor inside what may yet become a stop string. All
    pieces joined are the row's text, which ends before the first stop string.

    Attributes:
        text: the text so far, what is still held back excluded.
        stopped: a stop string or the character limit has ended the text.
        full: it was the character limit.
    """

    def __init__(
        self,
        token_bytes: Callable[[int], bytes],
        stop: Sequence[str] = (),
        max_characters: int | None = None,
    ) -> None:
        """Begin a row.

        Args:
            token_bytes: what a token stands for; nothing for special tokens.
            stop: strings that end the text; none is empty.
            max_characters: where to end the text at the latest.
        """
        self._token_bytes = token_bytes
        self._stop = [text.encode("utf-8") for text in stop]
        self._limit = max_characters
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = b""
        self.text = ""
        self.stopped = False
        self.full = False

    def push(self, token: int) -> str:
        """Take a token and return the text that is now certain, perhaps none."""
        self._held += self._token_bytes(token)
        ends = [at for text in self._stop if (at := self._held.find(text)) >= 0]
        if ends:
            self._held = self._held[: min(ends)]
            self.stopped = True
            return self.finish()
        certain = len(self._held) - self._possible_stop()
        piece, self._held = self._held[:certain], self._held[certain:]
        return self._emit(self._decoder.decode(piece))

    def finish(self) -> str:
        """Return what was held back; an unfinished character becomes U+FFFD."""
        piece, self._held = self._held, b""
        return self._emit(self._decoder.decode(piece, final=True))

    def _possible_stop(self) -> int:
        """Return the length of the longest end of the held bytes that begins a stop string."""
        longest = 0
        for text in self._stop:
            for size in range(min(len(text) - 1, len(self._held)), longest, -1):
                if self._held.endswith(text[:size]):
                    longest = size
                    break
        return longest

    def _emit(self, piece: str) -> str:
        if self._limit is not None and len(self.text) + len(piece) >= self._limit:
            piece = piece[: self._limit - len(self.text)]
            self.stopped = self.full = True
        self.text += piece
        return piece
