// The stand-in's virtual parts: a sensor with values, and a display.
import type { PartView } from './generated'

/** The parts of one board. */
export function mockParts(): PartView[] {
  const property = (name: string, unit: string, min: number, max: number, value: number) => ({ name, unit, min, max, value })
  const dark = ' '.repeat(128)
  return [
    {
      name: 'bme280',
      kind: 'bme280',
      title: 'Bosch BME280, temperature, pressure and humidity',
      place: 'i2c, address 0x76',
      properties: [property('temperature', '°C', -40, 85, 21.5), property('humidity', '%', 0, 100, 45)],
      picture: null,
    },
    {
      name: 'ssd1306',
      kind: 'ssd1306',
      title: 'SSD1306, display of 128 × 64 dots',
      place: 'i2c, address 0x3c',
      properties: [],
      picture: { width: 128, rows: [` ##${' '.repeat(125)}`, `#${' '.repeat(126)}#`, ...Array.from({ length: 62 }, () => dark)] },
    },
  ]
}
