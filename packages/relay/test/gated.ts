import { createMemoryStorage, type LogStorage } from '../src/index.ts'

/** A storage whose disk does what the test says. */
export interface GatedStorage extends LogStorage {
  /** What was asked of it and what it said, in order. */
  readonly events: string[]
  /** Batches that wait for the disk. */
  readonly waiting: number
  /** From now on a batch waits until the test lets it go. */
  hold(): void
  /** Lets go of the batch that waits longest: stored, failed, or stored and yet reported as failed. */
  release(outcome?: 'stored' | 'failed' | 'stored-but-failed'): void
  /** From now on nothing waits. */
  open(): void
  /** While set, reads of what are named fail. */
  failing: 'none' | 'space' | 'heads' | 'writers' | 'documents' | 'read'
  readonly reads: number
  readonly batches: number
}

export function gatedStorage(inner: LogStorage = createMemoryStorage()): GatedStorage {
  const gates: ((outcome: string) => void)[] = []
  let isHeld = false
  let reads = 0
  let batches = 0
  const failIf = (what: string): void => {
    if (gated.failing === what) throw new Error('The disk is on fire.')
  }
  const gated: GatedStorage = {
    events: [],
    failing: 'none',
    get waiting() {
      return gates.length
    },
    get reads() {
      return reads
    },
    get batches() {
      return batches
    },
    hold: () => void (isHeld = true),
    release: (outcome = 'stored') => gates.shift()!(outcome),
    open() {
      isHeld = false
      for (const gate of gates.splice(0)) gate('stored')
    },
    async space(space) {
      failIf('space')
      return inner.space(space)
    },
    async heads(spaces) {
      failIf('heads')
      return inner.heads(spaces)
    },
    async writers(space, ids) {
      failIf('writers')
      return inner.writers(space, ids)
    },
    async documents(space, clients) {
      failIf('documents')
      return inner.documents(space, clients)
    },
    async read(space, after, upTo, maxBytes) {
      failIf('read')
      reads += 1
      return inner.read(space, after, upTo, maxBytes)
    },
    async append(batch) {
      batches += 1
      gated.events.push(`append ${batch.map(({ space, records }) => `${space}+${records.length}`).join(' ')}`)
      const outcome = isHeld ? await new Promise<string>((resolve) => gates.push(resolve)) : 'stored'
      if (outcome !== 'failed') await inner.append(batch)
      gated.events.push(outcome)
      if (outcome !== 'stored') throw new Error('The disk is full.')
    },
    close: () => inner.close(),
  }
  return gated
}
