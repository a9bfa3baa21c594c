import { useStore, useValue } from '@syncline/react'
import { AlignLeft, GitMerge, Pencil } from 'lucide-react'
import { useState } from 'react'
import { Button, IconButton } from '../parts/Button.tsx'
import { focusIfWanted, focusNext, focusOn } from '../parts/focus.ts'
import { useNotices } from '../parts/Notices.tsx'
import { several } from '../saving/words.ts'
import { ConflictDrawer } from './ConflictDrawer.tsx'
import { description, isDisputed, toShown } from './description.ts'
import { DescriptionForm } from './DescriptionForm.tsx'
import { rememberOwn } from './own-words.ts'

const editElementId = (cardId: string): string => `edit-description-${cardId}`
const decideElementId = (cardId: string): string => `decide-description-${cardId}`

/** What a card is about: read, written in a form, and decided about where people disagree. */
export function Description({ cardId, title }: { readonly cardId: string; readonly title: string }) {
  const store = useStore()
  const reading = useValue(description(cardId))
  const { announce, notify } = useNotices()
  /** What the form began with; undefined while it is closed. */
  const [opened, setOpened] = useState<string>()
  const [deciding, setDeciding] = useState(false)
  const text = toShown(reading.value)

  function close(): void {
    setOpened(undefined)
    focusNext(editElementId(cardId))
  }

  function save(base: string, mine: string): void {
    const before = reading.conflicts.length
    store.transact((tx) => tx.merge(description(cardId), base, mine))
    rememberOwn(store.space, cardId, mine)
    close()
    const now = store.get(description(cardId))
    if (now.conflicts.length <= before) announce('Description saved.')
    else {
      notify({
        text: 'Saved. Somebody else has changed the same lines: both are kept until somebody decides.',
        action: { label: 'Decide', run: () => setDeciding(true) },
      })
    }
  }

  return (
    <section
      aria-label="Description"
      data-testid="description"
      className="mx-5 mt-3 max-h-[45%] shrink-0 overflow-y-auto rounded-xl bg-lane"
    >
      {isDisputed(reading) && (
        <Disagreement
          places={reading.conflicts.length}
          copies={reading.copies.length}
          buttonId={decideElementId(cardId)}
          onDecide={() => setDeciding(true)}
        />
      )}
      {opened !== undefined ? (
        <DescriptionForm base={opened} now={reading.value} onSave={(mine) => save(opened, mine)} onCancel={close} />
      ) : text === '' ? (
        <button
          type="button"
          ref={focusIfWanted}
          id={editElementId(cardId)}
          onClick={() => setOpened(reading.value)}
          className="flex w-full items-center gap-2 rounded-xl px-3.5 py-2.5 text-left text-[13px] text-ink-2 transition-colors hover:bg-hover hover:text-ink"
        >
          <AlignLeft className="size-4 shrink-0" aria-hidden /> Add a description
        </button>
      ) : (
        <div className="flex items-start gap-2 py-2 pr-2 pl-3.5">
          <p
            data-testid="description-text"
            className="min-w-0 flex-1 py-0.5 whitespace-pre-wrap [overflow-wrap:anywhere]"
          >
            {text}
          </p>
          <IconButton
            ref={focusIfWanted}
            id={editElementId(cardId)}
            label="Edit the description"
            onClick={() => setOpened(reading.value)}
          >
            <Pencil />
          </IconButton>
        </div>
      )}
      {deciding && (
        <ConflictDrawer
          cardId={cardId}
          title={title}
          onSettled={(settled) => {
            rememberOwn(store.space, cardId, settled)
            setDeciding(false)
          }}
          onClose={() => setDeciding(false)}
          onClosed={() => {
            // Where there is nothing to decide any more, the button is gone.
            const isLeft = document.getElementById(decideElementId(cardId)) !== null
            focusOn(isLeft ? decideElementId(cardId) : editElementId(cardId))
          }}
        />
      )}
    </section>
  )
}

function Disagreement({
  places,
  copies,
  buttonId,
  onDecide,
}: {
  readonly places: number
  readonly copies: number
  readonly buttonId: string
  readonly onDecide: () => void
}) {
  return (
    <div
      data-testid="disagreement"
      className="flex flex-wrap items-center gap-x-3 gap-y-1.5 rounded-t-xl bg-warn-soft py-2 pr-2 pl-3.5 text-[13px]"
    >
      <GitMerge className="size-4 shrink-0 text-warn" aria-hidden />
      <p className="min-w-40 flex-1">
        {places > 0
          ? `${several(places, 'place')} ${places === 1 ? 'was' : 'were'} changed by two people. It shows what stood there before.`
          : `${several(copies, 'whole version')} came late and could not be merged.`}
      </p>
      <Button id={buttonId} onClick={onDecide} aria-haspopup="dialog">
        Decide
      </Button>
    </div>
  )
}

/** The words that a board shows about a card whose description is in dispute. */
export function useIsDisputed(cardId: string): boolean {
  return useValue(description(cardId), isDisputed)
}
