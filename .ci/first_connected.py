"""Reads `drydock devices --json` and prints the id of the first connected device; exits with 1 if there is none yet."""

import json
import sys


def devices(value):
    """Device objects, whether a line is one, a list of them, or an object that holds such a list."""
    if isinstance(value, list):
        for item in value:
            yield from devices(item)
    elif isinstance(value, dict):
        if "devices" in value:
            yield from devices(value["devices"])
        else:
            yield value


for line in sys.stdin:
    for device in devices(json.loads(line)):
        if device.get("state") == "connected":
            print(device["id"])
            sys.exit(0)
sys.exit(1)
