"""The byte alphabet of byte-level BPE: every byte has a printable stand-in character.

The alphabet is GPT-2's (Radford et al. 2019): printable Latin-1 bytes stand for themselves, the
others are moved to U+0100 and on, in byte order.
"""

from functools import cache


@cache
def byte_to_char() -> tuple[str, ...]:
    """Return the stand-in character of each of the 256 bytes."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(0x100, 0x200))
    return tuple(chr(byte) if byte in printable else chr(next(moved)) for byte in range(256))


@cache
def _latin_to_char() -> dict[int, str]:
    return dict(enumerate(byte_to_char()))


@cache
def char_to_byte() -> dict[str, int]:
    """Return the byte of each stand-in character."""
    return {char: byte for byte, char in enumerate(byte_to_char())}


def to_piece(token: bytes) -> str:
    """Write a token's bytes in the alphabet."""
    return token.decode("latin-1").translate(_latin_to_char())


def to_bytes(piece: str) -> bytes:
    """Read a token's bytes back from the alphabet.

    Raises:
        KeyError: the piece holds a character outside the alphabet.
    """
    alphabet = char_to_byte()
    return bytes(alphabet[char] for char in piece)
