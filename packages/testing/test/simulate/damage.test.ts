import { counter, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { UNREADABLE } from '../../src/simulate/browser/transactions.ts'
import { damage, machineOf, makeHole, placesOf, valueAt, type Machine, type Place } from './disks.ts'

const browser = { arbiter: 'browser' } as const
const keys = Array.from({ length: 3 }, (_, i) => lww(`k${i}`, ''))
const drafts = Array.from({ length: 2 }, (_, i) => lww(`d${i}`, '', browser))
const votes = counter('votes')
const late = lww('late', '')
const lateDraft = lww('lateDraft', '', browser)

/** The refs that the entries of a filled disk write, in order: each entry one of them. */
const written = [keys[0]!, drafts[0]!, keys[1]!, drafts[1]!, keys[2]!]

/** A machine whose disk holds five entries, two of them with claims, and two fences. */
async function filled(): Promise<Machine> {
  const machine = machineOf(7)
  const store = await machine.open()
  for (const ref of written) await machine.until(set(store, ref, 'written'))
  await machine.until(store.close())
  const log = await machine.until(machine.storage().openLog('board'))
  for (const fence of [1, 2]) expect(await machine.until(log.takeFence())).toBe(fence)
  await machine.until(log.close())
  expect(placesOf(machine.disk, 'entries')).toHaveLength(written.length)
  return machine
}

async function set(store: Store, ref: (typeof written)[number], value: string): Promise<void> {
  if (ref === lateDraft || drafts.includes(ref as never)) {
    await store.transactAsync((tx) => tx.set(ref as typeof lateDraft, value), browser)
  } else await store.transact((tx) => tx.set(ref as typeof late, value)).durable()
}

type Fields = Record<string, unknown>
const fieldsOf = (value: unknown): Fields => ({ ...(value as Fields) })
const entryOf = (value: unknown): Uint8Array => (value as { entry: Uint8Array }).entry

/** What a record may have become. */
const kinds: Readonly<Record<string, (value: unknown) => unknown>> = {
  'cut short': (value) => ({ ...fieldsOf(value), entry: entryOf(value).slice(0, -5) }),
  'cut to nothing': (value) => ({ ...fieldsOf(value), entry: new Uint8Array() }),
  'a bit flipped at the beginning': (value) => flipped(value, 0),
  'a bit flipped in the middle': (value) => flipped(value, entryOf(value).length >> 1),
  'a bit flipped at the end': (value) => flipped(value, entryOf(value).length - 1),
  'bytes of zero': (value) => ({ ...fieldsOf(value), entry: new Uint8Array(entryOf(value).length) }),
  'longer than it was': (value) => ({ ...fieldsOf(value), entry: Uint8Array.of(...entryOf(value), 0) }),
  'the entry a text': (value) => ({ ...fieldsOf(value), entry: 'entry' }),
  'the entry a list': (value) => ({ ...fieldsOf(value), entry: [...entryOf(value)] }),
  'the entry missing': (value) => without(value, 'entry'),
  'the space another': (value) => ({ ...fieldsOf(value), space: 'bnard' }),
  'the space missing': (value) => without(value, 'space'),
  'the position missing': (value) => without(value, 'position'),
  'the position another': (value) => ({ ...fieldsOf(value), position: -1 }),
  'a claim that was not there, or another': (value) => ({ ...fieldsOf(value), claim: 99 }),
  'a claim that is none': (value) => ({ ...fieldsOf(value), claim: 'one' }),
  'the sum another': (value) => ({ ...fieldsOf(value), sum: 12 }),
  'a text': () => 'text',
  'a number': () => 17,
  null: () => null,
  nothing: () => undefined,
}

function flipped(value: unknown, at: number): unknown {
  const entry = entryOf(value).slice()
  entry[at]! ^= 16
  return { ...fieldsOf(value), entry }
}

function without(value: unknown, name: string): unknown {
  const fields = fieldsOf(value)
  delete fields[name]
  return fields
}

/** Opens the damaged space, and wants all of it but what was in one entry; then works with it, and opens it again. */
async function expectRest(machine: Machine, lost: number | undefined, isReported: boolean): Promise<void> {
  const store = await machine.open()
  expect(machine.errors).toMatchObject(isReported ? [{ code: 'storage-damaged' }] : [])
  expect(store.status.storage).toBe(isReported ? 'damaged' : 'ok')
  const rest = (from: Store): string[] => written.map((ref) => from.get(ref))
  const expected = written.map((_, i) => (i === lost ? '' : 'written'))
  expect(rest(store)).toEqual(expected)
  for (const ref of [late, lateDraft]) await machine.until(set(store, ref, 'written later'))
  await machine.until(store.close())
  const again = await machine.open()
  expect(rest(again)).toEqual(expected)
  expect([again.get(late), again.get(lateDraft)]).toEqual(['written later', 'written later'])
  await machine.until(again.close())
}

test.each(Object.keys(kinds))(
  '[DM1] [ID17] each entry in turn %s: all others load, and it is set aside',
  async (kind) => {
    const count = written.length
    for (let at = 0; at < count; at++) {
      const machine = await filled()
      const place = placesOf(machine.disk, 'entries')[at]!
      const change = kinds[kind]!
      const found = change(valueAt(machine.disk, place))
      damage(machine.disk, place, () => found)
      await expectRest(machine, at, true)
      expect(machine.errors).toHaveLength(1)
      expect(placesOf(machine.disk, 'aside')).toHaveLength(1)
      expect(valueAt(machine.disk, placesOf(machine.disk, 'aside')[0]!)).toEqual({
        from: 'entries',
        key: place.key,
        space: 'board',
        reason: expect.any(String),
        value: found,
      })
      expect(placesOf(machine.disk, 'entries').map(({ key }) => key)).not.toContain(place.key)
    }
  },
)

test('[ID17] each entry in turn that the browser cannot read stays, perhaps for another time, and all others load', async () => {
  for (let at = 0; at < written.length; at++) {
    const machine = await filled()
    const place = placesOf(machine.disk, 'entries')[at]!
    damage(machine.disk, place, () => UNREADABLE)
    await expectRest(machine, at, true)
    expect(valueAt(machine.disk, place)).toBe(UNREADABLE)
    expect(machine.errors).toMatchObject([{ code: 'storage-damaged' }, { code: 'storage-damaged' }])
  }
})

test('[ID17] a hole in the place of each entry: all others load', async () => {
  for (let at = 0; at < written.length; at++) {
    const machine = await filled()
    makeHole(machine.disk, placesOf(machine.disk, 'entries')[at]!)
    await expectRest(machine, at, false)
    expect(placesOf(machine.disk, 'aside')).toEqual([])
  }
})

test('[ID17] every entry damaged at once is as an empty log, with all of them set aside', async () => {
  const machine = await filled()
  for (const place of placesOf(machine.disk, 'entries')) damage(machine.disk, place, (value) => flipped(value, 3))
  const store = await machine.open()
  expect(written.map((ref) => store.get(ref))).toEqual(written.map(() => ''))
  expect(machine.errors).toMatchObject([{ message: expect.stringContaining('and 2 more') }])
  await machine.until(set(store, late, 'on'))
  await machine.until(set(store, lateDraft, 'on'))
  await machine.until(store.close())
  expect(placesOf(machine.disk, 'aside')).toHaveLength(written.length)
})

/** What the other records may have become: their keys are what matters, and stay. */
const strange = [17, 'text', null, undefined, {}, new Uint8Array(3)]

test('[ID18] every record of fences, claims and meta in turn, whatever it is instead: nothing is lost, and all goes on', async () => {
  let tried = 0
  const places = placesOf((await filled()).disk, 'fences', 'claims', 'meta')
  expect(places.map(({ store }) => store)).toEqual(['fences', 'fences', 'claims', 'meta'])
  for (const place of places) {
    for (const value of strange) {
      const machine = await filled()
      damage(machine.disk, place, () => value)
      await expectRest(machine, undefined, false)
      tried++
    }
    const machine = await filled()
    makeHole(machine.disk, place)
    await expectRest(machine, undefined, false)
    await expectFences(machine)
  }
  expect(tried).toBe(24)
})

async function expectFences(machine: Machine): Promise<void> {
  const log = await machine.until(machine.storage().openLog('board'))
  const [one, two] = [await machine.until(log.takeFence()), await machine.until(log.takeFence())]
  expect(two).toBeGreaterThan(one)
  await expect(machine.until(log.append(Uint8Array.of(1), { fence: one }))).rejects.toMatchObject({ code: 'fenced' })
  await machine.until(log.append(Uint8Array.of(1), { fence: two }))
  await machine.until(log.close())
}

test('[ID18] a newest claim that is another number is brought in line with the entries', async () => {
  for (const claim of [1, 3, 77, 2 ** 53, -1, 0.5]) {
    const machine = await filled()
    const [place] = placesOf(machine.disk, 'claims')
    moveClaim(machine, place!, claim)
    await expectRest(machine, undefined, false)
    expect(placesOf(machine.disk, 'claims').map(({ key }) => key)).toEqual([['board', 3]])
  }
})

test('[ID18] each record of fences, claims and meta is damaged in turn while two tabs work: neither loses anything, and nothing is there twice', async () => {
  const damages: ((machine: Machine, place: Place) => void)[] = [
    ...strange.map((value) => (machine: Machine, place: Place) => damage(machine.disk, place, () => value)),
    (machine, place) => makeHole(machine.disk, place),
  ]
  const places = placesOf((await filled()).disk, 'fences', 'claims', 'meta')
  let tried = 0
  for (const place of places) {
    const others =
      place.store === 'claims' ? [1, 3, 77].map((n) => (at: Machine, of: Place) => moveClaim(at, of, n)) : []
    for (const harm of [...damages, ...others]) {
      const machine = await filled()
      const stores = [await machine.open(), await machine.open()]
      harm(machine, place)
      for (const [i, store] of stores.entries()) {
        await machine.until(set(store, drafts[i]!, `draft of ${i}`))
        await machine.until(set(store, keys[i]!, `key of ${i}`))
        await machine.until(store.transact((tx) => tx.add(votes, 10 ** i)).durable())
      }
      for (const store of stores) await machine.until(store.close())
      const again = await machine.open()
      expect([0, 1].flatMap((i) => [again.get(drafts[i]!), again.get(keys[i]!)])).toEqual([
        ...['draft of 0', 'key of 0'],
        ...['draft of 1', 'key of 1'],
      ])
      expect([again.get(votes), again.status.pending]).toEqual([11, keys.length + 4])
      await machine.until(again.close())
      expect(machine.errors).toEqual([])
      await expectFences(machine)
      tried++
    }
  }
  expect(tried).toBe(4 * 7 + 3)
})

/** As if its number had been written so. */
function moveClaim({ disk }: Machine, place: Place, claim: number): void {
  const { records, indexes } = disk.databases.get('syncline:app')!.stores.get('claims')!
  records.delete(place.key)
  records.put(['board', claim], { space: 'board', claim })
  indexes.get('bySpace')!.records.put('board', ['board', claim])
}

test('[ID18] a fence beyond all counting is none', async () => {
  for (const fence of [2 ** 53, Infinity, Number.MAX_VALUE]) {
    const machine = await filled()
    machine.disk.databases.get('syncline:app')!.stores.get('fences')!.records.put(['board', fence], true)
    await expectFences(machine)
    expect(placesOf(machine.disk, 'fences').map(({ key }) => key)).toContainEqual(['board', 4])
  }
})

test('[ID18] of two tabs that find the identity damaged, both go on with the same new one', async () => {
  const machine = await filled()
  damage(machine.disk, placesOf(machine.disk, 'meta')[0]!, () => 'no identity')
  const [one, two] = await machine.until(
    Promise.all([machine.storage().openLog('board'), machine.storage().openLog('board')]),
  )
  const identity = valueAt(machine.disk, placesOf(machine.disk, 'meta')[0]!)
  expect(identity).toMatch(/^[0-9a-f]{32}$/)
  await machine.until(Promise.all([one!.append(Uint8Array.of(1)), two!.append(Uint8Array.of(2))]))
  expect(valueAt(machine.disk, placesOf(machine.disk, 'meta')[0]!)).toBe(identity)
})

test('[ID22] a checkpoint that takes the place of a damaged one while this is read, record by record, is read whole', async () => {
  const first = [10, 11, 12, 13, 14, 15]
  const second = [20, 21, 22, 23, 24, 25]
  const ends = new Set<string>()
  for (let events = 0; events < 60; events++) {
    const machine = machineOf(events)
    const [mine, theirs] = await Promise.all([1, 2].map(() => machine.until(machine.storage().openLog('board'))))
    for (let i = 0; i < 3; i++) await machine.until(mine!.append(Uint8Array.of(i)))
    const put = (values: readonly number[]): Promise<void> =>
      mine!.replace(
        2,
        values.map((value) => Uint8Array.of(value)),
        0,
      )
    await machine.until(put(first))
    damage(machine.disk, placesOf(machine.disk, 'entries')[0]!, (value) => ({ ...fieldsOf(value), sum: 12 }))
    const seen: number[] = []
    const reading = theirs!.read(
      0,
      (entry) => seen.push(entry[0]!),
      () => undefined,
    )
    await machine.run(events)
    await machine.until(Promise.all([reading, put(second)]))
    const end = [...first.slice(1), 2].join() === seen.join() ? 'the damaged one' : seen.slice(-7).join()
    expect(['the damaged one', [...second, 2].join()]).toContain(end)
    ends.add(end)
  }
  // Each came first once.
  expect(ends.size).toBe(2)
})
