"""Reads `drydock devices --json` and prints the first board whose device is connected; exits with 1 if there is none yet."""

import json
import sys

for line in sys.stdin:
    fact = json.loads(line)
    if fact.get("event") == "device" and fact["device"]["state"] == "connected":
        print(fact["board"])
        sys.exit(0)
sys.exit(1)
