@ Toggles the LED on P0.13 every 3,277 ticks of RTC1 (100 ms), asleep in between.
  .include "nrf52840.inc"
  vectors
reset:
  cpsid i
  movs r4, #1
  movs r5, #0
  ldr r0, =POWER
  str r4, [r0, #0x008]    @ LFCLKSTART
  ldr r1, =P0
  movw r2, #0x2000
  str r2, [r1, #0x518]    @ DIRSET P0.13
  ldr r0, =RTC1
  ldr r3, =0x10000
  str r3, [r0, #0x304]    @ COMPARE[0]
  ldr r3, =NVIC_ISER0
  ldr r6, =0x20000        @ line 17
  str r6, [r3]
  movw r7, #3277
  str r7, [r0, #0x540]
  str r4, [r0, #0x000]    @ START
next:
  wfi
  ldr r3, [r0, #0x140]
  cmp r3, #0
  beq next
  str r5, [r0, #0x140]
  ldr r3, =NVIC_ICPR0
  str r6, [r3]
  ldr r3, [r0, #0x540]
  add r3, r3, r7
  bic r3, r3, #0xff000000
  str r3, [r0, #0x540]
  ldr r3, [r1, #0x504]
  eor r3, r3, r2
  str r3, [r1, #0x504]
  b next
fault:
  b fault
  .ltorg
