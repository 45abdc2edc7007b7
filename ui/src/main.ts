// Starts the window. The language is fixed before anything else is evaluated: libraries read it at load.
import './lib/language'
import '@fontsource-variable/inter/index.css'
import '@fontsource/jetbrains-mono/latin-400.css'
import './lib/theme.css'
import './lib/controls.css'

const { start } = await import('./start')
await start(document.getElementById('app')!)
