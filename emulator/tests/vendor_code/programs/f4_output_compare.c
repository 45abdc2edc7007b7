// f4
#include "t.h"
// STM32F4 output compare in "frozen"/timing mode: CCER.CC1E set, CCMR1.OC1M = 0, compare interrupt used as an alarm
// (HAL_TIM_OC_Start as an RTOS's microsecond ticker does). RM0090 18.3.8, 18.4.9.
volatile u32 irqs,sr;
void Irq_Handler(void){irqs++;sr=R(0x40000c10);R(0x40000c10)=~2u;}
#define T5(x) R(0x40000c00+(x))
int main(void){
 R(0x40023840)|=8;(void)R(0x40023840);
 T5(0x28)=15;T5(0x2c)=0xffffffff;T5(0x14)=1;T5(0x10)=0;
 T5(0x18)=0;              // OC1M frozen
 T5(0x20)=1;              // CC1E
 check("CCER holds CC1E",T5(0x20),1);
 T5(0)=1;T5(0x34)=T5(0x24)+1000;T5(0x0c)=2;R(0xe000e100+4)=1<<18;  // TIM5 is IRQ 50
 u32 n=0;while(!irqs&&n<200000)n++;u32 at=T5(0x24);
 check("CC1 interrupt after 1 ms",irqs,1);check("  CC1IF",sr&2,2);range("  counter",at,1000,1100);
 done();
}
