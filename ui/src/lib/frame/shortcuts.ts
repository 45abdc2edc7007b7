// The keys of the window, as its list of keys shows them. `keys.ts` and the lists implement them.
import { modKey } from './modifier'

export interface Shortcut {
  /** Each is one press; several presses can have the same action. */
  keys: string[]
  what: string
}

export const shortcuts: Array<[string, Shortcut[]]> = [
  [
    'Everywhere',
    [
      { keys: [`${modKey} K`], what: 'Every action, board and app by name' },
      { keys: ['?', 'F1'], what: 'This list' },
      { keys: ['F6', 'Shift F6'], what: 'Next and previous part: rooms, list, board, its cards, status' },
      { keys: ['1', '2', '3', '4', '5', '6'].map((n) => `${modKey} ${n}`), what: 'Fleet, Emulation, Connect, Activity, Settings, Plots' },
      { keys: [`${modKey} +`, `${modKey} −`, `${modKey} 0`], what: 'Larger, smaller, as before' },
    ],
  ],
  [
    'Boards',
    [
      { keys: ['/'], what: 'Filter the boards' },
      { keys: ['↑', '↓', 'Page', 'Home', 'End'], what: 'Open another board of the list' },
      { keys: ['Space', 'Shift ↑↓', `${modKey} A`], what: 'Mark a board, several, all that are listed' },
      { keys: ['Enter'], what: 'From the list to the board' },
      { keys: ['D', `${modKey} O`], what: 'Deploy to the marked boards, else the open one: form, file dialog' },
      { keys: ['F2'], what: 'Rename them' },
      { keys: ['L'], what: 'Label them' },
      { keys: ['Delete'], what: 'Remove them' },
      { keys: ['Menu', 'Shift F10'], what: 'What can be done with them' },
      { keys: ['Escape'], what: 'Clear the marks' },
    ],
  ],
  [
    'Connect',
    [
      { keys: ['↑', '↓'], what: 'The same control of the next board' },
      { keys: ['Space'], what: 'On the box of a board: choose it' },
      { keys: ['Escape'], what: 'Close the panel' },
    ],
  ],
  [
    'Plots',
    [
      { keys: ['+', '−', '←', '→'], what: 'Zoom at the cursor, move the span' },
      { keys: ['0', 'Home', 'Space'], what: 'Follow the time again; pause' },
      { keys: ['Shift ←', 'Shift →'], what: 'Move the cursor and hear the values there; Escape takes it away' },
      { keys: ['[', ']'], what: 'The event or note before, the next one' },
      { keys: ['N', 'T'], what: 'Write a note at the cursor; set a threshold' },
    ],
  ],
  [
    'Cards',
    [
      { keys: [`${modKey} F`], what: 'Search the console' },
      { keys: ['↑', '↓', '←', '→'], what: 'On the grip of a card: change places' },
    ],
  ],
]
