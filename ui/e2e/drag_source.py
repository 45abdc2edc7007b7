"""A small GTK window from which a file can be dragged. Usage: drag_source.py X Y FILE...

Prints "ready" once it is on the screen; prints "dropped" when the drag ended with a drop that was taken.
"""

import sys

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

x, y, files = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

window = Gtk.Window(type=Gtk.WindowType.POPUP)
window.set_default_size(80, 60)
box = Gtk.EventBox()
box.add(Gtk.Label(label="file"))
window.add(box)
box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
box.drag_source_add_uri_targets()
box.connect("drag-data-get", lambda _w, _c, data, _i, _t: data.set_uris([GLib.filename_to_uri(f, None) for f in files]))
box.connect("drag-end", lambda _w, context: print("dropped", flush=True))
box.connect("drag-failed", lambda *_: print("failed", flush=True))
window.move(x, y)
window.show_all()
GLib.timeout_add(300, lambda: print("ready", flush=True))
Gtk.main()
