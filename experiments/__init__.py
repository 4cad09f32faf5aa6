"""The tables of the paper, trained, measured and drawn by one command: `python -m experiments.run`."""

import sys

from common.missing_packages import explain_missing_packages

if sys.argv[:1] == ["-m"]:  # python -m experiments.run is loading its modules
    explain_missing_packages("install what training needs with `pip install -r requirements-dev.txt`")
