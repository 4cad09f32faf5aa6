"""The size of a WebP image, read from its header.

libwebp takes the memory of all pixels as soon as it opens an image, and a file of 300 bytes can announce 268 megapixels. So its
size is checked first. Source: RFC 9649, sections 2.5 to 2.7.
"""

from __future__ import annotations

HEADER_BYTES = 30
"""Length of the part of a file that has its size."""

_LOSSY_START, _LOSSLESS_START = b"\x9d\x01\x2a", b"\x2f"


def webp_size(header: bytes) -> tuple[int, int]:
    """Return the width and height that the header of a WebP image announces, pixels.

    Args:
        header: the first `HEADER_BYTES` bytes of the file.

    Raises:
        SyntaxError: it is not the header of a WebP image.
    """
    if header[:4] != b"RIFF" or header[8:12] != b"WEBP" or len(header) < HEADER_BYTES:
        raise SyntaxError("not a WebP file")
    kind = header[12:16]
    if kind == b"VP8 " and header[23:26] == _LOSSY_START:  # 14 bits for each side; the other two bits are a scale for display
        return _number(header, 26, 2) & 0x3FFF, _number(header, 28, 2) & 0x3FFF
    if kind == b"VP8L" and header[20:21] == _LOSSLESS_START:  # 14 bits for each side, less one
        sides = _number(header, 21, 4)
        return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":  # 24 bits for each side of the canvas, less one
        return _number(header, 24, 3) + 1, _number(header, 27, 3) + 1
    raise SyntaxError("a WebP file without an image")


def _number(header: bytes, start: int, length: int) -> int:
    return int.from_bytes(header[start : start + length], "little")
