"""Compile this folder's C at first use, keep the result in the user's cache, load it.

The sources use a plain C ABI and no header of torch, so a few seconds of `cc` are all it takes. The
library is linked against the OpenMP runtime that torch itself has loaded: with a second runtime
there would be two pools of threads that spin for work on the same cores.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch

from leitai.base import LeitaiError
from leitai.base.files import atomic_file

SWITCH = "LEITAI_NATIVE"
"""Environment variable: 0 keeps to torch's own operations."""

_HERE = Path(__file__).parent
_FLAGS = (
    *("-std=c11", "-O3", "-march=native", "-fopenmp", "-fPIC", "-D_GNU_SOURCE"),
    *("-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra"),
)
_TIMEOUT = 120


class _UnavailableError(Exception):
    """Why there are no native kernels, in a few words."""


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    try:
        path = _built()
        return ctypes.CDLL(str(path)), f"in use ({path.name})"
    except _UnavailableError as error:
        return None, f"not in use: {error}"
    except (OSError, LeitaiError) as error:
        return None, f"not in use: {str(error).splitlines()[0]}"


def library() -> ctypes.CDLL | None:
    """Return the compiled kernels, or None where torch's operations must do.

    The first call of a machine compiles (a few seconds), the first of a process loads.
    """
    return _load()[0]


def entry(symbol: str, arguments: list[Any]) -> Any:
    """Return the native function `leitai_<symbol>`, which takes `arguments` and returns nothing.

    Only where `library()` is not None. Callers keep what they get: looking it up takes as long as a
    small kernel.
    """
    function = getattr(cast(ctypes.CDLL, library()), f"leitai_{symbol}")
    function.argtypes, function.restype = arguments, None
    return function


def status() -> str:
    """Say whether native kernels are in use, and if not, why."""
    return _load()[1]


def _built() -> Path:
    if os.environ.get(SWITCH, "").strip() == "0":
        raise _UnavailableError(f"{SWITCH}=0")
    runtime = _openmp_runtime()
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise _UnavailableError("no C compiler (cc) is installed")
    target = _cache_folder() / f"{_fingerprint(compiler, runtime)}.so"
    if not target.is_file():
        _compile(compiler, runtime, target)
    return target


def _openmp_runtime() -> Path:
    """Find the OpenMP runtime in this process, where torch has loaded it."""
    try:
        mapped = Path("/proc/self/maps").read_text("utf-8")
    except OSError as error:
        raise _UnavailableError(f"not supported on {platform.system()}") from error
    paths = {line.split(maxsplit=5)[-1] for line in mapped.splitlines() if "/lib" in line}
    found = [path for path in map(Path, sorted(paths)) if path.name.startswith("libgomp")]
    # Other packages may bring a runtime of their own; torch's is beside torch.
    package = Path(torch.__file__).resolve().parent
    near = [path for path in found if package in path.parents or "torch.libs" in path.parts]
    if not found:
        raise _UnavailableError("torch does not use GNU OpenMP here")
    return (near or found)[0]


def _fingerprint(compiler: str, runtime: Path) -> str:
    """Hash what the library's bytes depend on."""
    digest = hashlib.sha256(torch.__version__.encode())
    for source in sorted(_HERE.glob("*.[ch]")):
        digest.update(source.read_bytes())
    binary = Path(compiler).resolve()
    for part in (*_FLAGS, str(binary), str(binary.stat().st_size), str(runtime), _processor()):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()[:24]


def _processor() -> str:
    """Describe the instruction set: a home folder may be shared by unlike machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    named = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU"))]
    return "\n".join([platform.machine(), *named])


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "leitai" / "kernels"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # What lies here is run: nobody else may have put it here.
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022:
        raise _UnavailableError(f"others can write to {folder}")
    return folder


def _compile(compiler: str, runtime: Path, target: Path) -> None:
    sources = [str(path) for path in sorted(_HERE.glob("*.c"))]
    with tempfile.TemporaryDirectory(prefix="leitai-") as folder:
        objects = [f"{Path(folder) / Path(source).stem}.o" for source in sources]
        commands = [
            [compiler, *_FLAGS, "-c", source, "-o", out]
            for source, out in zip(sources, objects, strict=True)
        ]
        # Linked without -fopenmp, which would add the system's runtime.
        product = Path(folder) / "kernels.so"
        commands.append([compiler, "-shared", *objects, str(runtime), "-lm", "-o", str(product)])
        for command in commands:
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, check=False, timeout=_TIMEOUT
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise _UnavailableError(f"{compiler} did not finish") from error
            if done.returncode:
                lines = [line for line in done.stderr.splitlines() if "error" in line]
                raise _UnavailableError(
                    f"compiling failed ({(lines or ['no message'])[0].strip()})"
                )
        with atomic_file(target) as file:
            file.write(product.read_bytes())
