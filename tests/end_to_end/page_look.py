"""How a page in a browser looks, as numbers: contrast of its texts (WCAG 2), and what is wider than the window."""

# Of each element with text of its own that is seen: its colour over the first background behind it that is opaque.
_TEXTS = r"""
const channels = text => (text.match(/[\d.]+/g) ?? []).map(Number);
const seen = new Map();
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || element.closest('noscript, template, dialog, .unseen, .skip, script, style') || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  let behind = element, background = [0, 0, 0, 0];
  while (behind) {
    background = channels(getComputedStyle(behind).backgroundColor);
    if (background.length === 3 || background[3] === 1) break;
    if (background[3] > 0 && background[3] < 1) break;
    behind = behind.parentElement;
  }
  const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
  const key = [style.color, background.join(), size, bold].join('|');
  if (!seen.has(key) || seen.size < 60) seen.set(`${key}|${element.className}|${element.tagName}|${element.id}`, {
    text: element.textContent.trim().slice(0, 40), tag: element.tagName, name: element.id || String(element.className),
    colour: channels(style.color), background, isLarge: size >= 24 || (bold && size >= 18.66)});
}
return [...seen.values()];
"""

_WIDE = """
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= width) return [];
return [...document.querySelectorAll('body *')].filter(one => one.checkVisibility()
  && one.getBoundingClientRect().right > width + 0.5).slice(0, 5).map(one => one.id || one.className || one.tagName);
"""


def luminance(colour: list[float]) -> float:
    def linear(channel):
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def contrasts(browser) -> list[dict]:
    """Texts with their `ratio`, and the `least` that level AA asks for."""
    return [one | {"ratio": round(contrast(one["colour"], one["background"]), 2), "least": 3.0 if one["isLarge"] else 4.5}
            for one in browser.run(_TEXTS)]


def overflowing(browser) -> list[str]:
    """What makes the page wider than the window; empty: it fits."""
    return browser.run(_WIDE)
