@ Draws 16 bytes from RNG and FICR's DEVICEID to 0x20000000, then sleeps.
  .include "nrf52840.inc"
  vectors
reset:
  movs r4, #1
  movs r5, #0
  ldr r0, =RNG
  ldr r2, =0x20000000
  ldr r1, =0x10000060
  ldr r3, [r1]
  str r3, [r2, #16]
  ldr r3, [r1, #4]
  str r3, [r2, #20]
  add r3, r2, #16
  str r4, [r0, #0x000]
next:
  ldr r1, [r0, #0x100]
  cmp r1, #0
  beq next
  str r5, [r0, #0x100]
  ldr r1, [r0, #0x508]
  strb r1, [r2], #1
  cmp r2, r3
  blo next
  str r4, [r0, #0x004]
done:
  wfi
  b done
fault:
  b fault
  .ltorg
