// Looks at boards over their debug probes: RTT terminals and profiles in the Connect room, as a user works with them.
import { describe, expect, it } from 'vitest'
import { connect } from '$lib/connect/connect.svelte'
import { announcer } from '$lib/status/announce.svelte'
import { choose, field, foot, panelTitle, room, rowOf, words } from './connect-harness'
import { asked, button, click, press, settled, text, type } from './harness'

describe('the RTT terminal over a probe', () => {
  const ST_LINK = '0483:374b:066BFF'
  const lines = () => [...document.querySelectorAll('[role=log] .line')].map(words)

  it('is opened without a speed, waits for the program and for the board, and shows text', async () => {
    const backend = await room()
    await click(button('RTT terminal /dev/ttyACM1'))
    expect(panelTitle()).toBe('RTT terminal of /dev/ttyACM1')
    expect(document.querySelector('#console-baud')).toBeNull()
    expect(document.querySelector('#probe-kind')).toBeNull()
    expect(words(document.activeElement)).toBe('Open the terminal')
    await click(foot())
    expect(asked('console.open')).toEqual([{ path: ST_LINK, baud: 0, kind: null, log: null, defmt: null }])
    expect(text('aside .says')).toBe('Waits for the program: it has set up no RTT console yet.')
    expect(text('aside .bar')).toContain('RTT channel 0')
    expect(text('aside .bar')).not.toContain('bit/s')
    expect(text('aside [role=log]')).not.toContain('speed')
    expect(words(rowOf('/dev/ttyACM1'))).toContain('RTT terminal open')

    backend.hardware.says(ST_LINK, 'hello\n')
    await settled()
    expect(lines()).toEqual(['hello'])
    expect(document.querySelector('aside .says')).toBeNull()

    const view = { ...backend.hardware.consoles.get(ST_LINK)!, chunks: [] }
    backend.send({ type: 'console', console: { ...view, text: 'The program takes no input: it has no RTT channel down; nothing was sent.' } })
    await settled()
    expect(text('aside .says')).toContain('The program takes no input')

    backend.hardware.unplugProbe(ST_LINK)
    await settled()
    expect(text('aside .says')).toBe('Waits for the board: its probe is away.')
    expect(panelTitle()).toBe('RTT terminal of /dev/ttyACM1')
    expect(button('Send')!.hasAttribute('disabled')).toBe(true)
    await click(button('Close the terminal'))
    expect(asked('console.close')).toEqual([{ path: ST_LINK }])
    expect(text('.why')).toBe('The probe is away. Plug the board in.')
  })

  it('keeps an update that came before an older answer', async () => {
    const backend = await room()
    const call = backend.call.bind(backend)
    backend.call = async (method, params) => {
      const answer = await call(method, params)
      if (method === 'console.read') backend.send({ type: 'console', console: { ...backend.hardware.consoles.get(ST_LINK)!, chunks: [], text: 'Newer.' } })
      return answer
    }
    await click(button('RTT terminal /dev/ttyACM1'))
    await click(foot())
    expect(text('aside .says')).toBe('Newer.')
  })

  it('asks for the kind of board if the probe does not tell it', async () => {
    await room()
    await click(button('RTT terminal DAPLink CMSIS-DAP'))
    expect(document.activeElement?.id).toBe('probe-kind')
    expect(text('.why')).toBe('Choose the kind of board.')
    expect(foot().disabled).toBe(true)
    const kinds = [...document.querySelectorAll<HTMLOptionElement>('#probe-kind option')].map(({ value }) => value)
    expect(kinds).toEqual(['', 'nano33ble', 'stm32f4-discovery'])
    await choose('#probe-kind', 'nano33ble')
    await click(foot())
    expect(asked('console.open')).toEqual([{ path: '0d28:0204:99021', baud: 0, kind: 'nano33ble', log: null, defmt: null }])
  })

  it('takes the ELF file of a program that logs with defmt, and offers it again', async () => {
    await room()
    await click(button('RTT terminal /dev/ttyACM1'))
    await type('#console-defmt', ' /home/me/app.elf ')
    await click(foot())
    expect(asked('console.open')).toEqual([{ path: ST_LINK, baud: 0, kind: null, log: null, defmt: '/home/me/app.elf' }])
    expect(text('aside .bar')).toContain('defmt')
    await click(button('Close the terminal'))
    expect(document.querySelector<HTMLInputElement>('#console-defmt')!.value).toBe('/home/me/app.elf')
  })

  it('is not offered while something else uses the probe, which is named', async () => {
    const backend = await room()
    const used = async (by: string | null) => {
      const hardware = structuredClone(backend.hardware.hardware)
      hardware.probes.find(({ id }) => id === ST_LINK)!.used_by = by
      backend.send({ type: 'hardware', hardware })
      await settled()
      return ['RTT terminal', 'Profile'].map((what) => {
        const control = button(`${what} /dev/ttyACM1`)!
        return control.getAttribute('aria-disabled') && control.title
      })
    }
    expect(await used(null)).toEqual([null, null])
    expect(await used('profile')).toEqual(['A profile is taken over its probe. Wait for its end.', null])
    expect(words(rowOf('/dev/ttyACM1'))).toContain('profile under way')
    expect(await used('console')).toEqual([null, 'Its RTT terminal is open. Close it first.'])
    expect((await used('job 3'))[0]).toContain('A job works on it')
    await click(button('RTT terminal /dev/ttyACM1'))
    expect(connect.panel).toBeNull()
  })

  it('is offered again when the cable is plugged in again', async () => {
    const backend = await room()
    await click(button('RTT terminal desk-1'))
    await click(foot())
    const full = structuredClone(backend.hardware.hardware)
    // Its place has its name, so that its row stays when the cable is out.
    for (const it of [...full.ports, ...full.probes]) if (it.topology === 'virtual-1') it.topology = 'virtual-desk-1'
    // Port and probe come and go one by one.
    const become = async (port: boolean, probe: boolean) => {
      const hardware = structuredClone(full)
      if (!port) hardware.ports = hardware.ports.filter(({ path }) => !path.endsWith('desk-1'))
      if (!probe) hardware.probes = hardware.probes.filter(({ id }) => !id.endsWith('desk-1'))
      for (const board of hardware.virtual_boards) Object.assign(board, { plugged: port || probe, port: port ? board.port : null, probe: probe ? board.probe : null })
      backend.send({ type: 'hardware', hardware })
      await settled()
      return button('RTT terminal desk-1') !== undefined
    }
    for (const [port, probe] of [[false, true], [false, false], [true, false], [true, true], [true, false], [false, false], [true, true], [false, false], [false, true], [true, true]] as const) {
      expect(await become(port, probe), `${port} ${probe}`).toBe(probe)
    }
    expect(button('Profile desk-1')).toBeDefined()
  })

  it('is reached by arrow keys, from one board with a probe to the next', async () => {
    await room()
    const from = button('RTT terminal /dev/ttyACM1')!
    from.focus()
    await press(from, 'ArrowDown')
    expect(document.activeElement).toBe(button('RTT terminal DAPLink CMSIS-DAP'))
  })
})

describe('a profile over a probe', () => {
  const functions = () => [...document.querySelectorAll('aside tbody tr')].map(words)
  const over = (ms: number) => new Promise((done) => setTimeout(done, ms))

  it('is taken for some seconds and shows the samples by function', async () => {
    await room()
    await click(button('Profile desk-1'))
    expect(panelTitle()).toBe('Profile of desk-1')
    expect(document.activeElement?.id).toBe('samples-seconds')
    expect(document.querySelector<HTMLInputElement>('#samples-seconds')!.value).toBe('5')
    await type('#samples-seconds', '0')
    expect(foot().disabled).toBe(true)
    await type('#samples-seconds', '0.3')
    await click(foot())
    expect(text('aside [role=status]')).toContain('Taking samples for 0.3 s')
    expect(document.querySelector('aside [role=progressbar]')).not.toBeNull()
    expect(words(rowOf('desk-1'))).toContain('profile under way')
    await over(350)
    await settled()
    expect(asked('profile.sample')).toEqual([
      { probe: '0000:0000:desk-1', kind: null, elf: null, for_s: 0.3, top: 500, format: null, path: null, dark: false },
    ])
    expect(text('aside .about')).toContain('callers are not known')
    expect(functions()[0]).toMatch(/^Executor::execute_instrs.*letters4,20054\.4.%$/)
    expect(functions().at(-1)).toMatch(/^\(no symbol\)120\.2.%$/)
    expect(announcer.notice?.text).toMatch(/^The profile of desk-1 has 7[\d,]+.samples$/)
    expect(words(rowOf('desk-1'))).not.toContain('profile under way')
    await type('input[aria-label="Search functions"]', 'p256')
    expect(functions()).toHaveLength(1)

    // It is there again when the panel is opened again.
    await click(button('Close the panel'))
    await click(button('Profile desk-1'))
    expect(functions().length).toBeGreaterThan(3)
    await click(button('Another profile…'))
    expect(document.activeElement?.id).toBe('samples-seconds')
  })

  it('names the kind, the ELF file and the file to write', async () => {
    await room()
    await click(button('Profile DAPLink CMSIS-DAP'))
    expect(text('.why')).toBe('Choose the kind of board.')
    await choose('#probe-kind', 'stm32f4-discovery')
    await type('#samples-seconds', '0,01')
    await click(field('An ELF file'))
    expect(words(field("Drydock's firmware").closest('label'))).toBe("Drydock's firmware for STM32F4 Discovery")
    expect(text('.why')).toBe('Choose the ELF file of the program.')
    await type('input[aria-label="Path of the ELF file"]', '/tmp/program.elf')
    await choose('#samples-format', 'speedscope')
    expect(text('.why')).toBe('Choose the file to write.')
    await click(button('Choose the file to write'))
    await click(foot())
    await over(50)
    await settled()
    const path = '/home/me/DAPLink-CMSIS-DAP-samples.json'
    expect(asked('profile.sample')).toEqual([
      { probe: '0d28:0204:99021', kind: 'stm32f4-discovery', elf: '/tmp/program.elf', for_s: 0.01, top: 500, format: 'speedscope', path, dark: false },
    ])
    expect(text('aside .about')).toContain(`Saved ${path}`)
  })

  it('is stopped before its time, and shows the samples so far', async () => {
    await room()
    await click(button('Profile desk-1'))
    await type('#samples-seconds', '60')
    button('Take a profile')!.focus()
    await click(foot())
    expect(document.activeElement).toBe(button('Stop now'))
    await click(button('Stop now'))
    await settled()
    expect(asked('profile.sample_stop')).toEqual([{ probe: '0000:0000:desk-1' }])
    expect(functions().length).toBeGreaterThan(3)
    expect(text('aside .about')).toMatch(/ \d\.\d s until/)
    expect(document.activeElement?.textContent).toContain('callers are not known')
  })

  it('says why it could not be taken, and can be tried again', async () => {
    const backend = await room()
    backend.refuse['profile.sample'] = { code: 'board', message: 'The chip does not answer.', detail: null }
    await click(button('Profile desk-1'))
    await click(foot())
    expect(text('aside [role=alert]')).toContain('The chip does not answer.')
    expect(foot().disabled).toBe(false)
  })
})
