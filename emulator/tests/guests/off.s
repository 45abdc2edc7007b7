@ Goes to System OFF; P1.11 going low wakes it, and then it stays awake.
  .include "nrf52840.inc"
  vectors
reset:
  ldr r0, =POWER
  ldr r1, [r0, #0x400]
  tst r1, #0x10000        @ OFF
  bne awake
  ldr r3, =0x0003000c     @ pull-up, sense low
  ldr r4, =0x50000a2c
  str r3, [r4]
  movs r1, #1
  str r1, [r0, #0x500]
1:
  b 1b
awake:
  movs r7, #99
  wfi
  b awake
fault:
  b fault
  .ltorg
