"""What every package needs and no method does: errors, atomic files, the manners of the command line."""
