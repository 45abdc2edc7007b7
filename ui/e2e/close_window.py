"""Closes the windows of these ids as a user does who presses the cross: asks each with WM_DELETE_WINDOW. Usage: ID...

There is no window manager in the tests that could do it, and xdotool only destroys windows.
"""

import ctypes
import sys

x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
x11.XInternAtom.restype = ctypes.c_ulong


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent, padded to the size of XEvent."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),
    ]


CLIENT_MESSAGE = 33

display = ctypes.c_void_p(x11.XOpenDisplay(None))
if not display:
    sys.exit("the display cannot be opened")
atom = lambda name: x11.XInternAtom(display, name, 0)  # noqa: E731
for window in map(int, sys.argv[1:]):
    event = ClientMessage(type=CLIENT_MESSAGE, window=window, message_type=atom(b"WM_PROTOCOLS"), format=32)
    event.data[0] = atom(b"WM_DELETE_WINDOW")
    x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
x11.XFlush(display)
x11.XCloseDisplay(display)
