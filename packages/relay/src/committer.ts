import type { Clock, LogStorage, SpaceAppend } from './ports.ts'
import type { Stopwatch } from './watching.ts'

/** One space's part of a batch. */
export interface Part {
  readonly space: string
  /** What is to be stored. Called once, when the batch is closed. */
  build(): SpaceAppend
  /** Called when it is durable: only now may anybody hear of it. */
  onDurable(): void
  /** Called when it could not be stored, or perhaps was, or one of the others has thrown: the space must be read again. */
  onFailed(error: unknown): void
}

/** What something has thrown. */
interface Thrown {
  readonly error: unknown
}

/** Group commit: one batch is being stored while the next one gathers. */
export interface Committer {
  /** Puts a part into the batch that gathers. A space adds one part to each batch. */
  stage(part: Part): void
  /** Takes a part out of the batch that gathers. */
  withdraw(part: Part): void
  /** Starts storing what has gathered, unless a batch is being stored already or something shall gather first. */
  kick(): void
  /** Resolves when nothing gathers and nothing is being stored. */
  idle(): Promise<void>
}

/**
 * Makes the one committer of a relay. Under load a batch holds what came in during the flush before it, so the flushes of the disk and not the
 * number of writers set the pace. Where a batch costs much beyond what is in it, the storage says for how long what comes shortly after one
 * is to gather; what comes alone waits for nothing, nor does a space that nobody else would share a batch with. `settled` is called after every batch, when all its parts were told. What these throw
 * is a defect, which `onDefect` is told: the space whose part it was is then as if it could not be stored, and all others are told as ever.
 */
export function createCommitter(
  storage: LogStorage,
  clock: Clock,
  settled: () => void,
  onDefect: (error: unknown, space: string | undefined) => void,
  stopwatch?: Stopwatch,
): Committer {
  const { gatherMs = 0 } = storage
  let gathering = new Set<Part>()
  let isStoring = false
  let isKicked = false
  let begunAtMs = -Infinity
  /** What the last batch was of, if that was one space. */
  let lastSpace: string | undefined
  let waiting: (() => void)[] = []
  /** When the first of what gathers came, by the stopwatch. */
  let cameAt = 0

  function kick(): void {
    if (isStoring || isKicked) return
    isKicked = true
    const restMs = gatherMs === 0 || isAmongItself() ? 0 : begunAtMs + gatherMs - clock.nowMs()
    // More than all of it is left only when the clock was set back.
    if (restMs > 0 && restMs <= gatherMs) clock.setTimer(restMs, start)
    // What is read from a socket in one piece is many messages, and one batch.
    else queueMicrotask(start)
  }

  /** Whether one space goes on, and no other: who writes there may wait for what was stored before they go on, so there would be nothing to gather. */
  function isAmongItself(): boolean {
    return gathering.size === 0 || (gathering.size === 1 && onlySpace() === lastSpace)
  }

  function onlySpace(): string | undefined {
    if (gathering.size === 1) for (const { space } of gathering) return space
    return undefined
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
    if (gatherMs > 0) {
      begunAtMs = clock.nowMs()
      lastSpace = onlySpace()
    }
    const parts = new Map<Part, SpaceAppend>()
    const broken: (readonly [Part, unknown])[] = []
    for (const part of gathering) {
      try {
        parts.set(part, part.build())
      } catch (error) {
        broken.push([part, error])
      }
    }
    gathering = new Set()
    const [since, storesFrom] = [cameAt, stopwatch?.now() ?? 0]
    for (const [part, error] of broken) {
      onDefect(error, part.space)
      thrownBy(() => part.onFailed(error), part.space)
    }
    const appends = [...parts.values()]
    const finish = (failure?: Thrown): void => {
      if (stopwatch === undefined) return end(parts.keys(), failure)
      const isOk = failure === undefined
      const size = sizeOf(appends)
      stopwatch.took('commit', storesFrom, isOk, size)
      const tellsFrom = stopwatch.now()
      end(parts.keys(), failure)
      stopwatch.took('fan-out', tellsFrom, isOk, size)
      stopwatch.took('acknowledgement', since, isOk, size)
    }
    store(appends).then(
      () => finish(),
      (error: unknown) => finish({ error }),
    )
  }

  /** Not async, which would make each batch wait for two promises more. */
  function store(appends: readonly SpaceAppend[]): Promise<void> {
    try {
      return storage.append(appends)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A defect of one space is not one of those that were stored with it. */
  function end(parts: Iterable<Part>, failure?: Thrown): void {
    isStoring = false
    for (const part of parts) {
      const thrown = failure ?? thrownBy(() => part.onDurable(), part.space)
      if (thrown !== undefined) thrownBy(() => part.onFailed(thrown.error), part.space)
    }
    thrownBy(settled, undefined)
    kick()
  }

  function thrownBy(tell: () => void, space: string | undefined): Thrown | undefined {
    try {
      tell()
    } catch (error) {
      onDefect(error, space)
      return { error }
    }
    return undefined
  }

  return {
    stage(part) {
      if (stopwatch !== undefined && gathering.size === 0) cameAt = stopwatch.now()
      gathering.add(part)
    },
    withdraw: (part) => void gathering.delete(part),
    kick,
    idle: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        kick()
      }),
  }
}

function sizeOf(appends: readonly SpaceAppend[]): Readonly<Record<string, number>> {
  let changes = 0
  let bytes = 0
  for (const { records } of appends) {
    changes += records.length
    for (const record of records) bytes += record.length
  }
  return { spaces: appends.length, changes, bytes }
}
