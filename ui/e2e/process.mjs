// Programs that the tests start, and their certain end.

/** Ends a program that was started here; by force if it does not obey in time. Says whether it obeyed. */
export async function ended(child, signal, ms) {
  if (child.exitCode !== null || child.signalCode !== null) return true
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  if (await inTime(exit, ms)) return true
  child.kill('SIGKILL')
  await inTime(exit, 5_000)
  return false
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
