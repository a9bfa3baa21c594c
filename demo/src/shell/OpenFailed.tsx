import type { StoreErrorCode } from '@syncline/store'
import { DatabaseZap, RefreshCw } from 'lucide-react'
import { Button } from '../parts/Button.tsx'

/** What to do, for what can go wrong. The message of the error itself is shown below it. */
const advice: Partial<Record<StoreErrorCode, readonly [title: string, advice: string]>> = {
  'storage-blocked': [
    'Another tab is in the way',
    'A tab of this browser still holds this board open in an older version. Close or reload the other tabs, then try again.',
  ],
  'storage-failed': [
    'This device cannot open its storage',
    'The disk may be full, or the browser may forbid storage for this page. Make room or allow it, then try again.',
  ],
}

export interface OpenFailedProps {
  readonly error: unknown
  readonly onRetry: () => void
}

/** The whole page, when there is no board to show. */
export function OpenFailed({ error, onRetry }: OpenFailedProps) {
  const code = codeOf(error)
  const [title, text] = (code && advice[code]) || [
    'The board cannot be opened',
    'Nothing was changed. Try again; if it stays like this, the message below says more.',
  ]
  return (
    <main className="flex h-full items-center justify-center p-6">
      <div role="alert" className="max-w-md" data-testid="open-failed" data-code={code}>
        <span className="mb-4 flex size-12 items-center justify-center rounded-2xl bg-bad-soft text-bad">
          <DatabaseZap className="size-6" aria-hidden />
        </span>
        <h1 className="text-lg font-semibold">{title}</h1>
        <p className="mt-1.5 text-ink-2">{text}</p>
        <p className="mt-3 rounded-xl bg-lane p-3 font-mono text-xs break-words text-ink-2">
          {error instanceof Error ? error.message : String(error)}
        </p>
        <div className="mt-5 flex flex-wrap gap-2">
          <Button look="primary" autoFocus onClick={onRetry}>
            <RefreshCw className="size-3.5" aria-hidden /> Try again
          </Button>
          <Button onClick={() => location.reload()}>Reload the page</Button>
        </div>
      </div>
    </main>
  )
}

/** Errors are known by their code: two copies of a package have two classes. */
function codeOf(error: unknown): StoreErrorCode | undefined {
  return error instanceof Error && 'code' in error ? (error.code as StoreErrorCode) : undefined
}
