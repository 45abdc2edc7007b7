// The window's cases, in the order in which a user would meet them.
import { apps } from './cases/apps.mjs'
import { cables } from './cases/cables.mjs'
import { cards } from './cases/cards.mjs'
import { emulation } from './cases/emulation.mjs'
import { fleet } from './cases/fleet.mjs'
import { monitor } from './cases/monitor.mjs'
import { ownFirmware } from './cases/own_firmware.mjs'
import { comparing, plots } from './cases/plots.mjs'
import { thousand } from './cases/thousand.mjs'
import { whole } from './cases/window.mjs'

export const cases = [...apps, ...cards, ...plots, ...fleet, ...ownFirmware, ...emulation, ...cables, ...thousand, ...monitor, ...comparing, ...whole]
