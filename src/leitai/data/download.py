"""Public sets onto this machine: pinned addresses, limited size, checked content."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from leitai.base.errors import LeitaiError
from leitai.base.files import atomic_file, hash_file, write_json
from leitai.base.progress import progress
from leitai.data.catalogue import public_set
from leitai.data.public import PublicFile, PublicSet, resolve_data_root

MIRROR_VARIABLE = "LEITAI_DATA_MIRROR"
"""Names a server to ask in place of https://raw.githubusercontent.com; the content is checked."""

GITHUB_PAGE = "https://github.com"
_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def get(name: str, data_root: Path | None = None, *, mirror: str | None = None) -> Path:
    """Download the files of a public set that are not there yet; return the set's folder.

    Args:
        name: a set of the catalogue.
        data_root: where sets lie; None: see `resolve_data_root`.
        mirror: a server to ask instead of GitHub's; None: ``$LEITAI_DATA_MIRROR``, else GitHub.

    Raises:
        LeitaiError: the set is unknown, the server cannot be reached, what it sends is not the
            published file, or another file stands in its place.
    """
    entry = public_set(name)
    if not entry.files:
        raise LeitaiError(
            f"a part or a converted form of {entry.repository} is read here",
            where=f"set {name}",
            remedy=f"take it from {GITHUB_PAGE}/{entry.repository}/tree/{entry.commit}",
        )
    folder = resolve_data_root(data_root) / entry.name
    mirror = mirror or os.environ.get(MIRROR_VARIABLE)
    for file in entry.files:
        path = folder / file.name
        if path.exists():
            if hash_file(path) != file.sha256:
                raise LeitaiError(
                    "a file that is not the published one stands here",
                    where=path,
                    remedy="move it away and run the same command again",
                )
            continue
        _fetch(entry.url(file, mirror), path, file)
    write_json(folder / "SOURCE.json", _source(entry))
    return folder


def _source(entry: PublicSet) -> dict[str, object]:
    return {
        "title": entry.title,
        "licence": entry.licence,
        "repository": f"https://github.com/{entry.repository}",
        "commit": entry.commit,
        "files": {file.name: file.sha256 for file in entry.files},
    }


def _fetch(url: str, path: Path, file: PublicFile) -> None:
    """Stream one file to `path`; nothing is left behind when it is not the published one."""
    _check_url(url)
    digest = hashlib.sha256()
    done = 0
    with (
        atomic_file(path) as target,
        progress(f"{path.parent.name}/{file.name}", file.size) as tick,
    ):
        for chunk in _chunks(url, path):
            done += len(chunk)
            if done > file.size:
                raise _wrong(url, f"more than the {file.size:,} bytes of the published file")
            digest.update(chunk)
            target.write(chunk)
            tick(done)
        if done < file.size:
            raise _wrong(url, f"{done:,} of {file.size:,} bytes")
        if digest.hexdigest() != file.sha256:
            raise _wrong(url, "another content than the published file (SHA-256 differs)")


def _wrong(url: str, what: str) -> LeitaiError:
    return LeitaiError(f"the server sent {what}", where=url, remedy="try again, or another mirror")


def _check_url(url: str) -> None:
    """Let only https pass, and plain http to this machine (a mirror behind a tunnel)."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise LeitaiError("not an https address", where=url, remedy="use an https mirror")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only to an address that could have been asked for."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _chunks(url: str, path: Path) -> Iterator[bytes]:
    request = urllib.request.Request(url, headers={"User-Agent": "leitai"})
    opener = urllib.request.build_opener(_SafeRedirects)
    by_hand = f"check the network, set {MIRROR_VARIABLE}, or put the file at {path} yourself"
    try:
        with opener.open(request, timeout=_TIMEOUT) as answer:
            while chunk := answer.read(_CHUNK):
                yield chunk
    except urllib.error.HTTPError as error:
        raise LeitaiError(f"the server answered {error.code}", where=url, remedy=by_hand) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise LeitaiError(f"no connection ({reason})", where=url, remedy=by_hand) from error
