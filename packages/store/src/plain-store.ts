import type { Core } from './core.ts'
import { assertOpen } from './errors.ts'
import type { PlainStore } from './part.ts'
import { createRefusedChanges } from './refused.ts'
import type { ChangesOptions, Report, Selector } from './report.ts'
import type { StatusBoard } from './status.ts'

/** Makes the members that every store has, whatever parts it was opened with. */
export function createPlainStore(core: Core, board: StatusBoard, close: () => Promise<void>): PlainStore {
  const { replica, committing, watching } = core
  const { memory } = replica

  // One function behind the two forms of `changes`, which the type of the store tells apart.
  function changes(
    selector: Selector,
    then?: ((report: Report<any>) => void) | ChangesOptions,
    options?: ChangesOptions,
  ): any {
    assertOpen(core)
    if (typeof then === 'function') return watching.changes(selector, then, options)
    return { [Symbol.asyncIterator]: () => watching.iterate(selector, then) }
  }

  return {
    space: core.space,
    get snapshot() {
      return memory.snapshot
    },
    get: (readable) => memory.snapshot.get(readable),
    items: (collection) => memory.snapshot.items(collection),
    transact: committing.transact,
    independent: committing.independent,
    io: committing.io,
    changes,
    get status() {
      return board.read()
    },
    onStatus(listener) {
      assertOpen(core)
      return board.subscribe(listener)
    },
    async durable() {
      assertOpen(core)
      await core.durable()
    },
    async synced(how) {
      assertOpen(core)
      await Promise.all(Array.from(replica.pendingIds(), (id) => committing.synced(id, how?.signal)))
    },
    refused: createRefusedChanges(core),
    policyOf: (ref) => memory.adopt(ref.policy),
    close,
    [Symbol.asyncDispose]: close,
  }
}
