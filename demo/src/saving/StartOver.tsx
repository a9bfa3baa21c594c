import { useStatus, useStore } from '@syncline/react'
import { useState } from 'react'
import { Button } from '../parts/Button.tsx'
import { Confirm } from '../parts/Confirm.tsx'
import { messageOf } from '../parts/errors.ts'
import { useNotices } from '../parts/Notices.tsx'
import { startOver } from '../shell/opening.ts'
import { SaveCopy } from './Copies.tsx'
import { several } from './words.ts'

/** Deletes what this device has of the board and begins with what the relay has, when the two cannot be joined. */
export function StartOver() {
  const store = useStore()
  const pending = useStatus((status) => status.pending)
  const { notify } = useNotices()
  const [asking, setAsking] = useState(false)

  function confirm(): void {
    startOver(store).catch((error: unknown) =>
      notify({
        text: `The copy on this device is still there: ${messageOf(error)}`,
        action: { label: 'Reload', run: () => location.reload() },
        lasting: true,
      }),
    )
  }

  return (
    <>
      <Button look="danger" onClick={() => setAsking(true)}>
        Start over on this device
      </Button>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Start over on this device?"
        action="Delete and reload"
        onConfirm={confirm}
      >
        <p>
          The copy of this board on this device is deleted
          {pending > 0 && `, with ${several(pending, 'change')} that no relay has`}. What the relay has is shown
          instead. Save a copy first: the new board can take it in.
        </p>
        <p>
          <SaveCopy />
        </p>
      </Confirm>
    </>
  )
}
