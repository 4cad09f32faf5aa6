"""Work on other threads: jobs with progress, and tasks of which only the latest matters."""
