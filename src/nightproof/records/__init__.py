"""The immutable records of the line Scene → … → Certificate, their canonical bytes and digests. No I/O here."""
