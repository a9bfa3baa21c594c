import { useSnapshot, useTransact, useValue } from '@syncline/react'
import { LayoutList, Plus } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../parts/Button.tsx'
import { focusIfWanted, focusOn } from '../parts/focus.ts'
import { InlineText } from '../parts/InlineText.tsx'
import { TakeInCopy } from '../saving/Copies.tsx'
import { ADD_COLUMN_ELEMENT_ID, useActions } from './actions.ts'
import { Card } from './Card.tsx'
import { Column, laneStyle } from './Column.tsx'
import { addExample } from './example.ts'
import { allColumns, cards, columns } from './schema.ts'

/** All columns side by side. */
export function Board({ openCard }: { readonly openCard: string | undefined }) {
  const columnIds = useValue(allColumns)
  if (columnIds.length === 0) return <EmptyBoard openCard={openCard} />
  return (
    <div className="flex h-full min-w-0 snap-x scroll-px-4 items-start gap-3 overflow-x-auto px-4 pt-1 pb-4 sm:snap-none">
      {columnIds.map((id, index) => (
        <Column key={id} id={id} isFirst={index === 0} isLast={index === columnIds.length - 1} openCard={openCard} />
      ))}
      <CardsWithoutColumn openCard={openCard} />
      <AddColumn />
    </div>
  )
}

function AddColumn() {
  const actions = useActions()
  const [adding, setAdding] = useState(false)
  return (
    <div className={laneStyle}>
      {adding ? (
        <div className="rounded-2xl px-3.5 py-3 ring-2 ring-accent">
          <InlineText
            label="Name of the new column"
            placeholder="Name of the column"
            className="font-semibold"
            repeat
            onSave={(title) => actions.addColumn(title)}
            onCancel={(byKey) => {
              setAdding(false)
              if (byKey) queueMicrotask(() => focusOn(ADD_COLUMN_ELEMENT_ID))
            }}
          />
        </div>
      ) : (
        <button
          type="button"
          ref={focusIfWanted}
          id={ADD_COLUMN_ELEMENT_ID}
          onClick={() => setAdding(true)}
          className="flex h-11 w-full items-center gap-1.5 rounded-2xl px-3.5 text-[13px] text-ink-2 transition-colors hover:bg-hover hover:text-ink"
        >
          <Plus className="size-4" aria-hidden /> Add a column
        </button>
      )}
    </div>
  )
}

/** Cards that were put into a column while somebody else deleted it. Nothing is lost from sight. */
function CardsWithoutColumn({ openCard }: { readonly openCard: string | undefined }) {
  const ids = useSnapshot(
    (snapshot) => {
      const known = new Set(snapshot.get(columns))
      return Array.from(snapshot.items(cards))
        .filter(([, card]) => !known.has(card.place?.parent ?? ''))
        .map(([id]) => id)
    },
    { equal: (a, b) => a.length === b.length && a.every((id, index) => id === b[index]) },
  )
  if (ids.length === 0) return null
  return (
    <section data-lane="" aria-label="Cards without a column" className={laneStyle}>
      <header className="px-3.5 pt-3 pb-2">
        <h2 className="font-semibold">Without a column</h2>
        <p className="text-xs text-ink-3">Their column was deleted. Move them left or right.</p>
      </header>
      <ul className="flex min-h-0 flex-col gap-2 overflow-y-auto px-2 pt-1 pb-3">
        {ids.map((id) => (
          <Card key={id} id={id} isOpen={id === openCard} />
        ))}
      </ul>
    </section>
  )
}

function EmptyBoard({ openCard }: { readonly openCard: string | undefined }) {
  const actions = useActions()
  const transact = useTransact()
  const [naming, setNaming] = useState(false)
  return (
    <div className="flex h-full flex-col items-center justify-center gap-6 overflow-y-auto px-6 pb-16">
      <div className="max-w-lg text-center">
        <span className="mx-auto mb-4 flex size-12 items-center justify-center rounded-2xl bg-accent-soft text-accent">
          <LayoutList className="size-6" aria-hidden />
        </span>
        <h2 className="text-lg font-semibold">An empty board</h2>
        <p className="mx-auto mt-1.5 max-w-sm text-ink-2">
          Everything here is saved on this device first and shared with everybody who has this address, as soon as there
          is a way.
        </p>
        {naming ? (
          <div className="mt-5 rounded-xl bg-surface px-3.5 py-2.5 text-left shadow-card ring-2 ring-accent">
            <InlineText
              label="Name of the first column"
              placeholder="Name of the first column"
              onSave={(title) => actions.addColumn(title)}
              onCancel={() => setNaming(false)}
            />
          </div>
        ) : (
          <div className="mt-5 flex flex-wrap justify-center gap-2">
            <Button look="primary" onClick={() => setNaming(true)}>
              <Plus className="size-4" aria-hidden /> Create the first column
            </Button>
            <Button onClick={() => transact(addExample)}>Start with an example</Button>
            <TakeInCopy />
          </div>
        )}
      </div>
      <CardsWithoutColumn openCard={openCard} />
    </div>
  )
}
