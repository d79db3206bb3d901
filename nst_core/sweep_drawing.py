"""The drawing of a contact sheet: plates in rows and columns, labels at the edges, text around."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from nst_core.errors import ConfigError
from nst_core.montage import INK, LEADING, PALE, PAPER, SMALLEST_TEXT, fit_line

MOST_PIXELS = 100_000_000
BEST, BOX = "#c2512f", "#efece5"
FRAME = 4  # px around the best
WIDEST_LABEL = 20  # ems, of a label at the left
NARROWEST = 40  # ems; a sheet of few pictures is this wide, for its title and footer


@dataclass(frozen=True)
class Plate:
    """A place on a sheet.

    Attributes:
        size: (height, width) of its picture, px; of a box, what pictures beside it have.
        file: its picture's SHA-256; None for a box.
        box: what a box says; of a picture, what is said where its file is gone.
        titles: lines in full ink below it.
        number: a line in full ink below these.
        is_best: whether it is framed.
    """

    size: tuple[int, int]
    file: str | None
    box: str
    titles: tuple[str, ...] = ()
    number: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Sheet:
    """All that stands on a contact sheet.

    Attributes:
        title, details: on top; details are paler.
        side, top: names of what the rows and the columns are; ``""`` for none.
        rows, columns: labels, one each; ``""`` for none.
        plates: row by row; None is an empty place.
        footer: paragraphs below.
    """

    title: str
    details: str
    side: str
    top: str
    rows: Sequence[str]
    columns: Sequence[str]
    plates: Sequence[Sequence[Plate | None]]
    footer: Sequence[str]


def draw_sheet(sheet: Sheet, edge: int, load: Callable[[Plate], Image.Image | None]) -> Image.Image:
    """Draw a sheet.

    Args:
        edge: of the pictures, px, by which text is sized.
        load: returns a plate's picture, of its size; None where it is gone.

    Raises:
        ConfigError: it would have more than 100 megapixels.
    """
    return _Drawing(sheet, edge).draw(load)


class _Drawing:
    def __init__(self, sheet: Sheet, edge: int) -> None:
        self.sheet = sheet
        self.text = max(SMALLEST_TEXT, round(edge / 18))
        self.line = round(self.text * LEADING)
        self.gap = self.text
        plates = [plate for row in sheet.plates for plate in row if plate is not None]
        widths = [plate.size[1] for plate in plates]
        self.cell = max([*widths, 11 * self.text])  # as wide as a number below
        self.titles = max((len(plate.titles) for plate in plates), default=0)
        self.foot = (self.titles + 1) * self.line + self.gap
        self.heights = [
            max(self._height(plate) for plate in row if plate is not None) for row in sheet.plates
        ]
        self.labels = [label.split(", ") for label in sheet.rows]
        self.side = self._side_width()
        across = len(sheet.columns) * (self.cell + self.gap)
        self.width = max(self.side + self.gap + across, NARROWEST * self.text)
        inner = self.width - 2 * self.gap
        self.details = self._wrapped([sheet.details], inner)
        self.footer = self._wrapped(sheet.footer, inner)
        self.inner = inner

    def _height(self, plate: Plate) -> int:
        """Return a plate's height; a box has room for three lines."""
        return plate.size[0] if plate.file else max(plate.size[0], 3 * self.line + self.gap)

    def _side_width(self) -> int:
        lines = [self.sheet.side, *(line for lines in self.labels for line in lines)]
        most = WIDEST_LABEL * self.text
        drawn = [fit_line(line, INK, most, self.text) for line in lines if line]
        return max((image.width for image in drawn if image), default=0) + self.gap * bool(drawn)

    def _wrapped(self, paragraphs: Iterable[str], width: int) -> list[str]:
        letters = max(20, width * 2 // self.text)  # a letter is about half as wide as it is high
        return [line for text in paragraphs for line in textwrap.wrap(text, letters)]

    def draw(self, load: Callable[[Plate], Image.Image | None]) -> Image.Image:
        title = round(self.text * 1.4)
        head = self.gap + round(title * LEADING) + len(self.details) * self.line + self.gap
        edges = self.line * (bool(self.sheet.top) + any(map(bool, self.sheet.columns)))
        body = sum(self.heights) + len(self.heights) * self.foot
        height = head + edges + self.gap // 2 + body + len(self.footer) * self.line + self.gap
        self._check(height)
        self.canvas = Image.new("RGB", (self.width, height), PAPER)
        self._write(self.sheet.title, INK, (self.gap, self.gap), self.inner, title)
        top = self.gap + round(title * LEADING)
        for line in self.details:
            self._write(line, PALE, (self.gap, top), self.inner)
            top += self.line
        self._draw_edges(head)
        top = head + edges + self.gap // 2
        for row, tall in enumerate(self.heights):
            self._draw_row(row, top, tall, load)
            top += tall + self.foot
        for line in self.footer:
            self._write(line, PALE, (self.gap, top), self.inner)
            top += self.line
        return self.canvas

    def _check(self, height: int) -> None:
        if self.width * height > MOST_PIXELS:
            raise ConfigError(
                f"this sheet would be {self.width:,} x {height:,} px, "
                f"{self.width * height / 1e6:.0f} megapixels, and {MOST_PIXELS / 1e6:.0f} are "
                "allowed; lower edge"
            )

    def _left(self, column: int) -> int:
        return self.gap + self.side + column * (self.cell + self.gap)

    def _draw_edges(self, top: int) -> None:
        count = len(self.sheet.columns)
        across = count * (self.cell + self.gap) - self.gap
        if self.sheet.top:
            self._write(self.sheet.top, PALE, (self._left(0), top), across, centred=True)
            top += self.line
        self._write(self.sheet.side, PALE, (self.gap, top), self.side)
        for column, label in enumerate(self.sheet.columns):
            self._write(label, INK, (self._left(column), top), self.cell, centred=True)

    def _draw_row(
        self, row: int, top: int, tall: int, load: Callable[[Plate], Image.Image | None]
    ) -> None:
        lines = self.labels[row]
        middle = top + max(0, (tall - len(lines) * self.line) // 2)
        for k, line in enumerate(lines[: max(1, tall // self.line)]):
            self._write(line, INK, (self.gap, middle + k * self.line), self.side)
        for column, plate in enumerate(self.sheet.plates[row]):
            if plate is not None:
                self._draw_plate(plate, self._left(column), top, tall, load(plate))

    def _draw_plate(
        self, plate: Plate, left: int, top: int, tall: int, picture: Image.Image | None
    ) -> None:
        # A box takes the whole cell, for what it says
        height, width = plate.size if picture is not None else (tall, self.cell)
        x, y = left + (self.cell - width) // 2, top + (tall - height) // 2
        pen = ImageDraw.Draw(self.canvas)
        if plate.is_best:
            corners = (x - FRAME, y - FRAME, x + width + FRAME - 1, y + height + FRAME - 1)
            pen.rectangle(corners, fill=BEST)
        if picture is not None:
            self.canvas.paste(picture, (x, y))
        else:
            pen.rectangle((x, y, x + width - 1, y + height - 1), fill=BOX)
            self._write_in_box(plate.box, (x, y), (height, width))
        top += tall + self.text // 2
        for line in (*plate.titles, *[""] * (self.titles - len(plate.titles)), plate.number):
            ink = BEST if plate.is_best and line == plate.number else INK
            self._write(line, ink, (left, top), self.cell, centred=True)
            top += self.line

    def _write_in_box(self, text: str, at: tuple[int, int], size: tuple[int, int]) -> None:
        height, width = size[0] - self.gap, size[1] - self.gap
        lines = textwrap.wrap(text, max(4, 2 * width // self.text))[: max(1, height // self.line)]
        top = at[1] + (size[0] - len(lines) * self.line) // 2
        for line in lines:
            self._write(line, PALE, (at[0] + self.gap // 2, top), width, centred=True)
            top += self.line

    def _write(
        self,
        line: str,
        ink: str,
        at: tuple[int, int],
        width: int,
        size: int | None = None,
        *,
        centred: bool = False,
    ) -> None:
        image = fit_line(" ".join(line.split()), ink, width, size or self.text) if line else None
        if image is not None:
            left = at[0] + (width - image.width) // 2 * centred
            self.canvas.paste(image, (left, at[1]), image)
