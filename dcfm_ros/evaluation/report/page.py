"""The pieces of a report page: HTML in strings, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from dcfm_ros.evaluation.report.pictures import svg_uri
from dcfm_ros.network import LabelSet

MISSING = "n/a"


def page(title: str, body: str) -> str:
    """A whole document that needs no other file."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what stands below it; nothing without parts."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def text(words: str) -> str:
    """A paragraph that explains; a number and its % stay on one line."""
    return f'<p class="soft">{escape(words)}</p>'.replace(" %", "\u00a0%")


def card(name: str, value: str, unit: str = "", more: str = "") -> str:
    """One figure of the summary."""
    return (
        f'<div class="card"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)} <small>{escape(unit)}</small></div>'
        f'<div class="more">{escape(more)}</div></div>'
    )


def cards(items: Sequence[str]) -> str:
    """The figures of the summary side by side."""
    return f'<div class="cards">{"".join(items)}</div>'


def notes(sentences: Sequence[str]) -> str:
    """What a reader has to know about the figures."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="notes"><ul>{items}</ul></div>' if items else ""


def table(head: Sequence[str], rows: Sequence[str], numeric_from: int = 1) -> str:
    """A table; the columns from `numeric_from` on hold numbers."""
    cells = "".join(
        f'<th class="{"number" if column >= numeric_from else "name"}">{escape(name)}</th>'
        for column, name in enumerate(head)
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def row(cells: Sequence[str], *, css: str = "") -> str:
    """A table row of ready-made cells."""
    opening = f'<tr class="{css}">' if css else "<tr>"
    return f"{opening}{''.join(cells)}</tr>"


def words(value: str) -> str:
    """A cell with text."""
    return f"<td>{escape(value)}</td>"


def figure_cell(value: str) -> str:
    """A cell with a number."""
    return f'<td class="number">{escape(value)}</td>'


def bar_cell(share: float | None) -> str:
    """A cell with a bar for a share of 0 … 1."""
    width = 100.0 * (share or 0.0)
    return f'<td class="wide"><div class="bar"><i style="width:{width:.1f}%"></i></div></td>'


def swatch(color: tuple[int, int, int]) -> str:
    """A small square in a class's colour."""
    return f'<span class="swatch" style="background:rgb{color}"></span>'


def legend(labels: LabelSet, shown: Sequence[int]) -> str:
    """Colour and name of the classes given by id."""
    items = "".join(
        f"<span>{swatch(labels.colors[i])}{escape(labels.classes[i])}</span>" for i in shown
    )
    return f'<div class="legend">{items}</div>'


def drawing(svg: bytes, description: str) -> str:
    """A figure by matplotlib."""
    return f'<img class="drawing" alt="{escape(description)}" src="{svg_uri(svg)}">'


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 0 … 1 in per cent, without the sign."""
    return MISSING if share is None else f"{100.0 * share:.{digits}f}"


def milliseconds(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def giga(count: float) -> str:
    """Multiply-adds in units of 10^9."""
    return f"{count / 1e9:.{1 if count >= 1e10 else 2}f}"
