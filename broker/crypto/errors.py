"""The ways in which sealing, opening and signing can fail. Messages never carry keys or plaintext."""

from broker.errors import BrokerError


class SuiteError(BrokerError):
    """An algorithm id is unknown, refused, or not available on this platform."""

    code = "crypto.suite-refused"


class SealError(BrokerError):
    """Something could not be sealed; nothing was produced."""

    code = "crypto.seal-failed"


class UnsealError(BrokerError):
    """Sealed bytes did not open: wrong key, wrong place, or altered. No plaintext comes with it."""

    code = "crypto.unseal-failed"


class KeyFileError(BrokerError):
    """A key file is missing, damaged, readable by others, or would be overwritten."""

    code = "crypto.key-file"


class RecipientKeyError(BrokerError):
    """A text is not the public half of an age key that releases can be sealed to."""

    code = "crypto.recipient-key"


class SecretKeyGivenError(RecipientKeyError):
    """Somebody handed over the secret half of a key: it must be treated as lost."""

    code = "crypto.secret-key-given"


class SealCertificateError(BrokerError):
    """The operator's seal certificate or its key cannot be used."""

    code = "crypto.seal-certificate"


class SignatureError(BrokerError):
    """A signature over bytes we hold does not verify with the certificate we were given."""

    code = "crypto.signature-invalid"
