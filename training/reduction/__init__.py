"""Make bundles small: which numbers matter, and how coarsely each may be rounded."""
