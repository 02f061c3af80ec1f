"""The certificate: an in-toto Statement v1 in a DSSE envelope, signed by every verifier that agreed.

Every byte of the file is covered: the file and its payload must be the canonical spelling of what they say, base64
included; the payload is signed; key ids are hashes of keys that stand in the signed payload; signatures are verified
and sorted, and all agreeing members must have signed. Rules C1 to C9 of docs/spec/certificate.md.

What a certificate cannot prove is whose keys these are: pass `trusted` key ids to hold the committee against them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nightproof import __version__
from nightproof.errors import BrokenRecord, NightproofError, StorageFailed
from nightproof.records.asset import AssetFile
from nightproof.records.judgement import Judgement
from nightproof.records.record import canonical_json, parse_json
from nightproof.trust.consensus.decision import QUORUM, WEIGHT_CAP

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:nightproof:certificate:v1"
SIZE_LIMIT_BYTES = 4 << 20
PREDICATE_KEYS = {
    "agreement",
    "aggregates",
    "audit",
    "committee",
    "cost",
    "cpu_seconds",
    "decided",
    "machine",
    "notes",
    "plan",
    "policy",
    "policy_name",
    "reference_self_ssim",
    "route",
    "shared_references",
    "source_sha256",
    "verdict",
    "versions",
    "view_seed",
}


class CertificateRefused(NightproofError):
    """The certificate is not genuine, not whole, or not about this asset."""

    hint = "Do not rely on this asset: ask its maker for the file and its certificate again."


class NotCanonical(CertificateRefused):
    """C1, C2: the bytes are not the one spelling of a certificate."""


class UnknownVersion(CertificateRefused):
    """C3: another kind or version of statement."""


class WrongAsset(CertificateRefused):
    """C4: the certificate speaks for other bytes."""


class NotMeasured(WrongAsset):
    """C4: a file that was made beside the asset; the certificate names its bytes, the verdict is about the asset's."""

    def __init__(self, name: str, asset: str) -> None:
        super().__init__(
            f"{name!r} was made in this job, and the certificate names it, but what was measured is {asset!r}"
        )
        self.hint = f"Verify {asset!r}: its verdict says nothing about the files beside it."


class ForeignKey(CertificateRefused):
    """C5: a key outside the committee, a repeated one, or one that is not trusted here."""


class BadSignature(CertificateRefused):
    """C6: a signature does not verify."""


class NoQuorum(CertificateRefused):
    """C7: the signers have 67 % of the weight or less."""


class MissingSignature(CertificateRefused):
    """C8: a member that is said to agree has not signed."""


class DoesNotHold(CertificateRefused):
    """C9: a genuine certificate that the asset was *not* found good."""

    hint = "The certificate is genuine, and says so. Make the asset again with other settings, or use another policy."


@dataclass(frozen=True)
class Verified:
    """What a genuine certificate says."""

    outcome: str
    policy_name: str
    source_sha256: str
    asset_sha256: str
    agreement: float
    signers: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, Any]]
    fingerprint: str
    """SHA-256 of the certificate file."""
    machine: str

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "policy": self.policy_name,
            "source_sha256": self.source_sha256,
            "asset_sha256": self.asset_sha256,
            "agreement": self.agreement,
            "signers": list(self.signers),
            "metrics": {name: dict(value) for name, value in self.metrics.items()},
            "fingerprint": self.fingerprint,
            "machine": self.machine,
        }

    def summary(self, name: str) -> str:
        signed = f"{len(self.signers)} verifiers with {100 * self.agreement:.0f} % of the weight"
        return f"{name}: {self.outcome} under {self.policy_name}, signed by {signed}; {self.machine}"


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE v1 pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def statement(
    judgement: Judgement,
    files: Sequence[AssetFile],
    *,
    audit: str = "",
    route: str = "",
    plan: str = "",
    cost: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
) -> bytes:
    """The canonical statement. `files[0]` is what a viewer opens and what was measured."""
    assert files and files[0].sha256 == judgement.verdict.asset_sha256, "a certificate speaks for what was measured"
    said = judgement.to_json()
    shared = "reference images were shared, " if judgement.shared_references else ""
    predicate = {
        "agreement": said["agreement"],
        "aggregates": said["aggregates"],
        "audit": audit,
        "committee": said["members"],
        "cost": dict(cost or {}),
        "cpu_seconds": said["cpu_seconds"],
        "decided": said["decided"],
        "machine": f"{shared}all verifiers ran on one machine",
        "notes": list(notes),
        "plan": plan,
        "policy": judgement.verdict.policy,
        "policy_name": judgement.policy_name,
        "reference_self_ssim": said["reference_self_ssim"],
        "route": route,
        "shared_references": said["shared_references"],
        "source_sha256": judgement.verdict.source_sha256,
        "verdict": said["verdict"],
        "versions": {"nightproof": __version__, **(versions or {})},
        "view_seed": said["view_seed"],
    }
    subjects = [{"name": file.name, "digest": {"sha256": file.sha256}} for file in files]
    return canonical_json(
        {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE, "predicate": predicate}
    )


def envelope(payload: bytes, signatures: Mapping[str, str]) -> bytes:
    """The certificate file: payload and signatures (key id → base64)."""
    signed = [{"keyid": name, "sig": signatures[name]} for name in sorted(signatures)]
    return canonical_json(
        {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": signed}
    )


def verify_files(asset: Path, certificate: Path, *, trusted: Collection[str] | None = None) -> Verified:
    """`verify` for files; further files of the asset that lie beside it are checked too."""
    try:
        with asset.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if certificate.stat().st_size > SIZE_LIMIT_BYTES:
            raise NotCanonical(f"{certificate.name}: larger than any certificate")
        data = certificate.read_bytes()
        said, subjects = _check(data, found, trusted)
        for subject in subjects:
            beside = asset.parent / Path(subject["name"]).name
            if subject["digest"]["sha256"] != found and beside.is_file() and beside != asset:
                with beside.open("rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() != subject["digest"]["sha256"]:
                        raise WrongAsset(f"{beside.name} was changed after it was certified")
    except OSError as error:
        hint = "Check the path and its permissions."
        raise StorageFailed(f"{error.filename}: {error.strerror}", hint=hint) from None
    return _holding(said)


def verify(asset: bytes, certificate: bytes, *, trusted: Collection[str] | None = None) -> Verified:
    """Check offline that `certificate` speaks for these very bytes and that they hold.

    Raises:
        CertificateRefused: one of its kinds, for each reason; `DoesNotHold` for an honest certificate of failure.
    """
    return _holding(_check(certificate, hashlib.sha256(asset).hexdigest(), trusted)[0])


def _holding(said: Verified) -> Verified:
    if said.outcome != "holds":
        raise DoesNotHold(f"the certificate is genuine, and its verdict is: {said.outcome}")
    return said


def _check(data: bytes, asset_sha256: str, trusted: Collection[str] | None) -> tuple[Verified, list[Any]]:
    try:
        if len(data) > SIZE_LIMIT_BYTES:
            raise NotCanonical("larger than any certificate")
        return _checked(data, asset_sha256, trusted)
    except (BrokenRecord, KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise NotCanonical(f"not a certificate: {error}") from None


def _checked(data: bytes, asset_sha256: str, trusted: Collection[str] | None) -> tuple[Verified, list[Any]]:
    outer = _canonical(data, {"payload", "payloadType", "signatures"})
    if outer["payloadType"] != PAYLOAD_TYPE:
        raise UnknownVersion(f"payload type {outer['payloadType']!r}")
    payload = _bytes(outer["payload"])
    inner = _canonical(payload, {"_type", "subject", "predicateType", "predicate"})
    if (inner["_type"], inner["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise UnknownVersion(f"statement {inner['_type']!r} about {inner['predicateType']!r}")
    judgement = _judgement(inner["predicate"])
    subjects = inner["subject"]
    if subjects[0]["digest"]["sha256"] != asset_sha256:
        for other in subjects[1:]:
            if other["digest"]["sha256"] == asset_sha256:
                raise NotMeasured(str(other["name"]), str(subjects[0]["name"]))
        raise WrongAsset("this certificate speaks for other bytes than this asset's")
    if judgement.verdict.asset_sha256 != asset_sha256:
        raise WrongAsset("subject and verdict name different assets")
    signers = _signers(judgement, outer["signatures"], payload, trusted)
    metrics = {row.metric: _row(row) for row in judgement.aggregates}
    said = Verified(
        outcome=judgement.verdict.outcome,
        policy_name=judgement.policy_name,
        source_sha256=judgement.verdict.source_sha256,
        asset_sha256=asset_sha256,
        agreement=judgement.agreement,
        signers=signers,
        metrics=metrics,
        fingerprint=hashlib.sha256(data).hexdigest(),
        machine=str(inner["predicate"]["machine"]),
    )
    return said, subjects


def _judgement(predicate: Any) -> Judgement:
    if not isinstance(predicate, dict) or set(predicate) != PREDICATE_KEYS:
        raise NotCanonical("the predicate has other members than a certificate")
    own = {name: predicate[name] for name in (f.name for f in fields(Judgement)) if name != "members"}
    said = {"kind": Judgement.kind, "version": Judgement.version, "members": predicate["committee"]}
    judgement = Judgement.from_json({**said, **own})
    verdict = judgement.verdict
    if (predicate["source_sha256"], predicate["policy"]) != (verdict.source_sha256, verdict.policy):
        raise NotCanonical("statement and verdict name different sources or policies")
    if {row.metric: row.outcome for row in judgement.aggregates if row.threshold is not None} != {
        row.metric: row.outcome for row in verdict.metrics
    }:
        raise NotCanonical("verdict and aggregates disagree")
    if verdict.outcome == "holds" and (
        not verdict.metrics or any(row.outcome in ("fails", "undecided") for row in verdict.metrics)
    ):
        raise NotCanonical("a verdict holds although one of its metrics does not")
    return judgement


def _signers(judgement: Judgement, signatures: Any, payload: bytes, trusted: Collection[str] | None) -> tuple[str, ...]:
    from nightproof.trust.keys import key_id, signature_is_valid, strict_base64

    members = {member.verifier: member for member in judgement.members if member.public_key}
    keys = [member.public_key for member in members.values()]
    if len(set(keys)) != len(keys) or len(members) != sum(1 for m in judgement.members if m.public_key):
        raise ForeignKey("a key occurs twice in the committee")
    for member in members.values():
        if key_id(member.public_key) != member.verifier:
            raise ForeignKey(f"{member.verifier[:12]} is not the id of its key")
        if trusted is not None and member.agreed and member.verifier not in trusted:
            raise ForeignKey(f"{member.verifier[:12]} is not trusted here")
    names = [entry["keyid"] for entry in signatures]
    if any(set(entry) != {"keyid", "sig"} for entry in signatures) or names != sorted(names):
        raise NotCanonical("signatures are not sorted, or have members that do not belong")
    if len(set(names)) != len(names):
        raise ForeignKey("a key signed twice")
    for entry in signatures:
        member = members.get(entry["keyid"])  # type: ignore[assignment]
        if member is None or not member.agreed:
            raise ForeignKey(f"{entry['keyid'][:12]} is not among the committee members that agreed")
        if not signature_is_valid(member.public_key, strict_base64(entry["sig"], 64), pae(payload)):
            raise BadSignature(f"the signature of {entry['keyid'][:12]} is not valid for this statement")
    _check_weight(judgement, set(names))
    return tuple(names)


def _check_weight(judgement: Judgement, names: set[str]) -> None:
    total = sum(member.weight for member in judgement.members)
    weights = [member.weight for member in judgement.members]
    if min(weights) <= 0 or abs(total - 1) > 1e-9 or max(weights) > WEIGHT_CAP + 1e-9 or len(weights) < 4:
        raise NoQuorum("the committee's weights are not those of at least four capped members")
    backing = sum(member.weight for member in judgement.members if member.verifier in names)
    if backing <= QUORUM:
        raise NoQuorum(f"the signers have {100 * backing:.0f} % of the weight; more than 67 % is needed")
    if absent := [m.verifier for m in judgement.members if m.agreed and m.verifier not in names]:
        raise MissingSignature(f"{absent[0][:12]} is said to agree but has not signed")
    if not judgement.decided or abs(judgement.agreement - backing) > 1e-9:
        raise NoQuorum("the stated agreement is not that of the signers")


def _row(row: Any) -> dict[str, Any]:
    return {
        "mean": row.mean,
        "bound": row.bound,
        "threshold": row.threshold,
        "holds": row.outcome == "holds",
        "outcome": row.outcome,
        "views": row.views,
        "note": row.note,
    }


def _canonical(data: bytes, keys: set[str]) -> dict[str, Any]:
    value = parse_json(data)
    if not isinstance(value, dict) or set(value) != keys:
        raise NotCanonical("members are missing or do not belong")
    if canonical_json(value) != data:
        raise NotCanonical("not the canonical spelling of what it says")
    return value


def _bytes(text: str) -> bytes:
    from nightproof.trust.keys import strict_base64

    return strict_base64(text)
