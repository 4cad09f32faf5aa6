"""Fault injection: the n-th call of something that can fail does fail, for every n that a command reaches."""
