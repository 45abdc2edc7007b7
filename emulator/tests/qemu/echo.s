@ Sends each byte received on UART0 (CMSDK, polled) back, plus one; counts rounds in r4.
  .syntax unified
  .cpu cortex-m4
  .thumb
  .word 0x20010000
  .word reset + 1
  .rept 14
  .word fault + 1
  .endr
reset:
  ldr r0, =0x40004000
  movs r1, #16
  str r1, [r0, #0x10]     @ BAUDDIV
  movs r1, #3
  str r1, [r0, #8]        @ CTRL: TX and RX enable
  movs r4, #0
next:
  adds r4, #1
  ldr r1, [r0, #4]        @ STATE: RX full
  lsls r1, r1, #30
  bpl next
  ldr r1, [r0]
  adds r1, #1
  str r1, [r0]
  b next
fault:
  b fault
  .ltorg
