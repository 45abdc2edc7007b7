// Writing plots into files; the workbench draws them, with the renderer of the command line.
import { at, attempts } from '../attempts.svelte'
import type { BoardView, ChartFormat, Series } from '../backend/generated'
import type { MenuItem } from '../frame/MenuList.svelte'
import { preferences } from '../settings/preferences.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { colourOf } from './colours'
import { signalsOf } from './signals.svelte'

const formats: Array<[ChartFormat, string, string]> = [
  ['svg', 'SVG…', 'a drawing that scales'],
  ['png', 'PNG…', 'a picture'],
  ['csv', 'CSV…', 'the numbers, not decimated'],
]
/** The number of points that a drawing of this width can show; a table has all points. */
const DRAWN_POINTS = 1200
const ALL_POINTS = 4_000_000

/** The formats as a menu that exports these lines. */
export function exportMenu(board: BoardView, series: Series[]): MenuItem[] {
  return formats.map(([format, label, note]) => ({ label, note, run: () => exportSeries(board, series, format) }))
}

async function exportSeries(board: BoardView, series: Series[], format: ChartFormat): Promise<void> {
  const [first] = series
  if (!first) return
  // The span on the screen now, even if the dialog stays open for long.
  const { fromMs, toMs } = signalsOf(board.id).range
  const what = series.length === 1 ? `${board.name} ${first.title}` : board.name
  const saved = await attempts.run(at.signals(board.id), 'Exporting', async () => {
    const path = await workbench.backend.chooseSavePath(`${what.replace(/[^\p{L}\p{N}]+/gu, '-')}.${format}`, format)
    if (path === null) return null
    return await workbench.call('metrics.export', {
      query: {
        board: board.id,
        series: series.map((s) => s.id),
        window_s: (toMs - fromMs) / 1000,
        max_points: format === 'csv' ? ALL_POINTS : DRAWN_POINTS,
      },
      format,
      dark: preferences.theme === 'dark',
      path,
      until_ms: toMs,
      colours: Object.fromEntries(series.map((s) => [s.id, colourOf(s.id, preferences.value.colours)])),
      utc_offset_min: -new Date(toMs).getTimezoneOffset(),
    })
  })
  if (saved?.path) announcer.say(`Saved ${saved.path}`)
}
