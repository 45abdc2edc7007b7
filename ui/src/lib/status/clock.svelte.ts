// The time that ages are counted from; ticks once a second.

class Clock {
  nowMs = $state(Date.now())

  /** Called once, at start. */
  start(): void {
    setInterval(() => (this.nowMs = Date.now()), 1000)
  }
}

export const clock = new Clock()
