# NVMC (PS v1.7, 4.3): always ready, erases at once. Renode saves what is in variables: none but numbers may stay there.
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
    first = 0
    pages = 0
    if request.Offset == 0x504:
        config = int(request.Value & 3)
    elif config == 2: # EEN
        if request.Offset == 0x508: # ERASEPAGE
            first = int(request.Value & 0xFFFFF000)
            pages = 1
        elif request.Offset == 0x50C and request.Value & 1: # ERASEALL
            pages = 256
        elif request.Offset == 0x514 and request.Value & 1: # ERASEUICR
            first = 0x10001000
            pages = 1
    if pages:
        blank = System.Array[System.Byte]([0xFF] * 4096)
        for page in range(pages):
            self.GetMachine().SystemBus.WriteBytes(blank, first + page * 4096)
        del blank
