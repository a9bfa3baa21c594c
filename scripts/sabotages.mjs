/**
 * One-line mistakes that would lose, double or tear what people write. Each is a piece of a file that stands there exactly once, and what a
 * careless hand would have put in its place. `scripts/sabotage.mjs` plants them, one at a time, and wants the simulations to notice. `foundBy` is
 * the simulation that is asked first, as it finds it soonest.
 *
 * @typedef {{ name: string, foundBy: string, file: string, from: string, to: string }} Sabotage
 * @type {readonly Sabotage[]}
 */
export const sabotages = [
  {
    name: 'that a transaction is to be on the disk itself is ignored',
    foundBy: 'simulate/strict',
    file: 'packages/store/src/committing.ts',
    from: "strict: durability === 'strict'",
    to: 'strict: false',
  },
  {
    name: 'what the browser decides about is never on the disk itself',
    foundBy: 'simulate/strict',
    file: 'packages/store/src/browser-commit.ts',
    from: 'isStrict ||= proposal.terms.strict',
    to: 'isStrict &&= proposal.terms.strict',
  },
  {
    name: 'of what is stored together the first says whether it is to be on the disk itself',
    foundBy: 'simulate/strict',
    file: 'packages/store/src/journal.ts',
    from: 'last.strict ||= strict',
    to: 'last.strict &&= strict',
  },
  {
    name: 'the relay acknowledges before the fsync',
    foundBy: 'simulate/small',
    file: 'packages/relay/src/committer.ts',
    from: 'return storage.append(Array.from(parts, (part) => part.build()))',
    to: 'return Promise.resolve(void storage.append(Array.from(parts, (part) => part.build())).catch(() => undefined))',
  },
  {
    name: 'the relay forgets what waits for the turn of another',
    foundBy: 'simulate/booking',
    file: 'packages/relay/src/room.ts',
    from: 'inbox.unshift(...held.splice(0))',
    to: 'held.splice(0)',
  },
  {
    name: 'the relay takes a Change again that it has',
    foundBy: 'simulate/small-tabs',
    file: 'packages/relay/src/judge.ts',
    from: "? 'duplicate' : clash(arrival, lastSeq)",
    to: "? 'append' : clash(arrival, lastSeq)",
  },
  {
    name: 'the relay does not hold back what depends on something it has not',
    foundBy: 'simulate/whole',
    file: 'packages/relay/src/judge.ts',
    from: 'if (needed > has) return missing(',
    to: 'if (needed < 0) return missing(',
  },
  {
    name: 'the relay takes what it was told to refuse',
    foundBy: 'simulate/crashes',
    file: 'packages/relay/src/judge.ts',
    from: '        court.refuse(header, principal) ??\n',
    to: '',
  },
  {
    name: 'the relay tells that it has refused a Change, and stores it',
    foundBy: 'simulate/booking',
    file: 'packages/relay/src/room.ts',
    from: "if (typeof judgement === 'object') return turnDown(subscription, arrival, judgement)",
    to: "if (typeof judgement === 'object') turnDown(subscription, arrival, judgement)",
  },
  {
    name: 'the relay sends a newcomer a checkpoint of another log',
    foundBy: 'simulate/newcomers',
    file: 'packages/relay/src/newcomers.ts',
    from: 'if (basisFlaw(found, { stretches, head }) !== undefined) return undefined',
    to: 'if (found.relaySeq > head) return undefined',
  },
  {
    name: 'the relay goes on behind the end of the log that a checkpoint is older than',
    foundBy: 'simulate/newcomers',
    file: 'packages/relay/src/subscription.ts',
    from: 'this.#cursor = checkpoint.relaySeq',
    to: 'this.#cursor = log.durableHead',
  },
  {
    name: 'a checkpoint that is brought is shown and not stored',
    foundBy: 'simulate/newcomers',
    file: 'packages/store/src/linking.ts',
    from: 'if (found === undefined || !(await isWritten(found.entry)) || core.isClosed) return undefined',
    to: 'if (found === undefined || core.isClosed) return undefined',
  },
  {
    name: 'the relay does not look at the epoch',
    foundBy: 'simulate/restored',
    file: 'packages/relay/src/basis-flaw.ts',
    from: 'return found === epoch ? undefined',
    to: 'return true ? undefined',
  },
  {
    name: 'the relay takes a basis beyond the stretch of its epoch',
    foundBy: 'simulate/restored',
    file: 'packages/relay/src/basis-flaw.ts',
    from: 'return found === epoch ? undefined',
    to: 'return stretches.some((stretch) => stretch.epoch === epoch) ? undefined',
  },
  {
    name: 'the relay does not ask what an envelope expects',
    foundBy: 'simulate/booking',
    file: 'packages/relay/src/judge.ts',
    from: 'court.arbitrate(arrival, header)',
    to: 'undefined',
  },
  {
    name: 'the relay skips what it stored while a client caught up',
    foundBy: 'simulate/booking',
    file: 'packages/relay/src/subscription.ts',
    from: 'if (cursor === log.durableHead) {',
    to: 'if (cursor >= 0) {',
  },
  {
    name: 'the relay acknowledges what somebody else wrote',
    foundBy: 'simulate/whole',
    file: 'packages/relay/src/delivery.ts',
    from: '(own.get(writer) ?? 0) >= seq',
    to: '(own.get(writer) ?? 0) >= 0',
  },
  {
    name: 'the link drops a pending Change when it sends',
    foundBy: 'simulate/whole',
    file: 'packages/store/src/link.ts',
    from: '      records.push(record)\n',
    to: '      if (seq % 5 !== 4) records.push(record)\n',
  },
  {
    name: 'the journal says durable before it is',
    foundBy: 'simulate/booking',
    file: 'packages/store/src/journal.ts',
    from: 'grown = await appended',
    to: "grown = await (queue[0]!.kind === 'commits' ? void appended.catch(() => undefined) : appended)",
  },
  {
    name: 'a refused Change is authored again by the writer that has ended',
    foundBy: 'simulate/small',
    file: 'packages/store/src/writers.ts',
    from: '      goOn()\n      return {',
    to: '      return {',
  },
  {
    name: 'a refused Change takes those with it that came after',
    foundBy: 'simulate/small-tabs',
    file: 'packages/store/src/replica.ts',
    from: 'if (!refused.has(id)) survivors.push(one)',
    to: 'refused.set(id, one as never)',
  },
  {
    name: 'what is authored again beside something refused loses its last operation',
    foundBy: 'simulate/refused',
    file: 'packages/store/src/settlement.ts',
    from: 'const ops = rewording.ops(pending, stamped)',
    to: 'const ops = rewording.ops(pending, stamped).slice(0, known.refused.size > 0 && change.seq > 1 ? -1 : undefined)',
  },
  {
    name: 'what was authored again beside something refused is forgotten by what had seen it',
    foundBy: 'simulate/refused',
    file: 'packages/store/src/replica.ts',
    from: 'if (!refused.has(id)) survivors.push(one)',
    to: 'if (!refused.has(id) && (refused.size === 0 || pending.size % 3 !== 1)) survivors.push(one)',
  },
  {
    name: 'nobody writes down what became of a refused writer',
    foundBy: 'simulate/booking',
    file: 'packages/store/src/settling.ts',
    from: 'const stored = core.journal.settle(',
    to: 'const stored = ((..._: unknown[]) => Promise.resolve())(',
  },
  {
    name: 'the clock does not hear of what others wrote',
    foundBy: 'simulate/whole',
    file: 'packages/store/src/replica.ts',
    from: '      lastAt = witness(lastAt, item.at)\n',
    to: '',
  },
  {
    name: 'what others wrote comes without its last operation',
    foundBy: 'simulate/booking',
    file: 'packages/store/src/replica.ts',
    from: 'const theirs = withoutBrowserOps(item)',
    to: 'const theirs = { ...withoutBrowserOps(item), ops: withoutBrowserOps(item).ops.slice(0, Math.max(1, item.ops.length - 1)) }',
  },
  {
    name: 'what others wrote is forgotten where something of ours is pending',
    foundBy: 'simulate/whole',
    file: 'packages/store/src/replica.ts',
    from: '      underlay(theirs)\n',
    to: '',
  },
  {
    name: 'a transaction does not ask whether what it read has moved',
    foundBy: 'one-tab',
    file: 'packages/stm/src/attempt.ts',
    from: "...(isolation === 'serializable' ? movedReads : []),",
    to: '',
  },
  {
    name: 'the last write is the one that comes last',
    foundBy: 'simulate/booking',
    file: 'packages/merge/src/whole.ts',
    from: 'if (state !== undefined && !wins(stamp, value, state.stamp, state.value)) return state\n',
    to: '',
  },
  {
    name: 'a removal that came before its addition is forgotten',
    foundBy: 'simulate/policies',
    file: 'packages/merge/src/set-state.ts',
    from: 'const sum = (before?.n ?? 0) + n',
    to: 'const sum = Math.max(0, (before?.n ?? 0) + n)',
  },
  {
    name: 'a tab does not look at the claims of others',
    foundBy: 'between-tabs',
    file: 'packages/store/src/memory.ts',
    from: 'if (shelf.claim !== undefined && claim !== shelf.claim + 1) {',
    to: 'if (shelf.claim !== undefined && claim < 0) {',
  },
  {
    name: 'a store that is closed still listens for the loss of its log',
    foundBy: 'simulate/small',
    file: 'packages/store/src/assemble.ts',
    from: '      stopLosses()\n',
    to: '',
  },
  {
    name: 'a lock that was let go still listens for the page to freeze',
    foundBy: 'simulate/small',
    file: 'packages/idb/src/freezing.ts',
    from: "return () => page.removeEventListener('freeze', freeze)",
    to: 'return () => undefined',
  },
  {
    name: 'a page that is frozen does not store what waits',
    foundBy: 'simulate/leaving',
    file: 'packages/idb/src/leaving.ts',
    from: "  page?.addEventListener('freeze', listener)\n",
    to: '',
  },
  {
    name: 'a page that is left does not store what waits',
    foundBy: 'simulate/leaving',
    file: 'packages/idb/src/leaving.ts',
    from: "  window?.addEventListener('pagehide', listener)\n",
    to: '',
  },
  {
    name: 'what waits behind an append is not handed over when the page ends',
    foundBy: 'simulate/leaving',
    file: 'packages/store/src/journal.ts',
    from: '      void drain()\n      handOver()\n    },',
    to: '      void drain()\n    },',
  },
  {
    name: 'a checkpoint has in its states what is pending',
    foundBy: 'simulate/whole',
    file: 'packages/store/src/replica.ts',
    from: 'memory.distilled({ inPlaceOf: acknowledged, counts })',
    to: 'memory.distilled({ inPlaceOf: new Map(), counts })',
  },
  {
    name: 'a checkpoint leaves out what is pending',
    foundBy: 'simulate/whole',
    file: 'packages/store/src/replica.ts',
    from: '      pending: awake,',
    to: '      pending: [],',
  },
  {
    name: 'states that count what is pending stay where a part of them is damaged',
    foundBy: '../../store/test/counted',
    file: 'packages/store/src/intake.ts',
    from: '      isCounted && isLaid && !isPartial && origin',
    to: '      isCounted && isLaid && origin',
  },
  {
    name: 'what is asleep is read when a space is opened',
    foundBy: '../../store/test/asleep',
    file: 'packages/store/src/checkpoint-reading.ts',
    from: 'isWanted(part) && !isAsleep(part)',
    to: 'isWanted(part) && !isAsleep(part + 1000)',
  },
  {
    name: 'what wakes and is not whole in the log is taken for damaged, although another tab has compacted',
    foundBy: '../../store/test/asleep',
    file: 'packages/store/src/waking.ts',
    from: 'if (upTo > core.journal.readUpTo()) return',
    to: 'if (upTo > core.journal.readUpTo() + 1000) return',
  },
  {
    name: 'who reads on in another checkpoint passes over what the one before it had there',
    foundBy: '../../store/test/asleep',
    file: 'packages/store/src/reading-past.ts',
    from: 'first = plan = undefined',
    to: 'first = undefined',
  },
  {
    name: 'a compaction takes over what sleeps there, although that is awake here',
    foundBy: '../../store/test/asleep',
    file: 'packages/store/src/compaction.ts',
    from: 'JSON.stringify(there.directory?.asleep?.[3]) !== JSON.stringify(state.asleep)',
    to: 'there.asleep.length === 0',
  },
  {
    name: 'states count what was damaged when it woke',
    foundBy: '../../store/test/asleep',
    file: 'packages/store/src/replica.ts',
    from: 'if (ids.size === 0) {',
    to: 'if (woken.length > 0) {',
  },
  {
    name: 'what was pending and asleep is taken for what the relay has ordered',
    foundBy: '../../store/test/counted',
    file: 'packages/store/src/replica.ts',
    from: '        if (cell === undefined) overlaid.set(key, { operations: 1, acknowledged: undefined })',
    to: '        if (cell === undefined) overlaid.set(key, { operations: 1, acknowledged: memory.state(key) })',
  },
  {
    name: 'the log of a browser does not look at the fence',
    foundBy: 'simulate/guarded',
    file: 'packages/idb/src/log.ts',
    from: '          if (fence !== undefined) {\n',
    to: '          if (fence === -1) {\n',
  },
  {
    name: 'the log of a browser gives out a fence that somebody has',
    foundBy: 'simulate/guarded',
    file: 'packages/idb/src/log.ts',
    from: "transaction.objectStore('fences').add(true, [space, fence])",
    to: "transaction.objectStore('fences').put(true, [space, fence])",
  },
  {
    name: 'the log of a browser lets a claim be made again',
    foundBy: 'simulate/guarded',
    file: 'packages/idb/src/log.ts',
    from: 'claims.add({ space, claim })',
    to: 'claims.put({ space, claim })',
  },
  {
    name: 'entries are deleted before the checkpoint is stored that stands for them',
    foundBy: 'simulate/whole',
    file: 'packages/idb/src/log.ts',
    from: "    try {\n      await connection.begin(['entries'], 'readwrite', {}, (transaction) =>",
    to: "    for (const [from, to] of runsOf(positions)) await connection.begin(['entries'], 'readwrite', {}, (early) => writeAtOnce(early, () => early.objectStore('entries').delete(keyRange.bound(from, to))))\n    try {\n      await connection.begin(['entries'], 'readwrite', {}, (transaction) =>",
  },
  {
    name: 'a checkpoint takes the place of an entry that its tab has not read',
    foundBy: 'simulate/booking',
    file: 'packages/store/src/compaction.ts',
    from: 'await log.replace(at.position, entries, at.claim)',
    to: 'await log.replace(at.position + 1, entries, at.claim)',
  },
  {
    name: 'an append is told before the browser has stored it',
    foundBy: 'simulate/damaged',
    file: 'packages/idb/src/requests.ts',
    from: '      if (commits) transaction.commit()\n',
    to: '      request.onsuccess = () => resolve(request.result)\n      if (commits) transaction.commit()\n',
  },
  {
    name: 'what takes away what stands before it is stored once',
    foundBy: 'simulate/damaged',
    file: 'packages/store/src/journal.ts',
    from: 'pieces.some(takesAway) ?',
    to: 'pieces.length < 0 ?',
  },
  {
    name: 'what is set aside is not reported',
    foundBy: 'simulate/damaged',
    file: 'packages/store/src/damage.ts',
    from: '    onFound(error)\n',
    to: '',
  },
  {
    name: 'what does not fit its checksum is read all the same',
    foundBy: 'simulate/damaged',
    file: 'packages/protocol/src/seal.ts',
    from: 'if (stored !== found) {',
    to: 'if (stored !== found && bytes.length < 0) {',
  },
  {
    name: 'after a store is closed the storage is read again',
    foundBy: 'simulate/closing',
    file: 'packages/store/src/assemble.ts',
    from: '    cancelRereading?.()\n    cancelLooking?.()\n',
    to: '    cancelLooking?.()\n',
  },
  {
    name: 'after a store is closed a tab that has left is looked for',
    foundBy: 'simulate/closing',
    file: 'packages/store/src/assemble.ts',
    from: '    cancelRereading?.()\n    cancelLooking?.()\n',
    to: '    cancelRereading?.()\n',
  },
  {
    name: 'after a store is closed a gap is told again',
    foundBy: 'simulate/closing',
    file: 'packages/store/src/assemble.ts',
    from: '    cancelGap?.()\n    replica.closeDocuments()',
    to: '    replica.closeDocuments()',
  },
  {
    name: 'after a store is closed the loss of the log is listened for',
    foundBy: 'simulate/closing',
    file: 'packages/store/src/assemble.ts',
    from: '      stopLosses()\n',
    to: '',
  },
  {
    name: 'after a store is closed the end of the page is listened for',
    foundBy: 'simulate/closing',
    file: 'packages/store/src/assemble.ts',
    from: '      stopLeaving?.()\n',
    to: '',
  },
  {
    name: 'what is on demand leaves the memory before the log has it',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/on-demand.ts',
    from: ' || storedSeq() < replica.basis().relaySeq) return',
    to: ') return',
  },
  {
    name: 'what is on demand leaves the memory while somebody holds it',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/on-demand.ts',
    from: '        one!.holders -= 1\n',
    to: '        one!.holders = 0\n',
  },
  {
    name: 'what is loaded lacks what is pending',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/on-demand.ts',
    from: '        surface(replica, one.portion, known.states)\n',
    to: '',
  },
  {
    name: 'what is loaded lacks what others wrote since the log was read',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/on-demand.ts',
    from: 'if (place <= relaySeq || place > upTo) continue',
    to: 'if (place > 0) continue',
  },
  {
    name: 'what is loaded lacks what was written since the checkpoint',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/portion-reading.ts',
    from: 'present: (items) => items.filter((item) => portionOfOp(item) === portion),',
    to: 'present: () => [],',
  },
  {
    name: 'a tab that has not loaded something forgets it when it compacts',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/on-demand.ts',
    from: '          cells.push(...distilledOf(known.policy, known.states))\n',
    to: '',
  },
  {
    name: 'what is taken up of a checkpoint has in it what is away',
    foundBy: 'simulate/on-demand',
    file: 'packages/store/src/on-demand.ts',
    from: 'items.some(isAway) ? items.filter((item) => !isAway(item)) : items',
    to: 'items',
  },
  {
    name: 'what is pending stands before a retirement that the relay has ordered before it',
    foundBy: '../../yjs/test/generations',
    file: 'packages/yjs/src/renaming.ts',
    from: 'payload instanceof Uint8Array && kindOf(payload) === RETIREMENT',
    to: 'payload === undefined',
  },
  {
    name: 'a generation is retired before its time',
    foundBy: '../../yjs/test/generations',
    file: 'packages/yjs/src/generation-retired.ts',
    from: 'cut.at + cut.retentionMs * 1000 > at',
    to: 'cut.at > at',
  },
  {
    name: 'conflict copies are forgotten when updates are put together',
    foundBy: '../../yjs/test/generations',
    file: 'packages/yjs/src/compaction.ts',
    from: '[...replica.waiting, ...stranded]',
    to: '[...replica.waiting]',
  },
  {
    name: 'what comes late deletes nothing in a new generation',
    foundBy: '../../yjs/test/generations',
    file: 'packages/yjs/src/generation-translation.ts',
    from: 'deletes.set(range, true)',
    to: 'deletes.over(range)',
  },
]

/** Where the systems are simulated. */
export const simulations = 'packages/testing/test/'

/**
 * The file of the simulation that finds a sabotage soonest.
 *
 * @param {Sabotage} sabotage
 */
export const simulationOf = ({ foundBy }) => `${simulations}${foundBy}.sim.test.ts`

/**
 * The text of a file with a sabotage in it. Throws when what it takes away does not stand there exactly once: then the code has moved on, and
 * the sabotage has to be looked at again.
 *
 * @param {string} text
 * @param {Sabotage} sabotage
 */
export function spoil(text, { name, file, from, to }) {
  const places = text.split(from).length - 1
  if (places !== 1)
    throw new Error(`"${name}": what it spoils stands ${places} times in ${file}, and has to stand there once.`)
  return text.replace(from, () => to)
}
