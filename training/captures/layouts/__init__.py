"""The layouts of captures on disk, one per file. Each recognizes its folders and describes their content."""
