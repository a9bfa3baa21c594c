import { lww } from '@syncline/merge'
import { createFrameReader, MAX_PACKET_BYTES } from '@syncline/protocol'
import { createMemoryStorage } from '@syncline/relay'
import type { Checkpoints, LogStorage, StoredCheckpoint } from '@syncline/relay'
import type { Store } from '@syncline/store'
import { createFold } from '@syncline/store/fold'
import { expect, test } from 'vitest'
import { conflictCopies, doc, docPolicy, measureGeneration, openText, retireGenerations } from '../src/index.ts'
import { startGeneration, text, textPolicy } from '../src/index.ts'
import { chanceFrom, createClashWorld, type Browser } from './clash-world.ts'

// Three people write a text and a doc, apart and together, begin generations and retire them, while the relay makes checkpoints; others come new.

const note = text('note')
const page = doc('page')
const title = lww('title', '')
const DAY_MS = 24 * 60 * 60 * 1000
const ROUNDS = 4
const policies = [textPolicy, docPolicy, title.policy]

const isLong = process.env['SYNCLINE_LONG'] === '1'
const seeds = Array.from({ length: isLong ? 150 : 4 }, (_, i) => i + 1)

/** A cache of checkpoints that go on one from the other. */
function folded(disk: LogStorage): Checkpoints {
  let kept: StoredCheckpoint | undefined
  return {
    read: async () => kept,
    async make(space, upTo) {
      const { epoch } = (await disk.space(space))!.stretches[0]!
      const from = kept !== undefined && kept.relaySeq <= upTo ? kept : undefined
      const fold = createFold({ space, policies, from: from?.bytes })
      fold.take(epoch, fold.relaySeq() + 1, await disk.read(space, fold.relaySeq(), upTo, Infinity))
      const pieces = fold.checkpoint()
      let made = pieces.next()
      while (made.done !== true) made = pieces.next()
      return (kept = { epoch, relaySeq: upTo, bytes: made.value! })
    },
  }
}

/** All that is read, with what is beside it. */
function picture(store: Store): unknown {
  return [store.get(note), conflictCopies(store, note), store.get(page), store.get(title)]
}

test.each(seeds)(
  '[ST45] seed %i: who is brought a checkpoint has the same texts, and edits them alike',
  async (seed) => {
    const disk = createMemoryStorage()
    const checkpoints = folded(disk)
    const world = createClashWorld(seed, { storage: disk, checkpoints, limits: { leastTailBytes: Infinity } })
    const chance = chanceFrom(seed)
    const below = (count: number): number => Math.floor(chance() * count)
    const people: { readonly browser: Browser; store: Store }[] = []

    /** Pieces of checkpoints that were brought. */
    let pieces = 0

    async function join(): Promise<void> {
      const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
      const browser = world.browser()
      const { connect } = browser.link
      browser.link.connect = (events) =>
        connect({
          ...events,
          onMessage(message) {
            for (const { type } of reader.push(message)) if (type === 'checkpoint') pieces++
            events.onMessage(message)
          },
        })
      people.push({ browser, store: await world.open(browser) })
      await world.pass(5_000)
    }

    function write(store: Store): void {
      for (let i = 1 + below(4); i > 0; i--) {
        const shown = store.get(note)
        const at = below(shown.length + 1)
        store.transact((tx) => {
          tx.remove(note, at, Math.min(below(4), shown.length - at))
          tx.insert(note, at, `${String.fromCharCode(97 + below(26))}${below(10)}`)
          tx.edit(page, ({ array, map }) => {
            if (array.length > 3) array.delete(below(array.length), 1)
            array.insert(below(array.length + 1), [below(100)])
            map.set(`k${below(3)}`, below(100))
          })
        })
      }
      if (below(3) === 0) store.undo()
    }

    async function make(): Promise<void> {
      const head = (await disk.space('notes'))?.head ?? 0
      if (head > 0) await checkpoints.make('notes', 1 + below(head))
    }

    for (let i = 0; i < 3; i++) await join()
    for (let round = 0; round < ROUNDS; round++) {
      for (const { store } of people) write(store)
      await world.pass(1_000)
      for (const { browser, store } of people) {
        if (below(2) === 0) browser.link.cut()
        write(store)
      }
      const { store: keeper } = people[below(people.length)]!
      const opened = openText(keeper, note)
      for (let i = 0; i < 6; i++) keeper.transact((tx) => tx.set(note, `${keeper.get(note)}.`))
      keeper.transact((tx) => tx.set(note, keeper.get(note).replaceAll('.', '')))
      const { parts } = measureGeneration(keeper, note)
      if (parts.now > parts.after) startGeneration(keeper, note)
      await world.pass(1_000)
      await make()
      world.sleep((below(2) === 0 ? 30 : 100) * DAY_MS)
      await world.pass(60_000)
      retireGenerations(keeper, note)
      write(keeper)
      await world.pass(1_000)
      await make()
      // Somebody comes new while others have much that is late.
      await join()
      for (const { store } of people) write(store)
      for (const { browser } of people) browser.link.mend()
      await world.pass(120_000)
      opened.close()
      const [first, ...others] = people.map(({ store }) => picture(store))
      for (const one of others) expect(one).toEqual(first)
    }
    for (const one of people) {
      const shown = picture(one.store)
      await one.store.close()
      one.store = await world.open(one.browser)
      expect(picture(one.store)).toEqual(shown)
    }
    const codes = world.errors.map((error) => (error as { code?: unknown }).code)
    expect(codes.filter((code) => code !== 'conflict-copy')).toEqual([])
    expect(pieces).toBeGreaterThanOrEqual(ROUNDS)
    await world.close()
  },
)
