// fe
#include "t.h"
// Drivers clear the priorities of all sources, 0 included (Zephyr's plic_init, freedom-metal's).
// Source 0's word is reserved in the FE310 manual (10.3): on silicon reads give 0 and writes vanish.
volatile u32 traps;
u32 on_trap(u32 c,u32 pc,u32 tv){traps++;return pc+4;}
static void st(u32 a,u32 v){__asm volatile(".option push\n.option norvc\nsw %0,0(%1)\n.option pop"::"r"(v),"r"(a):"memory");}
static u32 ld(u32 a){u32 v=0xdead;__asm volatile(".option push\n.option norvc\nlw %0,0(%1)\n.option pop":"+r"(v):"r"(a):"memory");return v;}
static void sb(u32 a,u32 v){__asm volatile(".option push\n.option norvc\nsb %0,0(%1)\n.option pop"::"r"(v),"r"(a):"memory");}
int main(void){
 st(0x0c000000,0);check("store to source 0's priority: no trap",traps,0);
 traps=0;check("  reads 0",ld(0x0c000000),0);check("  no trap",traps,0);
 traps=0;for(u32 i=1;i<=52;i++)st(0x0c000000+4*i,0);check("sources 1 to 52",traps,0);
 done();
}
