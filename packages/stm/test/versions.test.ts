import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyBasis, type Basis } from '../src/change.ts'
import type { CellKey } from '../src/ref.ts'
import { Overwritten, Versions, type Version } from '../src/versions.ts'

const basis = (relaySeq: number): Basis => ({ ...emptyBasis, relaySeq })

/** Makes a newer version, in which cells have these states. */
function commit(versions: Versions, states: ReadonlyMap<CellKey, unknown>, at: Basis): void {
  const overwritten = new Overwritten(states.size)
  for (const [key, state] of states) overwritten.add(versions.cell(key), state)
  versions.commit(overwritten, at)
}

/** The newest version, for who keeps it. */
function shown(versions: Versions): Version {
  versions.newest.isHeld = true
  return versions.newest
}

/** The keys that have a state at a version: those of this test are in no collection. */
function keysOf(versions: Versions, version: Version): CellKey[] {
  return Array.from(versions.members(version, ''), ([key]) => key)
}

/** How many states a version keeps alive, and over how many steps they lie. */
function keptBy(version: Version): { readonly states: number; readonly steps: number } {
  let states = 0
  let steps = 0
  for (let at = version; at.replaced !== undefined; at = at.next!) {
    states += at.replaced.size
    steps += 1
  }
  return { states, steps }
}

test('[SN1] every version reads what a copied map held, after thousands of commits, some held and some dropped', () => {
  let compared = 0
  let longest = 0
  const step = fc.record({
    key: fc.nat(11),
    state: fc.oneof({ weight: 5, arbitrary: fc.nat(1000) }, { weight: 1, arbitrary: fc.constant(undefined) }),
    also: fc.option(fc.nat(11), { nil: undefined }),
    act: fc.constantFrom('commit', 'commit', 'commit', 'commit', 'show', 'hold', 'drop', 'read', 'keys'),
    which: fc.nat(1000),
    repeat: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, { weight: 2, arbitrary: fc.nat(1500) }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const versions = new Versions(basis(0))
      const model = new Map<string, unknown>()
      let held: { readonly version: Version; readonly copy: ReadonlyMap<string, unknown> }[] = []
      const hold = (): void => void held.push({ version: shown(versions), copy: new Map(model) })
      const compareKeys = ({ version, copy }: (typeof held)[number]): void => {
        expect(new Set(keysOf(versions, version))).toEqual(new Set(copy.keys()))
      }
      const compare = ({ version, copy }: (typeof held)[number]): void => {
        for (let key = 0; key < 12; key++) {
          compared += 1
          expect(versions.read(version, `k${key}`)).toBe(copy.get(`k${key}`))
        }
      }
      hold()
      for (const { key, state, also, act, which, repeat } of steps) {
        const one = held[which % held.length]
        if (act === 'hold') hold()
        else if (act === 'drop') held = held.filter((other) => other !== one)
        else if (act === 'read' && one !== undefined) compare(one)
        else if (act === 'keys' && one !== undefined) compareKeys(one)
        else {
          for (let i = 0; i < repeat; i++) {
            const states = new Map<string, unknown>([[`k${key}`, state === undefined ? undefined : state + i]])
            if (also !== undefined) states.set(`k${(also + i) % 12}`, i)
            // Some that nobody keeps are shown, one after the other and now and then.
            if (act === 'show' || i % 100 === which % 100) shown(versions)
            commit(versions, states, basis(versions.newest.number + 1))
            for (const [cell, value] of states) {
              if (value === undefined) model.delete(cell)
              else model.set(cell, value)
            }
          }
        }
      }
      hold()
      longest = Math.max(longest, versions.newest.number)
      for (const one of held) compare(one)
      for (const one of held) compareKeys(one)
    }),
    { seed: 21 },
  )
  expect(compared).toBeGreaterThan(10_000)
  expect(longest).toBeGreaterThan(3000)
})

test('[SN1] every 97th of 12,000 versions is read after all of them, oldest and newest first', () => {
  const versions = new Versions(basis(0))
  const held: { readonly version: Version; readonly state: number }[] = []
  for (let i = 1; i <= 12_000; i++) {
    commit(
      versions,
      new Map([
        ['one', i],
        [`cell ${i % 500}`, i],
      ]),
      basis(i),
    )
    if (i % 97 === 0) held.push({ version: shown(versions), state: i })
  }
  for (const order of [held, held.toReversed()]) {
    for (const { version, state } of order) {
      expect(versions.read(version, 'one')).toBe(state)
      expect(versions.read(version, `cell ${state % 500}`)).toBe(state)
      expect(versions.read(version, `cell ${(state + 1) % 500}`)).toBe(state < 500 ? undefined : state - 499)
    }
  }
})

test.each([1, 2, Infinity])(
  '[SN4] what is held for long keeps each overwritten state about once, though nobody reads it: each %s-th shown',
  (every) => {
    const versions = new Versions(basis(0))
    commit(versions, new Map(Array.from({ length: 50 }, (_, i) => [`cell ${i}`, 0])), basis(0))
    const held = new Map<number, Version>()
    for (let i = 1; i <= 100_000; i++) {
      if ([1, 700, 1024, 5000, 33_333].includes(i)) held.set(i, shown(versions))
      if (i % every === 0) shown(versions)
      commit(versions, new Map([[`cell ${i % 50}`, i]]), basis(i))
    }
    for (const version of held.values()) {
      const { states, steps } = keptBy(version)
      expect(steps).toBeLessThan(2 * 1024 + 2 * 7)
      expect(states).toBeLessThan(2 * 1024 + 2 * 7 * 50)
    }
    for (const [i, version] of held) {
      expect(versions.read(version, `cell ${i % 50}`)).toBe(Math.max(0, i - 50))
      expect(versions.read(version, 'never written')).toBeUndefined()
      // Five that were shown at all are as many steps apart, and are not gathered for that.
      expect(keptBy(version).steps).toBeLessThanOrEqual(every === Infinity ? 5 : 1)
      expect(keptBy(version).states).toBeLessThanOrEqual(every === Infinity ? 5 * 50 : 50)
    }
  },
)

test('[SN4] an old version that is read now and then stays a few steps from the newest', () => {
  const versions = new Versions(basis(0))
  const old = shown(versions)
  for (let i = 1; i <= 3000; i++) {
    shown(versions)
    commit(versions, new Map([[`cell ${i % 10}`, i]]), basis(i))
  }
  expect(keptBy(old).steps).toBeGreaterThan(1000)
  for (let i = 1; i <= 3000; i++) {
    shown(versions)
    commit(versions, new Map([[`cell ${i % 10}`, i]]), basis(i))
    expect(versions.read(old, 'never written')).toBeUndefined()
    expect(keptBy(old).steps).toBeLessThanOrEqual(32)
  }
  expect(keptBy(old).states).toBeLessThanOrEqual(10 + 32)
})

test('[SN4] versions that nobody was given lie in no chain, and the last one that somebody has reads what it held', () => {
  const versions = new Versions(basis(0))
  commit(versions, new Map([['old', 0]]), basis(0))
  const old = shown(versions)
  for (let i = 1; i <= 3000; i++) {
    commit(versions, new Map([[`cell ${i % 10}`, i]]), basis(i))
    expect(keptBy(old)).toEqual({ states: Math.min(i, 10), steps: 1 })
  }
  commit(versions, new Map([['old', undefined]]), basis(3001))
  expect([versions.read(old, 'old'), versions.read(old, 'cell 3'), versions.now('old')]).toEqual([
    0,
    undefined,
    undefined,
  ])
  expect(new Set(keysOf(versions, old))).toEqual(new Set(['old']))
})

test.each([1, 7, Infinity])(
  '[SN5] a version that nobody holds is collected, and with it what was overwritten since: each %s-th shown',
  async (every) => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const versions = new Versions(basis(0))
    const states: WeakRef<object>[] = []
    const commitNext = (isShown = states.length % every === 0): void => {
      const state = { number: states.length }
      states.push(new WeakRef(state))
      if (isShown) shown(versions)
      commit(versions, new Map([['one', state]]), basis(states.length))
    }
    commitNext()
    let held: Version | undefined = shown(versions)
    const gone = new WeakRef(held)
    for (let i = 0; i < 5000; i++) commitNext()
    // A WeakRef keeps what it refers to until the task that made it is over.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(versions.read(held, 'one')).toBe(states[0]!.deref())
    held = undefined
    // That it was read has gathered what was overwritten, up to the newest.
    for (let i = 0; i < 33; i++) commitNext(false)
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(gone.deref()).toBeUndefined()
    const alive = states.filter((state) => state.deref() !== undefined)
    expect(alive.length).toBe(1)
    expect(alive[0]!.deref()).toBe(versions.now('one'))
  },
)
