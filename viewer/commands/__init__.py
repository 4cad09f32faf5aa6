"""The commands: opening the window, the headless commands and the self-test."""
