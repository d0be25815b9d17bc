"""PNG and JPEG files by their bytes: whether they are whole, and class ids as they were stored.

OpenCV expands a palette to its colours and grey of less than 8 bits to 0..255; for a label image
both lose the ids. Instead of a second decoder the file is rewritten in memory: an identity palette
makes OpenCV return the stored values. Chunks: PNG specification (W3C REC-png-3), section 5;
markers: ITU-T T.81, B.1.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _INDEXED = 0, 3
_CRITICAL = (b"IDAT", b"IEND")
# Offsets in the IHDR chunk's data.
_BIT_DEPTH, _COLOUR_TYPE = 8, 9
PNG_BIT_DEPTH = len(_SIGNATURE) + 8 + _BIT_DEPTH
"""Offset in a file, whose first chunk is IHDR, of its bits per channel."""


def is_png(data: np.ndarray) -> bool:
    """Whether (N,) uint8 starts as a PNG file does."""
    return data[:8].tobytes() == _SIGNATURE


def is_whole_png(data: np.ndarray) -> bool:
    """Whether the chunks of a PNG file reach its end mark; their content is not looked at."""
    return any(kind == b"IEND" for kind, _ in png_chunks(data.data))


def with_identity_palette(data: np.ndarray) -> tuple[np.ndarray, bool]:
    """Rewrite a PNG so that decoders return the values stored per pixel.

    Args:
        data: (N,) uint8, a PNG file; a damaged one comes back as far as it can be read.

    Returns:
        (M,) uint8, a PNG file without ancillary chunks (transparency, gamma, text), and whether it
        now has an identity palette: then each channel of the decoded image holds the stored value.
    """
    rewritten = bytearray(_SIGNATURE)
    indexed = False
    for kind, part in png_chunks(data.data):
        body = bytes(part)
        if kind == b"IHDR" and len(body) == 13:
            bits, colour_type = body[_BIT_DEPTH], body[_COLOUR_TYPE]
            indexed = colour_type == _INDEXED or (colour_type == _GREY and bits < 8)
            header = bytearray(body)
            if indexed:
                header[_COLOUR_TYPE] = _INDEXED
            rewritten += _chunk(b"IHDR", bytes(header))
            if indexed:
                identity = np.arange(2 ** min(bits, 8), dtype=np.uint8)
                rewritten += _chunk(b"PLTE", np.repeat(identity, 3).tobytes())
        elif kind in _CRITICAL:
            rewritten += _chunk(kind, body)
    return np.frombuffer(bytes(rewritten), np.uint8), indexed


def png_chunks(file: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks of a PNG file by kind and content, as far as it can be read."""
    position = len(_SIGNATURE)
    while position + 12 <= len(file):
        (length,) = struct.unpack_from(">I", file, position)
        end = position + 12 + length
        if end > len(file):
            return
        yield bytes(file[position + 4 : position + 8]), file[position + 8 : end - 4]
        position = end


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


JPEG_START = b"\xff\xd8"
_END, _SCAN, _FILL = 0xD9, 0xDA, 0xFF
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # not stuffed, and no restart


def is_whole_jpeg(file: bytes) -> bool:
    """Whether the picture itself ends: that of a thumbnail in the header does not count.

    Args:
        file: that starts as a JPEG.
    """
    at = len(JPEG_START)
    while at + 1 < len(file) and file[at] == 0xFF:
        marker = file[at + 1]
        if marker == _END:
            return True
        if marker == _FILL:
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if marker == _SCAN:
            found = _MARKER_IN_SCAN.search(file, at)
            at = found.start() if found else len(file)
    return False
