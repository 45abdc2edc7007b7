# NVMC (PS v1.7, 4.3): always ready, erases at once.
from System import Array, Byte

PAGE = 4096

def erase(addr, size):
    blank = Array.CreateInstance(Byte, size)
    for i in range(size):
        blank[i] = Byte(0xFF)
    self.GetMachine().SystemBus.WriteBytes(blank, addr)

if request.IsInit:
    config = 0
elif request.IsRead:
    if request.Offset in (0x400, 0x408): # READY, READYNEXT
        request.Value = 1
    elif request.Offset == 0x504: # CONFIG
        request.Value = config
    else:
        request.Value = 0
elif request.IsWrite:
    if request.Offset == 0x504:
        config = request.Value & 3
    elif config == 2: # EEN
        if request.Offset == 0x508: # ERASEPAGE
            erase(request.Value & ~(PAGE - 1), PAGE)
        elif request.Offset == 0x50C and request.Value & 1: # ERASEALL
            for page in range(256):
                erase(page * PAGE, PAGE)
        elif request.Offset == 0x514 and request.Value & 1: # ERASEUICR
            erase(0x10001000, PAGE)
