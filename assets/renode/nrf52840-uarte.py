# UARTE0 (PS v1.7, 6.34) over Renode's plain UART, which is moved aside to 0x41002000: Renode's UARTE starts no reception by
# shortcut, and its events reach no PPI channel. Bytes go at once, in both directions; those that have arrived are taken in
# when a register is read or written, which each of them brings about by an interrupt. Renode saves what is in variables:
# none but numbers may stay there.
bus = self.GetMachine().SystemBus

if request.IsInit:
    events = 0 # bit n: the event at 0x100 + 4 n
    enabled = 0 # INTEN
    shorts = 0
    enable = 0
    psel_rts = psel_txd = psel_cts = psel_rxd = 0xFFFFFFFF
    baudrate = 0x04000000
    config = 0
    rx_pointer = rx_max = rx_amount = rx_at = 0
    tx_pointer = tx_max = tx_amount = 0
    receives = 0
else:
    if receives:
        received = 0
        while bus.ReadDoubleWord(0x41002108): # EVENTS_RXDRDY: its FIFO has something
            bus.WriteDoubleWord(0x41002108, 0)
            value = bus.ReadDoubleWord(0x41002518) # RXD
            events |= 1 << 2 # RXDRDY
            received += 1
            if rx_amount < rx_max:
                bus.WriteByte(rx_at + rx_amount, value)
                rx_amount += 1
            if rx_amount == rx_max:
                events |= 1 << 4 # ENDRX
                if shorts & 1 << 5: # ENDRX_STARTRX
                    events |= 1 << 19 # RXSTARTED
                    rx_at = rx_pointer
                    rx_amount = 0
        if received: # PPI (6.16): to the tasks of the channels that are wired to RXDRDY
            channels = bus.ReadDoubleWord(0x4001F500) # CHEN
            for channel in range(20):
                if channels >> channel & 1 and bus.ReadDoubleWord(0x4001F510 + channel * 8) == 0x40002108:
                    task = bus.ReadDoubleWord(0x4001F514 + channel * 8)
                    for _ in range(received):
                        bus.WriteDoubleWord(task, 1)

    value = int(request.Value)
    offset = int(request.Offset)
    if offset >= 0x100 and offset < 0x180:
        bit = 1 << (offset - 0x100) / 4
        if request.IsRead:
            request.Value = 1 if events & bit else 0
        elif value & 1:
            events |= bit
        else:
            events &= ~bit
    elif request.IsRead:
        if offset in (0x300, 0x304, 0x308):
            request.Value = enabled
        elif offset == 0x200:
            request.Value = shorts
        elif offset == 0x500:
            request.Value = enable
        elif offset == 0x508:
            request.Value = psel_rts
        elif offset == 0x50C:
            request.Value = psel_txd
        elif offset == 0x510:
            request.Value = psel_cts
        elif offset == 0x514:
            request.Value = psel_rxd
        elif offset == 0x524:
            request.Value = baudrate
        elif offset == 0x56C:
            request.Value = config
        elif offset == 0x534:
            request.Value = rx_pointer
        elif offset == 0x538:
            request.Value = rx_max
        elif offset == 0x53C:
            request.Value = rx_amount
        elif offset == 0x544:
            request.Value = tx_pointer
        elif offset == 0x548:
            request.Value = tx_max
        elif offset == 0x54C:
            request.Value = tx_amount
        else:
            request.Value = 0
    elif offset == 0x000 and value & 1: # TASKS_STARTRX
        if not receives:
            receives = 1
            bus.WriteDoubleWord(0x41002304, 1 << 2 | 1 << 9) # INTENSET: RXDRDY, ERROR
            bus.WriteDoubleWord(0x41002000, 1)
        rx_at = rx_pointer
        rx_amount = 0
        events |= 1 << 19
    elif offset == 0x004 and value & 1: # TASKS_STOPRX
        events |= 1 << 4 | 1 << 17 # ENDRX, RXTO
    elif offset == 0x008 and value & 1: # TASKS_STARTTX
        for value in bus.ReadBytes(tx_pointer, tx_max):
            bus.WriteDoubleWord(0x4100251C, value) # TXD
        tx_amount = tx_max
        events |= 1 << 7 | 1 << 8 | 1 << 20 # TXDRDY, ENDTX, TXSTARTED
    elif offset == 0x00C and value & 1: # TASKS_STOPTX
        events |= 1 << 22 # TXSTOPPED
    elif offset == 0x200:
        shorts = value
    elif offset == 0x300:
        enabled = value
    elif offset == 0x304:
        enabled |= value
    elif offset == 0x308:
        enabled &= ~value
    elif offset == 0x500:
        enable = value
        bus.WriteDoubleWord(0x41002500, 4 if value else 0)
    elif offset == 0x508:
        psel_rts = value
    elif offset == 0x50C:
        psel_txd = value
    elif offset == 0x510:
        psel_cts = value
    elif offset == 0x514:
        psel_rxd = value
    elif offset == 0x524:
        baudrate = value
    elif offset == 0x56C:
        config = value
    elif offset == 0x534:
        rx_pointer = value
    elif offset == 0x538:
        rx_max = value & 0xFFFF
    elif offset == 0x544:
        tx_pointer = value
    elif offset == 0x548:
        tx_max = value & 0xFFFF
    # The interrupt is the plain UART's: of its own for a byte that has arrived, of its event ERROR for all others.
    if receives:
        bus.WriteDoubleWord(0x41002124, 1 if events & enabled else 0)

del bus
