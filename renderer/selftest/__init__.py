"""The report of `run_viewer.py --selftest`."""
