// f4
#include "t.h"
// ST's Standard Peripheral SystemInit waits HSE_STARTUP_TIMEOUT = 0x500 turns of a short loop at 16 MHz (about 1.3 ms) for the 8 MHz crystal, else it
// stays on HSI without a word: SysTick_Config(168 MHz/1000) then ticks 10.5 times too slow. On the Discovery these programs get their 168 MHz.
int main(void){R(0xe000edfc)|=1<<24;R(0xe0001000)|=1;R(0xe0001004)=0;R(0x40023800)|=1<<16;volatile u32 n=0,st;do{st=R(0x40023800)&(1<<17);n++;}while(!st&&n!=0x500);
 u32 c=R(0xe0001004);check("HSE ready within 0x500 turns",st!=0,1);say("     cycles ");hex(c);say("\n");done();}
