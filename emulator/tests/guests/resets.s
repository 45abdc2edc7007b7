@ Counts its boots in RAM that nothing initialises, adds up reset reasons behind it, resets itself twice, then sleeps.
  .include "nrf52840.inc"
  vectors
reset:
  ldr r0, =POWER
  ldr r1, [r0, #0x400]    @ RESETREAS
  str r1, [r0, #0x400]
  ldr r2, =0x20000100
  ldr r3, [r2]
  adds r3, #1
  str r3, [r2]
  ldr r4, [r2, #4]
  orrs r4, r1
  str r4, [r2, #4]
  cmp r3, #3
  bhs sleep
  ldr r0, =AIRCR
  ldr r1, =0x05fa0004
  dsb
  str r1, [r0]
1:
  b 1b
sleep:
  wfi
  b sleep
fault:
  b fault
  .ltorg
