@ Loads from an unmapped address; the HardFault handler keeps r7 and continues to count in r0.
  .include "nrf52840.inc"
  vectors
reset:
  ldr r1, =0x60000000
  ldr r2, [r1]
  b reset
fault:
  movs r7, #42
1:
  adds r0, #1
  b 1b
  .ltorg
