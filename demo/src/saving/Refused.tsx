import { useStore } from '@syncline/react'
import type { RefusedChange } from '@syncline/store'
import { Button } from '../parts/Button.tsx'
import { Details } from '../parts/Details.tsx'
import { messageOf } from '../parts/errors.ts'
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
      notify({ text: `It still cannot be applied: ${messageOf(error)}` })
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
            <p className="mt-0.5 break-words text-ink-2">{reasonFor(refused)}</p>
            <Details>{detailsOf(refused)}</Details>
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

/** Why the relay did not take it. What a relay refuses for reasons of its own it tells in words that are meant for people. */
function reasonFor({ code, message }: RefusedChange): string {
  switch (code) {
    case 'forbidden':
      return 'You may not change this. Ask whoever runs the relay, then apply it again.'
    case 'too-large':
      return 'It is larger than the relay takes.'
    case 'conflict':
      return 'Somebody else was there first.'
    case 'malformed':
    case 'unknown-precondition':
      return 'The relay does not understand it. It may be of another version than this app.'
    default:
      return message
  }
}

function detailsOf({ code, message, change }: RefusedChange): string {
  return `${code}: ${message} ${change.ops.map(({ address }) => address).join(', ')}`
}

function timeOf({ change }: RefusedChange): string {
  return new Date(change.at / 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
}
