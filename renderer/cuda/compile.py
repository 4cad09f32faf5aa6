"""Compile the CUDA kernels with NVRTC and cache the results. This needs neither a CUDA toolkit nor a GPU."""

from __future__ import annotations

import functools
import hashlib
import io
from pathlib import Path
from typing import Any

import platformdirs

from common.atomic import atomic_write
from common.errors import InputError
from common.installation import pip_command
from renderer.cuda.driver import OTHER_BACKEND, SUBJECT

KERNELS = Path(__file__).resolve().parents[1] / "kernels"
"""The folder of all native sources."""

PROGRAMS: dict[str, tuple[str, ...]] = {
    "bake": ("bake_grids", "bake_planes", "bake_heads"),
    "density_pass": ("density_pass",),
    "group_by_head": ("count_heads", "scan_heads", "scatter_heads"),
    "color_pass": ("color_pass_plain", "color_pass_matrix"),
    "composite": ("composite",),
}
"""Source files in kernels/cuda, and the kernels in each."""

FORMAT = 1
"""Version of the cache's files."""


def default_cache() -> Path:
    """Return the folder of compiled kernels, kept between runs."""
    return Path(platformdirs.user_cache_dir("mlpvid")) / "kernels"


@functools.cache
def source_hash() -> str:
    """Return a digest of all sources of the kernels."""
    digest = hashlib.sha256()
    for path in sorted([*(KERNELS / "cuda").glob("*.cu*"), *(KERNELS / "include" / "mlpvid").glob("*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def compiler_version() -> str:
    """Return NVRTC's version, such as "13.5".

    Raises:
        InputError: it is not installed.
    """
    try:
        from cuda.bindings import nvrtc  # noqa: PLC0415 - optional

        status, major, minor = nvrtc.nvrtcVersion()
    except Exception as error:  # the package raises RuntimeError of its own when the library is missing
        remedy = f"install with {pip_command('requirements-cuda.txt', 'cuda')}, {OTHER_BACKEND}"
        raise InputError(SUBJECT, f"NVIDIA's runtime compiler cannot be loaded ({error})", remedy) from error
    if int(status) != 0:
        raise InputError(SUBJECT, f"NVIDIA's runtime compiler fails ({status.name})", "use --backend cpu")
    return f"{major}.{minor}"


def target_of(architecture: str) -> tuple[str, str]:
    """Return what to compile for a GPU: "cubin" and its architecture. For a GPU newer than this NVRTC it is "ptx", which the
    GPU's driver translates, and the newest architecture that NVRTC knows.

    Raises:
        InputError: the compiler fails.
    """
    from cuda.bindings import nvrtc  # noqa: PLC0415 - optional

    status, known = nvrtc.nvrtcGetSupportedArchs()
    if int(status) != 0:
        raise InputError(SUBJECT, f"NVIDIA's runtime compiler fails ({status.name})", "use --backend cpu")
    older = [each for each in known if each <= int(architecture)]
    if int(architecture) in known or not older:
        return "cubin", architecture
    return "ptx", str(max(older))


def program_options(program: str, architecture: str, fused: bool = True) -> Any:
    """Return cuda.core's `ProgramOptions` for one source file, a key of `PROGRAMS`.

    `fused` lets the compiler join a product and a sum into one operation, which rounds once.
    """
    from cuda.core import ProgramOptions  # noqa: PLC0415 - optional

    return ProgramOptions(
        name=f"{program}.cu",
        arch=f"sm_{architecture}",
        std="c++17",
        include_path=[str(KERNELS / "include"), str(KERNELS / "cuda")],
        ptxas_options=["-v"],
        fma=fused,
    )


def compile_program(program: str, architecture: str) -> tuple[bytes, str]:
    """Compile one source file.

    Args:
        program: a key of `PROGRAMS`.
        architecture: such as "86".

    Returns:
        The cubin, or PTX for a GPU newer than the compiler (see `target_of`); and the compiler's log with each kernel's use
        of registers and memory.

    Raises:
        InputError: this NVRTC does not know the architecture, or refuses the source.
    """
    from cuda.core import Program  # noqa: PLC0415 - optional

    kind, target = target_of(architecture)
    options = program_options(program, target)
    source = (KERNELS / "cuda" / f"{program}.cu").read_text(encoding="utf-8")
    log = io.StringIO()
    try:
        code = Program(source, "c++", options).compile(kind, logs=log)
    except Exception as error:  # its types are the package's own
        fault = next((line for line in str(error).splitlines() if "error" in line.lower()), str(error))
        remedy = f"update with `pip install -U cuda-core cuda-bindings nvidia-cuda-nvrtc`, {OTHER_BACKEND}"
        raise InputError(SUBJECT, f"{program}.cu does not compile for sm_{architecture} ({fault.strip()})", remedy) from error
    content = bytes(code.code)
    return content if kind == "cubin" else content.rstrip(b"\0") + b"\0", log.getvalue().replace("\0", "")


def load_program(program: str, architecture: str, cache: Path | None = None) -> bytes:
    """Return the cubin of one source file, from the cache or compiled now.

    Files are named by architecture, digest of the sources and compiler, and carry a digest of their content: a damaged one
    is compiled again. Where nothing can be written, nothing is cached.

    Raises:
        InputError: as `compile_program`.
    """
    folder = cache or default_cache()
    path = folder / f"{program}-sm{architecture}-{source_hash()[:16]}-nvrtc{compiler_version()}-v{FORMAT}.cubin"
    cached = _read(path)
    if cached is not None:
        return cached
    code, _ = compile_program(program, architecture)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(hashlib.sha256(code).digest() + code)
    except (OSError, InputError):
        pass  # compiled again next time
    return code


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if code and hashlib.sha256(code).digest() == digest else None
