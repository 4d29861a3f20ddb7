"""What can go wrong between two machines. Each error carries facts, never advice."""


class TransportError(Exception):
    """Two machines could not speak with one another."""


class ListenError(TransportError):
    """Nothing can be served at this address.

    `problem` is a stable word: "address" (it is none), "taken", "refused", "failed".
    """

    def __init__(self, listen: str, problem: str, reason: str) -> None:
        super().__init__(f"{listen}: {reason}")
        self.listen = listen
        self.problem = problem
        self.reason = reason


class TlsFileError(TransportError):
    """A certificate, key or revocation list cannot be used.

    `problem` is a stable word: "unreadable", "no-certificate", "no-key", "no-crl", "encrypted",
    "other-key" (the key is not that of the certificate), "expired".
    """

    def __init__(self, path: str, problem: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.problem = problem
        self.reason = reason


class LinkError(TransportError):
    """A request to another machine got no answer that can be used.

    `host` is the machine and port that were spoken to, `reason` what is known of why.
    """

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host
        self.reason = reason


class UnreachableError(LinkError):
    """No connection came about, or it broke off."""


class TimedOutError(LinkError):
    """The answer was not there whole when the time was up."""

    def __init__(self, host: str, after_s: float) -> None:
        super().__init__(host, f"no whole answer within {after_s:g} s")
        self.after_s = after_s


class TlsRefusedError(LinkError):
    """One of the two does not accept the other's certificate, or they share no TLS version."""


class TooLargeError(LinkError):
    """The answer is longer than any that makes sense here."""

    def __init__(self, host: str, at_most: int) -> None:
        super().__init__(host, f"the answer is longer than {at_most} bytes")
        self.at_most = at_most


class BadAnswerError(LinkError):
    """What came back is no HTTP, or is encoded in a way that was not asked for."""
