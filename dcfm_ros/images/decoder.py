"""Image messages of one camera as RGB, and what is odd about the values of a 16-bit one.

Drivers of 10-, 12- and 14-bit sensors may leave the top bits of mono16 or bayer_rggb16 at zero. No
field of the message says so, and the picture is 4 to 64 times too dark for any network.
"""

from __future__ import annotations

import numpy as np

from dcfm_ros.errors import ImageError
from dcfm_ros.images.compressed import compressed_to_rgb, decode_16_bit
from dcfm_ros.images.messages import CompressedImage, Pixels, RawImage, is_compressed
from dcfm_ros.images.raw import FULL_BITS, image_to_rgb, pixels_of_16_bit

FEWEST_BITS = 8
_SENSOR_BITS = (8, 10, 12, 14)
_FRAMES = 5
"""So many frames say whether the top bits occur."""


class PictureDecoder:
    """Decodes the messages of one camera.

    Args:
        bits: significant bits of 16-bit values, 8 to 16; greater values are white.

    Raises:
        ImageError: another number of bits.
    """

    def __init__(self, bits: int = FULL_BITS) -> None:
        if not FEWEST_BITS <= bits <= FULL_BITS:
            raise ImageError(f"image bits are {bits}, expected {FEWEST_BITS} to {FULL_BITS}")
        self._bits = bits
        self._frames, self._peak = 0, 0

    def rgb(self, message: RawImage | CompressedImage) -> Pixels:
        """(H, W, 3) RGB of the camera's next message.

        Raises:
            ImageError: it cannot be read as a picture.
        """
        if is_compressed(message):
            compressed: CompressedImage = message  # type: ignore[assignment]
            if self._frames < _FRAMES:  # it costs decoding twice
                self._look(decode_16_bit(compressed))
            return np.asarray(compressed_to_rgb(compressed, self._bits), np.uint8)
        raw: RawImage = message  # type: ignore[assignment]
        if self._frames < _FRAMES or not self._peak >> _SENSOR_BITS[-1]:
            self._look(pixels_of_16_bit(raw))
        return np.asarray(image_to_rgb(raw, self._bits), np.uint8)

    @property
    def hint(self) -> str:
        """What is odd about the values so far; empty where nothing is."""
        if self._frames < _FRAMES or not self._peak:
            return ""
        found = next((bits for bits in _SENSOR_BITS if not self._peak >> bits), FULL_BITS)
        advice = f"set image_bits to {found} (--image-bits {found}; data.bag_image_bits={found})"
        if self._peak >> self._bits:
            return (
                f"16-bit values reach {self._peak}, more than {self._bits} bits hold: bright parts "
                f"are lost; {advice}"
            )
        if self._bits == FULL_BITS and found < FULL_BITS:
            return (
                f"the 16-bit values of {self._frames} images never exceed {self._peak}: unless it "
                f"was dark, the sensor has {found} bits and pictures are "
                f"{2 ** (FULL_BITS - found)} times too dark; {advice}"
            )
        return ""

    def _look(self, values: np.ndarray | None) -> None:
        if values is not None:
            self._frames += 1
            self._peak = max(self._peak, int(values.max()))
