"""An invented court for tests: its authority, its seal certificate, and orders that it signs.

Keys and certificates are made from the court's name, so the same name gives the same ones each time and no
key is kept in a file. They protect nothing: whoever reads this file can make them.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Final

import typst
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner, PdfSigningSession
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

VALID_FROM: Final = datetime(2024, 1, 1, tzinfo=UTC)
VALID_UNTIL: Final = datetime(2044, 1, 1, tzinfo=UTC)
SIGNED_AT: Final = datetime(2026, 10, 20, 10, 0, tzinfo=UTC)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Court:
    """A court that signs with one seal certificate, issued by its own authority."""

    name: str
    authority: x509.Certificate
    authority_key: Key
    seal: x509.Certificate
    seal_key: Key

    @classmethod
    def create(
        cls,
        name: str,
        *,
        seed: str = "",
        valid_from: datetime = VALID_FROM,
        valid_until: datetime = VALID_UNTIL,
        key_usage: bool = True,
        extended: tuple[x509.ObjectIdentifier, ...] = (),
        policies: tuple[str, ...] = (),
        rsa_bits: int = 0,
        ocsp: bool = False,
    ) -> "Court":
        """Make a court of that name.

        seed: another seed gives a court of the same names with other keys, as a forger would make it.
        valid_from, valid_until: of the seal certificate; the authority has VALID_FROM and VALID_UNTIL.
        key_usage: whether the seal may sign documents. extended: its extended key usages, if any.
        policies: dotted certificate policies that the seal names.
        rsa_bits: an RSA seal of that size, whose key is new each time, instead of one on P-256.
        ocsp: whether the seal names an OCSP responder instead of a place of revocation lists.
        """
        authority_key = _key(f"{name}/{seed}/authority")
        seal_key: Key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else _key(f"{name}/{seed}/seal")
        authority_name = _distinguished(name, "Autoridad de certificación")
        authority = _certificate(authority_name, authority_name, authority_key, authority_key, ca=True)
        seal = _certificate(
            _distinguished(name, "Sello electrónico"),
            authority_name,
            seal_key,
            authority_key,
            ca=False,
            valid=(valid_from, valid_until),
            signs=key_usage,
            extended=extended,
            policies=policies,
            ocsp=ocsp,
        )
        return cls(name, authority, authority_key, seal, seal_key)

    @classmethod
    def create_self_signed(cls, name: str) -> "Court":
        """Make a court whose seal certificate vouches for itself; register `certificate_der` to trust it."""
        key = _key(f"{name}/self-signed")
        subject = _distinguished(name, "Sello electrónico")
        seal = _certificate(subject, subject, key, key, ca=False)
        return cls(name, seal, key, seal, key)

    def second_seal(self, label: str) -> "Court":
        """Return the same court with another seal certificate of the same authority."""
        key = _key(f"{self.name}/{label}/second")
        subject = _distinguished(self.name, label)
        seal = _certificate(subject, self.authority.subject, key, self.authority_key, ca=False)
        return Court(self.name, self.authority, self.authority_key, seal, key)

    @property
    def certificate_der(self) -> bytes:
        """The authority's certificate: what an operator registers for this court."""
        return self.authority.public_bytes(serialization.Encoding.DER)

    @property
    def certificate_pem(self) -> str:
        """The same as PEM text."""
        return self.authority.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def seal_der(self) -> bytes:
        """The signer's own certificate, for registering exactly this signer."""
        return self.seal.public_bytes(serialization.Encoding.DER)

    def sign(
        self,
        pdf: bytes,
        at: datetime | None = None,
        *,
        digest: str = "sha256",
        field: str = "Sello",
        certify: bool = False,
        subfilter: SigSeedSubFilter = SigSeedSubFilter.PADES,
        box: tuple[int, int, int, int] | None = None,
        timestamper: TimeStamper | None = None,
    ) -> bytes:
        """Sign a PDF as this court, PAdES B-B, or with a timestamper B-T.

        at: the signing time it claims (SIGNED_AT if None). A second call on the result adds a second
        signature; give it another field name.
        """
        signer = PdfSigner(
            PdfSignatureMetadata(field_name=field, md_algorithm=digest, subfilter=subfilter, certify=certify),
            signer=signers.SimpleSigner(
                signing_cert=_as_asn1(self.seal),
                signing_key=_private_info(self.seal_key),
                cert_registry=SimpleCertificateStore.from_certs([_as_asn1(self.authority)]),
            ),
            new_field_spec=SigFieldSpec(field, box=box),
            timestamper=timestamper,
        )
        return asyncio.run(_sign(signer, pdf, at or SIGNED_AT))


@dataclass(frozen=True)
class TimestampAuthority:
    """An invented timestamp authority; register `certificate_der` to accept its timestamps."""

    court: Court

    @classmethod
    def create(cls, name: str, *, valid_until: datetime = VALID_UNTIL) -> "TimestampAuthority":
        """Make one of that name, whose certificate ends then."""
        only_time = (ExtendedKeyUsageOID.TIME_STAMPING,)
        return cls(Court.create(name, extended=only_time, rsa_bits=2048, valid_until=valid_until))

    @property
    def certificate_der(self) -> bytes:
        """Its authority's certificate."""
        return self.court.certificate_der

    def timestamp(
        self, pdf: bytes, at: datetime = SIGNED_AT, *, digest: str = "sha256", field: str = "Tiempo"
    ) -> bytes:
        """Add a document timestamp to a signed PDF, over that digest of it."""
        writer = IncrementalPdfFileWriter(BytesIO(pdf))
        out = signers.PdfTimeStamper(self.at(at), field_name=field).timestamp_pdf(writer, digest)
        return bytes(out.getvalue())

    def at(self, when: datetime, *, stamps_something_else: bool = False) -> TimeStamper:
        """Return a timestamper whose clock stands still; hand it to `Court.sign` for PAdES B-T."""
        kind = _StampsSomethingElse if stamps_something_else else DummyTimeStamper
        return kind(
            _as_asn1(self.court.seal),
            _private_info(self.court.seal_key),
            certs_to_embed=SimpleCertificateStore.from_certs([_as_asn1(self.court.authority)]),
            fixed_dt=when,
            override_md="sha256",
        )


class _StampsSomethingElse(DummyTimeStamper):
    def request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        imprint = {"hash_algorithm": req["message_imprint"]["hash_algorithm"], "hashed_message": bytes(32)}
        other = {"version": req["version"], "message_imprint": imprint, "nonce": req["nonce"], "cert_req": True}
        return super().request_tsa_response(tsp.TimeStampReq(other))


def order_pdf(title: str, paragraphs: list[str], *, page: bytes | None = None) -> bytes:
    """Write a readable one-page PDF, the same bytes for the same text.

    page: PNG bytes to show as the whole page instead of text.
    """
    # The text goes in as JSON-like string literals, so nothing in it is read as markup.
    blocks = "\n".join(f"#par({_literal(paragraph)})" for paragraph in paragraphs)
    source = f"""
#set document(title: {_literal(title)}, date: datetime(year: 2026, month: 10, day: 1))
#set page(paper: "a4", margin: 2.5cm)
#set text(font: "Libertinus Serif", size: 11pt, lang: "es")
#set par(justify: true, spacing: 1.1em)
#align(center, text(size: 14pt, weight: "bold", {_literal(title)}))
#v(1em)
{blocks}
"""
    if page is not None:
        numbers = ",".join(str(byte) for byte in page)
        source = f'#set page(paper: "a4", margin: 0pt)\n#image(bytes(({numbers},)), format: "png", width: 100%)\n'
    return bytes(typst.compile(source.encode(), format="pdf", ignore_system_fonts=True, pdf_tags=page is None))


def order_picture(title: str, paragraphs: list[str]) -> bytes:
    """Write the same page as a PDF that holds nothing but a picture of it, like a scan."""
    blocks = "\n\n".join(f"#{_literal(paragraph)}" for paragraph in paragraphs)
    source = f'#set page(paper: "a4", margin: 2.5cm)\n#{_literal(title)}\n\n{blocks}\n'
    png = typst.compile(source.encode(), format="png", ppi=40, ignore_system_fonts=True)
    return order_pdf(title, [], page=bytes(png))


async def _sign(signer: PdfSigner, pdf: bytes, at: datetime) -> bytes:
    # PdfSigner.sign_pdf takes the time of the machine; a session lets the signing time be given.
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    session: PdfSigningSession = signer.init_signing_session(writer)
    session.system_time = at
    validation = await session.perform_presign_validation(writer)
    size = await session.estimate_signature_container_size(validation)
    document = session.prepare_tbs_document(validation, bytes_reserved=size)
    output = BytesIO()
    digest, _ = document.digest_tbs_document(output=output)
    attributes = signers.pdf_cms.PdfCMSSignedAttributes(signing_time=at)
    after = await document.perform_signature(digest.document_digest, attributes)
    await after.post_signature_processing(output)
    return output.getvalue()


def _key(seed: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(b"test key, no secret: " + seed.encode()).digest(), "big")
    return ec.derive_private_key(number % (1 << 255) + 1, ec.SECP256R1())


def _distinguished(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ES"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _short(organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, _short(common)),
        ]
    )


def _short(text: str) -> str:
    # X.520 allows 64 characters here; the library counts bytes.
    return text.encode()[:64].decode(errors="ignore")


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: Key,
    issuer_key: Key,
    *,
    ca: bool,
    valid: tuple[datetime, datetime] = (VALID_FROM, VALID_UNTIL),
    signs: bool = True,
    extended: tuple[x509.ObjectIdentifier, ...] = (),
    policies: tuple[str, ...] = (),
    ocsp: bool = False,
) -> x509.Certificate:
    public = key.public_key()
    digest = hashlib.sha256(
        subject.public_bytes()
        + public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(int.from_bytes(digest.digest()[:15], "big") | 1)
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(_usage(ca=ca, signs=signs), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if policies:
        named = [x509.PolicyInformation(x509.ObjectIdentifier(policy), None) for policy in policies]
        builder = builder.add_extension(x509.CertificatePolicies(named), critical=False)
    if ocsp:
        responder = x509.UniformResourceIdentifier("http://revocation.example/ocsp")
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    elif issuer != subject:
        source = x509.UniformResourceIdentifier("http://revocation.example/list.crl")
        point = x509.DistributionPoint([source], relative_name=None, reasons=None, crl_issuer=None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=True)
    deterministic = True if isinstance(issuer_key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=deterministic)


def _usage(*, ca: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not ca,
        content_commitment=signs and not ca,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _private_info(key: Key) -> asn1_keys.PrivateKeyInfo:
    return asn1_keys.PrivateKeyInfo.load(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _literal(text: str) -> str:
    """Write a typst string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
