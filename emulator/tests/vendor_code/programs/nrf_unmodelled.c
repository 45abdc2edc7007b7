// nrf
#include "t.h"
// NFCT is not modelled. A program that only looks at it in passing may be let go on.
int main(void){u32 a=0x40005508,v=7;
 __asm volatile("str.w %0,[%1]"::"r"(v),"r"(a):"memory");
 __asm volatile("ldr.w %0,[%1]":"+r"(v):"r"(a):"memory");
 check("a load gives zero",v,0);done();
}
