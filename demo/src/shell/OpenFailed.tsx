import { StoreError } from '@syncline/store'
import { DatabaseZap, RefreshCw } from 'lucide-react'
import { Button } from '../parts/Button.tsx'

/** What to do, for what can go wrong. The message of the error itself is shown below it. */
const advice: Partial<Record<StoreError['code'], readonly [title: string, advice: string]>> = {
  'storage-blocked': [
    'Another tab is in the way',
    'A tab of this browser still holds this board open in an older version. Close or reload the other tabs, then try again.',
  ],
  'storage-newer': [
    'This app is older than your data',
    'This device has opened the board with a newer version of the app before. Reload the page to get that version.',
  ],
  'storage-damaged': [
    'The copy on this device is damaged',
    'Bytes on this device are not what was written. If the relay has the board, delete the site data of this page and reload.',
  ],
  'storage-failed': [
    'This device cannot open its storage',
    'The disk may be full, or the browser may forbid storage for this page. Make room or allow it, then try again.',
  ],
}

/** The whole page, when there is no board to show. */
export function OpenFailed({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  const [title, text] = (error instanceof StoreError && advice[error.code]) || [
    'The board cannot be opened',
    'Nothing was changed. Try again; if it stays like this, the message below says more.',
  ]
  return (
    <main className="flex h-full items-center justify-center p-6">
      <div role="alert" className="max-w-md" data-testid="open-failed">
        <span className="mb-4 flex size-12 items-center justify-center rounded-2xl bg-bad-soft text-bad">
          <DatabaseZap className="size-6" aria-hidden />
        </span>
        <h1 className="text-lg font-semibold">{title}</h1>
        <p className="mt-1.5 text-ink-2">{text}</p>
        <p className="mt-3 rounded-xl bg-lane p-3 font-mono text-xs break-words text-ink-2">
          {error instanceof Error ? error.message : String(error)}
        </p>
        <div className="mt-5 flex gap-2">
          <Button look="primary" autoFocus onClick={onRetry}>
            <RefreshCw className="size-3.5" aria-hidden /> Try again
          </Button>
          <Button onClick={() => location.reload()}>Reload the page</Button>
        </div>
      </div>
    </main>
  )
}
