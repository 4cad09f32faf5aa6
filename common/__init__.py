"""Shared by all packages: errors, atomic writes, settings, progress, the conventions of the command line."""
