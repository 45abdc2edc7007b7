"""Waits until a word can be read in the Drydock window, as a screen reader would read it (AT-SPI).

read_window.py WORD SECONDS
"""

import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


def words(node, depth=0):
    """Names and texts of a node and all below it."""
    if node is None or depth > 60:
        return
    try:
        yield node.get_name() or ""
        text = node.get_text_iface()
        if text is not None:
            yield Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text)) or ""
        children = [node.get_child_at_index(i) for i in range(node.get_child_count())]
    except GLib.Error:
        return  # it went away while it was read
    for child in children:
        yield from words(child, depth + 1)


def main():
    wanted, seconds = sys.argv[1].lower(), float(sys.argv[2])
    deadline = time.monotonic() + seconds
    seen = []
    while time.monotonic() < deadline:
        desktop = Atspi.get_desktop(0)
        seen = []
        for i in range(desktop.get_child_count()):
            application = desktop.get_child_at_index(i)
            seen.extend(word for word in words(application) if word.strip())
        if any(wanted in word.lower() for word in seen):
            return 0
        time.sleep(0.5)
    print(f"read_window: '{sys.argv[1]}' was not in the window after {seconds:.0f} s. What was read:")
    for word in dict.fromkeys(seen):
        print("   ", word[:200])
    return 1


if __name__ == "__main__":
    sys.exit(main())
