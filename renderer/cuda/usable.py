"""Find the GPUs of this machine that can run the CUDA backend, or say what users can do if there are none."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from common.errors import InputError
from common.installation import pip_command
from renderer.cuda.driver import OTHER_BACKEND, SUBJECT
from renderer.cuda.nvidia_driver import cuda_of_driver

MIN_COMPUTE_CAPABILITY = (7, 5)
"""Turing: the first generation whose tensor cores know the operations used here."""

MAX_CUDA_12_CAPABILITY = (9, 0)
"""The newest GPUs for which PyTorch's builds for CUDA 12.6 have kernels."""

REQUIREMENTS = f"install with {pip_command('requirements-cuda.txt', 'cuda')}"
"""Remedy for missing packages."""

NEWER_DRIVER = "update NVIDIA's driver to version 580 or newer"
"""580 is the first driver for CUDA 13."""


def usable_devices() -> list[int]:
    """Return the GPUs that can run the CUDA backend, as CUDA counts them: those with more multiprocessors first.

    Raises:
        InputError: there is none; why the first one cannot, and what to do about it.
    """
    check_usable()
    usable = []
    faults = []
    for index in range(torch.cuda.device_count()):
        try:
            check_device(index)
            usable.append(index)
        except InputError as error:
            faults.append(error)
    if not usable:
        raise faults[0]
    return sorted(usable, key=_speed, reverse=True)


def _speed(index: int) -> tuple[int, int]:
    properties = torch.cuda.get_device_properties(index)
    return properties.multi_processor_count, properties.total_memory


def check_usable() -> None:
    """Check that this machine's packages and driver can run the CUDA backend on some GPU.

    Raises:
        InputError: why not, and what to do about it.
    """
    driver = cuda_of_driver()
    if torch.version.hip is not None:  # such a build offers AMD GPUs under torch.cuda
        raise InputError(SUBJECT, "this PyTorch supports AMD GPUs, but the kernels need an NVIDIA GPU", "use --backend cpu")
    if not torch.backends.cuda.is_built():
        right = f"one with CUDA: {install_command(driver)}" if driver else "torch for CUDA (https://pytorch.org/get-started)"
        raise InputError(SUBJECT, "this PyTorch was built without CUDA", f"install {right}, {OTHER_BACKEND}")
    needed = tuple(int(part) for part in (torch.version.cuda or "0.0").split("."))
    if not torch.cuda.is_available() and driver and driver[0] < needed[0]:
        fault = f"NVIDIA's driver supports CUDA {_dotted(driver)}, but this PyTorch needs CUDA {_dotted(needed)}"
        remedy = f"update the driver, or install another PyTorch with {install_command(driver)}, {OTHER_BACKEND}"
        raise InputError(SUBJECT, fault, remedy)
    if not torch.cuda.is_available() or not torch.cuda.device_count():
        remedy = f"install NVIDIA's driver, or a newer one, {OTHER_BACKEND}"
        raise InputError(SUBJECT, "no NVIDIA GPU and driver were found that this PyTorch can use", remedy)
    try:
        import cuda.core  # noqa: F401, PLC0415 - optional, and slow to load
        from cuda.bindings import driver as _  # noqa: F401, PLC0415
    except Exception as error:  # ImportError where they are missing; where versions do not fit each other, their own types
        fault = f"NVIDIA's Python packages are missing or do not load ({error})"
        raise InputError(SUBJECT, fault, f"{REQUIREMENTS}, {OTHER_BACKEND}") from error


def check_device(index: int) -> None:
    """Check that one GPU can run the CUDA backend, without starting it.

    Raises:
        InputError: why not, and what to do about it.
    """
    if torch.cuda.device_count() <= index:
        raise InputError(SUBJECT, f"there is no GPU {index}", "use --backend cpu")
    capability, architectures = torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
    if capability >= MIN_COMPUTE_CAPABILITY and (has_kernels(capability, architectures) or not architectures):
        return
    name = torch.cuda.get_device_name(index)
    if capability < MIN_COMPUTE_CAPABILITY:
        fault = f"{name} has compute capability {_dotted(capability)}; 7.5 or higher is needed"
        raise InputError(SUBJECT, fault, "use --backend cpu")
    built = f"this PyTorch (CUDA {torch.version.cuda})"
    fault = f"{built} has no kernels for {name} (compute capability {_dotted(capability)})"
    raise InputError(SUBJECT, fault, f"{_other_pytorch(capability)}, {OTHER_BACKEND}")


def has_kernels(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Return whether a PyTorch built for `architectures` (such as "sm_86" and "compute_120") runs on a GPU.

    Machine code (sm) runs on GPUs of the same generation from its minor version on, PTX (compute) on all later GPUs.
    """
    for architecture in architectures:
        kind, _, number = architecture.partition("_")
        built = divmod(int(number.rstrip("af")), 10)
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def install_command(driver: tuple[int, int]) -> str:
    """Return the command that installs this version of PyTorch, built for the CUDA version that a driver supports."""
    index = "cu130" if driver >= (13, 0) else "cu126"
    version = torch.__version__.partition("+")[0]
    return f"`pip install --force-reinstall torch=={version} --index-url https://download.pytorch.org/whl/{index}`"


def _other_pytorch(capability: tuple[int, int]) -> str:
    """Return how to get a PyTorch with kernels for a GPU that this one has none for."""
    if (torch.version.cuda or "").startswith("13."):
        return "install a newer PyTorch (https://pytorch.org/get-started)"
    driver = cuda_of_driver() or (13, 0)
    if capability > MAX_CUDA_12_CAPABILITY and driver < (13, 0):
        return f"{NEWER_DRIVER}, then install {install_command((13, 0))}"
    return f"install one that has them: {install_command(driver)}"


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version[:2]))
