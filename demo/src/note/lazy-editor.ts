import { lazy } from 'react'

const load = () => import('./NoteEditor.tsx')

/** The editor is most of the code of this app, and the board does not need it. */
export const NoteEditor = lazy(() => load().then(({ NoteEditor: Editor }) => ({ default: Editor })))

/**
 * Fetches the editor while nothing else is going on. From then on this page needs no file of its build any more,
 * whatever is deployed meanwhile.
 */
export function fetchEditorEarly(): void {
  const whenIdle = window.requestIdleCallback ?? ((callback: () => void) => setTimeout(callback, 1000))
  // Without a network this fails, and opening a note says so.
  whenIdle(() => void load().catch(() => undefined))
}
