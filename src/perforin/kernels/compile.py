"""Find a compiler, build a kernel once and keep it; with a copy in the cache nothing is generated or compiled."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from perforin.errors import ComputeError, UserError
from perforin.kernels.source import VERSION, generate
from perforin.model.network import Network

__all__ = ["FLAGS", "Built", "Compiler", "built", "cache_folder", "find_compiler", "kept", "native_lanes", "processor"]

NATIVE = "-mcpu=native" if platform.machine().lower() in ("arm64", "aarch64") else "-march=native"
FLAGS = (
    "-O3",
    NATIVE,
    *"-fno-math-errno -fno-trapping-math -ffp-contract=fast -shared -fPIC -w -Wno-psabi".split(),
)
"""Never -ffast-math: reassociation destroys the two-part logarithm and the time step control."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler: how to call it and what tells its versions apart."""

    command: tuple[str, ...]
    identity: str


@dataclass(frozen=True)
class Built:
    """A compiled kernel on disk, with what was noted when it was built."""

    library: Path
    notes: dict[str, Any]
    from_cache: bool


def find_compiler() -> Compiler | None:
    """The system's clang, gcc or cc, else the ziglang wheel, else None.

    clang comes before gcc because it builds two to three times faster at equal speed of the kernel.
    """
    for name in ("clang", "gcc", "cc"):
        path = shutil.which(name)
        if path is not None:
            stat = Path(path).resolve().stat()
            return Compiler((path,), f"{Path(path).resolve()} {stat.st_size} {stat.st_mtime_ns}")
    if importlib.util.find_spec("ziglang") is not None:
        from importlib.metadata import version

        command = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
        return Compiler(command, f"ziglang {version('ziglang')}")
    return None


@lru_cache(maxsize=1)
def processor() -> str:
    """What -march=native depends on."""
    try:
        rows = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        kept = [row for row in rows if row.split("\t")[0].strip() in ("model name", "flags", "Features", "CPU part")]
    except OSError:
        kept = [platform.processor()]
    return " ".join([platform.system(), platform.machine(), *kept])


def native_lanes() -> int:
    """Patients per vector: as many doubles as one register holds (wider vectors compile slower and run no faster)."""
    return 8 if "avx512f" in processor() else 4


def cache_folder(given: str | Path | None = None) -> Path:
    """Where kernels are kept: ``given``, else PERFORIN_CACHE, else XDG_CACHE_HOME/perforin, else ~/.cache/perforin.

    When the default place cannot be written, warns and returns a temporary folder.

    Raises:
        UserError: a folder that was named (by argument or PERFORIN_CACHE) cannot be written.
    """
    named = given if given is not None else os.environ.get("PERFORIN_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~", ".cache").expanduser())
    folder = Path(named) if named else home / "perforin"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        found = f"found the cache folder {folder}, which cannot be written ({problem.strerror})"
        if named:
            source = "the cache argument" if given is not None else "PERFORIN_CACHE"
            raise UserError(f"{found}; needed a folder that can be written in {source}") from None
        folder = _temporary_folder()
        warnings.warn(
            f"{found}; kernels are kept in {folder} for this process only: "
            "set PERFORIN_CACHE to a folder that can be written",
            stacklevel=2,
        )
    return folder


@lru_cache(maxsize=1)
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="perforin-"))


def built(network: Network, outputs: Sequence[str], compiler: Compiler, *, lanes: int | None = None,
          cache: str | Path | None = None) -> Built:  # fmt: skip
    """The shared library of a network's kernel, from the cache or newly made; ``lanes`` None fits the processor.

    Raises:
        UserError: an output that the network does not have, or a named cache folder that cannot be written.
        ComputeError: the compiler fails; the message holds its first lines.
    """
    width = native_lanes() if lanes is None else lanes

    def write() -> tuple[str, dict[str, Any]]:
        source = generate(network, outputs, width)
        return source.text, {**source.facts, "entries": source.entries, "lanes": width}

    return kept([network.hash, list(outputs), VERSION, width], write, compiler, cache)


def kept(key: Sequence[object], write: Callable[[], tuple[str, dict[str, Any]]], compiler: Compiler,
         cache: str | Path | None = None, *, extra: Sequence[str] = ()) -> Built:  # fmt: skip
    """The shared library known by ``key`` in the cache, or the C text that ``write`` gives, compiled and kept."""
    flags = (*FLAGS, *extra)
    whole = json.dumps([*key, compiler.identity, flags, processor()])
    folder = cache_folder(cache)
    library = folder / f"{hashlib.sha256(whole.encode()).hexdigest()[:24]}{'.dll' if os.name == 'nt' else '.so'}"
    notes = library.with_suffix(".json")
    if library.exists() and notes.exists():
        return Built(library, json.loads(notes.read_text()), True)
    source, facts = write()
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        text, made = Path(scratch) / "kernel.c", Path(scratch) / library.name
        text.write_text(source)
        _compile(compiler, flags, text, made)
        facts |= {"compile_seconds": round(time.perf_counter() - clock, 3), "compiler": compiler.identity}
        (Path(scratch) / notes.name).write_text(json.dumps(facts))
        # Written aside and renamed, notes last: another process sees a whole kernel or none.
        made.replace(library)
        (Path(scratch) / notes.name).replace(notes)
    return Built(library, facts, False)


def _compile(compiler: Compiler, flags: Sequence[str], text: Path, made: Path) -> None:
    # A compiler that does not know this processor builds for every processor of its kind.
    for chosen in (flags, [flag for flag in flags if flag != NATIVE]):
        command = [*compiler.command, *chosen, str(text), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    lines = "\n".join((done.stderr or done.stdout).splitlines()[:8])
    raise ComputeError(f"{' '.join(compiler.command)} could not compile a kernel:\n{lines}")
