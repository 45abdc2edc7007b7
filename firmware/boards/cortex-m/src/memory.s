    .syntax unified
    .section .text.memcpy, "ax", %progbits
    .p2align 2
@ void *memmove(void *to, const void *from, size_t count): downwards where copying upwards would overwrite the source.
    .global memmove, __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
    .type memmove, %function
    .type __aeabi_memmove, %function
    .type __aeabi_memmove4, %function
    .type __aeabi_memmove8, %function
memmove:
__aeabi_memmove:
__aeabi_memmove4:
__aeabi_memmove8:
    subs r3, r0, r1
    cmp r3, r2
    bhs 9f
    add r1, r2
    add ip, r0, r2
    subs r2, #4
    blo 2f
1:
    ldr r3, [r1, #-4]!
    subs r2, #4
    str r3, [ip, #-4]!
    bhs 1b
@ Bit 1 of the remaining count goes to C, bit 0 decides Z.
2:
    lsls r2, r2, #31
    itt cs
    ldrhcs r3, [r1, #-2]!
    strhcs r3, [ip, #-2]!
    itt ne
    ldrbne r3, [r1, #-1]
    strbne r3, [ip, #-1]
    bx lr
    .size memmove, . - memmove
@ void *memcpy(void *to, const void *from, size_t count): upwards.
    .global memcpy, __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
    .type memcpy, %function
    .type __aeabi_memcpy, %function
    .type __aeabi_memcpy4, %function
    .type __aeabi_memcpy8, %function
memcpy:
__aeabi_memcpy:
__aeabi_memcpy4:
__aeabi_memcpy8:
9:
    mov ip, r0
    subs r2, #16
    blo 4f
3:
    ldr r3, [r1], #4
    str r3, [ip], #4
    ldr r3, [r1], #4
    str r3, [ip], #4
    ldr r3, [r1], #4
    str r3, [ip], #4
    ldr r3, [r1], #4
    subs r2, #16
    str r3, [ip], #4
    bhs 3b
4:
    adds r2, #12
    bmi 6f
5:
    ldr r3, [r1], #4
    subs r2, #4
    str r3, [ip], #4
    bpl 5b
6:
    lsls r2, r2, #31
    itt cs
    ldrhcs r3, [r1], #2
    strhcs r3, [ip], #2
    itt ne
    ldrbne r3, [r1]
    strbne r3, [ip]
    bx lr
    .size memcpy, . - memcpy
    .section .text.memset, "ax", %progbits
    .p2align 2
@ void __aeabi_memclr(void *at, size_t count)
    .global __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
    .type __aeabi_memclr, %function
    .type __aeabi_memclr4, %function
    .type __aeabi_memclr8, %function
__aeabi_memclr:
__aeabi_memclr4:
__aeabi_memclr8:
    movs r2, #0
@ void __aeabi_memset(void *at, size_t count, int byte)
    .global __aeabi_memset, __aeabi_memset4, __aeabi_memset8
    .type __aeabi_memset, %function
    .type __aeabi_memset4, %function
    .type __aeabi_memset8, %function
__aeabi_memset:
__aeabi_memset4:
__aeabi_memset8:
    mov r3, r1
    mov r1, r2
    mov r2, r3
@ void *memset(void *at, int byte, size_t count)
    .global memset
    .type memset, %function
memset:
    uxtb r1, r1
    orr r1, r1, r1, lsl #8
    orr r1, r1, r1, lsl #16
    mov ip, r0
    subs r2, #4
    blo 8f
7:
    subs r2, #4
    str r1, [ip], #4
    bhs 7b
8:
    lsls r2, r2, #31
    it cs
    strhcs r1, [ip], #2
    it ne
    strbne r1, [ip]
    bx lr
    .size memset, . - memset
    .text
