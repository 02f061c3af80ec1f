"""Commit to evidence before anyone shows theirs, so that nobody can copy (rule Q5)."""

import hashlib


def commitment(verifier: str, evidence: str) -> str:
    """Binds `verifier` to the digest of its evidence without showing it: evidence names its verifier and holds
    measured values with many digits, so its digest cannot be guessed from another's."""
    return hashlib.sha256(f"nightproof/commitment/v1\n{verifier}\n{evidence}".encode()).hexdigest()
