"""Fuzz all readers of files: `python -m tests.fuzz TARGET --minutes 30`. Short runs are tests."""
