import { useSnapshot } from '@syncline/react'
import { Popover } from 'radix-ui'
import { useId, useState } from 'react'
import { cards } from '../board/schema.ts'
import { Button } from '../parts/Button.tsx'
import { Avatar } from './Avatar.tsx'
import { useGuests, type Guest } from './here.ts'
import { renamePerson, type Person } from './person.ts'

const SHOWN = 4

export interface PeopleProps {
  readonly own: Person
  readonly onRename: (person: Person) => void
  readonly onOpenCard: (cardId: string) => void
}

/** Who is here, ourselves first, and a place to say what we are called. */
export function People({ own, onRename, onOpenCard }: PeopleProps) {
  const guests = useGuests()
  const [open, setOpen] = useState(false)
  const names = [`${own.name} (you)`, ...guests.map(({ name }) => name)].join(', ')

  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger
        aria-label={`Who is here: ${names}`}
        title={names}
        data-testid="people"
        className="flex items-center rounded-full p-0.5 transition-colors hover:bg-hover"
      >
        <span className="flex -space-x-1 [&>span]:ring-2 [&>span]:ring-canvas">
          {guests.slice(0, SHOWN).map((guest) => (
            <Avatar key={guest.id} person={guest} />
          ))}
          <Avatar person={own} />
        </span>
        {guests.length > SHOWN && <span className="px-1.5 text-xs text-ink-2">+{guests.length - SHOWN}</span>}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={8}
          collisionPadding={12}
          aria-label="Who is here"
          className="z-40 w-72 origin-(--radix-popover-content-transform-origin) animate-rise rounded-2xl bg-raised p-4 shadow-float outline-none"
        >
          <NameForm key={own.name} own={own} onRename={onRename} />
          <h3 className="mt-4 mb-1.5 text-xs font-medium text-ink-3">
            {guests.length === 0 ? 'Nobody else is here' : 'Also here'}
          </h3>
          {guests.length === 0 ? (
            <p className="text-[13px] text-ink-2">Open this page in another window, or send somebody the address.</p>
          ) : (
            <ul className="max-h-64 space-y-0.5 overflow-y-auto" data-testid="guests">
              {guests.map((guest) => (
                <GuestLine
                  key={guest.id}
                  guest={guest}
                  onOpenCard={(card) => {
                    setOpen(false)
                    onOpenCard(card)
                  }}
                />
              ))}
            </ul>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}

function GuestLine({ guest, onOpenCard }: { readonly guest: Guest; readonly onOpenCard: (cardId: string) => void }) {
  const title = useSnapshot((snapshot) =>
    guest.card === undefined ? undefined : snapshot.get(cards.at(guest.card))?.title,
  )
  return (
    <li className="flex min-h-10 items-center gap-2.5">
      <Avatar person={guest} />
      <div className="min-w-0 flex-1 leading-tight">
        <div className="truncate text-[13px] font-medium">{guest.name}</div>
        {guest.card !== undefined && title !== undefined && (
          <button
            type="button"
            onClick={() => onOpenCard(guest.card!)}
            className="block max-w-full truncate rounded text-xs text-ink-3 hover:text-accent hover:underline"
          >
            looks at {title}
          </button>
        )}
      </div>
    </li>
  )
}

function NameForm({ own, onRename }: { readonly own: Person; readonly onRename: (person: Person) => void }) {
  const id = useId()
  const [name, setName] = useState(own.name)
  const isNews = name.trim() !== '' && name.trim() !== own.name
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (isNews) onRename(renamePerson(own, name.trim()))
      }}
    >
      <label htmlFor={id} className="mb-1.5 block text-xs font-medium text-ink-3">
        Your name
      </label>
      <div className="flex items-center gap-2">
        <Avatar person={own} />
        <input
          id={id}
          value={name}
          maxLength={40}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
          className="h-8 min-w-0 flex-1 rounded-lg border border-line-strong bg-transparent px-2 text-[13px]"
        />
        {isNews && (
          <Button type="submit" look="primary">
            Save
          </Button>
        )}
      </div>
    </form>
  )
}
