// nrf
#include "t.h"
// An undefined instruction first, then loads from addresses where nothing is, without end: reports must name the first
// cause first, whatever kind it is, and must not grow without bound.
void hc(u32*f){R(0xe000ed28)=R(0xe000ed28);f[6]+=4;}
__attribute__((naked)) void HardFault_Handler(void){__asm volatile("tst lr,#4\nite eq\nmrseq r0,msp\nmrsne r0,psp\nb hc");}
int main(void){
 __asm volatile("udf.w #0");
 for(;;){u32 v,a=0x60000000;__asm volatile("ldr.w %0,[%1]":"=r"(v):"r"(a):"memory");}
}
