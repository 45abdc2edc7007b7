@ Writes a word of flash through NVMC, twice too often, and erases its page.
  .include "nrf52840.inc"
  vectors
reset:
  ldr r0, =0x4001e000
  ldr r1, =0x00088000
  movs r4, #1
  str r4, [r0, #0x504]    @ WEN
  mvn r2, #0xff
  str r2, [r1]
  lsls r2, r2, #8
  str r2, [r1]
  lsls r2, r2, #8
  str r2, [r1]
  movs r4, #2
  str r4, [r0, #0x504]    @ EEN
  ldr r3, [r1]
  str r1, [r0, #0x508]    @ ERASEPAGE
  movs r4, #0
  str r4, [r0, #0x504]
  ldr r5, [r1]
done:
  wfi
  b done
fault:
  b fault
  .ltorg
