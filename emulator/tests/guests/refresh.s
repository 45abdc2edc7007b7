@ Computes endlessly. If the word at 0x20000000 is not zero, TWIM0 sends 255 bytes to the display at 0x3c over and over
@ meanwhile; the word at 0x20000004 counts these transfers, the word at 0x20000008 rounds of computing.
  .include "nrf52840.inc"
  .equ TWIM0, 0x40003000
  vectors
reset:
  ldr r0, =TWIM0
  movs r1, #2             @ SCL P0.02
  str r1, [r0, #0x508]
  movs r1, #31            @ SDA P0.31
  str r1, [r0, #0x50c]
  ldr r1, =0x06400000     @ 400 kHz
  str r1, [r0, #0x524]
  movs r1, #0x3c
  str r1, [r0, #0x588]
  mov r1, #0x200          @ LASTTX stops
  str r1, [r0, #0x200]
  movs r1, #6
  str r1, [r0, #0x500]
  ldr r2, =0x20000000
  ldr r1, =0x20001000     @ what is sent: the control byte for data, and data
  str r1, [r0, #0x544]
  movs r3, #0x40
  strb r3, [r1]
  movs r3, #255
  str r3, [r0, #0x548]
  movs r4, #1
  movs r5, #0
  movs r8, r5
  movs r9, r5
  ldr r3, [r2]
  cbz r3, work
  str r4, [r0, #0x008]    @ STARTTX
work:
  movs r6, #100
1:
  eor r7, r7, r7, lsl #13
  eor r7, r7, r7, lsr #17
  eor r7, r7, r7, lsl #5
  str r7, [r1, #4]
  ldr r3, [r1, #4]
  adds r7, r7, r3
  subs r6, #1
  bne 1b
  add r9, r9, #1
  str r9, [r2, #8]
  ldr r3, [r0, #0x104]    @ STOPPED
  cmp r3, #0
  beq work
  str r5, [r0, #0x104]
  add r8, r8, #1
  str r8, [r2, #4]
  str r4, [r0, #0x008]
  b work
fault:
  b fault
  .ltorg
