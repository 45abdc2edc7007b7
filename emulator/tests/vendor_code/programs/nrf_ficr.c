// nrf
#include "t.h"
// Nordic's MDK SystemInit decides about errata by reading 0x10000130 (part, 8 = nRF52840) and 0x10000134 (revision);
// older MDKs read the peripheral id at 0xf0000fe0/0xf0000fe4/0xf0000fe8. Both answer on silicon.
volatile u32 faults;
void hc(u32*f){faults++;R(0xe000ed2c)=0xffffffff;R(0xe000ed28)=R(0xe000ed28);f[6]+=4;}
__attribute__((naked)) void HardFault_Handler(void){__asm volatile("tst lr,#4\nite eq\nmrseq r0,msp\nmrsne r0,psp\nb hc");}
static u32 ld(u32 a){u32 v=0xdead;__asm volatile("ldr.w %0,[%1]":"+r"(v):"r"(a):"memory");return v;}
static u32 lb(u32 a){u32 v=0xdead;__asm volatile("ldrb.w %0,[%1]":"+r"(v):"r"(a):"memory");return v;}
int main(void){
 u32 a=ld(0x10000130);u32 fa=faults;u32 b=ld(0x10000134);u32 fb=faults;
 check("0x10000130 is 8",a,8);check("  without a fault",fa,0);range("0x10000134 is a revision",b,0,5);check("  without a fault",fb-fa,0);
 faults=0;u32 c=lb(0xf0000fe0);check("0xf0000fe0 is 8",c,8);check("  without a fault",faults,0);
 done();
}
