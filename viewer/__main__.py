"""`python -m viewer`: run the viewer, as `python run_viewer.py` does."""

import sys

from viewer.cli import main

sys.exit(main())
