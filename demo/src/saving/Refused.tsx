import { useStore } from '@syncline/react'
import type { RefusedChange } from '@syncline/store'
import { Button } from '../parts/Button.tsx'
import { useNotices } from '../parts/Notices.tsx'
import { several } from './words.ts'

/** The Changes that the relay refused: each can be tried again or dropped. `count` is from the status, which says when it moved. */
export function Refused({ count }: { readonly count: number }) {
  const store = useStore()
  const { notify } = useNotices()
  if (count === 0) return null

  function reapply({ id }: RefusedChange): void {
    try {
      store.refused.reapply(id)
    } catch (error) {
      notify({ text: `It still cannot be applied: ${error instanceof Error ? error.message : String(error)}` })
    }
  }

  return (
    <section className="mt-4 border-t border-line pt-3" aria-label="Refused changes">
      <h3 className="font-semibold">{several(count, 'change')} refused by the relay</h3>
      <p className="mt-1 text-[13px] text-ink-2">Taken off the board and kept on this device until you decide.</p>
      <ul className="mt-2 space-y-2">
        {store.refused.list().map((refused) => (
          <li key={refused.id} className="rounded-xl bg-lane p-3 text-[13px]" data-testid="refused">
            <p className="font-medium">
              {several(refused.change.ops.length, 'edit')}, {timeOf(refused)}
            </p>
            <p className="mt-0.5 break-words text-ink-2">{refused.message}</p>
            <p className="mt-1 truncate font-mono text-xs text-ink-3">
              {refused.change.ops.map(({ address }) => address).join(', ')}
            </p>
            <div className="mt-2 flex gap-2">
              <Button onClick={() => reapply(refused)}>Apply again</Button>
              <Button look="quiet" onClick={() => store.refused.drop(refused.id)}>
                Drop
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

function timeOf({ change }: RefusedChange): string {
  return new Date(change.at / 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
}
