"""Make bundles from captures: read captures, train, evaluate, export, import."""
