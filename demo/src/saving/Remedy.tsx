import { useStore } from '@syncline/react'
import { RefreshCw, Wrench } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../parts/Button.tsx'
import { messageOf } from '../parts/errors.ts'
import { useNotices } from '../parts/Notices.tsx'
import { repairDevice } from '../shell/opening.ts'
import { SaveCopy, TakeInCopy } from './Copies.tsx'
import { useReload } from './Reload.tsx'
import { StartOver } from './StartOver.tsx'
import type { Trouble } from './troubles.ts'

/** The one thing that helps, as a button. `onDone` is called when nothing more is to be read about the trouble. */
export function Remedy({ trouble, onDone }: { readonly trouble: Trouble; readonly onDone?: () => void }) {
  const store = useStore()
  const reload = useReload()
  switch (trouble.remedy) {
    case 'save-copy':
      return <SaveCopy />
    case 'take-in-copy':
      return <TakeInCopy onDone={onDone} />
    case 'repair':
      return <Repair onDone={onDone} />
    case 'start-over':
      return <StartOver />
    case 'connect':
      return (
        <Button onClick={() => store.connect()}>
          <RefreshCw className="size-3.5" aria-hidden /> Try now
        </Button>
      )
    case 'reload':
      return (
        <Button onClick={() => reload()}>
          <RefreshCw className="size-3.5" aria-hidden /> Reload
        </Button>
      )
  }
}

/** Puts right what this device has stored. */
function Repair({ onDone }: { readonly onDone: (() => void) | undefined }) {
  const store = useStore()
  const { notify } = useNotices()
  const [isBusy, setBusy] = useState(false)

  async function repair(): Promise<void> {
    setBusy(true)
    try {
      const { report } = await repairDevice(store.space)
      notify({
        text: report.isSound
          ? 'Repaired: what is on this device is sound.'
          : 'Repaired: what was damaged is out of the way. What is missing is asked of the relay.',
      })
      onDone?.()
    } catch (error) {
      notify({ text: `It could not be repaired, and nothing was lost by it. ${messageOf(error)}` })
    } finally {
      setBusy(false)
    }
  }

  return (
    <Button disabled={isBusy} onClick={() => void repair()}>
      <Wrench className="size-3.5" aria-hidden /> {isBusy ? 'Repairing …' : 'Repair'}
    </Button>
  )
}
