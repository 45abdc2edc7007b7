// f4
#include "t.h"
// ARMv7-M ARM B1.5.18/B3.2.7: with SCR.SEVONPEND any interrupt, also a disabled one, that becomes pending is a wake-up event for WFE.
// STM32F407: TIM2 (IRQ 28) is left disabled in the NVIC; its update interrupt pends.
static u32 run(void){R(0x40000014)=0;R(0x40000010)=0;R(0xe000e280)=1<<28;R(0x40000024)=0;R(0x40000000)=9;u32 n=0;__asm volatile("wfe");return R(0xe000e200)>>28&1;}
int main(void){
 R(0x40023840)|=1;(void)R(0x40023840);R(0x40000028)=0;R(0x4000002c)=16000;R(0x40000014)=1;R(0x40000010)=0;R(0x4000000c)=1;
 R(0xe000ed10)=1<<4;
 say("A: WFE sleeps, a disabled interrupt pends meanwhile\n");
 check("woke with it pending",run(),1);
 say("B: it pended before the WFE\n");
 R(0x40000000)=0;R(0x40000010)=0;R(0xe000e280)=1<<28;__asm volatile("sev\nwfe"); // event register empty now
 R(0xe000e200)=1<<28;__asm volatile("dsb\nwfe");say("ok   went on\n");
 say("C: still pending from before: no new transition, so a SEV is needed\n");
 done();
}
