"""What can be held of the look without eyes."""

import re
from pathlib import Path

import pytest

STYLE = (Path(__file__).parents[2] / "batch/web/static/style.css").read_text("utf-8")
_FOUND = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)
_LIGHT = {name: light for name, light, _ in _FOUND}
_DARK = {name: dark for name, _, dark in _FOUND}
TEXT_ON = (
    ("ink", "paper"), ("ink", "soft"), ("dim", "paper"), ("dim", "soft"), ("accent", "paper"),
    ("accent", "soft"), ("on-accent", "accent"), ("bad-ink", "bad-soft"), ("bad-ink", "paper"),
    ("ink", "good-soft"), ("ink", "bad-soft"), ("ink", "open-soft"), ("dim", "open-soft"),
)  # fmt: skip


def luminance(colour: str) -> float:
    """Relative, as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@pytest.mark.parametrize("colours", [_LIGHT, _DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_can_be_read(colours: dict[str, str], text: str, ground: str) -> None:
    one, other = sorted(luminance(colours[name]) for name in (text, ground))
    assert (other + 0.05) / (one + 0.05) >= 4.5  # WCAG 2 AA


def test_every_colour_has_a_light_and_a_dark_form() -> None:
    used = set(re.findall(r"var\(--([a-z-]+)\)", STYLE))
    assert {name for name in used if not name.endswith("-w")} == _LIGHT.keys()  # a width has one
