"""From a path or a hub id to a local checkpoint folder."""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from leitai.base import LeitaiError

_HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?")
# Weights in pickle formats and a repository's own code are never fetched.
_WANTED = ["*.safetensors", "*.json", "*.jinja", "*.tiktoken", "tokenizer.model", "merges.txt"]
_UNWANTED = ["*/*"]
_CONNECT_SECONDS = 5.0
_OFFLINE_REMEDY = (
    "download it where there is a network and give the folder, set HF_HOME to a cache that "
    "holds it, or set HF_ENDPOINT to a mirror that can be reached"
)


def resolve_model(path_or_id: str | Path) -> Path:
    """Return the folder of a checkpoint, fetching it from the Hugging Face hub when it is an id.

    Args:
        path_or_id: a folder that exists, or `owner/name`, or `owner/name@revision`. Without a
            network, what the local hub cache holds is used.

    Raises:
        LeitaiError: there is no such folder and it is no hub id, or the hub does not give it.
    """
    text = str(path_or_id)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise LeitaiError("this is a file", where=text, remedy="give the checkpoint's folder")
    match = _HUB_ID.fullmatch(text)
    if match is None:
        raise LeitaiError(
            "no such folder, and not a hub id of the form owner/name",
            where=text,
            remedy="check the path",
        )
    return _snapshot(match[1], match[2])


def _snapshot(name: str, revision: str | None) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = bool(constants.HF_HUB_OFFLINE) or not _reachable(constants.ENDPOINT)
    try:
        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
            local_files_only=offline,
        )
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        raise LeitaiError(
            f"{constants.ENDPOINT} refuses this model or revision (HTTP {status})",
            where=name,
            remedy="check the name; for a gated model accept its licence there and set HF_TOKEN",
        ) from error
    except LocalEntryNotFoundError as error:
        raise LeitaiError(
            f"no such folder here, and {constants.ENDPOINT} cannot be reached",
            where=name,
            remedy=_OFFLINE_REMEDY,
        ) from error
    except Exception as error:  # the hub client's transport and its errors differ by version
        raise LeitaiError(
            f"the download failed ({type(error).__name__}: {error})",
            where=name,
            remedy=f"try again, or {_OFFLINE_REMEDY}",
        ) from error
    return Path(folder)


def _reachable(endpoint: str) -> bool:
    """Whether a connection opens within seconds; the client itself may wait for minutes."""
    address = urlsplit(endpoint)
    proxy = getproxies().get(address.scheme)
    if proxy and address.hostname and not proxy_bypass(address.hostname):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), _CONNECT_SECONDS).close()
    except (OSError, UnicodeError):
        return False
    return True
