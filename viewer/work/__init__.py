"""Work on other threads: jobs with progress, and work of which only the latest request matters."""
