import type { StoreErrorCode } from '@syncline/store'
import { DatabaseZap, RefreshCw } from 'lucide-react'
import { Button } from '../parts/Button.tsx'
import { Details } from '../parts/Details.tsx'
import { codeOf, messageOf } from '../parts/errors.ts'

/** What to do, for what can go wrong. */
const advice: Partial<Record<StoreErrorCode, readonly [title: string, advice: string]>> = {
  'storage-blocked': [
    'Another tab is in the way',
    'A tab of this browser still has this board open in an older version. Close or reload the other tabs, then try again.',
  ],
  'storage-failed': [
    'This device cannot open its storage',
    'The disk may be full, or the browser may forbid storage for this page. Make room or allow it, then try again.',
  ],
  'storage-newer': [
    'This device has a newer version of the app',
    'It has written the board in a way that this page cannot read. Reload the page to get that version.',
  ],
  'invalid-space': [
    'This address names no board',
    'What stands behind “space=” in it cannot be the name of one: letters, digits and a few signs can. Open another board.',
  ],
}

export interface OpenFailedProps {
  readonly error: unknown
  readonly onRetry: () => void
}

/** The whole page, when there is no board to show. */
export function OpenFailed({ error, onRetry }: OpenFailedProps) {
  const code = codeOf(error)
  const [title, text] = advice[code as StoreErrorCode] ?? [
    'The board cannot be opened',
    'Nothing was changed. Try again, or reload the page. If it stays like this, show the details to whoever looks after the app.',
  ]
  return (
    <main className="flex h-full items-center justify-center p-6">
      <div role="alert" className="max-w-md" data-testid="open-failed" data-code={code}>
        <span className="mb-4 flex size-12 items-center justify-center rounded-2xl bg-bad-soft text-bad">
          <DatabaseZap className="size-6" aria-hidden />
        </span>
        <h1 className="text-lg font-semibold">{title}</h1>
        <p className="mt-1.5 text-ink-2">{text}</p>
        <div className="mt-5 flex flex-wrap gap-2">{helping(code, onRetry)}</div>
        <div className="mt-4">
          <Details>{messageOf(error)}</Details>
        </div>
      </div>
    </main>
  )
}

/** The one thing that helps. */
function helping(code: string | undefined, onRetry: () => void) {
  switch (code) {
    case 'storage-newer':
      return (
        <Button look="primary" autoFocus onClick={() => location.reload()}>
          <RefreshCw className="size-3.5" aria-hidden /> Reload
        </Button>
      )
    case 'invalid-space':
      return (
        <Button look="primary" autoFocus onClick={() => location.assign('/')}>
          Open the first board
        </Button>
      )
    default:
      return (
        <Button look="primary" autoFocus onClick={onRetry}>
          <RefreshCw className="size-3.5" aria-hidden /> Try again
        </Button>
      )
  }
}
