// Registers, memory and the GDB server of a board behind a debug probe, in the Connect room.
import { describe, expect, it } from 'vitest'
import { connect } from '$lib/connect/connect.svelte'
import { portOf } from '$lib/connect/forms'
import { changedSince, hex32, hexAddressOf, lengthOf, memoryProblem } from '$lib/connect/memory'
import { announcer } from '$lib/status/announce.svelte'
import { hexRows } from '$lib/connect/terminal'
import { choose, field, foot, panelTitle, room, rowOf, words } from './connect-harness'
import { asked, button, click, nameOfControl, press, settled, text, type } from './harness'

const ST_LINK = '0483:374b:066BFF'
const DESK = '0000:0000:desk-1'
const control = (name: string) => [...document.querySelectorAll('aside button')].find((b) => nameOfControl(b) === name) as HTMLButtonElement | undefined
const over = (ms: number) => new Promise((done) => setTimeout(done, ms))

describe('what is typed to read memory', () => {
  it('is a hexadecimal address and a number of bytes', () => {
    for (const [typed, address] of [
      ['20000000', 0x2000_0000],
      ['0x2000_ff3c', 0x2000_ff3c],
      [' 0XE000ED00 ', 0xe000_ed00],
      ['0', 0],
      ['ffffffff', 0xffff_ffff],
      ['100000000', null],
      ['0x', null],
      ['', null],
      ['main', null],
      ['-1', null],
    ] as const) {
      expect(hexAddressOf(typed), typed).toBe(address)
    }
    for (const [typed, length] of [
      ['1', 1],
      ['65536', 65536],
      ['0x100', 256],
      ['0', null],
      ['65537', null],
      ['1.5', null],
      ['', null],
      ['ff', null],
    ] as const) {
      expect(lengthOf(typed), typed).toBe(length)
    }
  })

  it('is refused with a sentence that says what it should be', () => {
    expect(memoryProblem('main', '4')).toContain('hexadecimal')
    expect(memoryProblem('0', '0')).toBe('The length is 1 to 65,536 bytes.')
    expect(memoryProblem('fffffffe', '2')).toBeNull()
    expect(memoryProblem('fffffffe', '3')).toContain('past the last address')
  })

  it('gives rows at addresses that are multiples of their width', () => {
    const rows = hexRows(Uint8Array.from([0x41, 0x42, 0x00, 0xff]), 0x2000_0006, Infinity, 8)
    expect(rows).toEqual([
      { offset: 0x2000_0000, hex: '                  41 42', text: '      AB' },
      { offset: 0x2000_0008, hex: '00 ff                  ', text: '..' },
    ])
    expect(hex32(0xf)).toBe('0x0000000f')
  })

  it('tells registers that changed since the read before', () => {
    const of = (r0: number) => [
      { name: 'r0', value: r0 },
      { name: 'r1', value: 0 },
    ]
    expect([...changedSince(undefined, of(1))]).toEqual([])
    expect([...changedSince(of(1), of(1))]).toEqual([])
    expect([...changedSince(of(1), of(2))]).toEqual(['r0'])
  })

  it('takes ports from 1 to 65535, or any', () => {
    expect(['', ' 3333 ', '0', '65536', '1.5', 'x'].map(portOf)).toEqual([null, 3333, undefined, undefined, undefined, undefined])
  })
})

describe('registers and memory over a probe', () => {
  const registers = () => [...document.querySelectorAll('aside dl > div')].map(words)
  const bytes = () => [...document.querySelectorAll('aside [role=table] [role=row]')].map((row) => row.textContent!.trim().replace(/\s+/g, ' '))

  it('are read when they are asked for, and what changed is marked', async () => {
    await room()
    await click(button('Registers and memory desk-1'))
    expect(panelTitle()).toBe('Registers and memory of desk-1')
    expect(nameOfControl(document.activeElement!)).toBe('Read the registers of desk-1')
    expect(asked('probe.registers')).toEqual([])
    await click(control('Read the registers of desk-1'))
    expect(asked('probe.registers')).toEqual([{ probe: DESK }])
    expect(registers()).toHaveLength(23)
    expect(registers()[15]).toBe('pc 0x00014a3c')
    expect(text('aside')).toContain('The core was halted for a moment and runs on.')
    expect(text('aside')).not.toContain('changed')
    expect(announcer.notice?.text).toBe('Read 23\u00a0registers of desk-1')
    await click(control('Read the registers of desk-1'))
    expect(registers()[15]).toContain('0x00014a7c')
    expect(registers()[15]).toContain('changed')
    expect(registers()[1]).toBe('r1 0x00000003')

    await click(control('Read memory of desk-1'))
    expect(asked('probe.read')).toEqual([{ probe: DESK, address: 0x2000_0000, length: 256 }])
    expect(bytes()[0]).toBe('20000000 64 72 79 64 6f 63 6b 20 drydock')
    expect(document.querySelector('aside [role=table]')!.getAttribute('aria-rowcount')).toBe('32')
  })

  it('are kept when the panel is closed, each board its own', async () => {
    await room()
    await click(button('Registers and memory desk-1'))
    await click(control('Read the registers of desk-1'))
    button('Registers and memory /dev/ttyACM1')!.focus()
    await click(button('Registers and memory /dev/ttyACM1'))
    expect(registers()).toEqual([])
    await press(document.activeElement!, 'Escape')
    expect(nameOfControl(document.activeElement!)).toBe('Registers and memory /dev/ttyACM1')
    await click(button('Registers and memory desk-1'))
    expect(registers()).toHaveLength(23)
    expect(asked('probe.registers')).toHaveLength(1)
  })

  it('are refused in place: before the request, or by the board', async () => {
    await room()
    await click(button('Registers and memory desk-1'))
    await type('aside form input', 'main')
    expect(control('Read memory of desk-1')!.disabled).toBe(true)
    expect(text('aside form + [role=status]')).toContain('The address is hexadecimal')
    await type('aside form input', '60000000')
    expect(document.querySelector('aside form + [role=status]')).toBeNull()
    await click(control('Read memory of desk-1'))
    expect(text('aside .memory [role=alert]')).toContain('Nothing answers at 0x60000000')
    await type('aside form input', '20000000')
    await click(control('Read memory of desk-1'))
    expect(document.querySelector('aside [role=alert]')).toBeNull()
    expect(bytes().length).toBeGreaterThan(0)
  })

  it('say why they cannot be read, while the probe is used or away', async () => {
    const backend = await room()
    await click(button('Registers and memory /dev/ttyACM1'))
    const used = async (by: string | null) => {
      const hardware = structuredClone(backend.hardware.hardware)
      hardware.probes.find(({ id }) => id === ST_LINK)!.used_by = by
      backend.send({ type: 'hardware', hardware })
      await settled()
      const first = control('Read the registers of /dev/ttyACM1')!
      const row = button('Registers and memory /dev/ttyACM1') ?? [...rowOf('/dev/ttyACM1').querySelectorAll('button')].find((b) => nameOfControl(b).startsWith('Registers'))
      return [first.disabled && text('aside .refused'), row!.getAttribute('aria-disabled') && row!.title]
    }
    expect(await used(null)).toEqual([false, null])
    // That is its own read, or another window's.
    expect(await used('read')).toEqual([false, null])
    expect(words(rowOf('/dev/ttyACM1'))).toContain('being read')
    for (const [by, why] of [
      ['job 3', 'A job works on it. Wait for its end, or cancel it.'],
      ['console', 'Its RTT terminal is open. Close it first.'],
      ['profile', 'A profile is taken over its probe. Wait for its end.'],
      ['debugger', 'Its port for GDB is open. Close it first.'],
    ]) {
      expect(await used(by!)).toEqual([why, why])
    }
    backend.hardware.unplugProbe(ST_LINK)
    await settled()
    expect(text('aside .refused')).toBe('The probe is away. Plug the board in.')
  })
})

describe('the GDB server over a probe', () => {
  it('is opened, shows who is connected and why one went, and is closed', async () => {
    const backend = await room()
    await click(button('GDB server desk-1'))
    expect(panelTitle()).toBe('GDB server of desk-1')
    expect(words(document.activeElement)).toBe('Open the port')
    await click(foot())
    expect(asked('gdb.open')).toEqual([{ board: DESK, port: null, kind: null, elf: null }])
    expect(text('aside [role=status]')).toBe('Waiting for a debugger at 127.0.0.1:40123.')
    expect(text('aside pre')).toContain("-ex 'target remote 127.0.0.1:40123'")
    expect(words(rowOf('desk-1'))).toContain('GDB port open')
    expect(document.activeElement).not.toBe(document.body)
    const refused = button('Profile desk-1')!
    expect(refused.getAttribute('aria-disabled') && refused.title).toBe('Its port for GDB is open. Close it first.')
    expect(button('GDB server desk-1')!.getAttribute('aria-disabled')).toBeNull()
    expect(button('Console desk-1')!.getAttribute('aria-disabled')).toBeNull()

    await click(control('Copy the command of desk-1'))
    expect(backend.copied).toContain('target remote 127.0.0.1:40123')
    backend.hardware.gdb.get(DESK)!.state = 'attached'
    await over(1100)
    await settled()
    expect(text('aside [role=status]')).toBe('A debugger is connected at 127.0.0.1:40123.')
    Object.assign(backend.hardware.gdb.get(DESK)!, { state: 'waiting', text: 'No chip answers.' })
    await over(1100)
    await settled()
    expect(text('aside .failed')).toBe('The last debugger was disconnected. No chip answers.')

    await click(control('Close the port of desk-1'))
    expect(asked('gdb.close')).toEqual([{ board: DESK }])
    expect(words(foot())).toBe('Open the port')
    expect(document.activeElement).not.toBe(document.body)
    expect(words(rowOf('desk-1'))).toContain('free')
  })

  it('takes the kind of board, a program and a port', async () => {
    await room()
    await click(button('GDB server DAPLink CMSIS-DAP'))
    expect(document.activeElement?.id).toBe('probe-kind')
    expect(text('.why')).toBe('Choose the kind of board.')
    await choose('#probe-kind', 'stm32f4-discovery')
    await click(field('An ELF file'))
    expect(text('.why')).toBe('Choose the ELF file of the program.')
    await type('[aria-label="Path of the ELF file"]', '/tmp/app.elf')
    await type('#gdb-port', '70000')
    expect(text('.why')).toBe('The port is a number from 1 to 65535.')
    await type('#gdb-port', '3333')
    await click(foot())
    expect(asked('gdb.open')).toEqual([{ board: '0d28:0204:99021', port: 3333, kind: 'stm32f4-discovery', elf: '/tmp/app.elf' }])
  })

  it('is not offered while something else uses the probe, and says what', async () => {
    const backend = await room()
    const hardware = structuredClone(backend.hardware.hardware)
    hardware.probes.find(({ id }) => id === ST_LINK)!.used_by = 'job 3'
    backend.send({ type: 'hardware', hardware })
    await settled()
    const refused = [...rowOf('/dev/ttyACM1').querySelectorAll('button')].find((b) => nameOfControl(b).startsWith('GDB server'))!
    expect(refused.title).toBe('A job works on it. Wait for its end, or cancel it.')
    await click(refused)
    expect(connect.panel).toBeNull()
  })
})
