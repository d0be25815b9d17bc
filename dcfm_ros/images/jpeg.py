"""Whether a JPEG file is whole, from its markers (ITU-T T.81, B.1)."""

from __future__ import annotations

import re

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
