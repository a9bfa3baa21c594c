import { useUndo } from '@syncline/react'
import type { Undone } from '@syncline/store'
import clsx from 'clsx'
import { Redo2, Undo2 } from 'lucide-react'
import { useCallback, useEffect } from 'react'
import { IconButton } from '../parts/Button.tsx'
import { useNotices } from '../parts/Notices.tsx'

const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent)

/** The key that goes with a letter for commands. */
export const commandKey = isMac ? '⌘' : 'Ctrl'
const command = isMac ? 'Meta' : 'Control'

/** Put on an element in which people write: what they write there is a step of the board like others, and the keys take it back. */
export const undoneByBoard = { 'data-undone-by': 'board' }

/** Takes back what was done on this board, here and by nobody else, and does it again: by buttons and by keys. */
export function Undo() {
  const { undoAsync, redoAsync, canUndo, canRedo, isWaiting } = useUndo()
  const { announce, notify } = useNotices()

  const run = useCallback(
    async (act: () => Promise<Undone>, what: string) => {
      try {
        const { change, superseded } = await act()
        if (superseded.length > 0) notify({ text: 'Somebody has changed it since, so that stays as it is.' })
        announce(change === undefined ? `Nothing was ${what}.` : `Your last step was ${what}.`)
      } catch (error) {
        notify({ text: wordsFor(error, what) })
      }
    },
    [announce, notify],
  )
  const onUndo = useCallback(() => void run(undoAsync, 'undone'), [run, undoAsync])
  const onRedo = useCallback(() => void run(redoAsync, 'done again'), [run, redoAsync])

  useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (event.defaultPrevented || isForText(event.target)) return
      const asked = askedFor(event)
      if (asked === undefined) return
      event.preventDefault()
      if (asked === 'undo') onUndo()
      else onRedo()
    }
    /** The browser's own menu, and what people do to phones. */
    function onBeforeInput(event: InputEvent): void {
      const { inputType } = event
      if ((inputType !== 'historyUndo' && inputType !== 'historyRedo') || !isOfBoard(event.target)) return
      event.preventDefault()
      if (inputType === 'historyUndo') onUndo()
      else onRedo()
    }
    window.addEventListener('keydown', onKeyDown)
    window.addEventListener('beforeinput', onBeforeInput)
    return () => {
      window.removeEventListener('keydown', onKeyDown)
      window.removeEventListener('beforeinput', onBeforeInput)
    }
  }, [onUndo, onRedo])

  return (
    <div
      role="group"
      aria-label="Undo and redo"
      aria-busy={isWaiting}
      className={clsx('flex', isWaiting && 'animate-pulse')}
    >
      <IconButton label="Undo" keys={`${command}+Z`} disabled={!canUndo} onClick={onUndo}>
        <Undo2 />
      </IconButton>
      <IconButton label="Redo" keys={`${command}+Shift+Z`} disabled={!canRedo} onClick={onRedo}>
        <Redo2 />
      </IconButton>
    </div>
  )
}

/** Why a step is still there. Nothing has happened to it. */
function wordsFor(error: unknown, what: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'offline') return `The server decides about this step. It can be ${what} when there is a connection.`
  const why = error instanceof Error ? error.message : String(error)
  return `Your last step was not ${what}. ${why}`
}

function askedFor({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): 'undo' | 'redo' | undefined {
  if (altKey || !(isMac ? metaKey : ctrlKey)) return undefined
  const letter = key.toLowerCase()
  if (letter === 'z') return shiftKey ? 'redo' : 'undo'
  return letter === 'y' && !isMac && !shiftKey ? 'redo' : undefined
}

/** In a field the browser takes back what was typed; a question that must be answered first is no place for it either. */
function isForText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement) || isOfBoard(target)) return false
  return target.isContentEditable || target.closest('input, textarea, select, [role=alertdialog]') !== null
}

function isOfBoard(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[data-undone-by=board]') !== null
}
