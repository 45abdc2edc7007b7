@ Exceptions of the Cortex-M4, one small program per case, stepped on the builtin engine and on QEMU (see `mod.rs`).
@ Every case has its own vectors and starts with 0xE000ED00, the System Control Block, in r7. It ends at `stop`, through
@ `finish`, which copies the special registers to visible ones. Handlers that may be tail-chained do not use r0-r3, r12
@ and the flags: the architecture does not define their values there (DDI 0403E, ExceptionTaken). `arm.hex` is the
@ assembled form; `renew` writes it.
  .syntax unified
  .cpu cortex-m4
  .fpu fpv4-sp-d16
  .thumb

  .equ ICSR, 0x04
  .equ CCR, 0x14
  .equ SHPR1, 0x18
  .equ SHPR2, 0x1c
  .equ SHPR3, 0x20
  .equ SHCSR, 0x24
  .equ CFSR, 0x28
  .equ HFSR, 0x2c
  .equ MMFAR, 0x34
  .equ BFAR, 0x38
  .equ CPACR, 0x88
  .equ MPU_CTRL, 0x94
  .equ MPU_RNR, 0x98
  .equ MPU_RBAR, 0x9c
  .equ MPU_RASR, 0xa0
  .equ STACK, 0x20004000
  .equ PROCESS_STACK, 0x20003000

  .macro set register, value
  movw \register, #((\value) & 0xffff)
  movt \register, #((\value) >> 16 & 0xffff)
  .endm

  .macro case name, svc=finish, pendsv=finish, systick=finish, nmi=finish, hard=finish, mem=finish, bus=finish, usage=finish, irq0=finish, irq1=finish, irq2=finish
  .pushsection .cases, "a"
  .word \name + 1
  .popsection
  .balign 256
\name\()_vectors:
  .word STACK, \name + 1, \nmi + 1, \hard + 1, \mem + 1, \bus + 1, \usage + 1, 0, 0, 0, 0, \svc + 1, finish + 1, 0, \pendsv + 1
  .word \systick + 1, \irq0 + 1, \irq1 + 1, \irq2 + 1
\name:
  set r7, 0xe000ed00
  movw r6, #:lower16:\name\()_vectors
  str r6, [r7, #8]
  .endm

  .section .reset, "a"
  .word STACK, stop + 1

  .text
finish:
  mrs r4, msp
  mrs r5, psp
  mrs r6, control
  mrs r8, primask
  mrs r9, basepri
  mrs r10, faultmask
  mrs r11, xpsr
stop:
  b stop

@ --- handlers

return:
  bx lr
count:                         @ free to be tail-chained
  add r10, r10, #1
  mrs r11, ipsr
  bx lr
count_and_look:
  add r10, r10, #1
  ldr r11, [r7, #ICSR]
  bx lr
double_argument:               @ r0 of the caller, on either stack
  tst lr, #4
  ite eq
  mrseq r1, msp
  mrsne r1, psp
  ldr r2, [r1]
  add r2, r2, r2
  str r2, [r1]
  ldr r3, [r1, #24]            @ the address after the SVC
  ldrb r3, [r3, #-2]           @ its number
  bx lr
pend_pendsv:
  mov r8, #0x10000000
  str r8, [r7, #ICSR]
  add r10, r10, #16
  bx lr
pend_nmi:
  mov r8, #0x80000000
  str r8, [r7, #ICSR]
  add r10, r10, #16
  bx lr
look:                          @ all that a fault leaves, then clears it
  ldr r0, [r7, #CFSR]
  ldr r1, [r7, #HFSR]
  ldr r4, [r7, #ICSR]
  ldr r5, [r7, #SHCSR]
  tst r0, #0x80
  it ne
  ldrne r2, [r7, #MMFAR]
  tst r0, #0x8000
  it ne
  ldrne r3, [r7, #BFAR]
  str r0, [r7, #CFSR]
  str r1, [r7, #HFSR]
  ldr r6, [r7, #CFSR]
  ldr r8, [r7, #HFSR]
  b.w finish
skip_4:                        @ returns behind a faulting instruction of 4 bytes
  ldr r0, [r7, #CFSR]
  str r0, [r7, #CFSR]
  ldr r1, [sp, #24]
  adds r1, #4
  str r1, [sp, #24]
  bx lr
skip_2:
  ldr r0, [r7, #CFSR]
  str r0, [r7, #CFSR]
  ldr r1, [sp, #24]
  adds r1, #2
  str r1, [sp, #24]
  bx lr
to_r9:                         @ returns to where r9 says, in Thumb state
  ldr r0, [r7, #CFSR]
  str r0, [r7, #CFSR]
  str r9, [sp, #24]
  ldr r1, [sp, #28]
  orr r1, #0x01000000
  str r1, [sp, #28]
  bx lr
bad_return:                    @ an EXC_RETURN that does not exist
  mvn r8, #0x13
  bx r8
return_to_handler:             @ to handler mode, from the only exception that is active
  mvn r8, #0xe
  bx r8
svc_again:
  svc 2
  b.w finish
masked_svc:
  cpsid i
  svc 3
  b.w finish
floating:                      @ uses the extension: what was reserved is stacked now
  vmov.f32 s0, #2.0
  vadd.f32 s15, s0, s0
  vmov r0, s15
  bx lr
without_floating:
  set r8, 0xe000ef34
  ldr r10, [r8]                @ FPCCR: LSPACT
  ldr r11, [r8, #4]            @ FPCAR
  bx lr
clear_faultmask_by_return:
  cpsid f
  bx lr
raise_irq2:
  mov r8, #4
  set r9, 0xe000e200
  str r8, [r9]
  add r10, r10, #16
  bx lr

@ --- cases: supervisor calls and stacks

  case svc_from_thread, svc=double_argument
  mov r0, #21
  svc 7
  b.w finish

  case svc_on_the_process_stack, svc=double_argument
  set r0, PROCESS_STACK
  msr psp, r0
  mov r0, #2
  msr control, r0
  isb
  mov r0, #5
  svc 1
  push {r0, r1}
  svc 9
  b.w finish

  case svc_with_an_odd_stack, svc=return
  sub sp, #4
  movs r0, #0
  svc 0
  b.w finish

  case svc_in_an_it_block, svc=return
  movs r0, #0
  itet eq
  svceq 4
  addne r0, #1
  addeq r0, #2
  b.w finish

  case svc_skipped_by_it, svc=count
  movs r0, #1
  it eq
  svceq 4
  b.w finish

  case flags_survive, svc=return
  movs r0, #0
  subs r0, #1
  svc 0
  bcc 1f
  nop
1:
  b.w finish

  case svc_from_an_equal_priority_escalates, svc=svc_again, hard=look
  svc 1
  b.w finish

  case svc_while_masked_escalates, svc=masked_svc, hard=look
  cpsid i
  svc 1
  b.w finish

@ --- privilege

  case unprivileged_code, svc=double_argument, bus=look
  mov r0, #0x00020000
  str r0, [r7, #SHCSR]         @ BUSFAULTENA
  mov r0, #1
  msr control, r0
  isb
  cpsid i                      @ ignored
  mrs r1, primask              @ reads as zero
  msr primask, r0              @ ignored
  mrs r2, control
  mov r0, #3
  svc 2
  ldr r1, [r7, #ICSR]          @ the system's registers are not its own
  b.w finish

  case unprivileged_may_not_become_privileged
  mov r0, #1
  msr control, r0
  isb
  mov r0, #0
  msr control, r0
  isb
  b.w finish

@ --- pending by software, priorities, masks

  case pendsv, pendsv=count_and_look
  mov r0, #0x10000000
  str r0, [r7, #ICSR]
  isb
  nop
  b.w finish

  case systick_pended, systick=count_and_look
  mov r0, #0x04000000
  str r0, [r7, #ICSR]
  isb
  nop
  b.w finish

  case pendsv_taken_back, pendsv=count
  cpsid i
  mov r0, #0x10000000
  str r0, [r7, #ICSR]
  ldr r1, [r7, #ICSR]
  mov r0, #0x08000000
  str r0, [r7, #ICSR]
  ldr r2, [r7, #ICSR]
  cpsie i
  isb
  b.w finish

  case nmi_pended, nmi=count_and_look
  cpsid i
  cpsid f
  mov r0, #0x80000000
  str r0, [r7, #ICSR]
  isb
  nop
  b.w finish

  case pendsv_after_svc, svc=pend_pendsv, pendsv=count
  set r0, 0x00ff0000
  str r0, [r7, #SHPR3]         @ PendSV lowest
  svc 0
  nop
  b.w finish

  case pendsv_above_svc, svc=pend_pendsv, pendsv=count
  set r0, 0x80000000
  str r0, [r7, #SHPR2]         @ SVCall 0x80
  set r0, 0x00400000
  str r0, [r7, #SHPR3]         @ PendSV 0x40
  svc 0
  nop
  b.w finish

  case nmi_above_svc, svc=pend_nmi, nmi=count
  svc 0
  nop
  b.w finish

  case primask, pendsv=count
  cpsid i
  mov r0, #0x10000000
  str r0, [r7, #ICSR]
  isb
  ldr r1, [r7, #ICSR]
  cpsie i
  isb
  nop
  b.w finish

  case faultmask, pendsv=count
  cpsid f
  mrs r1, faultmask
  mov r0, #0x10000000
  str r0, [r7, #ICSR]
  isb
  ldr r1, [r7, #ICSR]
  cpsie f
  isb
  nop
  b.w finish

  case faultmask_ends_with_the_handler, svc=clear_faultmask_by_return
  svc 0
  nop
  b.w finish

  case basepri, pendsv=count
  set r0, 0x00800000
  str r0, [r7, #SHPR3]
  mov r1, #0x80
  msr basepri, r1
  mov r0, #0x10000000
  str r0, [r7, #ICSR]
  isb
  mov r1, #0x90
  msr basepri_max, r1          @ not lower: ignored
  mrs r2, basepri
  mov r1, #0x81
  msr basepri, r1
  isb
  nop
  b.w finish

  case interrupts_in_order, irq0=count, irq1=count, irq2=count
  set r8, 0xe000e100
  mov r0, #7
  str r0, [r8]                 @ ISER
  set r1, 0x00204060
  set r9, 0xe000e400
  str r1, [r9]                 @ IPR: 0x60, 0x40, 0x20
  cpsid i
  set r9, 0xe000e200
  str r0, [r9]                 @ ISPR
  ldr r2, [r9]
  ldr r3, [r7, #ICSR]
  cpsie i
  nop
  nop
  b.w finish

  case interrupts_of_one_priority, irq0=count, irq1=count, irq2=count
  set r8, 0xe000e100
  mov r0, #7
  str r0, [r8]
  cpsid i
  set r9, 0xe000ef00
  mov r1, #2
  str r1, [r9]                 @ STIR
  mov r1, #0
  str r1, [r9]
  cpsie i
  nop
  nop
  b.w finish

  case an_interrupt_in_an_interrupt, irq0=raise_irq2, irq2=count_and_look
  set r8, 0xe000e100
  mov r0, #7
  str r0, [r8]
  set r1, 0x002040a0
  set r9, 0xe000e400
  str r1, [r9]
  set r9, 0xe000e200
  mov r0, #1
  str r0, [r9]
  isb
  nop
  b.w finish

  case an_interrupt_of_the_same_group_waits, irq0=raise_irq2, irq2=count
  set r1, 0x05fa0700
  str r1, [r7, #0x0c]          @ AIRCR: no preemption by group
  set r8, 0xe000e100
  mov r0, #7
  str r0, [r8]
  set r1, 0x002040a0
  set r9, 0xe000e400
  str r1, [r9]
  set r9, 0xe000e200
  mov r0, #1
  str r0, [r9]
  isb
  nop
  b.w finish

  case a_disabled_interrupt_stays_pending, irq0=count
  set r9, 0xe000e200
  mov r0, #1
  str r0, [r9]
  isb
  ldr r1, [r9]
  set r9, 0xe000e280
  str r0, [r9]                 @ ICPR
  ldr r2, [r9]
  b.w finish

@ --- faults

  case undefined_instruction, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]         @ USGFAULTENA
  udf #1
  b.w finish

  case undefined_instruction_skipped, usage=skip_4
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  udf.w #1
  mov r2, #77
  b.w finish

  case undefined_instruction_in_an_it_block, usage=skip_2
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  movs r2, #0
  itt eq
  .inst.n 0xde05               @ UDF, which has no conditional form in the assembler
  moveq r2, #9
  b.w finish

  case undefined_instruction_escalates, hard=look
  udf #1
  b.w finish

  case divide_by_zero, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  ldr r0, [r7, #CCR]
  orr r0, #0x10                @ DIV_0_TRP
  str r0, [r7, #CCR]
  mov r1, #0
  udiv r2, r0, r1
  b.w finish

  case divide_by_zero_untrapped, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  mov r1, #0
  mov r2, #5
  sdiv r2, r0, r1
  b.w finish

  case unaligned_trapped, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  ldr r0, [r7, #CCR]
  orr r0, #8                   @ UNALIGN_TRP
  str r0, [r7, #CCR]
  set r1, 0x20000001
  ldr r2, [r1]
  b.w finish

  case unaligned_untrapped, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  set r1, 0x20003e01
  str r7, [r1]
  ldr r2, [r1]
  ldrh r3, [r1, #2]
  b.w finish

  case unaligned_multiple_always_traps, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  set r1, 0x20000002
  ldm r1, {r2, r3}
  b.w finish

  case arm_state, usage=to_r9
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  movw r9, #:lower16:1f
  movw r1, #:lower16:1f
  bx r1                        @ bit 0 clear
  .balign 4
1:
  b.w finish

  case no_coprocessor, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  mov r0, #0
  str r0, [r7, #CPACR]
  dsb
  isb
  vmov s0, r0
  b.w finish

  case bus_fault, bus=look
  mov r0, #0x00020000
  str r0, [r7, #SHCSR]
  set r1, 0x60000004
  ldr r2, [r1]
  b.w finish

  case bus_fault_skipped, bus=skip_2
  mov r0, #0x00020000
  str r0, [r7, #SHCSR]
  set r1, 0x60000004
  mov r2, #3
  ldr r2, [r1]
  b.w finish

  case bus_fault_escalates, hard=look
  set r1, 0x60000004
  ldrb r2, [r1]
  b.w finish

  case bus_fault_by_instruction, bus=look
  mov r0, #0x00020000
  str r0, [r7, #SHCSR]
  set r1, 0x60000001
  bx r1
  b.w finish

  case fault_in_a_handler_of_equal_priority, svc=udf_in_handler, usage=look, hard=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  svc 0
  b.w finish
udf_in_handler:
  udf #3
  b.w finish

  case fault_above_a_handler, svc=udf_above, usage=skip_2
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  set r0, 0x80000000
  str r0, [r7, #SHPR2]
  svc 0
  b.w finish
udf_above:
  udf #3
  ldr r4, [r7, #SHCSR]
  bx lr

  case invalid_return, svc=bad_return, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  set r0, 0x80000000
  str r0, [r7, #SHPR2]
  svc 0
  b.w finish

  case return_to_nothing, svc=return_to_handler, usage=look
  mov r0, #0x00040000
  str r0, [r7, #SHCSR]
  set r0, 0x80000000
  str r0, [r7, #SHPR2]
  svc 0
  b.w finish

@ --- memory protection

  .macro mpu base, attributes, region=0
  mov r0, #\region
  str r0, [r7, #MPU_RNR]
  set r0, \base
  str r0, [r7, #MPU_RBAR]
  set r0, \attributes
  str r0, [r7, #MPU_RASR]
  mov r0, #5                   @ PRIVDEFENA, ENABLE
  str r0, [r7, #MPU_CTRL]
  dsb
  isb
  .endm

  case protected_data, mem=look
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]         @ MEMFAULTENA
  mpu 0x20001000, 0x00000011   @ 512 bytes, no access
  set r1, 0x20001010
  ldr r2, [r1]
  b.w finish

  case protected_data_read_only, mem=look
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]
  mpu 0x20001000, 0x06000011   @ read-only
  set r1, 0x20001010
  ldr r2, [r1]
  str r2, [r1]
  b.w finish

  case protected_data_escalates, hard=look
  mpu 0x20001000, 0x00000011
  set r1, 0x20001010
  str r1, [r1]
  b.w finish

  case protected_subregion, mem=look
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]
  mpu 0x20008000, 0x00000119   @ of 8 KiB, the first eighth is not of the region
  set r1, 0x20008010
  ldr r2, [r1]
  ldr r2, [r1, #0x400]
  b.w finish

  case protected_code, mem=look
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]
  mpu 0x20001000, 0x13000011   @ never executed
  set r1, 0x20001001
  bx r1
  b.w finish

  case system_space_is_not_code, mem=look
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]
  set r1, 0xe0001001
  bx r1
  b.w finish

  case protected_from_the_unprivileged, mem=look
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]
  set r1, 0x20000010           @ VALID: region 0
  str r1, [r7, #MPU_RBAR]
  set r0, 0x0300001f           @ 64 KiB of data, full access
  str r0, [r7, #MPU_RASR]
  mov r1, #0x11                @ region 1
  str r1, [r7, #MPU_RBAR]
  set r0, 0x0300002f           @ 16 MiB of code, full access
  str r0, [r7, #MPU_RASR]
  mpu 0x20001000, 0x01000011, 2 @ privileged only
  mov r0, #1
  msr control, r0
  isb
  set r1, 0x20001010
  ldr r2, [r1]
  b.w finish

  case stacking_is_protected, mem=look, svc=return
  mov r0, #0x00010000
  str r0, [r7, #SHCSR]
  set r0, 0x20001100
  msr psp, r0
  mov r0, #2
  msr control, r0
  isb
  mpu 0x20001000, 0x00000011
  svc 0
  b.w finish

@ --- floating point

  .macro floating_point_on
  mov r0, #0x00f00000
  str r0, [r7, #CPACR]
  dsb
  isb
  .endm

  case lazy_stacking_not_needed, svc=without_floating
  floating_point_on
  vmov.f32 s0, #1.0
  vmov.f32 s15, #3.0
  svc 0
  set r8, 0xe000ef34
  ldr r0, [r8]
  vmov r1, s0
  vmov r2, s15
  mrs r3, control
  b.w finish

  case lazy_stacking_when_used, svc=floating
  floating_point_on
  vmov.f32 s0, #1.0
  vmov.f32 s15, #3.0
  vmov.f32 s16, #5.0
  vcmp.f32 s0, s15
  svc 0
  vmov r1, s0
  vmov r2, s15
  vmov r3, s16
  vmrs r8, fpscr
  mrs r9, control
  b.w finish

  case stacking_at_once, svc=without_floating
  floating_point_on
  set r8, 0xe000ef34
  mov r0, #0x80000000
  str r0, [r8]                 @ ASPEN without LSPEN
  vmov.f32 s1, #1.5
  svc 0
  vmov r1, s1
  b.w finish

  case no_floating_frame_without_use, svc=floating
  floating_point_on
  svc 0
  mrs r3, control
  b.w finish

  case no_automatic_preservation, svc=floating
  floating_point_on
  set r8, 0xe000ef34
  mov r0, #0
  str r0, [r8]                 @ neither ASPEN nor LSPEN
  vmov.f32 s0, #1.0
  mrs r3, control
  svc 0
  vmov r1, s0
  b.w finish

  .balign 4
