"""Bytes by their SHA-256 in a folder: what every record and file of a job is kept in.

Writing is atomic (a temporary file beside the target, flushed to the disk, renamed), so a blob is there whole or not
at all, whatever kills the process. Writing the same bytes twice is harmless. Reading checks the digest: a medium that
rots is noticed here and not three steps later.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nightproof.errors import StorageFailed, UnusableInput

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
PART_PREFIX = ".part-"
PART = re.compile(rf"{re.escape(PART_PREFIX)}(\d+)-")
"""What `write_atomically` calls its drafts, with the number of the process that writes."""
NUMBERED = re.compile(r".*\.(\d+)$")
"""What verifiers call theirs; to be looked for in folders of our own only."""


class BlobMissing(StorageFailed):
    """A blob that a record names is not in the store, or is no longer what its name says."""

    hint = "The store was changed by hand or its medium failed. Run the job with --again to make it anew."


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one typed error that says what to do."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise StorageFailed(f"{path}: {reason}") from error


def given_file_sha256(path: Path) -> str:
    """The digest of a file that the user named. Raises `UnusableInput`."""
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise UnusableInput(f"{path}: {error.strerror}", hint="Check the path and its permissions.") from None


_REASONS = {
    errno.ENOENT: "no such file or folder",
    errno.EISDIR: "this is a folder",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "no permission to write here",
    errno.EPERM: "no permission to write here",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a file is in the way of a folder",
}


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` whole or not at all. Raises `StorageFailed`."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{PART_PREFIX}{os.getpid()}-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def require_writable(folder: Path) -> None:
    """Raise `StorageFailed` where `folder` could not be written or made: better before the work than after it."""
    there = next(it for it in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(it))
    if not there.is_dir():
        raise StorageFailed(f"{there}: {_REASONS[errno.EEXIST]}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise StorageFailed(f"{there}: {_REASONS[errno.EACCES]}")


def sweep(folder: Path, drafts: re.Pattern[str] = PART) -> None:
    """Remove the drafts that processes left which were killed while they wrote. What cannot be removed stays."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            found = drafts.match(entry.name)
            if found is None or _runs(int(found[1])):
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class BlobStore:
    """Blobs below one folder, two hexadecimal digits a shelf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sweep(self) -> None:
        """Remove what writers left that were killed."""
        for shelf in self.folder.glob("??"):
            sweep(shelf)

    def path_of(self, digest: str) -> Path:
        assert _DIGEST.fullmatch(digest), "a blob is named by a SHA-256"
        return self.folder / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Keep `data`; returns its digest. Raises `StorageFailed`."""
        digest = sha256_of(data)
        path = self.path_of(digest)
        if not path.exists():
            write_atomically(path, data)
        return digest

    def put_file(self, path: Path) -> str:
        return self.put(path.read_bytes())

    def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises `BlobMissing` where they are gone or no longer the same."""
        try:
            data = self.path_of(digest).read_bytes()
        except OSError as error:
            raise BlobMissing(f"blob {digest[:12]} cannot be read: {error.strerror}") from error
        if sha256_of(data) != digest:
            raise BlobMissing(f"blob {digest[:12]} no longer has the content its name promises")
        return data

    def has(self, digest: str) -> bool:
        return self.path_of(digest).exists()
