"""The check of a capture: measures it, explains what is wrong, and proposes entries for meta.yaml."""
