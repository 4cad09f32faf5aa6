"""The folder of a training run: the files that training writes and the viewer reads."""
