// Announcements: for screen readers through a live region, and as a short notice in the status bar.

export interface Notice {
  id: number
  text: string
  tone: 'quiet' | 'good' | 'bad'
}

class Announcer {
  notice = $state<Notice | null>(null)
  #next = 1
  #timer: ReturnType<typeof setTimeout> | undefined

  say(text: string, tone: Notice['tone'] = 'quiet'): void {
    this.notice = { id: this.#next++, text, tone }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => (this.notice = null), tone === 'bad' ? 12_000 : 6_000)
  }
}

export const announcer = new Announcer()
