"""The `.mlpvid` file: container, layout, reading and writing."""
