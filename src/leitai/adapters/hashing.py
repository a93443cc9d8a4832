"""A hash of a checkpoint's weights that does not depend on how they are spread over files."""

import hashlib
from pathlib import Path

from leitai.base import LeitaiError
from leitai.base.files import to_json
from leitai.models import read_tensor_list

_CHUNK = 1 << 22


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 over every tensor's name, dtype, shape and bytes, sorted by name.

    Raises:
        LeitaiError: the folder holds no safetensors weights, or a file is damaged.
    """
    digest = hashlib.sha256()
    for name, stored in sorted(read_tensor_list(folder).items()):
        digest.update(to_json([name, stored.dtype, stored.shape]).encode())
        try:
            with stored.file.open("rb") as file:
                file.seek(stored.start)
                left = stored.size
                while left:
                    chunk = file.read(min(left, _CHUNK))
                    digest.update(chunk)
                    left -= len(chunk)
        except OSError as error:
            raise LeitaiError(f"cannot read ({error.strerror})", where=stored.file) from error
    return digest.hexdigest()
