// An invented profile for the stand-in of the workbench.
import type { ProfileView, SampledFunction } from './generated'
import type { Speedscope } from '../emulation/flame'

const names = [
  'main',
  'drydock_device::runtime::Runtime<B>::run',
  'drydock_device::apps::Apps::slice',
  '<wasmi::engine::executor::Executor as wasmi::engine::Execute>::execute_instrs_with_a_name_of_more_than_sixty_letters',
  'drydock_device::session::poll::{closure#0}',
  'p256::arithmetic::field::FieldElement::multiply',
  'embedded_tls::record::encrypt',
  'core::ptr::drop_in_place::<alloc::vec::Vec<u8>>',
  'interrupt 17',
  'drydock_board_nano33ble::on_timer',
  '(waiting for flash)',
]
const stacks: Array<[number[], number]> = [
  [[0, 1], 90_000],
  [[0, 1, 2], 250_000],
  [[0, 1, 2, 3], 4_200_000],
  [[0, 1, 2, 3, 7], 60_000],
  [[0, 1, 4], 130_000],
  [[0, 1, 4, 5], 1_900_000],
  [[0, 1, 4, 6], 640_000],
  [[0, 1, 10], 310_000],
  [[8], 20_000],
  [[8, 9], 420_000],
]

export function mockCalls(): Speedscope {
  const calls = (name: string, scale: number) => ({
    name,
    samples: stacks.map(([stack]) => stack),
    weights: stacks.map(([, weight]) => Math.round(weight * scale)),
  })
  return { shared: { frames: names.map((name) => ({ name })) }, profiles: [calls('cycles', 1), calls('instructions', 0.7)] }
}

/** Samples by function, those with most first; the weights of the profile, without callers. */
export function mockSamples(): SampledFunction[] {
  const functions = names.slice(1, 10).map((name, i) => ({
    name,
    address: 0x2000 + i * 64,
    samples: stacks.filter(([stack]) => stack.at(-1) === i + 1).reduce((sum, [, weight]) => sum + Math.round(weight / 1000), 0),
  }))
  return [...functions, { name: '(no symbol)', address: 0, samples: 12 }].filter(({ samples }) => samples > 0).sort((a, b) => b.samples - a.samples)
}

export function mockProfile(board: string, finished: boolean): ProfileView {
  if (!finished) return { board, state: 'none', from_s: 0, to_s: 0, until_s: null, summary: null }
  const functions = names.slice(1).map((name, i) => ({
    name,
    address: 0x2000 + i * 64,
    calls: 1000 * (i + 1),
    self_cycles: stacks.filter(([stack]) => stack.at(-1) === i + 1).reduce((sum, [, w]) => sum + w, 0),
    total_cycles: stacks.filter(([stack]) => stack.includes(i + 1)).reduce((sum, [, w]) => sum + w, 0),
    self_instructions: 0,
    total_instructions: 0,
  }))
  return {
    board,
    state: 'finished',
    from_s: 40,
    to_s: 45,
    until_s: null,
    summary: {
      cpu_hz: 64_000_000,
      cycles: 320_000_000,
      asleep_cycles: 311_980_000,
      waiting_cycles: 310_000,
      instructions: 5_614_000,
      functions: functions.sort((a, b) => b.self_cycles - a.self_cycles),
      stacks: [{ name: 'main', top: 0x2004_0000, lowest: 0x2003_d800, bytes: 10_240 }],
      interrupts: [{ name: 'interrupt 17', entries: 5000, cycles: 440_000, stack_bytes: 104 }],
      peripherals: [],
      coverage: { functions: 900, functions_executed: 310, bytes: 380_000, bytes_executed: 121_000 },
      heap: { used_bytes: 71_000, peak_bytes: 81_000, total_bytes: 131_072 },
      truncated: null,
    },
  }
}
