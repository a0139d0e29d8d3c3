"""Charts as SVG, drawn here: no script, nothing from elsewhere, colours from the style sheet. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

SPARK_WIDTH, SPARK_HEIGHT = 96, 24


def spark(values: Sequence[float], label: str) -> Markup:
    """Draw values as small columns, oldest left; `label` says them to who does not see."""
    shown = list(values)[-20:]
    if not shown:
        return Markup('<span class="quiet">—</span>')
    most, step = max(*shown, 1), SPARK_WIDTH / 20
    bars = "".join(
        f'<rect x="{(20 - len(shown) + place) * step:.1f}" y="{SPARK_HEIGHT - height:.1f}"'
        f' width="{step - 1.5:.1f}" height="{height:.1f}" rx="1"/>'
        for place, value in enumerate(shown)
        for height in (max(1.5, value / most * (SPARK_HEIGHT - 1)),)
    )
    return Markup(
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}"'
        f' role="img" aria-label="{escape(label)}">{bars}</svg>'
    )


def meter(part: float, label: str, *, tone: str = "info", width: int = 160) -> Markup:
    """Draw a part of a whole."""
    filled = min(1.0, max(0.0, part)) * width
    return Markup(
        f'<svg class="meter {escape(tone)}" viewBox="0 0 {width} 8" width="{width}" height="8" preserveAspectRatio="none"'
        f' role="img" aria-label="{escape(label)}"><rect class="track" width="{width}" height="8" rx="4"/>'
        f'<rect class="fill" width="{filled:.1f}" height="8" rx="4"/></svg>'
    )


def stack(parts: Sequence[tuple[str, float]], label: str, *, width: int = 640) -> Markup:
    """Draw parts of one sum side by side, each in the colour of its class."""
    total, left, drawn = sum(value for _, value in parts), 0.0, []
    for name, value in parts:
        if value and total:
            size = max(3.0, value / total * (width - 3 * len(parts)))
            drawn.append(f'<rect class="{escape(name)}" x="{left:.1f}" width="{size:.1f}" height="10" rx="2"/>')
            left += size + 2
    return Markup(
        f'<svg class="stack" viewBox="0 0 {max(left, 1):.0f} 10" height="10" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )


def columns(series: Sequence[Sequence[tuple[str, float]]], labels: Sequence[str], title: str) -> Markup:
    """Draw stacked columns: of each place its parts (class and value), from the bottom up, and a label for who points at it."""
    width, height, floor = 720, 168, 148
    most = max((sum(value for _, value in parts) for parts in series), default=0) or 1
    step = min(44.0, (width - 56) / max(len(series), 1))
    drawn = [_grid(most, width, floor)]
    for place, (parts, label) in enumerate(zip(series, labels, strict=True)):
        x, y, bars = 52 + place * step, float(floor), []
        for name, value in parts:
            size = value / most * (floor - 12)
            if value:
                size = max(size, 1.5)
                y -= size
                bars.append(
                    f'<rect class="{escape(name)}" x="{x:.1f}" y="{y:.1f}" width="{step * 0.72:.1f}" height="{size:.1f}" rx="1.5"/>'
                )
        hit = f'<rect class="hit" x="{x - step * 0.14:.1f}" y="4" width="{step:.1f}" height="{floor - 4}"/>'
        drawn.append(f"<g><title>{escape(label)}</title>{hit}{''.join(bars)}</g>")
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg>'
    )


def line(values: Sequence[float], limit: float, title: str, *, unit: str = "") -> Markup:
    """Draw values over time under the line of their limit."""
    width, height, floor = 720, 132, 118
    most = max([limit, *values]) * 1.08 or 1.0
    step = (width - 60) / max(len(values) - 1, 59)
    dots = [f"{52 + place * step:.1f},{floor - value / most * (floor - 10):.1f}" for place, value in enumerate(values)]
    top = floor - limit / most * (floor - 10)
    area = f"52,{floor} {' '.join(dots)} {52 + (len(values) - 1) * step:.1f},{floor}" if dots else ""
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f'<line class="axis" x1="52" x2="{width}" y1="{floor}" y2="{floor}"/>'
        f'<polygon class="area" points="{area}"/><polyline class="trace" points="{" ".join(dots)}"/>'
        f'<line class="limit" x1="52" x2="{width}" y1="{top:.1f}" y2="{top:.1f}"/>'
        f'<text x="46" y="{top + 4:.1f}" text-anchor="end">{limit:g}{escape(unit)}</text>'
        f'<text x="46" y="{floor + 4}" text-anchor="end">0</text></svg>'
    )


def _grid(most: float, width: int, floor: int) -> str:
    lines = []
    for part in (0.0, 0.5, 1.0):
        y = floor - part * (floor - 12)
        lines.append(f'<line class="axis" x1="48" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="42" y="{y + 4:.1f}" text-anchor="end">{_short(most * part)}</text>')
    return "".join(lines)


def _short(value: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
