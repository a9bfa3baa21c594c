import { json, keyed, lines, resolve, words } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { memoryStorage, type Store, type Violation } from '../src/index.ts'
import { codeOf } from './code-of.ts'
import { createWorld, passing, settle } from './world.ts'

const start = 'Friday\n\nSaturday\n\nSunday\n'
const plan = diff3('plan', { by: lines, initial: start })

/** Two people on one relay, of whom each has a wire that can be cut. */
async function apart(seed: number) {
  const world = await createWorld(seed)
  const [oneWire, twoWire] = [world.wire(), world.wire()]
  const disk = memoryStorage()
  const one = await world.open({ transport: oneWire, storage: disk })
  const two = await world.open({ transport: twoWire })
  await world.clock.pass(100)
  return { world, one, two, oneWire, twoWire, disk }
}

test('[D3-21] [D3-22] a dispute is synced, is there after a reload, and is settled for everybody by an ordinary transaction', async () => {
  const { world, one, two, oneWire, disk } = await apart(1)
  oneWire.cut()
  one.transact((tx) => tx.set(plan, 'Friday: pack\n\nSaturday: sail\n\nSunday\n'))
  two.transact((tx) => tx.set(plan, 'Friday\n\nSaturday: fly\n\nSunday: rest\n'))
  await one.close()
  const again = await world.open({ transport: oneWire, storage: disk })
  oneWire.mend()
  await world.clock.pass(60_000)
  const disputed = {
    value: 'Friday: pack\n\nSaturday\n\nSunday: rest\n',
    conflicts: [
      { kind: 'span', path: [], at: 14, base: 'Saturday\n', mine: 'Saturday: fly\n', theirs: 'Saturday: sail\n' },
    ],
    waiting: 0,
    copies: [],
  }
  expect([again.get(plan), two.get(plan)]).toEqual([disputed, disputed])
  expect(again.get(plan)).toBe(again.get(plan))
  const shown = two.get(plan)
  two.transact((tx) => tx.patch(plan, { value: resolve({ clean: false, ...shown }, () => 'theirs'), settles: shown }))
  await world.clock.pass(1_000)
  const third = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  for (const store of [again, two, third]) {
    expect(store.get(plan)).toEqual({
      ...disputed,
      value: 'Friday: pack\n\nSaturday: sail\n\nSunday: rest\n',
      conflicts: [],
    })
  }
  two.undo()
  await world.clock.pass(1_000)
  expect(third.get(plan)).toEqual(disputed)
  await world.close()
})

test('[D3-25] edits are taken back after a reload, and as one Change with other refs', async () => {
  const { world, one, oneWire, disk } = await apart(2)
  const board = diff3('board', {
    by: json({ tasks: keyed('id'), title: words }),
    initial: { title: 'To do', tasks: [] as { id: string }[] },
  })
  one.transact((tx) => {
    tx.set(plan, 'Friday: pack\n')
    tx.set(board, { title: 'To do today', tasks: [{ id: 'a' }] })
  })
  one.transact((tx) =>
    tx.merge(board, one.get(board).value, { title: 'To do today', tasks: [{ id: 'a' }, { id: 'b' }] }),
  )
  await settle()
  await one.close()
  const again = await world.open({ transport: oneWire, storage: disk })
  // An app that has not met the ref knows no way back.
  expect(() => again.undo()).toThrow('has not met a "diff3" ref yet')
  again.get(board)
  expect(again.undo()).toMatchObject({ superseded: [], irreversible: [] })
  expect(again.get(board).value).toEqual({ title: 'To do today', tasks: [{ id: 'a' }] })
  again.undo()
  expect([again.get(board).value, again.get(plan).value]).toEqual([{ title: 'To do', tasks: [] }, start])
  again.redo()
  again.redo()
  expect(again.get(board).value).toEqual({ title: 'To do today', tasks: [{ id: 'a' }, { id: 'b' }] })
  await world.close()
})

test('[D3-24] [VD1] [VD6] schemas and limits are about the value, whatever else is read beside it', async () => {
  const { world, one, two, oneWire } = await apart(3)
  const short = diff3('short', { by: lines, initial: '' }, { schema: z.string().max(20), maxBytes: 100 })
  const errors: Violation[] = []
  two.onViolation(short, (violation) => errors.push(violation))
  expect(codeOf(() => one.transact((tx) => tx.set(short, 'x'.repeat(21))))).toBe('validation-failed')
  expect(codeOf(() => one.transact((tx) => tx.merge(short, '', `${'x\n'.repeat(12)}`)))).toBe('validation-failed')
  expect(codeOf(() => diff3('other', { by: lines, initial: 'long' }, { schema: z.string().max(2) }))).toBe(
    'validation-failed',
  )
  const limited = diff3('limited', { by: lines, initial: '' }, { maxBytes: 40 })
  expect(codeOf(() => one.transact((tx) => tx.set(limited, 'x'.repeat(60))))).toBe('too-large-for-ref')
  expect(one.get(short)).toEqual({ value: '', conflicts: [], waiting: 0, copies: [] })
  // Each is short enough, and both together are not: a merge is told, and not refused.
  oneWire.cut()
  one.transact((tx) => tx.set(short, 'one\n\nmiddle\n'))
  await world.clock.pass(10)
  two.transact((tx) => tx.set(short, 'one\n\nmiddle\n'))
  oneWire.mend()
  await world.clock.pass(60_000)
  oneWire.cut()
  one.transact((tx) => tx.merge(short, 'one\n\nmiddle\n', 'one: 1\n\nmiddle\n'))
  two.transact((tx) => tx.merge(short, 'one\n\nmiddle\n', 'one\n\nmiddle: 12345\n'))
  oneWire.mend()
  await world.clock.pass(60_000)
  expect(two.get(short).value).toBe('one: 1\n\nmiddle: 12345\n')
  expect(two.read(short)).toMatchObject({ invalid: true, raw: two.get(short) })
  expect(errors).not.toEqual([])
  await world.close()
})

test('[TX31] [D3-22] what was written while a body waited stands beside what the body wrote, where the ref merges', async () => {
  const { world, one } = await apart(4)
  const merging = diff3('merging', { by: lines, initial: start }, { onConflict: 'merge' })
  let runs = 0
  const receipt = one.transactAsync(async (tx) => {
    runs += 1
    const { value } = tx.get(merging)
    await world.clock.pass(0)
    tx.set(merging, value.replace('Friday', 'Friday: pack').replace('Saturday', 'Saturday: sail'))
  })
  one.transact((tx) => tx.set(merging, 'Friday\n\nSaturday: fly\n\nSunday: rest\n'))
  await passing(world, receipt)
  expect(runs).toBe(1)
  expect(one.get(merging)).toMatchObject({
    value: 'Friday: pack\n\nSaturday\n\nSunday: rest\n',
    conflicts: [{ mine: 'Saturday: fly\n', theirs: 'Saturday: sail\n' }],
  })
  await world.close()
})

test('[D3-26] [RE1] [RE3] a relay decides about a whole value too: who was overtaken runs again', async () => {
  const { world, one, two } = await apart(5)
  const decided = diff3<string, 'relay'>('decided', { by: lines, initial: 'a\n\nb\n' }, { arbiter: 'relay' })
  const relay = { arbiter: 'relay' } as const
  let runs = 0
  const append = (line: string) => async (tx: Tx<'local' | 'relay'>) => {
    runs += 1
    tx.set(decided, `${tx.get(decided).value}${line}\n`)
  }
  await passing(world, Promise.all([one.transactAsync(append('one'), relay), two.transactAsync(append('two'), relay)]))
  await world.clock.pass(1_000)
  const reads = [one, two].map((store: Store) => store.get(decided))
  expect(reads[0]).toEqual(reads[1])
  expect(reads[0]).toMatchObject({ conflicts: [], waiting: 0 })
  expect(reads[0]!.value.split('\n').sort()).toEqual(['', '', 'a', 'b', 'one', 'two'])
  expect(runs).toBe(3)
  await world.close()
})
