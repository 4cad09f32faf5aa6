"""What the command line starts: the window, the headless commands and the self-test."""
