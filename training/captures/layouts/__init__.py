"""The layouts that captures lie in on disk, one per file. Each recognizes its folders and describes what is in them."""
