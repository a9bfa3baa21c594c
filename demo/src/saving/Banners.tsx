import { useStatus, useStore } from '@syncline/react'
import clsx from 'clsx'
import { Download, TriangleAlert } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { downloadBoard } from '../board/download.ts'
import { Button } from '../parts/Button.tsx'
import { Confirm } from '../parts/Confirm.tsx'
import { useNotices } from '../parts/Notices.tsx'
import { startOver } from '../shell/opening.ts'
import { several } from './words.ts'

const untilThere =
  'Until then new changes go to the relay only, and are lost with this tab where they are not there yet.'

const storageWords = {
  blocked: {
    title: 'Another tab keeps this one from saving',
    text: 'Bring the other tabs of this board to the front, or close them. What you do is not on this device until then.',
  },
  quota: { title: 'This device is full', text: `Saving goes on when there is room again. ${untilThere}` },
  lost: { title: 'The browser has lost its storage for a moment', text: `It is opened again. ${untilThere}` },
  degraded: { title: 'This device refuses to save', text: `It is tried again. ${untilThere}` },
  evicted: {
    title: 'The copy on this device was cleared',
    text: 'By the browser, or by you. What the relay has comes back from there; what was on this device alone is gone.',
  },
  'memory-only': {
    title: 'Nothing is saved on this device',
    text: 'The browser gives this page no storage, as in some private windows. Changes are kept by the relay only.',
  },
  damaged: {
    title: 'Some of the copy on this device is damaged',
    text: 'It was set aside, and everything else is here. What the relay has of it comes back from there.',
  },
}

const newerWords =
  'This device has opened the board with a newer version of the app. Changes are kept by the relay only until you reload to get that version.'

/** What somebody must know before going on to work. */
export function Banners() {
  const { storage, storageError, problem } = useStatus()
  return (
    <>
      {storage !== 'ok' && storage !== 'saving' && (
        <Banner tone="warn" title={storageWords[storage].title}>
          {storageError?.code === 'storage-newer' ? newerWords : storageWords[storage].text}{' '}
          {storageError && <span className="text-ink-3">{storageError.message}</span>}
        </Banner>
      )}
      {problem?.code === 'epoch-changed' && <EpochBanner />}
    </>
  )
}

/** The relay has another log than the one this device knows: after a loss of data, or with an old backup. */
function EpochBanner() {
  const store = useStore()
  const pending = useStatus((status) => status.pending)
  const { notify } = useNotices()
  const [asking, setAsking] = useState(false)

  function confirm(): void {
    startOver(store).catch((error: unknown) =>
      notify({
        text: `The copy on this device is still there: ${error instanceof Error ? error.message : String(error)}`,
        action: { label: 'Reload', run: () => location.reload() },
        lasting: true,
      }),
    )
  }

  return (
    <Banner
      tone="bad"
      title="The relay has lost its memory of this board"
      actions={
        <>
          <Button onClick={() => downloadBoard(store)}>
            <Download className="size-3.5" /> Download what is here
          </Button>
          <Button look="danger" onClick={() => setAsking(true)}>
            Start over on this device
          </Button>
        </>
      }
    >
      Its log is another one than the one this device has worked with, so the two cannot be joined. Nothing here is
      lost: you can go on working on this device alone, or download what is here and start over with what the relay has.
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
          instead.
        </p>
        <p>
          <Button onClick={() => downloadBoard(store)}>
            <Download className="size-3.5" /> Download what is here first
          </Button>
        </p>
      </Confirm>
    </Banner>
  )
}

function Banner({
  tone,
  title,
  actions,
  children,
}: {
  readonly tone: 'warn' | 'bad'
  readonly title: string
  readonly actions?: ReactNode
  readonly children: ReactNode
}) {
  return (
    <div
      role="alert"
      data-testid="banner"
      className={clsx(
        'mx-4 mb-2 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl px-4 py-3 text-[13px]',
        tone === 'bad' ? 'bg-bad-soft' : 'bg-warn-soft',
      )}
    >
      <TriangleAlert className={clsx('size-4 shrink-0', tone === 'bad' ? 'text-bad' : 'text-warn')} aria-hidden />
      <p className="min-w-60 flex-1">
        <strong className="font-semibold">{title}.</strong> {children}
      </p>
      {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
    </div>
  )
}
