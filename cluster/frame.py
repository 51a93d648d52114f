"""The frame around everything that is saved: magic, format version, BLAKE2b of the body, body.

Nothing in a body is executable, and a file that is damaged or not ours is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from cluster.errors import UserError

MAGIC = b"REDSHANK"
FORMAT = 1
DIGEST = 32
HEAD = len(MAGIC) + 1 + DIGEST
Buffer = bytes | bytearray | memoryview


class Damaged(UserError):  # noqa: N818 - its text is for a user
    """Something saved can't be used: it is missing, torn, of another format, or not ours."""


class Newer(Damaged):
    """It was written by a later version."""


def framed(body: Sequence[Buffer]) -> tuple[list[Buffer], bytes]:
    """The frame as buffers, so that a large body is not copied, and the body's digest."""
    digest = blake2b(digest_size=DIGEST)
    for piece in body:
        digest.update(piece)
    return [MAGIC + bytes([FORMAT]) + digest.digest(), *body], digest.digest()


def unframed(where: str, frame: bytes, mend: str = "") -> tuple[bytes, bytes]:
    """The body and its digest. Raises Damaged, which says where, why and how to mend it."""
    if frame[: len(MAGIC)] != MAGIC:
        raise Damaged(f"{where}: is no saved state of Redshank{mend}")
    if len(frame) < HEAD:
        raise Damaged(f"{where}: is damaged (it ends after {len(frame)} bytes){mend}")
    if frame[len(MAGIC)] != FORMAT:
        kind = Newer if frame[len(MAGIC)] > FORMAT else Damaged
        raise kind(f"{where}: format {frame[len(MAGIC)]}; this version of Redshank reads {FORMAT}{mend}")
    digest, body = frame[HEAD - DIGEST : HEAD], frame[HEAD:]
    if blake2b(body, digest_size=DIGEST).digest() != digest:
        raise Damaged(f"{where}: is damaged (its checksum does not match){mend}")
    return body, digest
