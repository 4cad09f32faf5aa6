"""The tables of the paper, trained, measured and drawn by one command: `python -m experiments.run`."""
