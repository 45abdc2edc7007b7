// The stand-in's virtual parts: a sensor with values, and a display.
import type { PartView } from './generated'

/** The parts of one board. */
export function mockParts(): PartView[] {
  const property = (name: string, unit: string, min: number, max: number, value: number, reading = false) => ({
    name,
    unit,
    min,
    max,
    value,
    reading,
  })
  const dark = ' '.repeat(128)
  return [
    {
      name: 'bme280',
      kind: 'bme280',
      title: 'Bosch BME280, temperature, pressure and humidity',
      place: 'i2c, address 0x76',
      stopped: null,
      properties: [property('temperature', '°C', -40, 85, 21.5), property('humidity', '%', 0, 100, 45)],
      lights: [],
      content_bytes: null,
      picture: null,
    },
    {
      name: 'ssd1306',
      kind: 'ssd1306',
      title: 'SSD1306, display of 128 × 64 dots',
      place: 'i2c, address 0x3c',
      stopped: null,
      properties: [],
      lights: [],
      content_bytes: null,
      picture: { width: 128, rows: [` ##${' '.repeat(125)}`, `#${' '.repeat(126)}#`, ...Array.from({ length: 62 }, () => dark)] },
    },
    {
      name: 'status',
      kind: 'rgb-led',
      title: 'RGB LED',
      place: 'red P0.24, blue P0.06',
      stopped: null,
      properties: [property('active_low', '', 0, 1, 0), property('red', '%', 0, 100, 100, true), property('blue', '%', 0, 100, 20, true)],
      lights: [],
      content_bytes: null,
      picture: null,
    },
    {
      name: 'ws2812',
      kind: 'ws2812',
      title: 'WS2812B, strip of RGB LEDs',
      place: 'P0.27',
      stopped: null,
      properties: [property('leds', '', 1, 256, 3)],
      lights: ['#ff0000', '#008001', '#102040'],
      content_bytes: null,
      picture: null,
    },
    {
      name: '24c256',
      kind: '24c256',
      title: '24C256, EEPROM of 32 KiB',
      place: 'i2c, address 0x50',
      stopped: null,
      properties: [property('write_protect', '', 0, 1, 0)],
      lights: [],
      content_bytes: 32768,
      picture: null,
    },
    {
      name: 'my-sensor',
      kind: 'my-sensor',
      title: 'my-sensor',
      place: 'i2c, address 0x40',
      stopped: '`i2c_write` did not end within 1000000 units of fuel',
      properties: [],
      lights: [],
      content_bytes: null,
      picture: null,
    },
  ]
}
