"""How building or opening a release can fail. Messages name fields and entries, never what they hold."""

from broker.errors import BrokerError


class ReleaseContentError(BrokerError):
    """A release holds something it may not, or more than its size class has room for."""

    code = "release.content"


class PackageError(BrokerError):
    """A package is not built as ours are: entries missing, doubled, foreign or malformed."""

    code = "release.malformed"


class DigestError(BrokerError):
    """A file of a package is not the one that was signed."""

    code = "release.digest-mismatch"


class ForeignSealError(BrokerError):
    """The signature of a package is not the operator's."""

    code = "release.signature-invalid"


class WrongRecipientError(BrokerError):
    """A package opened, but the release inside is addressed to another key: somebody passed it on."""

    code = "release.other-recipient"


class SealExpiredError(BrokerError):
    """A release says it was issued when the operator's seal certificate was not valid."""

    code = "release.seal-not-valid"


class OrderUnsettledError(BrokerError):
    """Whether an order still holds could not be found out, and nothing is released before it is."""

    code = "release.order-unsettled"
