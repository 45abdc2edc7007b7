// Files dragged over the window: their analysis, their target boards, and the drop.
import { at, attempts } from '../attempts.svelte'
import { asApiError, type Backend, type FileDrag } from '../backend/backend'
import type { ApiError, AppPreview, FirmwarePreview } from '../backend/generated'
import { addBoard, firmwareFile, giveFirmware } from '../board/actions'
import { deployments } from '../board/deploy.svelte'
import { fleet } from '../fleet/fleet.svelte'
import { place } from '../place.svelte'
import { workbench } from '../workbench.svelte'

class DropState {
  /** Paths that are being dragged; null while nothing is. */
  paths = $state.raw<string[] | null>(null)
  /** The analysis of the first module and the boards that it fits; null while it is being read. */
  preview = $state.raw<AppPreview | null>(null)
  /** The same for a program that is no module: where it could run in place of Drydock's firmware. */
  firmware = $state.raw<FirmwarePreview | null>(null)
  refused = $state.raw<ApiError | null>(null)
  /** The boards under the pointer. */
  targets = $state.raw<string[]>([])

  readonly active = $derived(this.paths !== null)
  #source: Backend | null = null
  #drag = 0

  async start(): Promise<void> {
    if (this.#source === workbench.backend) return
    this.#source = workbench.backend
    await this.#source.onFileDrag((drag) => this.#take(drag))
  }

  /** Why a board cannot take the dragged file; null if it can, or if it is not known yet. */
  refusal(board: string): string | null {
    if (this.refused) return this.refused.message
    const verdicts = this.firmware?.boards ?? this.preview?.boards
    return verdicts?.find((v) => v.board === board)?.refused ?? null
  }

  isTarget(board: string): boolean {
    return this.targets.includes(board)
  }

  #take(drag: FileDrag): void {
    switch (drag.type) {
      case 'enter':
        void this.#enter(drag.paths)
        this.targets = targetsAt(drag.x, drag.y)
        break
      case 'over':
        this.targets = targetsAt(drag.x, drag.y)
        break
      case 'leave':
        this.#end()
        break
      case 'drop': {
        const boards = targetsAt(drag.x, drag.y)
        const [path] = drag.paths
        if (path !== undefined && isFirmware(path)) {
          const firmware = this.paths?.[0] === path ? this.firmware : null
          this.#end()
          if (boards.length > 0) void giveFirmware(boards, firmwareFile(path))
          else if (fleet.order.length === 0) void startBoard(path, firmware)
          break
        }
        const seen = this.paths?.[0] === drag.paths[0] ? this.preview : null
        this.#end()
        if (boards.length > 0) void deployments.deployPaths(drag.paths, boards, { seen })
        else if (fleet.order.length === 0) {
          attempts.fail(at.drop, { code: 'usage', message: 'There is no board to deploy to: add one first.', detail: null })
        }
        break
      }
    }
  }

  async #enter(paths: string[]): Promise<void> {
    this.paths = paths
    this.preview = null
    this.firmware = null
    this.refused = null
    const drag = ++this.#drag
    const [path] = paths
    if (path === undefined) return
    try {
      if (isFirmware(path)) {
        const firmware = await previewOf(path)
        if (drag === this.#drag) this.firmware = firmware
        return
      }
      const preview = await workbench.call('app.preview', { source: { path }, boards: fleet.order, version: null })
      if (drag === this.#drag) this.preview = preview
    } catch (thrown) {
      if (drag === this.#drag) this.refused = asApiError(thrown)
    }
  }

  #end(): void {
    this.#drag += 1
    this.paths = null
    this.preview = null
    this.firmware = null
    this.refused = null
    this.targets = []
  }
}

/** Whether a file is a program for a chip by its name; compilers for Arm write ELF files without an ending, too. */
function isFirmware(path: string): boolean {
  return /(\.(elf|axf|out|hex|ihex|ihx|srec|s19|s28|s37|mot|uf2|bin)|[/\\][^./\\]+)$/i.test(path)
}

function previewOf(path: string): Promise<FirmwarePreview> {
  return workbench.call('firmware.preview', { firmware: firmwareFile(path), boards: fleet.order })
}

/** Adds a board of the first kind that can run the program. */
async function startBoard(path: string, seen: FirmwarePreview | null): Promise<void> {
  const preview = seen ?? (await attempts.run(at.drop, 'Reading the program', () => previewOf(path)))
  if (!preview) return
  const [kind] = preview.kinds
  if (!kind || kind.refused !== null) {
    attempts.fail(at.drop, { code: 'refused', message: kind?.refused ?? `${preview.name} fits no kind of board.`, detail: null })
    return
  }
  await addBoard({ kind: kind.board, firmware: firmwareFile(path) })
}

/** The target boards of a drop here: the board of the row or card, or all marked boards if it is one of them. */
function targetsAt(x: number, y: number): string[] {
  const id = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-drop-board]')?.dataset['dropBoard']
  if (id === undefined) return []
  return place.marked.has(id) ? place.marks : [id]
}

export const drop = new DropState()
