"""The checks and the report of `run_viewer.py --selftest`."""
