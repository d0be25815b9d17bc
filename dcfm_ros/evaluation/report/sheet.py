"""The contact sheet: a few frames of a run in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

from dcfm_ros.evaluation.report.pictures import prediction
from dcfm_ros.evaluation.run.samples import Sample
from dcfm_ros.images import Pixels
from dcfm_ros.network import LabelSet

_LANCZOS = getattr(Image, "Resampling", Image).LANCZOS  # Pillow before 9.1 has it in Image
_COLUMNS = 3
_TILE_WIDTH = 426
_GAP = 8
_MARGIN = 20
_INK, _SOFT, _PAPER, _KEY = (34, 34, 34), (110, 110, 110), (255, 255, 255), (0, 114, 178)


def contact_sheet(
    samples: Sequence[Sample],
    labels: LabelSet,
    title: str,
    subtitle: str,
    path: Path,
    strip: Pixels | None = None,
) -> None:
    """Write overlays in rows, with a title above and the classes below.

    Args:
        samples: in order of time; at least one.
        path: a .png file.
        strip: (h, w, 3) further pictures, shown across the sheet.
    """
    across = _across(strip, len(samples))
    tiles = [_tile(sample, labels) for sample in samples]
    heights = [
        max(tile.height for tile in tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)
    ]
    columns = min(_COLUMNS, len(tiles))
    width = 2 * _MARGIN + columns * _TILE_WIDTH + (columns - 1) * _GAP
    legend = _legend(labels, samples, width - 2 * _MARGIN)
    top = 78
    height = top + sum(heights) + _GAP * len(heights) + legend.height + _MARGIN
    height += across.height + _GAP if across else 0
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 14), title, _INK, _font(24, bold=True))
    draw.text((_MARGIN, 47), subtitle, _SOFT, _font(15))
    y = top
    for row, tallest in enumerate(heights):
        for column, tile in enumerate(tiles[row * _COLUMNS : (row + 1) * _COLUMNS]):
            sheet.paste(tile, (_MARGIN + column * (_TILE_WIDTH + _GAP), y))
        y += tallest + _GAP
    if across:
        sheet.paste(across, (_MARGIN, y))
        y += across.height + _GAP
    sheet.paste(legend, (_MARGIN, y + 4))
    sheet.save(path)


def _across(strip: Pixels | None, tiles: int) -> Image.Image | None:
    """The strip at the width of a row of tiles."""
    if strip is None:
        return None
    columns = min(_COLUMNS, tiles)
    width = columns * _TILE_WIDTH + (columns - 1) * _GAP
    picture = Image.fromarray(strip)
    height = round(picture.height * width / picture.width)
    return picture.resize((width, height), _LANCZOS)


def _tile(sample: Sample, labels: LabelSet) -> Image.Image:
    """An overlay with its place in the recording; key frames have a blue badge."""
    picture = Image.fromarray(prediction(sample, labels))
    height = round(picture.height * _TILE_WIDTH / picture.width)
    tile = picture.resize((_TILE_WIDTH, height), _LANCZOS)
    draw = ImageDraw.Draw(tile)
    record = sample.record
    text = f"frame {record.index}" + (" · key" if record.is_key_frame else "")
    font = _font(13, bold=True)
    box = draw.textbbox((0, 0), text, font)
    color = _KEY if record.is_key_frame else (40, 40, 40)
    draw.rounded_rectangle((6, 6, box[2] + 20, 29), 4, color)
    draw.text((13, 9), text, _PAPER, font)
    return tile


def _legend(labels: LabelSet, samples: Sequence[Sample], width: int) -> Image.Image:
    """A swatch and a name for each class that the pictures show."""
    shown = sorted({int(label) for sample in samples for label in set(sample.labels.ravel())})
    font = _font(14)
    entries = [(labels.classes[i], labels.colors[i]) for i in shown if i < len(labels.classes)]
    places: list[tuple[int, int]] = []
    x = y = 0
    for name, _ in entries:
        length = round(font.getlength(name)) + 42
        if x + length > width and x:
            x, y = 0, y + 26
        places.append((x, y))
        x += length
    legend = Image.new("RGB", (width, y + 26), _PAPER)
    draw = ImageDraw.Draw(legend)
    for (name, color), (left, top) in zip(entries, places, strict=True):
        draw.rounded_rectangle((left, top + 4, left + 16, top + 20), 3, color)
        draw.text((left + 22, top + 4), name, _INK, font)
    return legend


def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), size)
