import { usePresence, type PresenceNow } from '@syncline/react'
import { checkPerson, type Person } from './person.ts'

/** Somebody who is here, with the card that is open there. */
export interface Guest extends Person {
  readonly card: string | undefined
}

let last: { readonly peers: PresenceNow['peers']; readonly guests: readonly Guest[] } | undefined

/** Everybody else who is here. Every card asks, so the last answer is kept: a moving cursor costs one computation, not one for each card. */
function guestsOf(presence: PresenceNow): readonly Guest[] {
  if (last?.peers !== presence.peers) last = { peers: presence.peers, guests: findGuests(presence) }
  return last.guests
}

/** A person with two tabs is one guest. */
function findGuests({ self, peers }: PresenceNow): readonly Guest[] {
  const own = checkPerson(peers.get(self)?.['user'])
  const guests = new Map<string, Guest>()
  for (const [session, state] of peers) {
    const person = session === self ? undefined : checkPerson(state['user'])
    if (person === undefined || person.id === own?.id) continue
    const card = typeof state['card'] === 'string' ? state['card'] : undefined
    guests.set(person.id, { ...person, card: card ?? guests.get(person.id)?.card })
  }
  return [...guests.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function equalGuests(a: readonly Guest[], b: readonly Guest[]): boolean {
  return (
    a.length === b.length &&
    a.every((guest, i) => {
      const other = b[i]!
      return (
        guest.id === other.id && guest.name === other.name && guest.color === other.color && guest.card === other.card
      )
    })
  )
}

/** Everybody else who is here; renders again when somebody comes, goes, takes another name or opens another card. */
export function useGuests(): readonly Guest[] {
  return usePresence(guestsOf, { equal: equalGuests })
}

/** The others who have this card open. */
export function useGuestsAt(cardId: string): readonly Guest[] {
  return usePresence((presence) => guestsOf(presence).filter(({ card }) => card === cardId), {
    equal: equalGuests,
  })
}
