// The kinds of boards of the stand-in.
import type { BoardKindView } from './generated'

const builtin = [{ name: 'builtin', available: true, detail: '0.1.0' }]
const noApps = 'On this board 16 KiB of RAM cannot hold TLS, so it stays unauthenticated and takes no apps.'

export const mockKinds: BoardKindView[] = [
  kind('nano33ble', 'Arduino Nano 33 BLE', 'nRF52840', 1 << 20, 256 << 10, [7, 13, 16, 24], ['sam-ba', 'probe']),
  { ...kind('hifive1-revb', 'HiFive1 Rev B', 'FE310-G002', 4 << 20, 16 << 10, [], []), limit: noApps, takes_apps: false, enrolls: false },
  kind('stm32f4-discovery', 'STM32F4 Discovery', 'STM32F407VG', 1 << 20, 192 << 10, [60, 61, 62, 63], ['probe']),
  kind('esp32-c6', 'ESP32-C6-DevKitC-1', 'ESP32-C6', 8 << 20, 512 << 10, [8], ['esp-rom']),
]

function kind(
  id: string,
  title: string,
  chip: string,
  flash_bytes: number,
  ram_bytes: number,
  app_pins: number[],
  flashing: string[],
): BoardKindView {
  const rest = { file: null, extends: null, problems: [], limit: '', takes_apps: true, enrolls: true, addable: true, engines: builtin }
  return { id, title, chip, flash_bytes, ram_bytes, app_pins, flashing, ...rest }
}
