import { useStatus, useStore } from '@syncline/react'
import type { Status } from '@syncline/store'
import { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from 'react'
import { Button } from '../parts/Button.tsx'
import { Confirm } from '../parts/Confirm.tsx'
import { SaveCopy } from './Copies.tsx'
import { several } from './words.ts'

/** Loads the page again as soon as that loses nothing, in the way that is given. */
type Reload = (how?: () => void) => void

const ReloadContext = createContext<Reload | undefined>(undefined)

export function useReload(): Reload {
  const reload = useContext(ReloadContext)
  if (reload === undefined) throw new Error('useReload() needs <ReloadProvider> above it.')
  return reload
}

/** Waits with a reload while changes are in this tab only that no relay has, says how many, and lets the person decide otherwise. */
export function ReloadProvider({ children }: { readonly children: ReactNode }) {
  const store = useStore()
  const link = useStatus((status) => status.link)
  const unsent = useStatus((status) => status.atRisk)
  const [wanted, setWanted] = useState<{ readonly how: () => void }>()
  const reload = useCallback<Reload>(
    (how = () => location.reload()) => {
      if (store.status.atRisk === 0) how()
      else setWanted({ how })
    },
    [store],
  )

  useEffect(() => {
    if (wanted === undefined) return undefined
    const { how } = wanted
    function look(status: Status): void {
      if (status.atRisk > 0) return
      setWanted(undefined)
      how()
    }
    const stop = store.onStatus(look)
    // It may have moved since it was asked.
    look(store.status)
    return stop
  }, [store, wanted])

  return (
    <ReloadContext value={reload}>
      {children}
      <Confirm
        open={wanted !== undefined}
        onOpenChange={(isOpen) => isOpen || setWanted(undefined)}
        title={`${several(unsent, 'change')} not sent yet`}
        action="Reload and lose them"
        onConfirm={() => wanted?.how()}
      >
        <p role="status" data-testid="reload-waits">
          {link === 'off' || link === 'waiting'
            ? 'They are in this tab only, and there is no link to the relay. As soon as there is one they are sent, and the page reloads.'
            : 'They are in this tab only, and are being sent to the relay. The page reloads as soon as they are there.'}
        </p>
        <p className="flex flex-wrap gap-2">
          {(link === 'off' || link === 'waiting') && (
            <Button onClick={() => store.connect()}>{link === 'off' ? 'Switch the link on' : 'Try to send now'}</Button>
          )}
          <SaveCopy />
        </p>
      </Confirm>
    </ReloadContext>
  )
}
