// The Connect room with the stand-in for the workbench, as a user works in it.
import { describe, expect, it } from 'vitest'
import type { JobView } from '$lib/backend/generated'
import type { MockBackend } from '$lib/backend/mock'
import { connect } from '$lib/connect/connect.svelte'
import { allActions } from '$lib/palette/actions'
import { place } from '$lib/place.svelte'
import { announcer } from '$lib/status/announce.svelte'
import { choose, field, foot, panelTitle, room, rowOf, rows, words } from './connect-harness'
import { asked, button, click, idOf, open, press, settled, text, type } from './harness'

async function menu(board: string, item: string): Promise<HTMLElement> {
  await click(button(`More for ${board}`))
  const items = [...document.querySelectorAll<HTMLElement>('[role=menuitem]')]
  return items.find((entry) => words(entry).startsWith(item))!
}
async function provision(board: string): Promise<void> {
  await click(button(`Provision ${board}`))
  await click(foot())
  await click(foot())
}

describe('the list', () => {
  it('shows ports and probes by board, with what they are and why', async () => {
    await room()
    expect(rows()).toHaveLength(8)
    expect(words(rowOf('/dev/ttyACM0'))).toMatch(/Arduino Nano 33 BLE certain USB id 2341:805a belongs to this board alone\..*usb-1-1\.2.*free/)
    expect(words(rowOf('/dev/ttyACM1'))).toMatch(/STM32F4 Discovery likely .*ST-Link V2-1/)
    expect(words(rowOf('/dev/ttyUSB0'))).toContain('possible')
    expect(words(rowOf('desk-1'))).toContain('virtual')
  })

  it('says who holds a port, and the way out', async () => {
    await room()
    const row = rowOf('/dev/ttyACM2')
    expect(words(row)).toContain('held by ModemManager, process 4711')
    expect(words(row)).toContain('sudo systemctl stop ModemManager')
    await click(button('Provision /dev/ttyACM2'))
    expect(connect.panel).toBeNull()
    expect(button('Provision /dev/ttyACM2')!.getAttribute('aria-disabled')).toBe('true')
    const erase = await menu('/dev/ttyACM2', 'Flash firmware…')
    expect(words(erase)).toContain('ModemManager')
    await click(erase)
    expect(connect.panel).toBeNull()
  })

  it('asks for access, and shows the answer', async () => {
    await room()
    await click(button('Allow access to /dev/ttyUSB1'))
    expect(asked('hardware.allow')).toHaveLength(1)
    expect(text('.note')).toContain('70-drydock.rules')
    expect(words(rowOf('/dev/ttyUSB1'))).toContain('free')
  })

  it('follows what is plugged in and pulled out, and drops the choice of what went', async () => {
    const backend = await room()
    connect.selected.add('usb-1-1.2')
    backend.hardware.unplug('/dev/ttyACM0')
    await settled()
    expect(rows()).toHaveLength(7)
    expect(connect.selected.size).toBe(0)
  })

  it('moves to the same control of the next board by arrow keys', async () => {
    await room()
    const first = rows()[0]!.querySelector<HTMLElement>('[data-control="more"]')!
    first.focus()
    await press(first, 'ArrowDown')
    expect(document.activeElement).toBe(rows()[1]!.querySelector('[data-control="more"]'))
    await press(document.activeElement!, 'ArrowUp')
    expect(document.activeElement).toBe(first)
  })

  it('teaches when it is empty, and adds a virtual board', async () => {
    await room({ desk: 'none' })
    expect(text('.empty')).toMatch(/Plug a board .* only charge/)
    await click(button('Add a virtual board'))
    expect(asked('virtual.add')).toEqual([{ kind: 'nano33ble', name: null, blank: true, usbip: false, seed: null }])
    expect(words(rows()[0])).toContain('desk-1')
    await click(await menu('desk-1', 'Pull the cable'))
    expect(words(rows()[0])).toContain('cable out')
    await click(await menu('desk-1', 'Plug in'))
    expect(words(rows()[0])).toContain('free')
    await click(await menu('desk-1', 'Remove the virtual board'))
    expect(rows()).toHaveLength(0)
  })

  it('says why ports could not be read, and the window works on', async () => {
    const backend = await open({ boards: 2 })
    backend.refuse['hardware.list'] = { code: 'internal', message: 'The USB bus does not answer.', detail: null }
    connect.hardware = null
    backend.send({ type: 'resync' })
    place.panel = 'connect'
    await settled()
    expect(text('[role=alert]')).toContain('The USB bus does not answer.')
    delete backend.refuse['hardware.list']
    await click(button('Try again'))
    expect(rows()).toHaveLength(8)
  })

  it('lends a port and takes it back', async () => {
    await room()
    await click(await menu('/dev/ttyACM0', 'Lend'))
    expect(words(rowOf('/dev/ttyACM0'))).toContain('lent to another program')
    expect(button('Console /dev/ttyACM0')!.getAttribute('aria-disabled')).toBe('true')
    await click(await menu('/dev/ttyACM0', 'Take back'))
    expect(asked('port.take_back')).toEqual([{ path: '/dev/ttyACM0' }])
    expect(words(rowOf('/dev/ttyACM0'))).toContain('free')
  })

  it('shows a refusal on its row', async () => {
    const backend = await room()
    backend.refuse['port.lend'] = { code: 'refused', message: '/dev/ttyACM0 went away.', detail: null }
    await click(await menu('/dev/ttyACM0', 'Lend'))
    expect(words(rowOf('/dev/ttyACM0').querySelector('[role=alert]'))).toContain('/dev/ttyACM0 went away.')
  })
})

describe('evidence', () => {
  it('is written as a table and as labels once a board has passed', async () => {
    const backend = await room()
    backend.hardware.failing.add('/dev/ttyACM0')
    await provision('/dev/ttyACM0')
    await click(foot())
    const table = () => button('Evidence table…')!
    const labels = () => button('Labels…')!
    const refused = (control: HTMLElement) => [control.getAttribute('aria-disabled'), control.title]
    expect(refused(table())).toEqual(['true', 'No board was provisioned yet'])
    expect(refused(labels())).toEqual(['true', 'No board was provisioned yet'])
    await click(table())
    expect(asked('evidence.export')).toEqual([])
    expect(announcer.notice?.text).toBe('No board was provisioned yet')

    backend.hardware.finish()
    await settled()
    expect(refused(table())).toEqual([null, ''])
    expect(refused(labels())).toEqual(['true', 'No board has passed yet'])
    await click(labels())
    expect(asked('labels.make')).toEqual([])
    await click(button('Resume'))
    backend.hardware.finish()
    await settled()

    table().focus()
    expect(document.activeElement).toBe(table())
    await click(table())
    expect(asked('evidence.export')).toEqual([{ path: '/home/me/evidence.csv' }])
    expect(announcer.notice?.text).toBe('Saved /home/me/evidence.csv')
    expect(refused(labels())).toEqual([null, ''])
    labels().focus()
    expect(document.activeElement).toBe(labels())
    await click(labels())
    expect(asked('labels.make')).toEqual([
      { boards: [], format: 'pdf', width_mm: 62, height_mm: 29, path: '/home/me/labels.pdf', overwrite: true },
    ])
    expect(announcer.notice?.text).toBe('1\u00a0label in /home/me/labels.pdf')
  })

  it('says at the jobs why a table could not be written', async () => {
    const backend = await room()
    await provision('/dev/ttyACM0')
    await click(foot())
    backend.hardware.finish()
    await settled()
    backend.chooseSavePath = () => Promise.reject(new Error('There is no dialog.'))
    await click(button('Labels…'))
    expect(text('section [role=alert]')).toContain('There is no dialog.')
    expect(asked('labels.make')).toEqual([])
  })
})

describe('provisioning', () => {
  it('leads from the board over options and a summary to its page', async () => {
    const backend = await room()
    await click(button('Provision /dev/ttyACM0'))
    expect(document.activeElement?.id).toBe('provision-kind')
    await click(foot())
    await type('#provision-name', 'lab-{n}')
    await choose('#provision-app', 'sample sensor')
    await click(foot())
    expect(text('aside dl')).toMatch(/\/dev\/ttyACM0 at usb-1-1\.2.*serial C0A14F3E21.*lab-1.*sensor/)
    await click(foot())
    expect(asked('provision.start')).toEqual([
      {
        on: [{ port: '/dev/ttyACM0', probe: null, dfu: null }],
        kind: 'nano33ble',
        name: 'lab-{n}',
        app: { sample: 'sensor' },
        grant: [],
        erase_all: false,
      },
    ])
    expect(panelTitle()).toBe('Provision ttyACM0')
    expect(words(rowOf('/dev/ttyACM0'))).toContain('Provision:')
    backend.hardware.finish()
    await settled()
    expect(text('aside dl')).toContain('evidence/lab-1.json')
    expect(announcer.notice?.text).toContain('done')
    await click(button('Show lab-1 in Fleet'))
    expect([place.panel, place.boardId]).toEqual(['fleet', idOf('lab-1')])
  })

  it('asks to confirm a board that is not certain, again after another kind is chosen', async () => {
    await room()
    await click(button('Provision /dev/ttyUSB0'))
    expect(document.querySelector<HTMLSelectElement>('#provision-kind')!.value).toBe('esp32-c6')
    expect(foot().disabled).toBe(true)
    await click(field('I checked that it is'))
    expect(foot().disabled).toBe(false)
    await choose('#provision-kind', 'nano33ble')
    expect(foot().disabled).toBe(true)
    expect(text('aside')).toContain('It looks like ESP32-C6-DevKitC-1')
  })

  it('does not offer kinds without an identity', async () => {
    await room()
    await click(button('Provision /dev/ttyACM0'))
    const kinds = [...document.querySelectorAll<HTMLOptionElement>('#provision-kind option')].map(({ value }) => value)
    expect(kinds).toEqual(['nano33ble', 'stm32f4-discovery', 'esp32-c6'])
  })

  it('goes over the probe if the user says so, and names what is erased', async () => {
    await room()
    await click(button('Provision desk-1'))
    expect(field('the serial port').checked).toBe(true)
    await click(field('the debug probe'))
    await click(foot())
    await click(field('Erase everything first'))
    await click(foot())
    expect(text('aside .warning')).toContain('Everything on Arduino Nano 33 BLE (desk-1, /run/user/1000/drydock/desk-1 with debug probe Virtual debug probe at virtual-1) goes first')
    expect(words(foot())).toBe('Erase and provision')
    await click(foot())
    expect(asked('provision.start')[0]).toMatchObject({
      on: [{ port: '/run/user/1000/drydock/desk-1', probe: '0000:0000:desk-1', dfu: null }],
      erase_all: true,
    })
  })

  it('takes a file as the first app, with what it may do', async () => {
    await room()
    await click(button('Provision /dev/ttyACM0'))
    await click(foot())
    await choose('#provision-app', 'file')
    expect(asked('app.preview')).toEqual([{ source: { path: '/home/me/apps/sensor.wasm' }, boards: [], version: null }])
    await type('#provision-grant', 'gpio:7, gpio:13')
    await click(foot())
    expect(text('aside dl')).toContain('sensor.wasm, version 0.1.0; may use gpio:7, gpio:13')
    await click(foot())
    expect(asked('provision.start')[0]).toMatchObject({ app: { path: '/home/me/apps/sensor.wasm' }, grant: ['gpio:7', 'gpio:13'] })
  })

  it('stays open with the reason when it is refused', async () => {
    const backend = await room()
    backend.refuse['provision.start'] = { code: 'refused', message: 'The chip on /dev/ttyACM0 is locked.', detail: null }
    await provision('/dev/ttyACM0')
    await click(foot())
    expect(text('aside [role=alert]')).toContain('The chip on /dev/ttyACM0 is locked.')
    expect(panelTitle()).toBe('Provision')
  })

  it('starts nothing on a board that was unplugged meanwhile', async () => {
    const backend = await room()
    await provision('/dev/ttyACM0')
    backend.hardware.unplug('/dev/ttyACM0')
    await settled()
    expect(text('aside .warning')).toContain('1\u00a0chosen board cannot be provisioned any more'.replace('\u00a0', ' '))
    expect(foot().disabled).toBe(true)
  })

  it('starts nothing on a board that something else uses meanwhile', async () => {
    const backend = await room()
    await provision('/dev/ttyACM0')
    await backend.call('port.lend', { path: '/dev/ttyACM0' })
    await settled()
    expect(foot().disabled).toBe(true)
    expect(text('.why')).toContain('something else uses it')
  })

  it('goes on after a failure', async () => {
    const backend = await room()
    backend.hardware.failing.add('/dev/ttyACM0')
    await provision('/dev/ttyACM0')
    await click(foot())
    backend.hardware.finish()
    await settled()
    expect(text('aside .state')).toContain('failed')
    expect(text('aside .ended')).toContain('stopped answering')
    expect(words(rowOf('/dev/ttyACM0'))).toContain('last job here failed: Provision')
    await click(button('Resume'))
    expect(asked('job.resume')).toEqual([{ id: 1 }])
    backend.hardware.finish()
    await settled()
    expect(text('aside .state')).toContain('done')
  })

  it('stays failed where it fails again before the answer to the resumption is here', async () => {
    const backend = await room()
    backend.hardware.failing.add('/dev/ttyACM0')
    await provision('/dev/ttyACM0')
    await click(foot())
    backend.hardware.finish()
    await settled()
    const call = backend.call.bind(backend)
    backend.call = async (method, params) => {
      const answer = await call(method, params)
      // The board is not there: the update says so at once, and the answer was made before.
      if (method === 'job.resume') connect.putJob({ ...(answer as JobView), state: 'failed', text: 'There is no board.', ended_ms: 2 })
      return answer
    }
    await click(button('Resume'))
    await settled()
    expect(text('aside .state')).toContain('failed')
    expect(text('aside .ended')).toContain('There is no board.')
  })

  it('is cancelled', async () => {
    await room()
    await provision('/dev/ttyACM0')
    await click(foot())
    await click(button('Cancel the job'))
    expect(text('aside .state')).toContain('cancelled')
    expect(words(rowOf('/dev/ttyACM0'))).toContain('free')
  })

  it('works on 32 boards at once, and counts', async () => {
    const backend = await room({ desk: 'rack' })
    backend.hardware.failing.add('/dev/ttyACM3')
    // One more than fits.
    backend.hardware.plug({ ...connect.attached[0]!.port!, path: '/dev/ttyACM40', topology: 'usb-2-1' })
    await settled()
    await click(field('Choose all boards that can be provisioned'))
    await click(button('Provision 32 boards…'))
    expect(document.querySelectorAll('aside li strong')).toHaveLength(32)
    await click(foot())
    await type('#provision-name', 'rack')
    expect(text('.why')).toContain('{n}')
    expect(foot().disabled).toBe(true)
    await type('#provision-name', 'rack-{n}')
    await click(foot())
    await click(foot())
    expect((asked('provision.start')[0]!['on'] as unknown[]).length).toBe(32)
    expect(text('aside .tally')).toBe('0 of 32 boards done, 32 under way')
    backend.hardware.finish()
    await settled()
    expect(text('aside .tally')).toBe('31 of 32 boards done, 1 failed')
    expect(announcer.notice).toMatchObject({ text: '31 of 32\u00a0boards done, 1 failed', tone: 'bad' })
    expect(document.querySelectorAll('aside [data-job]')).toHaveLength(32)
    await click(button('Resume 1 job'))
    backend.hardware.finish()
    await settled()
    expect(text('aside .tally')).toBe('32 of 32 boards done')
  })
})

describe('flash, backup, erase', () => {
  it('erases only after a question that names the board; the focus begins on Cancel', async () => {
    await room()
    await click(await menu('/dev/ttyACM0', 'Erase…'))
    expect(words(document.activeElement)).toBe('Cancel')
    expect(text('#erase-what')).toContain('Everything on Arduino Nano 33 BLE (/dev/ttyACM0 at usb-1-1.2) goes')
    expect(asked('flash.erase')).toEqual([])
    await click(button('Cancel'))
    expect(connect.panel).toBeNull()
    await click(await menu('/dev/ttyACM0', 'Erase…'))
    await click(button('Erase everything'))
    expect(asked('flash.erase')).toEqual([{ on: { port: '/dev/ttyACM0', probe: null, dfu: null }, kind: 'nano33ble' }])
    expect(panelTitle()).toBe('Erase ttyACM0')
  })

  it('flashes a file of raw bytes only with its address', async () => {
    await room()
    await click(await menu('/dev/ttyACM0', 'Flash firmware…'))
    await click(field('A file'))
    await type('input[aria-label="Path of the firmware"]', '/tmp/fw.bin')
    expect(foot().disabled).toBe(true)
    await type('#flash-address', '0x10000')
    await click(foot())
    expect(asked('flash.start')).toEqual([
      { on: { port: '/dev/ttyACM0', probe: null, dfu: null }, kind: 'nano33ble', firmware: { path: '/tmp/fw.bin' }, address: 0x10000, erase_all: false },
    ])
  })

  it('backs up into a chosen file, over the probe if the user says so', async () => {
    await room()
    await click(await menu('desk-1', 'Back up…'))
    await click(field('debug probe'))
    await click(button('Choose…'))
    await click(foot())
    expect(asked('flash.backup')).toEqual([
      { on: { port: '/run/user/1000/drydock/desk-1', probe: '0000:0000:desk-1', dfu: null }, kind: 'nano33ble', path: '/home/me/nano33ble-backup.bin' },
    ])
  })

  it('gives the focus back when the panel closes', async () => {
    await room()
    button('Provision /dev/ttyACM0')!.focus()
    await click(button('Provision /dev/ttyACM0'))
    // For another board while it is open.
    button('Console /dev/ttyUSB0')!.focus()
    await click(button('Console /dev/ttyUSB0'))
    expect(document.activeElement?.id).toBe('console-baud')
    await press(document.activeElement!, 'Escape')
    expect(connect.panel).toBeNull()
    expect(document.activeElement).toBe(button('Console /dev/ttyUSB0'))
  })
})

describe('the console of a port', () => {
  async function terminal(): Promise<MockBackend> {
    const backend = await room()
    await click(button('Console /dev/ttyUSB0'))
    await type('#console-baud', '9600')
    await click(foot())
    return backend
  }
  const lines = () => [...document.querySelectorAll('[role=log] .line')].map(words)

  it('opens with a speed, shows text without colours, sends and recalls lines', async () => {
    await terminal()
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Text to send')
    expect(asked('console.open')).toEqual([{ path: '/dev/ttyUSB0', baud: 9600, kind: null, log: null, defmt: null }])
    expect(lines()).toEqual(['ESP-ROM:esp32c6-20220919', 'rst:0x1 (POWERON),boot:0xc', 'ready', '>'])
    expect(words(rowOf('/dev/ttyUSB0'))).toContain('console open')
    const input = await type('input[aria-label="Text to send"]', 'help')
    await choose('select[aria-label="Line ending"]', 'CR LF')
    await click(button('Send'))
    expect(atob(asked('console.send')[0]!['base64'] as string)).toBe('help\r\n')
    expect(lines().at(-1)).toBe('> help')
    expect(input.value).toBe('')
    await press(input, 'ArrowUp')
    expect(input.value).toBe('help')
  })

  it('shows bytes, and refuses what is no byte', async () => {
    await terminal()
    await click(button('Hex'))
    expect(lines()[0]).toMatch(/^00000000 ?1b 5b 31/)
    await click(button('Hex: send hexadecimal bytes'))
    await type('input[aria-label="Bytes to send, hexadecimal"]', '0g')
    await click(button('Send'))
    expect(asked('console.send')).toEqual([])
    expect(text('aside [role=alert]')).toContain('hexadecimal')
  })

  it('waits for a board that went away, and keeps the text', async () => {
    const backend = await terminal()
    backend.hardware.unplug('/dev/ttyUSB0')
    await settled()
    expect(text('aside .says')).toContain('/dev/ttyUSB0 is away')
    expect(button('Send')!.hasAttribute('disabled')).toBe(true)
    expect(lines()).toHaveLength(4)
  })

  it('ends when something else closes it', async () => {
    const backend = await terminal()
    await backend.call('console.close', { path: '/dev/ttyUSB0' })
    await settled()
    expect(document.querySelector('#console-baud')).not.toBeNull()
  })

  it('is read again when it is opened in a new window, and after lost updates', async () => {
    const backend = await terminal()
    const { send } = backend
    backend.send = () => {}
    backend.hardware.says('/dev/ttyUSB0', 'lost\n')
    backend.send = send
    backend.hardware.says('/dev/ttyUSB0', 'next\n')
    await settled()
    expect(lines().slice(-2)).toEqual(['> lost', 'next'])
    await click(button('Close the panel'))
    await click(button('Console /dev/ttyUSB0'))
    expect(lines().slice(-2)).toEqual(['> lost', 'next'])
    await click(button('Close the port'))
    expect(asked('console.close')).toEqual([{ path: '/dev/ttyUSB0' }])
    expect(document.querySelector('#console-baud')).not.toBeNull()
  })
})

describe('jobs and the palette', () => {
  it('are listed newest first, filtered, and read again at a new start', async () => {
    const backend = await room()
    backend.hardware.failing.add('/dev/ttyACM0')
    await provision('/dev/ttyACM0')
    await click(foot())
    backend.hardware.finish()
    await click(await menu('/dev/ttyUSB0', 'Back up…'))
    await click(field('I checked'))
    await type('#backup-path', '/tmp/x.bin')
    await click(foot())
    connect.jobs = []
    backend.send({ type: 'resync' })
    await settled()
    const list = () => [...document.querySelectorAll('main [data-job]')].map(words)
    expect(list().map((row) => row.replace(/ (Look|Read|Ident).*/, ''))).toEqual(['running Back up ttyUSB0', 'failed Provision ttyACM0'])
    await click(button('Failed 1'))
    expect(list()).toHaveLength(1)
    await click(document.querySelector('main [data-job]')!)
    expect(panelTitle()).toBe('Provision ttyACM0')
  })

  it('can be reached by typing, as every action on a board', async () => {
    await room()
    const titles = () => allActions().map(({ title }) => title)
    expect(titles()).toEqual(expect.arrayContaining(['RTT terminal: /dev/ttyACM1', 'Profile: /dev/ttyACM1…']))
    expect(titles()).not.toContain('RTT terminal: /dev/ttyACM0')
    const all = ['Provision: /dev/ttyACM0…', 'Console: /dev/ttyACM0', 'Flash firmware: /dev/ttyACM0…', 'Back up: /dev/ttyACM0…', 'Erase: /dev/ttyACM0…', 'Lend: /dev/ttyACM0']
    for (const title of [...all, 'Go to Connect', 'Add a virtual board…', 'Allow access to ports and probes', 'Pull the cable: desk-1']) {
      expect(titles()).toContain(title)
    }
    expect(titles()).not.toContain('Erase: /dev/ttyACM2…')
    const ids = allActions().map(({ id }) => id)
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
    const erase = allActions().find(({ title }) => title === 'Erase: /dev/ttyACM0…')!
    await erase.run()
    await settled()
    expect(panelTitle()).toBe('Erase')
  })
})

describe('a physical board in the fleet', () => {
  it('shows its cable, and nothing that only a machine can', async () => {
    const backend = await open({ boards: 1, physical: true })
    place.open(idOf('nano-on-the-desk'))
    backend.cable('nano-on-the-desk', 'unplugged')
    await settled()
    expect(text('main header')).toContain('cable out')
    expect(text('main header')).toContain('/dev/ttyACM9 at usb-1-2')
    expect(text('[role=grid]')).toContain('Arduino Nano 33 BLE · cable out')
    expect(document.querySelector('[data-card="front"]')).toBeNull()
    const own = allActions().filter(({ context, title }) => context === 'nano-on-the-desk' || title.includes('nano-on-the-desk'))
    expect(own.length).toBeGreaterThan(10)
    for (const { title } of own) expect(title).not.toMatch(/snapshot|Pause nano|Step|Profile|GDB|Fork|seed|real time|Reset|Cut/i)
  })

  it.each([
    ['connected', 'Lend the port', 'port.lend'],
    ['lent', 'Take the port back', 'port.take_back'],
    ['released', 'Use the port again', 'board.power'],
  ] as const)('%s: %s', async (state, label, method) => {
    const backend = await open({ boards: 1, physical: true })
    place.open(idOf('nano-on-the-desk'))
    backend.cable('nano-on-the-desk', state)
    backend.refuse[method] = { code: 'board', message: 'Seen.', detail: null }
    await settled()
    await click(await menu('nano-on-the-desk', label))
    expect(asked(method)).toHaveLength(1)
  })
})
