"""The viewer's command line; see `viewer.cli`."""

from common.interrupts import exit_on_interrupt, leave
from common.missing_packages import explain_missing_packages

if __name__ == "__main__":
    exit_on_interrupt()
    explain_missing_packages("run `pip install -r requirements-viewer.txt`, or activate the virtual environment that has it")

from viewer.cli import main

if __name__ == "__main__":
    leave(main())
