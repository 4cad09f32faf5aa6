"""The check of a capture: measures, hypotheses that explain what is wrong, and the remedy for meta.yaml."""
