"""Which signature algorithms and keys an order's signatures, certificates and evidence may use.

Listed is what is accepted; whatever is not listed is weak. Source: ETSI TS 119 312.
"""

from typing import Final

from asn1crypto import algos, keys

DIGESTS: Final = frozenset({"sha256", "sha384", "sha512"})
# Signature algorithms by asn1crypto's names: those that name their digest, and those that leave it open.
_NAMED_SCHEMES: Final = frozenset(f"{digest}_{scheme}" for digest in DIGESTS for scheme in ("rsa", "ecdsa"))
_BARE_SCHEMES: Final = frozenset({"rsassa_pkcs1v15", "ecdsa"})
_RSA_BITS: Final = 2048  # the floor of ETSI TS 119 312 (RSA) still met by seal certificates in use
_EC_BITS: Final = 256


def weak_signature(algorithm: algos.SignedDigestAlgorithm, digest: str | None = None) -> str | None:
    """Name the weakness of a signature algorithm, or return None.

    digest: the digest named beside the algorithm, by asn1crypto's name; it counts too, and counts alone for
        algorithms that name none of their own.
    """
    if digest is not None and digest not in DIGESTS:
        return "a digest outside the accepted ones"
    named = algorithm["algorithm"].native
    if named == "ed25519" or (named in _BARE_SCHEMES and digest is not None):
        return None
    if named == "rsassa_pss":
        parameters = algorithm["parameters"]
        used = {
            parameters["hash_algorithm"]["algorithm"].native,
            parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native,
        }
        return None if used <= DIGESTS else "a digest outside the accepted ones"
    return None if named in _NAMED_SCHEMES else "an algorithm outside the accepted ones"


def weak_key(key: keys.PublicKeyInfo) -> str | None:
    """Name the weakness of a public key, or return None."""
    kind = key.algorithm
    if kind in {"rsa", "rsassa_pss"}:
        return None if key.bit_size >= _RSA_BITS else f"an RSA key of {key.bit_size} bits"
    if kind == "ec":
        return None if key.bit_size >= _EC_BITS else f"a curve of {key.bit_size} bits"
    return None if kind == "ed25519" else "a kind of key outside the accepted ones"
