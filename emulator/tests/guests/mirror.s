@ Shows the level of P1.11 (pulled up) on P0.13; GPIOTE wakes it at each edge.
  .include "nrf52840.inc"
  vectors
reset:
  cpsid i
  movs r5, #0
  ldr r1, =P0
  movw r2, #0x2000
  str r2, [r1, #0x518]
  movs r3, #0xc           @ PIN_CNF: input, pull-up
  ldr r4, =0x50000a2c     @ P1 PIN_CNF[11]
  str r3, [r4]
  ldr r0, =GPIOTE
  ldr r3, =0x00032b01     @ event, P1.11, toggle
  str r3, [r0, #0x510]
  movs r3, #1
  str r3, [r0, #0x304]
  ldr r4, =NVIC_ISER0
  movs r6, #0x40          @ line 6
  str r6, [r4]
  ldr r4, =0x50000810     @ P1 IN
show:
  ldr r3, [r4]
  tst r3, #0x800
  ite ne
  strne r2, [r1, #0x508]
  streq r2, [r1, #0x50c]
  wfi
  str r5, [r0, #0x100]
  ldr r3, =NVIC_ICPR0
  str r6, [r3]
  b show
fault:
  b fault
  .ltorg
