"""The errors that running PTX can raise."""


class KernelFault(AssertionError):
    """A kernel did what a GPU would punish, or would do differently each time."""


class UnknownPtxError(Exception):
    """The text uses a part of PTX that this tool does not know; the message names it."""
