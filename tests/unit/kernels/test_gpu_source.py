"""The kernel as CUDA: what is written, what NVRTC makes of it, and what it computes when a processor reads it.

No GPU is needed: a C++ compiler builds the CUDA text together with a driver of a dozen functions that allocates with
malloc and runs the threads one after another.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
import sympy

from kernel_networks import dose_table, immune, immune_population, network
from perforin.errors import ComputeError, UserError
from perforin.kernels import gpu
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import Compiled
from perforin.kernels.reductions import Reduction
from perforin.model.mechanism import symbol
from perforin.model.network import EventRow, RunningRow

BEFORE = """
#define __CUDACC__
#define __global__
#define isfinite __builtin_isfinite
typedef unsigned long size;
extern "C" {
double sqrt(double); double fabs(double); double fmax(double, double);
void *memset(void *, int, size); void *memcpy(void *, const void *, size); void *malloc(size); void free(void *); }
static inline long long __double_as_longlong(double x) { long long bits; memcpy(&bits, &x, 8); return bits; }
static inline double __longlong_as_double(long long bits) { double x; memcpy(&x, &bits, 8); return x; }
static struct { unsigned x; } blockIdx, blockDim, threadIdx;
"""
AFTER = """
extern "C" {
int held = 0;
int cuInit(unsigned) { return 0; }
int cuDeviceGet(int *device, int which) { *device = which; return which ? 101 : 0; }
int cuDevicePrimaryCtxRetain(void **, int) { return 0; }
int cuDeviceGetAttribute(int *value, int which, int) { *value = which == 75 ? 9 : 0; return 0; }
int cuGetErrorString(int, const char **text) { *text = "invalid device ordinal"; return 0; }
int cuCtxSetCurrent(void *) { return 0; }
int cuCtxSynchronize() { return 0; }
int cuModuleLoadData(void **, const char *) { return 0; }
int cuModuleGetFunction(void **, void *, const char *) { return 0; }
int cuMemAlloc_v2(void **to, size bytes) { held++; *to = malloc(bytes); return 0; }
int cuMemFree_v2(void *block) { held--; free(block); return 0; }
int cuMemcpyHtoD_v2(void *to, const void *from, size bytes) { memcpy(to, from, bytes); return 0; }
int cuMemcpyDtoH_v2(void *to, const void *from, size bytes) { memcpy(to, from, bytes); return 0; }
int cuLaunchKernel(void *, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned, unsigned, void *,
                   void **arguments, void **) {
  blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
    for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) perforin_patients(*(const Task *)arguments[0]);
  return 0; } }
"""


@pytest.fixture
def on_gpu(monkeypatch, tmp_path):
    """Build ``OnGpu`` with a processor in the GPU's place; gives the kernel and its driver."""
    compiler = shutil.which("clang++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("needs clang++ or g++ to read CUDA text as C++")

    def make(net, outputs):
        text, library = tmp_path / "kernel.cc", tmp_path / "kernel.so"
        text.write_text(BEFORE + gpu.cuda_source(net, outputs) + AFTER)
        subprocess.run([compiler, "-std=c++17", "-O1", "-w", "-fPIC", "-shared", text, "-o", library], check=True)
        driver = ctypes.CDLL(str(library))
        monkeypatch.setattr(gpu, "load_driver", lambda: driver)
        monkeypatch.setattr(gpu, "compile_ptx", lambda source, arch: f"{arch}".encode())
        return gpu.OnGpu(net, outputs), driver

    return make


def _small():
    x = symbol("x")
    net = network({"x": "cell", "y": ""}, [("loss", symbol("rate") * x, "x", None), ("gain", sympy.log(x), None, "y")])
    low = EventRow("redose", sympy.Lt(x, 10), (("x", x + 90),), most=3)
    many = EventRow("enough", symbol("peak of x") > 150, (("y", sympy.Float(0)),))
    return type(net)(**{**vars(net), "events": (low, many), "running": (RunningRow("peak of x", "peak", x),)})


def test_the_text_is_whole_and_knows_no_processor():
    text = gpu.cuda_source(_small(), ["x"])
    assert "__global__ void perforin_patients" in text and "#define LANES 1\n" in text
    assert not re.search(r"@\w+@|malloc|mintrin", text)
    assert text == gpu.cuda_source(_small(), ["x"])


def test_statuses_events_and_reductions_are_those_of_the_processor(on_gpu, cache):
    net, patients = _small(), 70
    kernel, driver = on_gpu(net, ["x", "y"])
    rates = np.linspace(0.2, 2.0, patients)[:, None]
    start = np.tile([100.0, 0.0], (patients, 1))
    rates[5], rates[33] = -1e14, np.nan
    doses = dose_table(net, [(1.0, "x", 1, 60.0), (2.5, "x", 0.5, 0.0)], patients)
    wanted = [Reduction("peak", "x"), Reduction("area", "x", 0.0, 0.0, 3.0), Reduction("days_above", "x", 50.0)]
    days = np.linspace(0, 6, 13)
    found = kernel.run(rates, start, doses, days, reductions=wanted)
    expected = Compiled(net, ["x", "y"], find_compiler(), lanes=1, cache=cache).run(
        rates, start, doses, days, reductions=wanted
    )
    assert list(np.flatnonzero(expected.status == 2)) == [5, 33]
    assert found.reasons == expected.reasons and found.status.tolist() == expected.status.tolist()
    assert found.event_count.tolist() == expected.event_count.tolist()
    np.testing.assert_allclose(found.event_day, expected.event_day, rtol=1e-9)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.reduced, expected.reduced, rtol=1e-9)
    assert ctypes.c_int.in_dll(driver, "held").value == 0, "what is sent to the GPU is freed"


@pytest.mark.slow
def test_the_reference_network_gives_the_numbers_of_the_processor(on_gpu, cache):
    net, parameters, start, doses = immune_population(5)
    days = np.array([-6.0, 0.0, 7.0, 90.5])
    kernel, _ = on_gpu(net, net.state_names)
    found = kernel.run(parameters, start, doses, days, begin=-6.0)
    expected = Compiled(net, net.state_names, find_compiler(), lanes=1, cache=cache).run(
        parameters, start, doses, days, begin=-6.0
    )
    assert found.status.tolist() == expected.status.tolist()
    scale = np.abs(expected.values).max(axis=1, keepdims=True) + net.absolute_tolerances
    np.testing.assert_allclose(found.values / scale, expected.values / scale, rtol=0, atol=1e-6)


def test_a_gpu_that_is_not_there_is_named(on_gpu):
    on_gpu(_small(), ["x"])
    with pytest.raises(UserError, match=r"found no GPU that can be used \(cuDeviceGet: invalid device ordinal\)"):
        gpu.OnGpu(_small(), ["x"], device=7)


def test_without_a_driver_the_way_to_a_processor_is_shown(monkeypatch):
    def nothing(name):
        raise OSError(name)

    gpu.load_driver.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", nothing)
    with pytest.raises(UserError, match=r"found no CUDA driver .*; needed .* perforin\.kernels\.build"):
        gpu.OnGpu(_small(), ["x"])


def test_without_nvrtc_what_to_install_is_said(monkeypatch):
    gpu.load_nvrtc.cache_clear()
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(gpu, "find_library", lambda name: None)
    with pytest.raises(UserError, match=r"found no NVRTC.*pip install perforin\[gpu\]"):
        gpu.compile_ptx("")


@pytest.fixture
def nvrtc():
    gpu.load_nvrtc.cache_clear()
    try:
        gpu.load_nvrtc()
    except UserError as problem:
        pytest.skip(str(problem))


@pytest.mark.usefixtures("nvrtc")
def test_text_that_is_wrong_is_refused_with_the_place():
    with pytest.raises(ComputeError, match=r"(?s)could not compile a kernel for compute_80 .*kernel\.cu\(2\): error"):
        gpu.compile_ptx("\nnonsense;")


@pytest.mark.slow
@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("make", [_small, immune])
def test_nvrtc_builds_the_kernel(make):
    net = make()
    ptx = gpu.compile_ptx(gpu.cuda_source(net, net.state_names)).decode()
    assert ".visible .entry perforin_patients" in ptx and ".target sm_80" in ptx
