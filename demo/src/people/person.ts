/** How somebody appears to others. */
export interface Person {
  /** The same in all tabs of one browser. */
  readonly id: string
  readonly name: string
  readonly color: string
  /** The colour behind text that this person has selected. */
  readonly colorLight: string
}

/** Dark enough for white letters on them, and apart from each other. */
const colors = ['#b4375f', '#a34b00', '#7a6300', '#3c7a24', '#00796b', '#1668b8', '#5b50c8', '#9440a8']
const first = ['Quiet', 'Bright', 'Brave', 'Gentle', 'Swift', 'Merry', 'Calm', 'Keen']
const second = ['Heron', 'Otter', 'Maple', 'Comet', 'Finch', 'Willow', 'Badger', 'Harbour']

const STORED_AS = 'syncline-demo:person'

/** Who this browser says it is; a friendly stranger until somebody gives a name. */
export function readOwnPerson(): Person {
  const stored = localStorage.getItem(STORED_AS)
  const person = stored === null ? undefined : parsePerson(stored)
  if (person !== undefined) return person
  const [id, a, b, c] = crypto.getRandomValues(new Uint32Array(4))
  const name = `${pick(first, a)} ${pick(second, b)}`
  return storePerson(makePerson(id!.toString(36), name, pick(colors, c)))
}

/** Takes another name, from now on. */
export function renamePerson(person: Person, name: string): Person {
  return storePerson(makePerson(person.id, name.slice(0, 40), person.color))
}

function storePerson(person: Person): Person {
  localStorage.setItem(STORED_AS, JSON.stringify(person))
  return person
}

function parsePerson(json: string): Person | undefined {
  try {
    return checkPerson(JSON.parse(json))
  } catch {
    // Somebody else's words under our key: a new person is made.
    return undefined
  }
}

/** A person out of what somebody sent; undefined when it is none. A colour goes into a style, so it must be one. */
export function checkPerson(value: unknown): Person | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, name, color } = value as Record<string, unknown>
  if (typeof id !== 'string' || typeof name !== 'string' || typeof color !== 'string') return undefined
  if (!/^#[0-9a-f]{6}$/i.test(color) || name.trim() === '') return undefined
  return makePerson(id, name.slice(0, 40), color)
}

function makePerson(id: string, name: string, color: string): Person {
  return { id, name, color, colorLight: `${color}40` }
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const named = words.length > 1 ? [words[0]!, words.at(-1)!] : words
  return named.map(firstLetter).join('').toUpperCase()
}

/** The first thing that a reader sees as one character, emoji included. */
function firstLetter(word: string): string {
  for (const { segment } of new Intl.Segmenter().segment(word)) return segment
  return ''
}

function pick(list: readonly string[], chance: number | undefined): string {
  return list[(chance ?? 0) % list.length]!
}
