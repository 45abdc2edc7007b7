@ Counts in r0 endlessly.
  .include "nrf52840.inc"
  vectors
reset:
  movs r0, #0
  movs r1, #0
1:
  adds r0, #1
  b 1b
fault:
  b fault
