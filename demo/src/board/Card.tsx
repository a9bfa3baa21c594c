import { useValue } from '@syncline/react'
import clsx from 'clsx'
import { ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Check, GitMerge, Pencil, ThumbsUp, Trash2 } from 'lucide-react'
import { memo, useState, type KeyboardEvent } from 'react'
import { useIsDisputed } from '../description/Description.tsx'
import { IconButton } from '../parts/Button.tsx'
import { focusIfWanted, focusOn } from '../parts/focus.ts'
import { InlineText } from '../parts/InlineText.tsx'
import { Avatar } from '../people/Avatar.tsx'
import { useGuestsAt } from '../people/here.ts'
import { cardElementId, useActions } from './actions.ts'
import type { Direction } from './edits.ts'
import { cards } from './schema.ts'

const moves: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
}

/** One card, subscribed to itself alone. */
export const Card = memo(function Card({ id, isOpen }: { readonly id: string; readonly isOpen: boolean }) {
  const card = useValue(cards.at(id))
  const actions = useActions()
  const [renaming, setRenaming] = useState(false)
  // The buttons of a card are made when it is pointed at or has the focus: two hundred cards need not carry them all.
  const [hovered, setHovered] = useState(false)
  const [focused, setFocused] = useState(false)
  if (card === undefined) return null

  function stopRenaming(byKey: boolean): void {
    setRenaming(false)
    if (byKey) queueMicrotask(() => focusOn(cardElementId(id)))
  }

  function onKeyDown(event: KeyboardEvent<HTMLElement>): void {
    if (event.altKey || event.ctrlKey || event.metaKey || renaming) return
    const direction = moves[event.key]
    if (direction !== undefined && event.shiftKey) actions.moveCard(id, direction)
    else if (direction !== undefined) walk(id, direction)
    else if (event.key === 'F2') setRenaming(true)
    else if (event.key === 'Delete') actions.deleteCard(id)
    else return
    event.preventDefault()
  }

  return (
    <li
      data-testid="card"
      data-card={id}
      onKeyDown={onKeyDown}
      onPointerEnter={() => setHovered(true)}
      onPointerLeave={() => setHovered(false)}
      onFocus={() => setFocused(true)}
      onBlur={(event) => event.currentTarget.contains(event.relatedTarget) || setFocused(false)}
      className={clsx(
        'relative flex gap-2 rounded-xl bg-surface py-2.5 pr-3 pl-2.5 transition-shadow duration-150',
        isOpen ? 'shadow-card ring-2 ring-accent' : 'shadow-card hover:shadow-card-hover',
      )}
    >
      <button
        type="button"
        role="checkbox"
        aria-checked={card.done}
        aria-label={`Done: ${card.title}`}
        onClick={() => actions.toggleCard(id)}
        className={clsx(
          'relative z-1 mt-px flex size-[18px] shrink-0 items-center justify-center rounded-full border-[1.5px] transition-colors',
          'after:absolute after:-inset-2',
          card.done ? 'border-good bg-good text-surface' : 'border-line-strong hover:border-good',
        )}
      >
        {card.done && <Check className="size-3" strokeWidth={3.5} />}
      </button>
      <div className="min-w-0 flex-1">
        {renaming ? (
          <InlineText
            label="Title of the card"
            initial={card.title}
            onSave={(title) => {
              actions.renameCard(id, title)
              stopRenaming(true)
            }}
            onCancel={stopRenaming}
          />
        ) : (
          <button
            type="button"
            ref={focusIfWanted}
            id={cardElementId(id)}
            aria-haspopup="dialog"
            onClick={() => actions.openCard(id)}
            className={clsx(
              'block w-full text-left [overflow-wrap:anywhere] outline-none after:absolute after:inset-0 after:rounded-xl',
              'focus-visible:after:outline-2 focus-visible:after:-outline-offset-1 focus-visible:after:outline-accent',
              card.done && 'text-ink-3 line-through decoration-line-strong',
            )}
          >
            {card.title || 'Untitled'}
          </button>
        )}
        <Footer id={id} votes={card.votes} />
      </div>
      {(hovered || focused) && !renaming && <Tools id={id} onRename={() => setRenaming(true)} />}
    </li>
  )
})

function Footer({ id, votes }: { readonly id: string; readonly votes: number }) {
  const watching = useGuestsAt(id)
  const isDisputed = useIsDisputed(id)
  if (votes === 0 && watching.length === 0 && !isDisputed) return null
  return (
    <div className="mt-1.5 flex min-h-5 items-center gap-2 text-xs text-ink-3">
      {votes !== 0 && (
        <span className="flex items-center gap-1" aria-label={`${votes} votes`}>
          <ThumbsUp className="size-3" aria-hidden />
          {votes}
        </span>
      )}
      {isDisputed && (
        <span
          data-testid="disputed"
          className="flex items-center gap-1 rounded-full bg-warn-soft px-2 py-px font-medium text-warn"
        >
          <GitMerge className="size-3" aria-hidden />
          To decide
        </span>
      )}
      {watching.length > 0 && (
        <span
          className="ml-auto flex -space-x-1"
          role="img"
          aria-label={`Looked at by ${watching.map(({ name }) => name).join(', ')}`}
        >
          {watching.map((guest) => (
            <Avatar key={guest.id} person={guest} small />
          ))}
        </span>
      )}
    </div>
  )
}

function Tools({ id, onRename }: { readonly id: string; readonly onRename: () => void }) {
  const actions = useActions()
  return (
    <div
      role="group"
      aria-label="Card actions"
      className="absolute -top-5.5 right-2 z-20 flex animate-fade rounded-lg bg-raised p-0.5 shadow-float pointer-coarse:hidden"
    >
      <IconButton label="Move left" keys="Shift+ArrowLeft" onClick={() => actions.moveCard(id, 'left')}>
        <ArrowLeft />
      </IconButton>
      <IconButton label="Move up" keys="Shift+ArrowUp" onClick={() => actions.moveCard(id, 'up')}>
        <ArrowUp />
      </IconButton>
      <IconButton label="Move down" keys="Shift+ArrowDown" onClick={() => actions.moveCard(id, 'down')}>
        <ArrowDown />
      </IconButton>
      <IconButton label="Move right" keys="Shift+ArrowRight" onClick={() => actions.moveCard(id, 'right')}>
        <ArrowRight />
      </IconButton>
      <IconButton label="Vote" onClick={() => actions.voteFor(id)}>
        <ThumbsUp />
      </IconButton>
      <IconButton label="Rename" keys="F2" onClick={onRename}>
        <Pencil />
      </IconButton>
      <IconButton label="Delete" keys="Delete" onClick={() => actions.deleteCard(id)}>
        <Trash2 />
      </IconButton>
    </div>
  )
}

/** Moves the focus, not the card. */
function walk(from: string, direction: Direction): void {
  const own = document.getElementById(cardElementId(from))?.closest('li')
  const lane = own?.closest('[data-lane]')
  if (!own || !lane) return
  const siblings = [...lane.querySelectorAll('li[data-card]')]
  if (direction === 'up' || direction === 'down') {
    const next = siblings[siblings.indexOf(own) + (direction === 'up' ? -1 : 1)]
    if (next) focusCardElement(next)
    return
  }
  const lanes = [...document.querySelectorAll('[data-lane]')].filter((other) => other.querySelector('li[data-card]'))
  const items = lanes[lanes.indexOf(lane) + (direction === 'left' ? -1 : 1)]?.querySelectorAll('li[data-card]')
  const next = items?.[Math.min(siblings.indexOf(own), items.length - 1)]
  if (next) focusCardElement(next)
}

function focusCardElement(element: Element): void {
  focusOn(cardElementId(element.getAttribute('data-card') ?? ''))
}
