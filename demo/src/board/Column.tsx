import { useValue } from '@syncline/react'
import { ArrowLeft, ArrowRight, Ellipsis, Pencil, Plus, Trash2 } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { memo, useRef, useState } from 'react'
import { Confirm } from '../parts/Confirm.tsx'
import { focusIfWanted, focusOn } from '../parts/focus.ts'
import { InlineText } from '../parts/InlineText.tsx'
import { addCardElementId, columnElementId, useActions } from './actions.ts'
import { Card } from './Card.tsx'
import { cards, columns } from './schema.ts'

export interface ColumnProps {
  readonly id: string
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly openCard: string | undefined
}

export const laneStyle =
  'flex max-h-full w-[min(18.5rem,calc(100vw-3rem))] shrink-0 snap-start flex-col rounded-2xl bg-lane'

/** One column: its name, its cards, and a place to add one. */
export const Column = memo(function Column({ id, isFirst, isLast, openCard }: ColumnProps) {
  const title = useValue(columns.at(id), (column) => column?.title)
  const cardIds = useValue(cards.list(id))
  const actions = useActions()
  const [renaming, setRenaming] = useState(false)
  const [adding, setAdding] = useState(false)
  if (title === undefined) return null

  return (
    <section data-testid="column" data-lane={id} aria-label={title || 'Untitled column'} className={laneStyle}>
      <header className="relative z-10 flex h-11 shrink-0 items-center gap-1 rounded-t-2xl bg-lane pr-2 pl-3.5">
        {renaming ? (
          <InlineText
            label="Name of the column"
            initial={title}
            className="font-semibold"
            onSave={(text) => {
              actions.renameColumn(id, text)
              setRenaming(false)
              queueMicrotask(() => focusOn(columnElementId(id)))
            }}
            onCancel={(byKey) => {
              setRenaming(false)
              if (byKey) queueMicrotask(() => focusOn(columnElementId(id)))
            }}
          />
        ) : (
          <h2 className="-ml-1 flex min-w-0">
            <button
              type="button"
              ref={focusIfWanted}
              id={columnElementId(id)}
              title="Rename"
              onClick={() => setRenaming(true)}
              className="min-w-0 truncate rounded-md px-1 py-0.5 text-left font-semibold hover:bg-hover"
            >
              {title || 'Untitled'}
            </button>
          </h2>
        )}
        <span className="mr-auto pl-1 text-xs text-ink-3 tabular-nums" aria-label={`${cardIds.length} cards`}>
          {cardIds.length}
        </span>
        <ColumnMenu
          id={id}
          title={title}
          cardCount={cardIds.length}
          isFirst={isFirst}
          isLast={isLast}
          onRename={() => setRenaming(true)}
        />
      </header>
      {/* The list reaches under the header, so that the buttons above its first card are not cut off. */}
      <ul className="-mt-5 flex min-h-0 scroll-pt-7 flex-col gap-2 overflow-y-auto overscroll-contain px-2 pt-6 pb-1 [scrollbar-width:thin]">
        {cardIds.map((cardId) => (
          <Card key={cardId} id={cardId} isOpen={cardId === openCard} />
        ))}
      </ul>
      <div className="p-2 pt-1">
        {adding ? (
          <div className="rounded-xl bg-surface px-3 py-2.5 shadow-card ring-2 ring-accent">
            <InlineText
              label={`New card in ${title}`}
              placeholder="What is to be done?"
              repeat
              onSave={(text) => actions.addCard(id, text)}
              onCancel={(byKey) => {
                setAdding(false)
                if (byKey) queueMicrotask(() => focusOn(addCardElementId(id)))
              }}
            />
          </div>
        ) : (
          <button
            type="button"
            ref={focusIfWanted}
            id={addCardElementId(id)}
            aria-label={`Add a card to ${title}`}
            onClick={() => setAdding(true)}
            className="flex h-9 w-full items-center gap-1.5 rounded-xl px-2.5 text-[13px] text-ink-2 transition-colors hover:bg-hover hover:text-ink"
          >
            <Plus className="size-4" aria-hidden /> Add a card
          </button>
        )}
      </div>
    </section>
  )
})

const itemStyle =
  'flex h-8 cursor-default items-center gap-2 rounded-lg px-2 text-[13px] outline-none select-none data-disabled:opacity-40 data-highlighted:bg-hover [&_svg]:size-4 [&_svg]:text-ink-2'

function ColumnMenu({
  id,
  title,
  cardCount,
  isFirst,
  isLast,
  onRename,
}: {
  readonly id: string
  readonly title: string
  readonly cardCount: number
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly onRename: () => void
}) {
  const actions = useActions()
  const [asking, setAsking] = useState(false)
  // What was chosen wants the focus for itself, so the menu must not take it back.
  const takesFocus = useRef(false)
  const confirmed = useRef(false)

  return (
    <>
      <DropdownMenu.Root>
        <DropdownMenu.Trigger
          aria-label={`Actions for ${title}`}
          title="Column actions"
          className="inline-flex size-7 items-center justify-center rounded-md text-ink-3 transition-colors hover:bg-hover hover:text-ink"
        >
          <Ellipsis className="size-4" />
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content
            align="end"
            sideOffset={4}
            collisionPadding={8}
            onCloseAutoFocus={(event) => {
              if (takesFocus.current) event.preventDefault()
              takesFocus.current = false
            }}
            className="z-40 w-44 animate-rise rounded-xl bg-raised p-1 shadow-float"
          >
            <DropdownMenu.Item
              className={itemStyle}
              onSelect={() => {
                takesFocus.current = true
                onRename()
              }}
            >
              <Pencil /> Rename
            </DropdownMenu.Item>
            <DropdownMenu.Item className={itemStyle} disabled={isFirst} onSelect={() => actions.moveColumn(id, 'left')}>
              <ArrowLeft /> Move left
            </DropdownMenu.Item>
            <DropdownMenu.Item className={itemStyle} disabled={isLast} onSelect={() => actions.moveColumn(id, 'right')}>
              <ArrowRight /> Move right
            </DropdownMenu.Item>
            <DropdownMenu.Separator className="mx-1 my-1 h-px bg-line" />
            <DropdownMenu.Item
              className={itemStyle}
              onSelect={() => {
                takesFocus.current = true
                if (cardCount > 0) setAsking(true)
                else actions.deleteColumn(id)
              }}
            >
              <Trash2 /> Delete
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Delete “${title}”?`}
        action={`Delete column and ${cardCount} ${cardCount === 1 ? 'card' : 'cards'}`}
        onConfirm={() => {
          confirmed.current = true
        }}
        onClosed={(event) => {
          if (!confirmed.current) return
          // Only now: while the question is open it holds the focus, which then goes to the next column.
          event.preventDefault()
          actions.deleteColumn(id)
        }}
      >
        <p>The cards in it are deleted too, here and for everybody on this board.</p>
      </Confirm>
    </>
  )
}
