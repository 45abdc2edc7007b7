//! The first steps of a program on RTIC: a monotonic on SysTick, an async task that blinks, a channel from a task bound to the
//! receiver's interrupt to one of lower priority that answers, a button's task that preempts both.

#![no_std]
#![no_main]

use rtic_monotonics::systick::prelude::*;

systick_monotonic!(Mono, 1_000);

#[rtic::app(device = stm32f4xx_hal::pac, peripherals = true, dispatchers = [SPI1, SPI2])]
mod app {
    use core::fmt::Write as _;

    use rtic_sync::channel::{Receiver, Sender};
    use rtic_sync::make_channel;
    use stm32f4xx_hal::gpio::{Edge, Input, Output, PA0, PD13, PD14};
    use stm32f4xx_hal::pac::USART2;
    use stm32f4xx_hal::prelude::*;
    use stm32f4xx_hal::rcc::Config;
    use stm32f4xx_hal::serial::{self, Rx, Tx};

    use super::*;

    const QUEUE: usize = 32;

    #[shared]
    struct Shared {
        presses: u32,
    }

    #[local]
    struct Local {
        tx: Tx<USART2>,
        rx: Rx<USART2>,
        sender: Sender<'static, u8, QUEUE>,
        orange: PD13<Output>,
        red: PD14<Output>,
        button: PA0<Input>,
    }

    #[init]
    fn init(mut cx: init::Context) -> (Shared, Local) {
        let mut rcc = cx.device.RCC.freeze(Config::hsi().sysclk(84.MHz()));
        Mono::start(cx.core.SYST, rcc.clocks.sysclk().to_Hz());
        let gpioa = cx.device.GPIOA.split(&mut rcc);
        let gpiod = cx.device.GPIOD.split(&mut rcc);
        let config = serial::Config::default().baudrate(115_200.bps());
        let line: serial::Serial<USART2> = cx
            .device
            .USART2
            .serial((gpioa.pa2, gpioa.pa3), config, &mut rcc)
            .unwrap();
        let (mut tx, mut rx) = line.split();
        writeln!(tx, "hello from RTIC at {} MHz", rcc.clocks.sysclk().to_MHz()).unwrap();
        rx.listen();

        let mut syscfg = cx.device.SYSCFG.constrain(&mut rcc);
        let mut button = gpioa.pa0.into_pull_down_input();
        button.make_interrupt_source(&mut syscfg);
        button.trigger_on_edge(&mut cx.device.EXTI, Edge::Rising);
        button.enable_interrupt(&mut cx.device.EXTI);

        let (sender, receiver) = make_channel!(u8, QUEUE);
        blink::spawn().unwrap();
        answer::spawn(receiver).unwrap();
        let local = Local {
            tx,
            rx,
            sender,
            orange: gpiod.pd13.into_push_pull_output(),
            red: gpiod.pd14.into_push_pull_output(),
            button,
        };
        (Shared { presses: 0 }, local)
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            rtic::export::wfi();
        }
    }

    #[task(local = [orange], priority = 1)]
    async fn blink(cx: blink::Context) {
        loop {
            cx.local.orange.toggle();
            Mono::delay(rtic_monotonics::systick::prelude::ExtU32::millis(10_u32)).await;
        }
    }

    #[task(local = [tx], shared = [presses], priority = 2)]
    async fn answer(mut cx: answer::Context, mut bytes: Receiver<'static, u8, QUEUE>) {
        while let Ok(byte) = bytes.recv().await {
            if byte == b'?' {
                let presses = cx.shared.presses.lock(|presses| *presses);
                let _ = writeln!(cx.local.tx, "{presses} presses");
            } else {
                let _ = cx.local.tx.write_char(char::from(byte.to_ascii_uppercase()));
            }
        }
    }

    #[task(binds = USART2, local = [rx, sender], priority = 3)]
    fn received(cx: received::Context) {
        while let Ok(byte) = cx.local.rx.read() {
            let _ = cx.local.sender.try_send(byte);
        }
    }

    #[task(binds = EXTI0, local = [button, red], shared = [presses], priority = 4)]
    fn pressed(mut cx: pressed::Context) {
        cx.local.button.clear_interrupt_pending_bit();
        cx.local.red.toggle();
        cx.shared.presses.lock(|presses| *presses += 1);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        rtic::export::wfi();
    }
}
