# c6 bare
# An ESP32-C6 program in the shape that ESP-IDF links: the vector table comes first, the entry (e_entry) is another symbol than
# _start, and a second program header covers flash text with zeros (.flash_rodata_dummy) before read-only data behind it.
# Right: starts at e_entry; text is not overwritten by the dummy. UART0 then says "ok".
 .section .vec,"ax"
 .balign 256
 .global _vector_table
_vector_table:
 .rept 32
 j bad
 .endr
bad: j bad
 .section .iram,"ax"
 .global call_start_cpu0
call_start_cpu0:
 li sp,0x40870000
 la t0,flash_main
 jr t0
 .section .ftext,"ax"
 .global flash_main
flash_main:
 la a1,msg
 li a0,0x60000000
1: lbu a2,0(a1)
 beqz a2,2f
 sw a2,0(a0)
 addi a1,a1,1
 j 1b
2: wfi
 j 2b
 .section .frodata,"a"
msg: .asciz "ok\n"
