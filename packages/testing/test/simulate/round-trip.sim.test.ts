import { exportDatabase, importDatabase, verifyDatabase } from '@syncline/idb/care'
import { lww } from '@syncline/merge'
import type { Relay } from '@syncline/relay'
import type { Store } from '@syncline/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeOf } from '../../src/simulate/ledger.ts'
import { machineOf, type Machine } from './disks.ts'
import * as every from './every-policy.ts'
import { compact, openAs, relayOf, wayTo } from './people.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

/** What somebody does in a session of their own. Where a step may be turned down, its code is what comes of it. */
const steps = {
  work: (machine: Machine, store: Store, text: string) => every.work(machine, store, text),
  undo: (machine: Machine, store: Store) => machine.until(store.undoAsync()),
  redo: (machine: Machine, store: Store) => machine.until(store.redoAsync()),
  /** The relay refuses it when it hears of it. */
  ban: (machine: Machine, store: Store, text: string) =>
    machine.until(store.transact((tx) => tx.set(every.banned, text)).durable()),
  /** Nobody but the relay decides about it. */
  sit: (machine: Machine, store: Store, text: string) =>
    machine.until(store.transactAsync((tx) => tx.set(every.seat, text), { arbiter: 'relay' })),
}

const here = lww('here', '')

type Step = keyof typeof steps | 'compact'

/** What a person finds: what is shown, how it is doing, and what can be taken back. */
interface Found {
  readonly picture: readonly unknown[]
  readonly pending: number
  readonly refused: readonly string[]
  readonly stack: readonly boolean[]
  /** What has come of the step. */
  readonly code: string | undefined
}

async function session(machine: Machine, step: Step | undefined, text: string, relay?: Relay): Promise<Found> {
  if (step === 'compact') await compact(machine, null)
  const store = await openAs(machine, null, relay && { transport: wayTo(relay) })
  // Undoing needs the policies of what it takes back: as an app has them, which shows it.
  every.picture(store)
  let code: string | undefined
  if (step !== undefined && step !== 'compact') {
    try {
      await steps[step](machine, store, text)
    } catch (error) {
      code = codeOf(error)
      if (code === undefined) throw error
    }
  }
  // What the relay tells of this comes behind all that it has.
  if (relay !== undefined) await machine.until(store.transact((tx) => tx.set(here, text), { undo: false }).synced())
  // It rejects for each that is refused.
  while (relay !== undefined && store.status.pending > 0) await machine.until(store.synced().catch(() => undefined))
  const { undoable, redoable } = store.undoStack()
  const found = {
    picture: every.picture(store),
    pending: store.status.pending,
    refused: store.refused.list().map((each) => each.code),
    stack: [undoable, redoable],
    code,
  }
  await machine.until(store.close())
  return found
}

async function roundTrip(from: Machine, to: Machine): Promise<void> {
  const chunks: Uint8Array[] = []
  const all = async (): Promise<void> => {
    for await (const chunk of exportDatabase('app', { surroundings: from.surroundings() })) chunks.push(chunk)
  }
  await from.until(all())
  expect(await to.until(importDatabase('app', chunks, { surroundings: to.surroundings() }))).toMatchObject({
    isWhole: true,
  })
}

const before = fc.array(
  fc.record({
    step: fc.constantFrom<Step>('work', 'work', 'work', 'undo', 'redo', 'ban', 'sit', 'compact'),
    isOnline: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
)
const after = fc.array(fc.constantFrom<Step>('work', 'work', 'undo', 'redo', 'ban', 'compact'), { maxLength: 3 })

test(
  '[CA3] whatever was done, what was exported and imported goes on as if it had never stopped',
  async () => {
    const seen = { pending: 0, refused: 0, undone: 0, compacted: 0 }
    await fc.assert(
      fc.asyncProperty(before, after, async (past, future) => {
        const [stays, moves, witness] = [machineOf(1), machineOf(2), machineOf(3)]
        const relay = relayOf((_, addresses) => addresses.includes('banned'), stays.clock())
        for (const [i, { step, isOnline }] of past.entries())
          await session(stays, step, `past ${i}`, isOnline ? relay : undefined)
        await roundTrip(stays, moves)
        const both = async (step: Step | undefined, text: string): Promise<Found> => {
          const found = await session(stays, step, text)
          expect(await session(moves, step, text)).toEqual(found)
          return found
        }
        const found = await both(undefined, '')
        seen.pending += found.pending
        seen.refused += found.refused.length
        seen.compacted += past.filter(({ step }) => step === 'compact').length
        for (const [i, step] of future.entries()) await both(step, `future ${i}`)
        // All that can be taken back is, and the same.
        for (let i = 0; (await both(undefined, '')).stack[0]! && i < 2 * (past.length + future.length); i++) {
          seen.undone += 1
          if ((await both('undo', '')).code !== undefined) break
        }
        // The one that was moved sends what it has; then nobody has anything that is not in both.
        const sent = await session(moves, undefined, 'moved', relay)
        expect(sent.pending).toBe(0)
        const elsewhere = await session(witness, undefined, 'witness', relay)
        expect(elsewhere.picture.slice(0, SHARED)).toEqual(sent.picture.slice(0, SHARED))
        for (const machine of [stays, moves])
          expect(await machine.until(verifyDatabase('app', machine.surroundings()))).toMatchObject({ isSound: true })
        expect([stays, moves, witness].flatMap(({ errors }) => errors)).toEqual([])
      }),
      { numRuns: isLong ? 10_000 : 15 },
    )
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0)
  },
  isLong ? 3_600_000 : 120_000,
)

/** Of a picture, what is not for one browser alone: title, votes, seat, what is banned. */
const SHARED = 4
