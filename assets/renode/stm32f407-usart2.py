# USART2 (RM0090, chapter 30) with its DMA requests (10.3.3, stream 5 of DMA1), over Renode's own USART2, which is moved aside
# to 0x50070000: Renode's DMA knows no circular mode, which here is the only one. Bytes that have arrived are taken when a
# register is read or written; the idle line brings that about by its interrupt. Renode saves what is in variables: none but
# numbers may stay there.
bus = self.GetMachine().SystemBus

if request.IsInit:
    requests = 0 # CR3.DMAR
    ring = 0 # NDTR when the requests were enabled
    last = 0 # what DR holds
else:
    offset = int(request.Offset)
    value = int(request.Value)
    status = int(bus.ReadDoubleWord(0x50070000)) # SR
    if requests:
        stream = bus.ReadDoubleWord(0x40026088) # S5CR
        memory = bus.ReadDoubleWord(0x40026094) # S5M0AR
        left = int(bus.ReadDoubleWord(0x4002608C)) # S5NDTR
        waiting = status & 0x20 # RXNE
        while waiting and stream & 1 and left:
            last = int(bus.ReadDoubleWord(0x50070004)) # DR
            bus.WriteByte(memory + ring - left, last)
            left -= 1
            if left == 0: # as with CIRC, which Renode's DMA does not keep
                left = ring
            bus.WriteDoubleWord(0x4002608C, left)
            waiting = bus.ReadDoubleWord(0x50070000) & 0x20
        del stream, memory, waiting
    if request.IsRead:
        if requests and offset == 0x000:
            request.Value = status & 0xFFFFFFDF
        elif requests and offset == 0x004:
            bus.ReadDoubleWord(0x50070004) # which is empty: ends IDLE
            request.Value = last
        else:
            request.Value = bus.ReadDoubleWord(0x50070000 + offset)
    else:
        bus.WriteDoubleWord(0x50070000 + offset, value)
        if offset == 0x014: # CR3
            requests = value & 0x40
            ring = int(bus.ReadDoubleWord(0x4002608C))

del bus
