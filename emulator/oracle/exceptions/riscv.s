# Traps of RV32IMAC, one small program per case, stepped on the builtin engine and on QEMU (see `mod.rs`). Every case
# starts with mtvec at its handler and, in gp, the address of 256 bytes of data. It ends at `stop`, through `finish`,
# which copies the trap's CSRs to visible registers. Behaviour that the specification leaves to the hart (mtval of an
# illegal instruction or a breakpoint, misaligned loads) is not compared. `riscv.hex` is the assembled form; `renew`
# writes it.
  .option norvc

  .equ DATA, 0x80010000
  .equ CLINT, 0x02000000
  .equ MPP_M, 0x1800

  .macro case name, handler=finish, mode=0
  .pushsection .cases, "a"
  .word \name
  .popsection
  .balign 64
\name:
  la t0, \handler
  .if \mode
  addi t0, t0, \mode
  .endif
  csrw mtvec, t0
  li gp, DATA
  .endm

  # All memory is the user's, by PMP entry 15.
  .macro everything_is_open
  li t0, -1
  csrw pmpaddr15, t0
  li t0, 0x1f000000            # NAPOT, RWX
  csrw pmpcfg3, t0
  .endm

  .macro to_user label
  li t0, MPP_M
  csrc mstatus, t0
  la t0, \label
  csrw mepc, t0
  mret
  .endm

  .text
finish:
  csrr s0, mcause
  csrr s1, mepc
  csrr s2, mstatus
  csrr s3, mscratch
stop:
  j stop

# --- handlers

  .balign 4
back_4:                        # behind the instruction of 4 bytes
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mstatus
  addi a3, a1, 4
  csrw mepc, a3
  mret
  .balign 4
back_2:
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mstatus
  addi a3, a1, 2
  csrw mepc, a3
  mret
  .balign 4
with_value:                    # mtval too, where it is specified
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mtval
  csrr a3, mstatus
  j finish
  .balign 4
to_ra:                         # the caller's next instruction
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mtval
  csrr a3, mstatus
  csrw mepc, ra
  mret
  .balign 4
software:                      # clears its own cause
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mstatus
  csrr a3, mip
  li a4, CLINT
  sw zero, 0(a4)
  csrr a5, mip
  addi s11, s11, 1
  mret
  .balign 4
nested:                        # traps once more
  csrr a0, mepc
  csrr a1, mcause
  li a2, 11
  bne a1, a2, finish
  la a3, finish
  csrw mtvec, a3
  ebreak
  j finish
  .balign 64
vectored:
  .rept 3
  j exception
  .endr
  j software
  .rept 12
  j exception
  .endr
exception:
  csrr a0, mcause
  csrr a1, mepc
  addi a1, a1, 4
  csrw mepc, a1
  mret
  .balign 4
user_may_go_on:                # an ecall of the user ends it, everything else is skipped
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mstatus
  li a3, 8
  beq a0, a3, finish
  addi a1, a1, 4
  csrw mepc, a1
  addi s11, s11, 1
  mret

# --- cases: calls, breakpoints, illegal instructions

  case ecall_in_machine_mode, back_4
  ecall
  li a4, 1
  j finish

  case ecall_with_interrupts_enabled, back_4
  csrsi mstatus, 8
  ecall
  csrr a4, mstatus
  j finish

  case breakpoint, back_4
  ebreak
  li a4, 2
  j finish

  case compressed_breakpoint, back_2
  .option rvc
  c.ebreak
  c.li a4, 3
  .option norvc
  j finish

  case illegal_instruction, back_4
  .word 0xffffffff
  li a4, 4
  j finish

  case illegal_compressed_instruction, back_2
  .half 0
  .option rvc
  c.li a4, 5
  .option norvc
  j finish

  case a_csr_that_does_not_exist, back_4
  li a4, 7
  csrr a4, 0x5c0
  j finish

  case a_csr_that_is_read_only, back_4
  li a4, 7
  csrw mhartid, a4
  csrrs a4, mhartid, zero
  j finish

  case a_trap_in_a_trap, nested
  ecall
  j finish

  case mret_restores, finish
  li t0, 0x1880
  csrs mstatus, t0
  la t0, 1f
  csrw mepc, t0
  mret
  nop
1:
  csrr a0, mstatus
  j finish

# --- memory

  case load_from_nothing, with_value
  li t1, 0x28000010
  lw a4, 0(t1)
  j finish

  case store_to_nothing, with_value
  li t1, 0x28000010
  sh t1, 6(t1)
  j finish

  # QEMU splits an AMO when it steps and reports its load; LR.W is one access on both sides.
  case reservation_on_nothing, with_value
  li t1, 0x28000010
  lr.w a4, (t1)
  j finish

  case misaligned_reservation, with_value
  addi t1, gp, 2
  lr.w a4, (t1)
  j finish

  case jump_to_nothing, to_ra
  li t1, 0x28000010
  jalr ra, 0(t1)
  li a4, 8
  j finish

# --- user mode

  case ecall_in_user_mode, with_value
  everything_is_open
  to_user 1f
1:
  li a4, 9
  ecall
  j finish

  case users_may_not, user_may_go_on
  everything_is_open
  to_user 1f
1:
  csrr a4, mstatus
  csrw mscratch, a4
  mret
  csrr a4, mcause
  ecall
  j finish

  case a_user_waits_where_it_may_not, user_may_go_on
  everything_is_open
  li t0, 0x00200000
  csrs mstatus, t0             # TW
  to_user 1f
1:
  wfi
  ecall
  j finish

  case from_user_to_machine_and_back, back_4
  everything_is_open
  to_user 1f
1:
  ecall
  li a4, 10
  ecall
  addi a4, a4, 1
  j 2f
2:
  csrr a5, mstatus             # still the user: skipped
  la t0, stop
  jr t0

# --- physical memory protection: 64 bytes at DATA

  .macro protect address, config
  li t0, (\address) >> 2
  csrw pmpaddr0, t0
  li t0, \config
  csrw pmpcfg0, t0
  .endm

  case protected_from_loads, with_value
  everything_is_open
  protect DATA + 0x1c, 0x18    # NAPOT of 64 bytes, nothing allowed
  lw a4, 4(gp)                 # the machine may
  to_user 1f
1:
  lw a4, 64(gp)
  lw a4, 4(gp)
  j finish

  case protected_from_stores, with_value
  everything_is_open
  protect DATA + 0x1c, 0x19
  to_user 1f
1:
  lw a4, 4(gp)
  sw a4, 64(gp)
  sb a4, 4(gp)
  j finish

  case protected_from_execution, with_value
  everything_is_open
  protect DATA + 0x1c, 0x1b
  to_user 1f
1:
  jr gp
  j finish

  case four_bytes_protected, with_value
  everything_is_open
  protect DATA + 8, 0x10       # NA4
  to_user 1f
1:
  lw a4, 4(gp)
  lw a4, 12(gp)
  lw a4, 8(gp)
  j finish

  case a_range_protected, with_value
  everything_is_open
  li t0, DATA >> 2
  csrw pmpaddr0, t0
  li t0, (DATA + 48) >> 2
  csrw pmpaddr1, t0
  li t0, 0x0800                # TOR in entry 1
  csrw pmpcfg0, t0
  to_user 1f
1:
  lw a4, 48(gp)
  lw a4, 44(gp)
  j finish

  case the_machine_is_locked_out, with_value
  protect DATA + 0x1c, 0x98    # locked
  lw a4, 64(gp)
  csrwi pmpcfg0, 0             # ignored
  csrr a5, pmpcfg0
  csrwi pmpaddr0, 0            # ignored
  csrr a6, pmpaddr0
  lw a4, 0(gp)
  j finish

  case the_first_entry_counts, with_value
  li t0, (DATA + 0x1c) >> 2
  csrw pmpaddr0, t0
  csrw pmpaddr1, t0
  li t0, 0x181f                # all allowed, then nothing
  csrw pmpcfg0, t0
  everything_is_open
  to_user 1f
1:
  lw a4, 4(gp)
  sw a4, 4(gp)
  ecall
  j finish

  case borrowed_privilege, with_value
  everything_is_open
  protect DATA + 0x1c, 0x18
  li t0, MPP_M
  csrc mstatus, t0
  li t0, 0x20000
  csrs mstatus, t0             # MPRV: loads as the user
  lw a4, 64(gp)
  lw a4, 4(gp)
  j finish

# --- interrupts by software

  # A timer that never expires: the platform defines MTIMECMP after reset.
  .macro no_timer
  li t1, CLINT + 0x4000
  li t2, -1
  sw t2, 4(t1)
  .endm

  case software_interrupt, software
  no_timer
  li t1, CLINT
  li t2, 1
  csrwi mie, 8
  sw t2, 0(t1)
  csrr a6, mip
  csrsi mstatus, 8
  nop
  nop
  j finish

  case software_interrupt_when_raised, software
  no_timer
  li t1, CLINT
  li t2, 1
  csrwi mie, 8
  csrsi mstatus, 8
  sw t2, 0(t1)
  nop
  nop
  j finish

  case software_interrupt_masked, software
  no_timer
  li t1, CLINT
  li t2, 1
  sw t2, 0(t1)
  csrsi mstatus, 8
  nop
  csrr a6, mip
  csrwi mie, 8
  nop
  nop
  j finish

  case interrupts_by_vector, vectored, 1
  no_timer
  li t1, CLINT
  li t2, 1
  csrwi mie, 8
  csrsi mstatus, 8
  sw t2, 0(t1)
  nop
  ecall
  nop
  j finish

  case a_user_is_interrupted, software
  everything_is_open
  no_timer
  li t1, CLINT
  li t2, 1
  csrwi mie, 8
  sw t2, 0(t1)
  to_user 1f
1:
  nop
  nop
  la t0, stop
  jr t0

  .balign 4
