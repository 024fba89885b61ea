"""The errors of the control plane, by whose fault they are.

Each message is a sentence that says what to do next and carries no personal data and no secret:
it may be logged as it stands. Modules derive their own from the class that names the fault; a
refusal that is part of a protocol (a bad token, a full room) is a value, not an exception.
"""


class GatewayError(Exception):
    """Something that the control plane can name. The text is a sentence for a person."""


class OperatorError(GatewayError):
    """The settings, the command line or the machine must change. Ends a command with status 2."""


class ClientError(GatewayError):
    """A client broke the protocol. Costs that client its request or connection, nothing else."""


class DatapathError(GatewayError):
    """The datapath is away, or said no. The caller decides whether to wait, retry or give up."""


class InternalError(GatewayError):
    """Our own fault: a promise between our parts does not hold. Please report it."""
