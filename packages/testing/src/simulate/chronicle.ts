/** One thing that happened in a schedule. */
export interface Happening {
  /** By the time that nobody sees, in milliseconds since the schedule began. */
  readonly atMs: number
  /** To whom. */
  readonly party: string
  readonly kind: string
  readonly label: string
  /** Who caused it, and when, if it came from somewhere: a message. */
  readonly from?: string
  readonly sentAtMs?: number
  /** What a message carried. */
  readonly bytes?: Uint8Array
}

/** What happened, in order. */
export interface Chronicle {
  readonly happenings: readonly Happening[]
  note(happening: Happening): void
  /** A digest of all that was noted, byte by byte: equal for equal schedules. */
  digest(): string
}

export function createChronicle(): Chronicle {
  const happenings: Happening[] = []
  let [low, high] = [0x811c9dc5, 0x9e3779b9]
  const take = (word: number): void => {
    low = Math.imul(low ^ word, 0x01000193)
    high = Math.imul(high ^ low ^ (high >>> 13), 0x5bd1e995)
  }
  const takeText = (text: string): void => {
    for (let at = 0; at < text.length; at++) take(text.charCodeAt(at))
    take(-1)
  }
  return {
    happenings,
    note(happening) {
      happenings.push(happening)
      const { atMs, party, kind, label, from = '', sentAtMs = -1, bytes } = happening
      take(Math.round(atMs * 1000))
      take(Math.round(sentAtMs * 1000))
      takeText(party)
      takeText(kind)
      takeText(label)
      takeText(from)
      if (bytes !== undefined) for (const byte of bytes) take(byte)
    },
    digest: () => [low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join(''),
  }
}
