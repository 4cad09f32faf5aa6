"""Bytes from web servers and object storage: read by ranges, kept in a cache on disk, fetched ahead in the background."""
