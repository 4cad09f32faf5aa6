"""The manual, and the programs that make its website, its moving picture and its page of shortcuts."""
