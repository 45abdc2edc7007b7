@ Sends each byte that comes over UARTE0 back, plus one; sleeps in between. Flow control holds the sender: answering byte
@ by byte takes a little longer than the bytes do.
  .include "nrf52840.inc"
  vectors
reset:
  cpsid i
  ldr r0, =UARTE0
  movs r1, #35            @ TXD P1.03
  str r1, [r0, #0x50c]
  movs r1, #42            @ RXD P1.10
  str r1, [r0, #0x514]
  movs r1, #33            @ RTS P1.01
  str r1, [r0, #0x508]
  movs r1, #1             @ HWFC
  str r1, [r0, #0x56c]
  ldr r1, =0x10000000     @ 1 Mbaud
  str r1, [r0, #0x524]
  movs r1, #8
  str r1, [r0, #0x500]
  ldr r2, =0x20000000     @ the buffer
  str r2, [r0, #0x534]
  str r2, [r0, #0x544]
  movs r1, #1
  str r1, [r0, #0x538]
  str r1, [r0, #0x548]
  ldr r1, =0x110          @ ENDRX, ENDTX
  str r1, [r0, #0x304]
  ldr r3, =NVIC_ISER0
  ldr r6, =NVIC_ICPR0
  movs r1, #4             @ line 2
  str r1, [r3]
  movs r5, #0
  movs r4, #1
next:
  str r4, [r0, #0x000]    @ STARTRX
  movw r7, #0x110         @ ENDRX
  bl wait
  ldrb r1, [r2]
  adds r1, #1
  strb r1, [r2]
  str r4, [r0, #0x008]    @ STARTTX
  movw r7, #0x120         @ ENDTX
  bl wait
  b next
wait:                     @ until the event at r7 is set
  ldr r1, [r0, r7]
  cbnz r1, 1f
  wfi
  b wait
1:
  str r5, [r0, r7]
  movs r1, #4
  str r1, [r6]
  bx lr
fault:
  b fault
  .ltorg
