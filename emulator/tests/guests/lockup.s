@ Faults, and faults again in the handler.
  .include "nrf52840.inc"
  vectors
reset:
  ldr r1, =0x60000000
  ldr r2, [r1]
fault:
  ldr r1, =0x60000000
  ldr r2, [r1]
  b fault
  .ltorg
