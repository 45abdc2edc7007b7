// Programs that the tests start, and their certain end.
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ends a program that was started here; by force if it does not exit in time. Returns whether it exited by itself. */
export async function ended(child, signal, ms) {
  if (child.exitCode !== null || child.signalCode !== null) return true
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  if (await inTime(exit, ms)) return true
  child.kill('SIGKILL')
  await inTime(exit, 5_000)
  return false
}

/** Processes that a process has started. */
export function childrenOf(pid) {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8', timeout: 10_000 })
  return stdout.split('\n').map(Number).filter(Boolean)
}

/** Processes that a process and its children have started, with their names as the system cuts them. */
export function descendantsOf(pid) {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8', timeout: 10_000 })
  const all = stdout.split('\n').map((line) => line.trim().split(/\s+/)).map(([pid, parent, name]) => ({ pid: Number(pid), parent: Number(parent), name }))
  const below = (pid) => all.filter(({ parent }) => parent === pid).flatMap((process) => [process, ...below(process.pid)])
  return below(pid)
}

/** Whether a process ends within a time. */
export async function gone(pid, ms) {
  for (const end = performance.now() + ms; ; await sleep(50)) {
    // A zombie counts as ended: its parent has not waited for it yet.
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8', timeout: 10_000 })
    if (stdout.trim() === '' || stdout.startsWith('Z')) return true
    if (performance.now() >= end) return false
  }
}

/** Whether a promise was kept within a time. */
export async function inTime(promise, ms) {
  let timer
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, false)))
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
