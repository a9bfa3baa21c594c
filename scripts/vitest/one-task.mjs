import { afterEach } from 'vitest'

/**
 * Holds all tests in a browser to it that each transaction of ours is told to commit in the task that began it. After that nothing can be asked of it: whatever becomes
 * of the page, it keeps nobody from writing. The few that have to be open longer are named here, and by ID27 in the SPEC of `idb`; IM16 in that of `yjs` has the old app in mind.
 */
const late = [
  // Looks which identity there is in the transaction that gives another.
  { place: /identityOf \(.*\/connection\.ts/, allows: ({ hasRead }) => hasRead },
  // Looks whether somebody has compacted meanwhile in the transaction that adds.
  { place: /store \(.*\/into-space\.ts/, allows: ({ hasRead }) => hasRead },
  // The same, in the one that puts something back.
  { place: /putBack \(.*\/remaking\.ts/, allows: ({ hasRead }) => hasRead },
  // Keeps others out while who signs out looks for the last time, and is undone when the page freezes.
  { place: /keepOthersOut \(.*\/take-leave\.ts/, allows: ({ hasRead }) => hasRead },
  // Hands over so much in each task, and is undone when the page freezes.
  { place: /replaceUpTo \(.*\/log\.ts/, allows: ({ bytes }) => bytes >= 4 * 1024 * 1024 },
]

/** What is known of each transaction that is ours. */
const known = new WeakMap()
const oneTask = { seen: 0, leftOpen: [] }
// For the test of this.
globalThis.oneTask = oneTask

after(IDBDatabase.prototype, 'transaction', (database, [stores], begun) => {
  const { stack } = new Error(`A transaction of ${database.name} on ${String(stores)} is open after its task:`)
  // What a test does itself, or somebody else's code, is not ours.
  if (!/\/packages\/(idb|yjs)\/src\//.test(stack)) return
  const its = { isTold: false, hasRead: false, bytes: 0 }
  known.set(begun, its)
  oneTask.seen++
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    const isMeant = late.some(({ place, allows }) => place.test(stack) && allows(its))
    if (!its.isTold && !isMeant) oneTask.leftOpen.push(stack)
  }
  port2.postMessage(undefined)
})
for (const name of ['commit', 'abort']) {
  after(IDBTransaction.prototype, name, (transaction) => note(transaction, () => ({ isTold: true })))
}
for (const name of ['add', 'put']) {
  after(IDBObjectStore.prototype, name, ({ transaction }, [value]) =>
    note(transaction, ({ bytes }) => ({ bytes: bytes + (value?.entry?.length ?? 0) })),
  )
}
after(IDBObjectStore.prototype, 'get', ({ transaction }) => note(transaction, () => ({ hasRead: true })))
after(IDBIndex.prototype, 'getAllKeys', ({ objectStore }) => note(objectStore.transaction, () => ({ hasRead: true })))

function note(transaction, change) {
  const its = known.get(transaction)
  if (its !== undefined) Object.assign(its, change(its))
}

/** Calls `hear` with what each call of a method was given and has returned. */
function after(prototype, name, hear) {
  const original = prototype[name]
  prototype[name] = function (...args) {
    const result = original.apply(this, args)
    hear(this, args, result)
    return result
  }
}

afterEach(() => {
  const [first] = oneTask.leftOpen.splice(0)
  if (first !== undefined) throw new Error(first)
})
