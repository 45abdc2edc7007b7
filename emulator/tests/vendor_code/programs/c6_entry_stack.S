# c6 bare
# ESP-IDF's call_start_cpu0 pushes at once: mask ROM and second-stage bootloader leave a stack (near the end of HP SRAM). Right: UART0 says "ok".
 .section .vec,"ax"
 .global _start
_start:
 li t0,0x40800000
 bltu sp,t0,bad
 li t0,0x40880000
 bgtu sp,t0,bad
 li a0,0x60000000
 li a1,'o'
 sw a1,0(a0)
 li a1,'k'
 sw a1,0(a0)
 li a1,10
 sw a1,0(a0)
bad: wfi
 j bad
