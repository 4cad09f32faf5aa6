"""The errors that running PTX can raise."""


class KernelFault(AssertionError):
    """A kernel did something that fails on a GPU, or whose result differs from run to run."""


class UnknownPtxError(Exception):
    """The text uses a part of PTX that this tool does not know; the message names it."""
