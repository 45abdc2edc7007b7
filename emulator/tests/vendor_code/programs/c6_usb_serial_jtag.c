// c6
#include "t.h"
// esp-println (default of esp-generate for the C6) and ESP-IDF's secondary console write to the USB-Serial-JTAG controller at 0x6000f000:
// EP1_CONF.SERIAL_IN_EP_DATA_FREE (bit 1) reads 1, EP1 takes bytes, EP1_CONF.WR_DONE (bit 0) flushes (TRM ch. 32).
u32 on_trap(u32 c,u32 pc,u32 tv){say("trap ");hex(c);say(" at ");hex(tv);say("\n");for(;;);}
int main(void){
 u32 c=R(0x6000f004);check("EP1_CONF: room for bytes",c&2,2);
 const char*s="hello by USB-Serial-JTAG\n";while(*s)R(0x6000f000)=(u8)*s++;R(0x6000f004)=1;
 say("ok   written\n");done();}
