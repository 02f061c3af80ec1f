"""A verifier's Ed25519 key: a file that only its owner reads, an id, signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nightproof.errors import BrokenRecord, StorageFailed
from nightproof.records.vote import Vote

KEY_FILE = "ed25519.key"


def own_key(folder: Path) -> Ed25519PrivateKey:
    """The key in `folder`, made on first use, readable by its owner only."""
    path = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _create(path)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise StorageFailed(f"{path}: readable by others", hint=f"chmod 600 {path}, or delete it for a new key.")
        data = path.read_bytes()
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}") from None
    if len(data) != 32:
        raise StorageFailed(f"{path}: not a key", hint="Delete it; a new key is made at the next run.")
    return Ed25519PrivateKey.from_private_bytes(data)


def _create(path: Path) -> None:
    """Written whole under another name, then linked: whoever is first wins, nobody sees half a key."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(Ed25519PrivateKey.generate().private_bytes_raw())
        stream.flush()
        os.fsync(stream.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def public_key_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def key_id(public_key: str) -> str:
    """SHA-256 of the raw public key. Raises `BrokenRecord` unless it is canonical base64 of 32 bytes."""
    return hashlib.sha256(strict_base64(public_key, 32)).hexdigest()


def strict_base64(text: str, size: int | None = None) -> bytes:
    """Decode the one canonical spelling of some bytes; anything else raises `BrokenRecord`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenRecord("not base64") from None
    if base64.b64encode(data).decode() != text or (size is not None and len(data) != size):
        raise BrokenRecord("not the canonical base64 of what belongs here")
    return data


def signature_is_valid(public_key: str, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(strict_base64(public_key, 32)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign_vote(key: Ed25519PrivateKey, verdict: str, evidence: str) -> Vote:
    public = public_key_text(key)
    vote = Vote(verifier=key_id(public), public_key=public, verdict=verdict, evidence=evidence, signature="")
    return replace(vote, signature=base64.b64encode(key.sign(vote.canonical_bytes())).decode())


def vote_is_valid(vote: Vote) -> bool:
    """Whether the signature is that of the key which the vote names."""
    try:
        signature = strict_base64(vote.signature, 64)
        named = key_id(vote.public_key) == vote.verifier
    except BrokenRecord:
        return False
    return named and signature_is_valid(vote.public_key, signature, replace(vote, signature="").canonical_bytes())
