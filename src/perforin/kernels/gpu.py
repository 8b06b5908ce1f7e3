"""The same kernel on an NVIDIA GPU, one patient per thread. Nothing depends on it."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from ctypes.util import find_library
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from perforin.errors import ComputeError, UserError
from perforin.kernels.compiled import Call, Machine
from perforin.kernels.source import CUDA_PARTS, generate
from perforin.model.network import Network

__all__ = ["OnGpu", "compile_ptx", "cuda_source", "load_driver", "load_nvrtc"]

OPTIONS = ("--device-as-default-execution-space", "--std=c++17", "--disable-warnings")
THREADS = 32
"""Patients per block: a warp. Threads share nothing, so a block need be no larger."""

_CAPABILITY = (75, 76)


def cuda_source(network: Network, outputs: Sequence[str]) -> str:
    """The CUDA text of a network's kernel, ``perforin_patients``: one patient per thread.

    Args:
        network: what to solve.
        outputs: states, levels and flows to report.

    Raises:
        UserError: an output that the network does not have.
        ModelError: a function that kernels do not know.
    """
    return generate(network, outputs, 1, CUDA_PARTS).text


@lru_cache(maxsize=1)
def load_nvrtc() -> ctypes.CDLL:
    """NVIDIA's run-time compiler, from its wheel or the system.

    Raises:
        UserError: neither has it.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or () if spec else ())]
    wheels = [str(path) for folder in folders for path in sorted(folder.glob("*/lib/libnvrtc.so.*"))]
    for name in filter(None, (*wheels, find_library("nvrtc"))):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise UserError("found no NVRTC, which compiles for GPUs; needed it from: pip install perforin[gpu]")


def compile_ptx(source: str, arch: str = "compute_80") -> bytes:
    """Compile CUDA text for a virtual architecture; its drivers and all later ones can load the result.

    Raises:
        UserError: NVRTC is not installed.
        ComputeError: it fails; the message holds its first lines.
    """
    nvrtc, program = load_nvrtc(), ctypes.c_void_p()
    nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
    if code := nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None):
        raise ComputeError(f"NVRTC could not begin: {nvrtc.nvrtcGetErrorString(code).decode()}")
    try:
        options = [option.encode() for option in (f"--gpu-architecture={arch}", *OPTIONS)]
        if code := nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options)):
            lines = "\n".join(_text(nvrtc, program, "ProgramLog").decode().splitlines()[:8])
            why = nvrtc.nvrtcGetErrorString(code).decode()
            raise ComputeError(f"NVRTC could not compile a kernel for {arch} ({why}):\n{lines}")
        return _text(nvrtc, program, "PTX")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, text)
    return text.value


@lru_cache(maxsize=1)
def load_driver() -> ctypes.CDLL:
    """The CUDA driver.

    Raises:
        UserError: there is none.
    """
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise UserError(
            "found no CUDA driver (libcuda.so.1); needed a machine with an NVIDIA GPU, or a kernel from "
            "perforin.kernels.build, which runs on any processor"
        ) from None


class _Gpu:
    """One GPU through the driver's C interface; what is allocated is freed at the end of ``with``."""

    def __init__(self, device: int) -> None:
        self._driver = load_driver()
        self._held: list[tuple[ctypes.c_void_p, NDArray[Any]]] = []
        self._context, which = ctypes.c_void_p(), ctypes.c_int()
        self("cuInit", 0)
        self("cuDeviceGet", ctypes.byref(which), device)
        self("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), which)
        version = [ctypes.c_int(), ctypes.c_int()]
        for number, attribute in zip(version, _CAPABILITY, strict=True):
            self("cuDeviceGetAttribute", ctypes.byref(number), attribute, which)
        self.arch = f"compute_{version[0].value}{version[1].value}"

    def __call__(self, name: str, *arguments: Any) -> None:
        """Call the driver.

        Raises:
            UserError: it finds no GPU.
            ComputeError: it reports another error.
        """
        if code := getattr(self._driver, name)(*arguments):
            why = ctypes.c_char_p()
            self._driver.cuGetErrorString(code, ctypes.byref(why))
            said = f"{name}: {(why.value or b'').decode() or f'error {code}'}"
            if name in {"cuInit", "cuDeviceGet"}:
                raise UserError(f"found no GPU that can be used ({said}); needed an NVIDIA GPU and its driver")
            raise ComputeError(f"the GPU could not run a kernel ({said})")

    def load(self, ptx: bytes) -> ctypes.c_void_p:
        """The entry of a compiled kernel."""
        module, entry = ctypes.c_void_p(), ctypes.c_void_p()
        self("cuCtxSetCurrent", self._context)
        self("cuModuleLoadData", ctypes.byref(module), ptx)
        self("cuModuleGetFunction", ctypes.byref(entry), module, b"perforin_patients")
        return entry

    def __enter__(self) -> Self:
        self("cuCtxSetCurrent", self._context)
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            self("cuMemFree_v2", self._held.pop()[0])

    def send(self, array: NDArray[Any]) -> ctypes.c_void_p:
        """Address on the GPU of a copy of an array."""
        address = ctypes.c_void_p()
        self("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(max(array.nbytes, 1)))
        self._held.append((address, array))
        self("cuMemcpyHtoD_v2", address, ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes))
        return address

    def fetch(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Copy back what the GPU made of arrays that were sent."""
        wanted = {id(array) for array in arrays}
        for address, array in self._held:
            if id(array) in wanted:
                self("cuMemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), address, ctypes.c_size_t(array.nbytes))


class OnGpu(Machine):
    """Machine code for an NVIDIA GPU; compiled anew by every process.

    Its results agree with those of ``Compiled`` to the accuracy asked for, not to the last bit: the compilers join
    products and sums differently, and numbers below 2.3e-308 do not count as zero.

    Raises:
        UserError: no driver, no GPU, no NVRTC, or an output that the network does not have.
        ComputeError: NVRTC or the driver fails.
    """

    def __init__(self, network: Network, outputs: Sequence[str], device: int = 0) -> None:
        super().__init__(network, outputs, 1)
        self._gpu = _Gpu(device)
        self._entry = self._gpu.load(compile_ptx(cuda_source(network, self.outputs), self._gpu.arch))

    def _solve(self, call: Call, who: NDArray[np.int64]) -> None:
        with self._gpu as gpu:
            task = call.task(who, gpu.send)
            arguments = (ctypes.c_void_p * 1)(ctypes.addressof(task))
            blocks = -(-len(who) // THREADS)
            gpu("cuLaunchKernel", self._entry, blocks, 1, 1, THREADS, 1, 1, 0, None, arguments, None)
            gpu("cuCtxSynchronize")
            gpu.fetch(list(vars(call.results).values()))
