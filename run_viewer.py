"""The viewer's command line; see `viewer.cli`."""

import sys
from pathlib import Path

if __name__ == "__main__":  # `python -I` and `python -P` do not search the folder of the program
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from common.interrupts import exit_on_interrupt, leave
from common.missing_packages import explain_missing_packages

if __name__ == "__main__":
    exit_on_interrupt()
    explain_missing_packages("run `pip install -r requirements-viewer.txt`, or activate the virtual environment that has it")

from viewer.cli import main

if __name__ == "__main__":
    leave(main())
