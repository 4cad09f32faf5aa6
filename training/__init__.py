"""Make bundles from captures: read captures, train, evaluate, export, import."""

import sys

from common.installation import pip_command
from common.interrupts import exit_on_interrupt
from common.missing_packages import explain_missing_packages

if sys.argv[:1] == ["-m"]:  # python -m training.COMMAND is loading its modules, PyTorch among them
    exit_on_interrupt()
    explain_missing_packages(f"install what training needs with {pip_command('requirements-dev.txt', 'train')}")
