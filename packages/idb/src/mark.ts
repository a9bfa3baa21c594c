import { originWide } from './format.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Says, outside IndexedDB, which database this browser had data in. An IndexedDB that was cleared looks like one that never was; where browsers
 * clear it to make room, or because it is damaged, localStorage stays. What clears both looks like a first visit still.
 *
 * It is a hint: a browser that keeps nothing, or has no room for it, goes without, and nobody is told.
 */
export interface Mark {
  /** The identity of the database, if one is noted. */
  read(): string | undefined
  note(identity: string): void
  remove(): void
}

/** The mark of the storage called `name`. */
export function markOf(name: string, surroundings: Surroundings): Mark {
  const key = originWide(name, 'mark')

  function unlessRefused<T>(act: (marks: NonNullable<Surroundings['marks']>) => T): T | undefined {
    try {
      const { marks } = surroundings
      return marks === undefined ? undefined : act(marks)
    } catch {
      // Cookies are blocked, or there is no room.
      return undefined
    }
  }

  return {
    read: () => unlessRefused((marks) => marks.getItem(key)) ?? undefined,
    note: (identity) => unlessRefused((marks) => marks.setItem(key, identity)),
    remove: () => unlessRefused((marks) => marks.removeItem(key)),
  }
}
