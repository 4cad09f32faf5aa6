"""`python -m viewer`: run the viewer, as `python run_viewer.py` does."""

from common.interrupts import exit_on_interrupt, leave

exit_on_interrupt()
from viewer.cli import main  # noqa: E402 - after that

leave(main())
