// c6
#include "t.h"
// Bytes over USB-Serial-JTAG, by interrupts: what comes goes back in capitals (TRM ch. 32).
#define U(x) R(0x6000f000+(x))
static volatile u32 irqs;
u32 on_trap(u32 c,u32 pc,u32 tv){
 if(!(c>>31)){say("trap ");hex(c);say(" at ");hex(tv);say("\n");for(;;);}
 irqs++;
 while(U(4)&4){u32 b=U(0)&0xff;U(0)=b>='a'&&b<='z'?b-32:b;}
 U(4)=1;U(0x14)=4;
 return pc;}
// The core is always vectored.
__attribute__((naked,aligned(256))) void vectors(void){__asm volatile(".option push\n.option norvc\n.rept 32\nj trap\n.endr\n.option pop");}
int main(void){
 R(0x60010000+4*48)=9;R(0x20001010+4*9)=2;R(0x20001090)=1;R(0x20001000)=1<<9; // source 48 to CPU interrupt 9
 U(0x14)=4;U(0x10)=4;
 __asm volatile("csrw mtvec,%0"::"r"(vectors));
 __asm volatile("csrw mie,%0\ncsrsi mstatus,8"::"r"(1<<9));
 for(;;)__asm volatile("wfi");
}
