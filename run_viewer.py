"""The viewer's command line; see `viewer.cli`."""

from common.interrupts import exit_on_interrupt, leave

if __name__ == "__main__":
    exit_on_interrupt()

from viewer.cli import main

if __name__ == "__main__":
    leave(main())
