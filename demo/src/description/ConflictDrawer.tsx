import { useStore, useValue } from '@syncline/react'
import { X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useId, useState, type KeyboardEvent } from 'react'
import { Button, IconButton } from '../parts/Button.tsx'
import { useNotices } from '../parts/Notices.tsx'
import { several } from '../saving/words.ts'
import { CopyChoice } from './CopyChoice.tsx'
import { decided, ownSide, placesOf, type Decision } from './decisions.ts'
import { description, isDisputed } from './description.ts'
import { recallOwn } from './own-words.ts'
import { PlaceChoice } from './PlaceChoice.tsx'

/** Everything that people disagree about in one description, beside each other: choose, edit, and save all decisions at once. */
export function ConflictDrawer({
  cardId,
  title,
  onSettled,
  onClose,
  onClosed,
}: {
  readonly cardId: string
  readonly title: string
  /** Gets the text that was decided for. */
  readonly onSettled: (text: string) => void
  readonly onClose: () => void
  /** The drawer is gone, and the focus is to go somewhere. */
  readonly onClosed: () => void
}) {
  return (
    <Dialog.Root open onOpenChange={(isOpen) => isOpen || onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-black/30" />
        <Dialog.Content
          data-testid="conflict-drawer"
          onCloseAutoFocus={(event) => {
            event.preventDefault()
            onClosed()
          }}
          className="fixed inset-y-0 right-0 z-50 flex w-[min(60rem,100vw)] animate-slide flex-col bg-raised shadow-float outline-none sm:rounded-l-2xl"
        >
          <header className="flex items-start gap-2 border-b border-line py-3.5 pr-3 pl-5">
            <div className="min-w-0 flex-1">
              <Dialog.Title className="text-base font-semibold">Decide what stands</Dialog.Title>
              <Dialog.Description className="mt-0.5 truncate text-[13px] text-ink-2">
                The description of “{title}”
              </Dialog.Description>
            </div>
            <Dialog.Close asChild>
              <IconButton label="Close" keys="Escape">
                <X />
              </IconButton>
            </Dialog.Close>
          </header>
          <Decisions cardId={cardId} onSettled={onSettled} onClose={onClose} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function Decisions({
  cardId,
  onSettled,
  onClose,
}: {
  readonly cardId: string
  readonly onSettled: (text: string) => void
  readonly onClose: () => void
}) {
  const store = useStore()
  const now = useValue(description(cardId))
  /** What is decided about: what comes meanwhile moves nothing under anybody's hands. */
  const [reading, setReading] = useState(now)
  const [decisions, setDecisions] = useState<ReadonlyMap<number, Decision>>(new Map())
  const [kept, setKept] = useState<ReadonlyMap<number, boolean>>(new Map())
  const [fault, setFault] = useState<string>()
  const { announce } = useNotices()
  const progressId = useId()
  const places = placesOf(reading)
  const own = recallOwn(store.space, cardId)
  const count = places.length + reading.copies.length
  const made = decisions.size + kept.size

  function showNewest(): void {
    setReading(now)
    setDecisions(new Map())
    setKept(new Map())
    setFault(undefined)
  }

  function save(): void {
    if (made < count) return
    const copies = reading.copies.filter((_, i) => kept.get(i) === true)
    const value = decided(
      reading,
      places.map((_, i) => decisions.get(i)),
      copies,
    )
    try {
      store.transact((tx) => tx.patch(description(cardId), { value, settles: reading }))
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error))
      return
    }
    announce('Decided. The description is saved.')
    onSettled(value)
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.nativeEvent.isComposing) return
    event.preventDefault()
    save()
  }

  if (!isDisputed(now)) return <NothingLeft onClose={onClose} />

  return (
    <form
      className="flex min-h-0 flex-1 flex-col"
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <div className="min-h-0 flex-1 space-y-4 overflow-y-auto bg-canvas px-4 py-4 sm:px-5">
        {now !== reading && (
          <div
            role="status"
            className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-xl bg-accent-soft py-2 pr-2 pl-3.5 text-[13px]"
          >
            <p className="min-w-40 flex-1">
              It was changed since you opened this. Your decisions are about what you see here; what is new stays beside
              them.
            </p>
            <Button onClick={showNewest}>Show the newest</Button>
          </div>
        )}
        {places.map((place, i) => (
          <PlaceChoice
            key={i}
            place={place}
            heading={places.length === 1 ? 'The place' : `Place ${i + 1} of ${places.length}`}
            own={ownSide(place, own)}
            decision={decisions.get(i)}
            onDecide={(decision) => setDecisions((old) => new Map(old).set(i, decision))}
          />
        ))}
        {reading.copies.map((copy, i) => (
          <CopyChoice
            key={i}
            text={copy}
            now={reading.value}
            isKept={kept.get(i)}
            onDecide={(isKept) => setKept((old) => new Map(old).set(i, isKept))}
          />
        ))}
        {reading.waiting > 0 && (
          <p className="px-1 text-[13px] text-ink-2">
            {several(reading.waiting, 'more version')} {reading.waiting === 1 ? 'disagrees' : 'disagree'} with both. It
            comes up when this is decided.
          </p>
        )}
      </div>
      <footer className="flex flex-wrap items-center gap-2 border-t border-line px-5 py-3 pb-[max(0.75rem,env(safe-area-inset-bottom))]">
        {fault !== undefined && (
          <p role="alert" className="w-full rounded-lg bg-bad-soft px-2.5 py-1.5 text-[13px] text-bad">
            It could not be saved: {fault}
          </p>
        )}
        <p id={progressId} role="status" className="min-w-32 flex-1 text-[13px] text-ink-2 tabular-nums">
          {made < count ? `${made} of ${count} decided` : 'All decided. Everybody will see it, and you can undo it.'}
        </p>
        <Button look="quiet" onClick={onClose}>
          Not now
        </Button>
        <Button type="submit" look="primary" disabled={made < count} aria-describedby={progressId}>
          Save decisions
        </Button>
      </footer>
    </form>
  )
}

function NothingLeft({ onClose }: { readonly onClose: () => void }) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center gap-3 p-8 text-center">
      <p className="font-semibold">There is nothing left to decide</p>
      <p className="max-w-xs text-ink-2">Somebody else has decided it while this was open.</p>
      <Button autoFocus onClick={onClose}>
        Close
      </Button>
    </div>
  )
}
