import { StrictMode, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { exposeForDebugging } from './debug.ts'
import { App } from './shell/App.tsx'
import { OpenFailed } from './shell/OpenFailed.tsx'
import { Opening } from './shell/Opening.tsx'
import { openBoard, spaceOfPage } from './shell/opening.ts'
import './style.css'

const root = createRoot(document.getElementById('root')!)
const show = (page: ReactNode): void => root.render(<StrictMode>{page}</StrictMode>)

const space = spaceOfPage()
document.title = `${space} – Syncline board`

async function start(): Promise<void> {
  show(<Opening />)
  try {
    const store = await openBoard(space)
    exposeForDebugging(store)
    show(<App store={store} />)
  } catch (error) {
    fail(error)
  }
}

function fail(error: unknown): void {
  show(<OpenFailed error={error} onRetry={() => void start()} />)
}

void start()
