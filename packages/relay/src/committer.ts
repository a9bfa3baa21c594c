import type { LogStorage, SpaceAppend } from './ports.ts'

/** One space's part of a batch. */
export interface Part {
  /** What is to be stored. Called once, when the batch is closed. */
  build(): SpaceAppend
  /** Called when it is durable: only now may anybody hear of it. */
  onDurable(): void
  /** Called when it could not be stored, or perhaps was: the space must be read again. */
  onFailed(error: unknown): void
}

/** Group commit: one batch is being stored while the next one gathers. */
export interface Committer {
  /** Puts a part into the batch that gathers. A space adds one part to each batch. */
  stage(part: Part): void
  /** Takes a part out of the batch that gathers. */
  withdraw(part: Part): void
  /** Starts storing what has gathered, unless a batch is being stored already. */
  kick(): void
  /** Resolves when nothing gathers and nothing is being stored. */
  idle(): Promise<void>
}

/**
 * Makes the one committer of a relay. While nothing is being stored, a Change waits for nothing; under load a batch holds what
 * came in during the flush before it, so the flushes of the disk and not the number of writers set the pace.
 * `settled` is called after every batch, when all its parts were told.
 */
export function createCommitter(storage: LogStorage, settled: () => void): Committer {
  let gathering = new Set<Part>()
  let isStoring = false
  let isKicked = false
  let waiting: (() => void)[] = []

  /** What is read from a socket in one piece is many messages, and one batch. */
  function kick(): void {
    if (isStoring || isKicked) return
    isKicked = true
    queueMicrotask(start)
  }

  function start(): void {
    isKicked = false
    if (gathering.size === 0) {
      const told = waiting
      waiting = []
      for (const resolve of told) resolve()
      return
    }
    isStoring = true
    const parts = [...gathering]
    gathering = new Set()
    void store(parts).then((tell) => {
      isStoring = false
      for (const part of parts) tell(part)
      settled()
      kick()
    })
  }

  async function store(parts: readonly Part[]): Promise<(part: Part) => void> {
    try {
      await storage.append(parts.map((part) => part.build()))
      return (part) => part.onDurable()
    } catch (error) {
      return (part) => part.onFailed(error)
    }
  }

  return {
    stage: (part) => void gathering.add(part),
    withdraw: (part) => void gathering.delete(part),
    kick,
    idle: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        kick()
      }),
  }
}
