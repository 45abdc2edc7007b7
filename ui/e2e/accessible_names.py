"""Prints role and name of everything that the window shows to assistive technology, one a line."""

import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402


def walk(node, depth):
    if node is None or depth > 40:
        return
    print(f"{node.get_role_name()}\t{node.get_name() or ''}")
    for i in range(node.get_child_count()):
        walk(node.get_child_at_index(i), depth + 1)


Atspi.init()
desktop = Atspi.get_desktop(0)
for i in range(desktop.get_child_count()):
    app = desktop.get_child_at_index(i)
    if app is not None and sys.argv[1] in (app.get_name() or ""):
        walk(app, 0)
