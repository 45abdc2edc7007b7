/* Start-up of the benchmarks on Cortex-M4. Built plain it is the shared program, instruction for instruction; with -DFPU
   the floating-point extension is enabled first; with -DLIVE, SysTick interrupts every 64,000 cycles (1 ms at 64 MHz) and
   its handler reads and writes a device register at 0x40000000 before the program goes on. */
 .syntax unified
 .cpu cortex-m4
 .thumb
 .section .vectors,"a"
 .word _estack
 .word Reset_Handler
#ifdef LIVE
 .rept 13
 .word Fault
 .endr
 .word SysTick_Handler
#else
 .rept 14
 .word Fault
 .endr
#endif
 .text
 .thumb_func
 .global Reset_Handler
 .type Reset_Handler,%function
Reset_Handler:
 ldr r0,=_sdata
 ldr r1,=_edata
 ldr r2,=_sidata
1: cmp r0,r1
 bhs 2f
 ldr r3,[r2],#4
 str r3,[r0],#4
 b 1b
2: ldr r0,=_sbss
 ldr r1,=_ebss
 movs r3,#0
3: cmp r0,r1
 bhs 4f
 str r3,[r0],#4
 b 3b
4:
#ifdef FPU
 ldr r0,=0xe000ed88
 ldr r1,=0x00f00000
 str r1,[r0]
 dsb
 isb
#endif
#ifdef LIVE
 ldr r0,=0xe000e010
 ldr r1,=63999
 str r1,[r0,#4]
 movs r1,#0
 str r1,[r0,#8]
 movs r1,#7
 str r1,[r0]
#endif
 bl main
 .global done
done:
#ifdef SEMI
 ldr r1,=semiargs
 movs r0,#0x18
 ldr r1,=0x20026
 bkpt 0xab
#endif
 .global hang
hang: b hang
#ifdef LIVE
 .thumb_func
 .type SysTick_Handler,%function
SysTick_Handler:
 ldr r0,=0x40000000
 ldr r1,[r0]
 adds r1,#1
 str r1,[r0]
 bx lr
#endif
 .thumb_func
Fault: b Fault
semiargs: .word 0x20026
