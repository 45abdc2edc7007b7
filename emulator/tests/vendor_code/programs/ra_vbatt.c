// ra
#include "t.h"
// Renesas' FSP (so each Arduino sketch for the Uno R4) sets VBTCR1.BPWSWSTP first thing after reset and waits for VBTSR.VBTRVLD (R01UH0887 11.2.1, 11.2.2).
volatile u32 faults;
void hc(u32*f){faults++;R(0xe000ed2c)=0xffffffff;R(0xe000ed28)=R(0xe000ed28);f[6]+=4;}
__attribute__((naked)) void HardFault_Handler(void){__asm volatile("tst lr,#4\nite eq\nmrseq r0,msp\nmrsne r0,psp\nb hc");}
volatile u32 result;
int main(void){H(0x4001e3fe)=0xa502;u32 v=1,a=0x4001e41f,b=0x4001e4b1,r=0;
 __asm volatile("strb.w %0,[%1]"::"r"(v),"r"(a):"memory");
 __asm volatile("ldrb.w %0,[%1]":"+r"(r):"r"(b):"memory");
 result=(faults<<16)|(r&0x10);           // want 0x00000010: no fault, VBTRVLD
 if(result==0x10)for(;;)__asm volatile("wfi"); // asleep for ever: right
 for(;;);                                      // spins: wrong
}
