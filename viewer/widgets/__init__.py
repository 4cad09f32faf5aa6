"""Controls that all panels use."""
