"""A small kit for charts in SVG: a plot area with scales, axes, marks and shapes. Colours come from the page's CSS."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

WIDTH = 1080
LEFT, RIGHT, BOTTOM = 64, 16, 40
MARK_ROW = 15  # one row of mark labels; labels that would collide move to the next row
MARK_ROWS_MAX = 8
CHARACTER_WIDTH = 6.9  # of the bold 11 px label font, a little generous
TICKS = 6
X_LABEL = "time since the traffic began (s)"

type Scale = Callable[[float], float]


@dataclass(frozen=True)
class Mark:
    """A moment worth a vertical line; `kind` is its CSS class."""

    at: float
    label: str
    kind: str = "event"


@dataclass
class Chart:
    """One plot; x is seconds since the drill's traffic began. Shapes are drawn in the order in which they are added."""

    title: str
    y_label: str
    seconds: tuple[float, float]
    y_range: tuple[float, float]
    height: int = 240
    log: bool = False
    y_format: Callable[[float], str] = lambda value: f"{value:g}"
    marks: Sequence[Mark] = ()
    shapes: list[str] = field(default_factory=list)

    def x(self, seconds: float) -> float:
        low, high = self.seconds
        return LEFT + (seconds - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        return self._bottom - (value - low) / ((high - low) or 1) * (self._bottom - self._top)

    def bar(self, start: float, end: float, base: float, value: float, kind: str, title: str) -> None:
        left, right = self.x(start), self.x(end)
        low, high = self.y(base), self.y(base + value)
        self.shapes.append(
            f'<rect class="fill-{kind}" x="{left:.1f}" y="{high:.1f}" width="{max(right - left - 0.6, 0.6):.1f}" '
            f'height="{low - high:.1f}"><title>{escape(title)}</title></rect>'
        )

    def line(self, points: Iterable[tuple[float, float]], kind: str, *, steps: bool = False) -> None:
        """`steps`: a value holds until the next one, which is true of counts."""
        placed = [(self.x(at), self.y(value)) for at, value in points]
        if not placed:
            return
        path = f"M{placed[0][0]:.1f} {placed[0][1]:.1f}"
        for _, (right, low) in pairwise(placed):
            path += f"H{right:.1f}V{low:.1f}" if steps else f"L{right:.1f} {low:.1f}"
        self.shapes.append(f'<path class="line-{kind}" d="{path}"/>')

    def dots(self, points: Iterable[tuple[float, float]], kind: str) -> None:
        """Thousands of them fit in one path: each is a line of no length with a round cap."""
        path = "".join(f"M{self.x(at):.1f} {self.y(value):.1f}h0" for at, value in points)
        if path:
            self.shapes.append(f'<path class="dots-{kind}" d="{path}"/>')

    def band(self, start: float, end: float, kind: str) -> None:
        left, right = self.x(start), self.x(end)
        self.shapes.append(
            f'<rect class="band-{kind}" x="{left:.1f}" y="{self._top}" width="{max(right - left, 0):.1f}" '
            f'height="{self._bottom - self._top}"/>'
        )

    def svg(self) -> str:
        total = self._bottom + BOTTOM
        described = f"{self.title}; vertical: {self.y_label}; horizontal: seconds"
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {total}" role="img" aria-label="{escape(described)}">',
            *self._grid(),
            *self.shapes,
            *self._marks(),
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self._bottom}" y2="{self._bottom}"/>',
            _axis_label(self.y_label, f'transform="translate(14 {(self._top + self._bottom) / 2:.0f}) rotate(-90)"'),
            _axis_label(X_LABEL, f'x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{total - 4}"'),
            "</svg>",
        ]
        return "\n".join(parts)

    @property
    def _top(self) -> int:
        return 8 + MARK_ROW * (max(rows, default=-1) + 1) if (rows := label_rows(self.marks, self.x)) else 8

    @property
    def _bottom(self) -> int:
        return self._top + self.height

    def _grid(self) -> Iterable[str]:
        values = log_ticks(*self.y_range) if self.log else ticks(*self.y_range)
        for value in values:
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="tick y" x="{LEFT - 6}" y="{y + 4:.1f}">{escape(self.y_format(value))}</text>'
        for value in ticks(*self.seconds, count=10):
            yield f'<text class="tick x" x="{self.x(value):.1f}" y="{self._bottom + 16}">{value:g}</text>'

    def _marks(self) -> Iterable[str]:
        for mark, row in zip(self.marks, label_rows(self.marks, self.x), strict=True):
            x, y = self.x(mark.at), 12 + row * MARK_ROW
            # near the right edge the label stands to the left of its line
            leftward = x + width(mark.label) > WIDTH
            anchor = f'x="{x - 4:.1f}" text-anchor="end"' if leftward else f'x="{x + 4:.1f}"'
            yield f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{self._bottom}"/>'
            yield f'<text class="mark-label {mark.kind}" {anchor} y="{y}">{escape(mark.label)}</text>'


def _axis_label(text: str, place: str) -> str:
    return f'<text class="axis-label" {place}>{escape(text)}</text>'


def width(label: str) -> float:
    return len(label) * CHARACTER_WIDTH + 10


def label_rows(marks: Sequence[Mark], x: Scale) -> list[int]:
    """The row of each mark's label, such that no two labels in one row overlap while rows last.

    Marks at 10 s and 11 s with long labels get rows 0 and 1; one at 90 s is back in row 0.
    """
    taken_until = [0.0] * MARK_ROWS_MAX
    rows: list[int] = []
    for mark in marks:
        left = x(mark.at)
        leftward = left + width(mark.label) > WIDTH
        start, end = (left - width(mark.label), left) if leftward else (left, left + width(mark.label))
        row = next((r for r, until in enumerate(taken_until) if until <= start), MARK_ROWS_MAX - 1)
        taken_until[row] = max(taken_until[row], end)
        rows.append(row)
    return rows


def ticks(low: float, high: float, count: int = TICKS) -> list[float]:
    """Round values in the range, about `count` of them: 0 to 47 gives 0, 10, 20, 30, 40."""
    if high <= low:
        return [low]
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 9) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """The powers of ten in the range, and their halves where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [value for p in powers for m in (1, 2, 5) if low <= (value := m * 10.0**p) <= high]
