"""The native package without Python: its test program with sanitizers, and its headers with other compilers."""

import functools
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.native, pytest.mark.xdist_group("native package")]

KERNELS = Path(__file__).parents[3] / "renderer" / "kernels"

AVX512 = Path(__file__).parent / "avx512"
"""Folder of an immintrin.h that runs AVX-512 kernels on processors without AVX-512. It uses SIMDe (Debian's libsimde-dev)."""

X86_64 = platform.machine() in ("x86_64", "AMD64")

needs_gxx = pytest.mark.skipif(shutil.which("g++") is None or shutil.which("cmake") is None, reason="needs g++ and cmake")


def run(*command: object) -> str:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def has_avx512() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and "avx512vl" in cpuinfo.read_text()


@functools.cache
def has_simde() -> bool:
    command = ["g++", "-E", "-x", "c++", "-mavx2", "-mfma", "-mf16c", f"-I{AVX512}", "-D__AVX512F__", "-include", "immintrin.h"]
    if not X86_64 or shutil.which("g++") is None:
        return False
    return subprocess.run([*command, "/dev/null"], capture_output=True, check=False).returncode == 0


def flags_of_fast_builds() -> str:
    """Return flags for a build that runs once.

    With sanitizers, GCC assigns registers in half the time without regions, and needs a fifth of the rest to find out which
    pointers may point to the same.
    """
    flags = ["-fira-region=one", "-fno-tree-pta"]
    known = subprocess.run(["g++", *flags, "-E", "-x", "c++", "/dev/null"], capture_output=True, check=False).returncode == 0
    return " ".join(["-O1", *flags]) if known else "-O1"  # clang under GCC's name does not know them


@pytest.fixture(scope="module")
def native_tests(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the output of the package's test program, built with sanitizers; AVX-512 is emulated where it is missing."""
    folder = tmp_path_factory.mktemp("native")
    options = ["-DMLPVID_MODULE=OFF", "-DMLPVID_NATIVE_TESTS=ON", "-DMLPVID_SANITIZE=address,undefined"]
    options += ["-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_BUILD_TYPE=", f"-DCMAKE_CXX_FLAGS={flags_of_fast_builds()}"]
    if has_simde() and not has_avx512():
        options.append(f"-DMLPVID_AVX512_EMULATION={AVX512}")
    run("cmake", "-S", KERNELS, "-B", folder, *options)
    run("cmake", "--build", folder, "--parallel", "2")
    return run(folder / "mlpvid_native_tests")


@needs_gxx
def test_native_tests_pass_under_address_and_undefined_behavior_sanitizers(native_tests: str) -> None:
    assert "all passed" in native_tests


@needs_gxx
@pytest.mark.skipif(not (has_simde() or has_avx512()), reason="needs SIMDe (libsimde-dev), or a processor with AVX-512")
def test_avx512_kernels_are_among_those_tested(native_tests: str) -> None:
    assert "x86_64_v4" in native_tests.split()


AVX2_FLAGS = ("-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2")
AVX512_FLAGS = (*AVX2_FLAGS, "-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl")
AVX512_BF16_FLAGS = (*AVX512_FLAGS, "-mavx512bf16")
AMX_FLAGS = (*AVX512_FLAGS, "-mamx-tile", "-mamx-bf16")


@needs_gxx
@pytest.mark.skipif(not X86_64, reason="other processors have one build")
@pytest.mark.parametrize(
    ("source", "namespace", "flags", "exported"),
    [
        ("kernels", "x86_64_v4", AVX512_FLAGS, "table"),
        ("bfloat16_amx", "amx_bf16", AMX_FLAGS, "kernels"),
        ("bfloat16_avx512", "avx512_bf16", AVX512_BF16_FLAGS, "kernels"),
    ],
)
def test_files_for_one_instruction_set_share_no_function_with_the_others(
    source: str, namespace: str, flags: tuple[str, ...], exported: str, tmp_path: Path
) -> None:
    """A weak symbol of the standard library, compiled for AVX-512, might be linked into the code for all processors."""
    include = [f"-I{KERNELS / folder}" for folder in ("include", "src", "common")]
    target = tmp_path / "instruction_set.o"
    define = [f"-DMLPVID_INSTRUCTION_SET={namespace}", "-DMLPVID_X86_64"]
    run("g++", "-std=c++17", "-O1", "-w", *define, *flags, *include, "-c", KERNELS / f"src/{source}.cpp", "-o", target)
    symbols = [line.split(maxsplit=2)[1:] for line in run("nm", "-C", "--defined-only", target).splitlines()]
    shared = [name for kind, name in symbols if kind in "WVu" and not name.startswith(f"mlpvid::{namespace}::")]
    assert shared == []
    assert [name for kind, name in symbols if kind in "TDRB"] == [f"mlpvid::{namespace}::{exported}"]


PROBE = """
#include "mlpvid/color_head.h"
#include "mlpvid/compositing.h"
#include "mlpvid/feature.h"
#include "mlpvid/head_assignment.h"
#include "mlpvid/sample_run.h"
#include "mlpvid/view_encoding.h"
#include "mlpvid/bake.h"
using namespace mlpvid;
using namespace mlpvid::generic;
#if defined(__CUDACC__)
extern "C" __global__ void probe(BakedFrame frame, View view, float* out) {
#else
void probe(const BakedFrame& frame, const View& view, float* out) {
#endif
    float point[3], distance, features[32], encoded[kViewStride], sums[1][kHidden], colors[1][3];
    const Ray ray = pixel_ray(view, 1, 2);
    OccupancyTraversal traversal;
    traversal.start(frame, view, ray, 0);
    while (traversal.next(frame, view, ray, point, distance)) out[1] += half_of(distance);
    RunTraversal runs = {traversal};
    SampleRun run;
    while (runs.next(frame, view, ray, run)) {
        float transmittance = 1;
        Location at;
        locate<4>(frame, find_fine_groups(frame), run.points, lowest_bit(run.occupied), at);
        const float weight = volume_weight(density<4>(frame, at, features), view.step, transmittance);
        encode_direction(frame, ray.direction, encoded);
        const HeadAssignment heads = assign_heads(frame, 0, point);
        const float* head = frame.color_heads[0] + heads.heads[0] * head_floats(frame);
        evaluate_views<1>(head, frame.view_channels, encoded, sums);
        const float* of_ray[1] = {sums[0]};
        evaluate_head<1>(head, frame.view_channels, features, of_ray, colors);
        out[0] += weight * sigmoid(colors[0][0]);
    }
}
"""

COMPILERS = {
    "g++": ["-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdinc++"],
    "clang++": ["-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdinc++"],
    "nvcc": ["-arch=sm_86", "-Werror", "all-warnings", "-x", "cu"],
}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("portable", [False, True])
def test_headers_compile_everywhere_without_a_standard_library(compiler: str, portable: bool, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    source = tmp_path / "probe.cpp"
    source.write_text(PROBE)
    define = ["-DMLPVID_PORTABLE"] if portable else []
    include = f"-I{KERNELS / 'include'}"
    run(compiler, "-std=c++17", *COMPILERS[compiler], *define, include, "-c", source, "-o", tmp_path / "probe.o")


@pytest.mark.skipif(shutil.which("clang++") is None, reason="there is no clang++")
def test_sources_compile_with_clang() -> None:
    """Some systems only have clang. Check the arithmetic with each instruction set, and everything else once."""
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-DMLPVID_INSTRUCTION_SET=generic"]
    flags += [f"-I{KERNELS / folder}" for folder in ("include", "src", "common", "training/include")]
    arithmetic = {KERNELS / "src/kernels.cpp", KERNELS / "training/src/kernels.cpp"}
    units = {KERNELS / "src/bfloat16_amx.cpp": AMX_FLAGS, KERNELS / "src/bfloat16_avx512.cpp": AVX512_BF16_FLAGS}
    folders = ("src", "common", "training/src", "tests")
    others = (
        {s for f in folders for s in KERNELS.glob(f"{f}/*.cpp") if s.name != "module.cpp"} - arithmetic - units.keys()
    )  # those need nanobind
    run("clang++", *flags, *(["-DMLPVID_X86_64"] if X86_64 else []), *others)
    for instructions in ((), AVX2_FLAGS, AVX512_FLAGS) if X86_64 else ((),):
        run("clang++", *flags, "-Wno-ignored-attributes", "-Wno-psabi", *instructions, *arithmetic)
    for source, flags_of_unit in units.items() if X86_64 else ():
        run("clang++", *flags, "-Wno-ignored-attributes", *flags_of_unit, source)


def processor_features() -> set[str]:
    return set(re.findall(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[0].split())


needs_features = pytest.mark.skipif(
    not X86_64 or not Path("/proc/cpuinfo").exists(), reason="needs Linux's list of the features of an x86-64 processor"
)


@needs_features
def test_units_are_found_where_the_processor_and_the_system_have_them() -> None:
    native = pytest.importorskip("mlpvid_kernels")
    known, units = processor_features(), native.bfloat16_units()
    avx512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= known
    assert units[-2:] == ["plain_bf16", "plain_avx512_bf16"]
    assert units[:-2] in (["amx_bf16", "avx512_bf16"], ["amx_bf16"], ["avx512_bf16"], []), "best first"
    assert ("avx512_bf16" in units) == (avx512 and "avx512_bf16" in known)
    if not (avx512 and {"amx_tile", "amx_bf16"} <= known):
        assert "amx_bf16" not in units


@needs_features
def test_builds_are_those_that_the_processor_can_run() -> None:
    known = processor_features()
    needed = {
        "x86_64_v2": {"sse4_2", "popcnt"},
        "x86_64_v3": {"avx2", "fma", "f16c", "bmi1", "bmi2"},
        "x86_64_v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma", "f16c", "bmi1", "bmi2"},
    }
    native = pytest.importorskip("mlpvid_kernels")
    assert native.instruction_sets() == [
        instruction_set for instruction_set in reversed(needed) if needed[instruction_set] <= known
    ]


def test_headers_include_nothing_but_one_another_and_intrinsics() -> None:
    for header in (KERNELS / "include/mlpvid").glob("*.h"):
        for name in re.findall(r"#include <(.+)>", header.read_text()):
            assert name in ("immintrin.h", "intrin.h", "math.h", "string.h"), f"{header.name} includes {name}"
