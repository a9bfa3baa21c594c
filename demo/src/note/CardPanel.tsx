import { useSnapshot, useValue } from '@syncline/react'
import clsx from 'clsx'
import { ArrowDown, ArrowUp, Check, ChevronDown, LoaderCircle, ThumbsUp, Trash2, X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { Suspense, useState } from 'react'
import { cardElementId, useActions } from '../board/actions.ts'
import { allColumns, cards, columns } from '../board/schema.ts'
import { Description } from '../description/Description.tsx'
import { Button, IconButton } from '../parts/Button.tsx'
import { focusOn } from '../parts/focus.ts'
import { InlineText } from '../parts/InlineText.tsx'
import { useMedia } from '../parts/use-media.ts'
import { Avatar } from '../people/Avatar.tsx'
import { useGuestsAt } from '../people/here.ts'
import { EditorBoundary } from './EditorBoundary.tsx'
import { NoteEditor } from './lazy-editor.ts'

/**
 * One card with its note, beside the board: the board stays in use, another card opens in its place.
 * On a narrow screen it covers the board, and then keeps the focus inside.
 */
export function CardPanel({ id }: { readonly id: string }) {
  const actions = useActions()
  const covers = useMedia('(max-width: 47.99rem)')

  return (
    <Dialog.Root open modal={covers} onOpenChange={(isOpen) => isOpen || actions.openCard(undefined)}>
      <Dialog.Content
        aria-describedby={undefined}
        data-testid="panel"
        onOpenAutoFocus={(event) => event.preventDefault()}
        onCloseAutoFocus={(event) => {
          event.preventDefault()
          focusOn(cardElementId(id))
        }}
        onInteractOutside={(event) => event.preventDefault()}
        className={clsx(
          'flex animate-slide flex-col bg-surface outline-none',
          'max-md:fixed max-md:inset-x-0 max-md:top-14 max-md:bottom-0 max-md:z-30 max-md:rounded-t-2xl max-md:shadow-float',
          'md:m-3 md:mt-1 md:w-[clamp(22rem,38vw,34rem)] md:shrink-0 md:rounded-2xl md:shadow-card',
        )}
      >
        <CardDetails key={id} id={id} />
      </Dialog.Content>
    </Dialog.Root>
  )
}

function CardDetails({ id }: { readonly id: string }) {
  const card = useValue(cards.at(id))
  const actions = useActions()
  const guests = useGuestsAt(id)

  if (card === undefined) {
    return (
      <div className="flex flex-1 flex-col items-center justify-center gap-3 p-8 text-center">
        <Dialog.Title className="font-semibold">This card was deleted</Dialog.Title>
        <p className="text-ink-2">Somebody has taken it off the board while it was open here.</p>
        <Button autoFocus onClick={() => actions.openCard(undefined)}>
          Close
        </Button>
      </div>
    )
  }

  return (
    <>
      <header className="flex items-center gap-1 border-b border-line py-2 pr-2 pl-4">
        <ColumnChoice id={id} columnId={card.place?.parent} />
        <IconButton label="Move up" onClick={() => actions.moveCard(id, 'up', { keepFocus: false })}>
          <ArrowUp />
        </IconButton>
        <IconButton label="Move down" onClick={() => actions.moveCard(id, 'down', { keepFocus: false })}>
          <ArrowDown />
        </IconButton>
        <span className="ml-auto flex -space-x-1 pr-1" data-testid="panel-guests">
          {guests.map((guest) => (
            <span key={guest.id} title={guest.name} role="img" aria-label={`${guest.name} is here too`}>
              <Avatar person={guest} small />
            </span>
          ))}
        </span>
        <IconButton label="Delete card" onClick={() => deleteAndClose()}>
          <Trash2 />
        </IconButton>
        <IconButton label="Close" keys="Escape" onClick={() => actions.openCard(undefined)}>
          <X />
        </IconButton>
      </header>
      <div className="flex items-start gap-2 px-5 pt-5">
        <button
          type="button"
          role="checkbox"
          aria-checked={card.done}
          aria-label="Done"
          onClick={() => actions.toggleCard(id)}
          className={clsx(
            'mt-1 flex size-5 shrink-0 items-center justify-center rounded-full border-[1.5px] transition-colors',
            card.done ? 'border-good bg-good text-surface' : 'border-line-strong hover:border-good',
          )}
        >
          {card.done && <Check className="size-3.5" strokeWidth={3.5} />}
        </button>
        <Title id={id} title={card.title} done={card.done} />
        <Button
          look="quiet"
          className="-mr-2"
          aria-label={`Vote. Votes: ${card.votes}`}
          onClick={() => actions.voteFor(id)}
        >
          <ThumbsUp className="size-4" aria-hidden /> {card.votes}
        </Button>
      </div>
      <Description cardId={id} title={card.title} />
      <div className="mt-2 min-h-0 flex-1">
        <EditorBoundary>
          <Suspense fallback={<EditorComing />}>
            <NoteEditor cardId={id} label={`Note of ${card.title}`} />
          </Suspense>
        </EditorBoundary>
      </div>
    </>
  )

  function deleteAndClose(): void {
    actions.openCard(undefined)
    actions.deleteCard(id)
  }
}

function Title({ id, title, done }: { readonly id: string; readonly title: string; readonly done: boolean }) {
  const actions = useActions()
  const [renaming, setRenaming] = useState(false)
  if (renaming) {
    return (
      <div className="min-w-0 flex-1">
        <Dialog.Title className="sr-only">{title}</Dialog.Title>
        <InlineText
          label="Title of the card"
          initial={title}
          className="text-lg leading-7 font-semibold"
          onSave={(text) => {
            actions.renameCard(id, text)
            setRenaming(false)
          }}
          onCancel={() => setRenaming(false)}
        />
      </div>
    )
  }
  return (
    <Dialog.Title className="min-w-0 flex-1 text-lg leading-7 font-semibold">
      <button
        type="button"
        title="Rename"
        onClick={() => setRenaming(true)}
        className={clsx(
          'rounded text-left [overflow-wrap:anywhere] hover:text-accent',
          done && 'text-ink-3 line-through decoration-line-strong',
        )}
      >
        {title || 'Untitled'}
      </button>
    </Dialog.Title>
  )
}

/** Which column the card is in, and a way to send it to another one. */
function ColumnChoice({ id, columnId }: { readonly id: string; readonly columnId: string | undefined }) {
  const actions = useActions()
  const choices = useSnapshot(
    (snapshot) => snapshot.get(allColumns).map((each) => ({ id: each, title: snapshot.get(columns.at(each))?.title })),
    { equal: (a, b) => a.length === b.length && a.every((one, i) => one.id === b[i]?.id && one.title === b[i].title) },
  )
  const isKnown = choices.some((choice) => choice.id === columnId)
  return (
    <span className="relative min-w-0">
      <select
        aria-label="Column"
        value={isKnown ? columnId : ''}
        onChange={(event) => actions.sendCard(id, event.target.value)}
        className="h-7 max-w-44 cursor-pointer appearance-none truncate rounded-md bg-lane pr-7 pl-2.5 text-[13px] text-ink-2 hover:text-ink"
      >
        {!isKnown && <option value="">Without a column</option>}
        {choices.map((choice) => (
          <option key={choice.id} value={choice.id} className="bg-raised">
            {choice.title || 'Untitled'}
          </option>
        ))}
      </select>
      <ChevronDown className="pointer-events-none absolute top-1.5 right-1.5 size-4 text-ink-3" aria-hidden />
    </span>
  )
}

function EditorComing() {
  return (
    <p role="status" className="flex items-center gap-2 px-5 py-2 text-ink-3">
      <LoaderCircle className="size-4 animate-spin" aria-hidden /> Opening the note …
    </p>
  )
}
