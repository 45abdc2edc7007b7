// A debugger in its simplest form: requests of GDB's remote protocol over TCP, and their answers.
import { connect } from 'node:net'
import { until } from './webdriver.mjs'

/** The part of GDB's remote protocol that a request and its answer need. */
export class Remote {
  static connect(port) {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(new Remote(socket)))
      socket.once('error', reject)
    })
  }

  constructor(socket) {
    this.socket = socket
    this.heard = ''
    socket.on('data', (data) => (this.heard += data))
    socket.on('error', () => {})
  }

  async ask(packet) {
    const sum = [...packet].reduce((sum, c) => (sum + c.charCodeAt(0)) % 256, 0)
    this.heard = ''
    this.socket.write(`$${packet}#${sum.toString(16).padStart(2, '0')}`)
    const [, answer] = await until(`the port answers ${packet}`, 10_000, () => /\$([^#]*)#../.exec(this.heard))
    this.socket.write('+')
    // Runs of a character are sent as the character, a star, and their length.
    return answer.replace(/(.)\*(.)/g, (_, c, length) => c.repeat(length.charCodeAt(0) - 28))
  }

  close() {
    this.socket.destroy()
  }
}
