"""`python -m viewer`: the same as `python run_viewer.py`."""

import sys

from viewer.cli import main

sys.exit(main())
