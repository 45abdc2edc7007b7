# TEMP (PS v1.7, 6.28): 25 degrees Celsius, measured at once; no interrupt.
if request.IsInit:
    ready = 0
elif request.IsRead:
    if request.Offset == 0x100: # EVENTS_DATARDY
        request.Value = ready
    elif request.Offset == 0x508: # TEMP, in quarters of a degree
        request.Value = 100
    else:
        request.Value = 0
elif request.IsWrite:
    if request.Offset == 0x000 and request.Value & 1: # TASKS_START
        ready = 1
    elif request.Offset == 0x100:
        ready = request.Value & 1
