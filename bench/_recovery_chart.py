"""Draw the concurrent requests at a receiver that recovers, as a self-contained SVG."""

from collections.abc import Sequence

WIDTH, HEIGHT = 760, 300
LEFT, TOP, RIGHT, BOTTOM = 56, 34, 16, 44
SHOWN_SECONDS = 3.0

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600; fill: #24292f }
.grid { stroke: #d0d7de } .limit { stroke: #cf222e; stroke-dasharray: 5 4 }
.line { fill: none; stroke: #0969da; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } }
"""


def chart(curve: Sequence[tuple[float, int]], limit: int, probes: int, held: int) -> str:
    """Return the chart of `curve`: seconds since the first probe, and the concurrent requests."""
    visible = [(at, most) for at, most in curve if at <= SHOWN_SECONDS]
    top = limit * 1.1

    def x(seconds: float) -> float:
        return LEFT + seconds / SHOWN_SECONDS * (WIDTH - LEFT - RIGHT)

    def y(most: float) -> float:
        return HEIGHT - BOTTOM - most / top * (HEIGHT - TOP - BOTTOM)

    points = " ".join(_steps([(x(at), y(most)) for at, most in visible]))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>Concurrent requests at a receiver that recovers with {held:,} held deliveries</title>",
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="{LEFT}" y="18">Concurrent requests, {held:,} held deliveries</text>',
            *(_grid(y(most), str(most)) for most in (0, probes, 16, 32, 48)),
            f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>',
            f'<text x="{LEFT - 8}" y="{y(limit) + 4:.1f}" text-anchor="end">{limit}</text>',
            f'<text x="{WIDTH - RIGHT}" y="{y(limit) - 6:.1f}" text-anchor="end">limit of the lane</text>',
            *(_second(x(tenth / 2), tenth / 2) for tenth in range(int(SHOWN_SECONDS * 2) + 1)),
            f'<polyline class="line" points="{points}"/>',
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">seconds since the first probe</text>',
            "</svg>\n",
        ]
    )


def _steps(points: Sequence[tuple[float, float]]) -> list[str]:
    """Return the points of a step line."""
    corners: list[str] = []
    height = points[0][1]
    for across, now in points:
        corners += [f"{across:.1f},{height:.1f}", f"{across:.1f},{now:.1f}"]
        height = now
    return corners


def _grid(height: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}"/>'
        f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _second(across: float, seconds: float) -> str:
    return f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{seconds:g}</text>'
