import { expect, test } from 'vitest'
import {
  begin,
  idRange,
  positionRange,
  sealPure,
  type Attempt,
  type Check,
  type Readable,
  type Tx,
} from '../src/index.ts'
import { makeRef, type Ref } from '../src/ref.ts'
import { cardsNamed, note, register, tally } from './policies.ts'
import { replica, thrownBy, type Replica } from './replica.ts'

const x = register('x', 0)
const y = register('y', 0)
const votes = tally('votes')
const cards = cardsNamed('cards')
const todo = cards.list('todo')

let runs = 0

function attemptOn({ memory }: Replica, once?: Map<string, unknown>): Attempt<'local'> {
  runs += 1
  return begin<'local'>(memory, { stamp: { at: runs, writer: 'a' }, seed: `run${runs}` }, once)
}

/** The keys that a check names, under its kind. */
function verdict(check: Check): readonly [string, ...string[]] {
  const keys = (readables: readonly Readable<unknown>[]): string[] => readables.map(({ key }) => key)
  if (check.kind === 'rerun') return ['rerun', ...keys(check.moved)]
  if (check.kind === 'blocked') return ['blocked', ...keys(check.on)]
  return ['ready', ...keys(check.skewed)]
}

function apply({ memory }: Replica, attempt: Attempt<'local'>): void {
  const check = attempt.check('serializable')
  if (check.kind !== 'ready') throw new Error(`It is ${check.kind}.`)
  const ops = sealPure(check.writes, { stamp: { at: 1000, writer: 'a' }, seed: 'sealed' })
  memory.apply(ops, { at: 1000 + runs, writer: 'a' }, memory.snapshot.basis)
}

/** A register whose concurrent writes merge. */
function merging(name: string): Ref<number, { set: number }> {
  const { policy, spec } = register(name, 0)
  return makeRef(policy, name, spec, { onConflict: 'merge' })
}

test('[TX20] an attempt reads what was there when it began, and its own writes, whatever is committed meanwhile', () => {
  const here = replica()
  here.transact((tx) => {
    tx.create(cards.at('a'), { title: 'A' })
    tx.move(cards.at('a'), todo)
  })
  const { tx } = attemptOn(here)
  here.transact((other) => {
    other.set(x, 1)
    other.create(cards.at('b'), { title: 'B' })
    other.move(cards.at('b'), todo, 0)
    other.delete(cards.at('a'))
  })
  tx.set(y, 5)
  tx.create(cards.at('c'), { title: 'C' })
  tx.move(cards.at('c'), todo)
  expect([tx.get(x), tx.get(y), tx.get(cards), tx.get(todo)]).toEqual([0, 5, ['a', 'c'], ['a', 'c']])
  expect([tx.get(idRange(cards, { from: 'b' })), tx.get(positionRange(todo, 0, 1))]).toEqual([['c'], ['a']])
})

test('[TX21] what was read, written or ensured and has moved is named; what was peeked at is not', () => {
  const here = replica()
  const attempt = attemptOn(here)
  attempt.tx.get(x)
  attempt.tx.get(x)
  attempt.tx.peek(votes)
  attempt.tx.set(y, 1)
  attempt.finish()
  expect(verdict(attempt.check('serializable'))).toEqual(['ready'])
  here.transact((tx) => tx.add(votes, 1))
  expect(verdict(attempt.check('serializable'))).toEqual(['ready'])
  here.transact((tx) => tx.set(x, 1))
  expect(verdict(attempt.check('serializable'))).toEqual(['rerun', x.key])
  here.transact((tx) => tx.set(y, 7))
  expect(verdict(attempt.check('serializable'))).toEqual(['rerun', y.key, x.key])

  const careful = attemptOn(here)
  careful.tx.ensure(votes)
  careful.tx.set(y, 2)
  here.transact((tx) => tx.add(votes, 1))
  expect(verdict(careful.check('snapshot'))).toEqual(['rerun', votes.key])
})

test('[TX22] under snapshot isolation a read that has moved is reported, not checked', () => {
  const here = replica()
  const attempt = attemptOn(here)
  attempt.tx.set(y, attempt.tx.get(x) + 1)
  here.transact((tx) => tx.set(x, 1))
  expect(verdict(attempt.check('snapshot'))).toEqual(['ready', x.key])
  expect(verdict(attempt.check('serializable'))).toEqual(['rerun', x.key])
  here.transact((tx) => tx.set(y, 1))
  expect(verdict(attempt.check('snapshot'))).toEqual(['rerun', y.key])
})

test('[TX23] what has changed and changed back was not moved for who read it, and was for who wrote it', () => {
  const here = replica()
  here.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  const reader = attemptOn(here)
  reader.tx.get(x)
  reader.tx.get(cards)
  reader.tx.set(y, 1)
  const writer = attemptOn(here)
  writer.tx.patch(cards.at('a'), { title: 'B' })
  here.transact((tx) => tx.set(x, 1))
  here.transact((tx) => tx.set(x, 0))
  here.transact((tx) => tx.delete(cards.at('a')))
  here.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  expect(verdict(reader.check('serializable'))).toEqual(['ready'])
  expect(verdict(writer.check('serializable'))).toEqual(['rerun', cards.at('a').key])
})

test('[TX24] a range moves only by what comes into it, leaves it or moves in it; a collection by every member', () => {
  const here = replica()
  here.transact((tx) => {
    for (const id of ['a/1', 'a/2', 'b/1']) tx.create(cards.at(id), { title: id })
    tx.moveAll([cards.at('a/1'), cards.at('a/2')], todo)
  })
  const reading = (readable: Readable<readonly string[]>): Attempt<'local'> => {
    const attempt = attemptOn(here)
    attempt.tx.get(readable)
    attempt.tx.set(y, 1)
    return attempt
  }
  const [all, as, bs, first, second] = [
    cards,
    idRange(cards, { prefix: 'a/' }),
    idRange(cards, { from: 'b', to: 'c' }),
    positionRange(todo, 0, 1),
    positionRange(todo, 1),
  ].map(reading)
  here.transact((tx) => {
    tx.create(cards.at('a/3'), { title: 'phantom' })
    tx.move(cards.at('a/3'), todo)
  })
  const moved = (attempt: Attempt<'local'> | undefined): boolean => attempt!.check('serializable').kind === 'rerun'
  expect([all, as, bs, first, second].map(moved)).toEqual([true, true, false, false, true])
})

test('[TX24] the bounds of a range are compared by code units, at every end', () => {
  const here = replica()
  const ids = ['a', 'a\uffff', 'a\uffffb', 'b', '\uffff', '\uffff\uffff']
  here.transact((tx) => {
    for (const id of ids) tx.create(cards.at(id), {})
  })
  const { snapshot } = here.memory
  const range = (bounds: Parameters<typeof idRange>[1]): readonly string[] => snapshot.get(idRange(cards, bounds))
  expect(range({})).toEqual(ids)
  expect(range({ prefix: '' })).toEqual(ids)
  expect(range({ prefix: 'a' })).toEqual(ids.slice(0, 3))
  expect(range({ prefix: 'a\uffff' })).toEqual(ids.slice(1, 3))
  expect(range({ prefix: '\uffff' })).toEqual(ids.slice(4))
  expect(range({ from: 'a\uffff', to: '\uffff' })).toEqual(ids.slice(1, 4))
  expect(range({ from: 'b', to: 'a' })).toEqual([])
  // [SN1] The same question gives the same object.
  expect(range({ prefix: 'a' })).toBe(range({ prefix: 'a' }))
  expect(snapshot.get(positionRange(todo, 3, 9))).toEqual([])
  for (const wrong of [-1, 0.5, NaN]) expect(thrownBy(() => positionRange(todo, wrong)).code).toBe('invalid-value')
})

test('[TX25] a commuting write never makes its attempt run again, and is done on the newest value', () => {
  const here = replica()
  const attempt = attemptOn(here)
  attempt.tx.commute(votes, { add: 2 })
  attempt.tx.commute(votes, { add: 1 })
  attempt.tx.commute(x, (value) => value * 2 + 1)
  expect([attempt.tx.peek(votes), attempt.tx.peek(x)]).toEqual([3, 1])
  here.transact((tx) => {
    tx.add(votes, 10)
    tx.set(x, 20)
  })
  apply(here, attempt)
  expect([here.memory.snapshot.get(votes), here.memory.snapshot.get(x)]).toEqual([13, 41])
})

test('[TX25] what was commuted in a savepoint that was undone does not make the attempt run again either', () => {
  const here = replica()
  const attempt = attemptOn(here)
  expect(() =>
    attempt.tx.savepoint((inner) => {
      inner.commute(votes, { add: 1 })
      throw new Error('not this')
    }),
  ).toThrow('not this')
  attempt.tx.set(y, 1)
  here.transact((tx) => tx.add(votes, 10))
  apply(here, attempt)
  expect([here.memory.snapshot.get(votes), here.memory.snapshot.get(y)]).toEqual([10, 1])
})

test('[TX25] who also reads what it commutes depends on it', () => {
  const here = replica()
  const reading = attemptOn(here)
  reading.tx.commute(votes, { add: 1 })
  reading.tx.get(votes)
  here.transact((tx) => tx.add(votes, 1))
  expect(verdict(reading.check('serializable'))).toEqual(['rerun', votes.key])
})

test('[TX26] a ref that was commuted takes no other write, and one that was written may be commuted', () => {
  const here = replica()
  const { tx } = attemptOn(here)
  tx.commute(x, (value) => value + 1)
  expect(thrownBy(() => tx.set(x, 5))).toMatchObject({ code: 'commuted' })
  expect(thrownBy(() => tx.savepoint((inner) => inner.update(x, (value) => value))).code).toBe('commuted')
  expect(tx.peek(x)).toBe(1)

  const written = attemptOn(here)
  written.tx.set(y, 10)
  written.tx.commute(y, (value) => value + 1)
  written.tx.set(y, written.tx.get(y) + 1)
  here.transact((other) => other.set(y, 1))
  expect(verdict(written.check('serializable'))).toEqual(['rerun', y.key])
  expect(written.tx.peek(y)).toBe(12)
})

test('[TX27] a savepoint that throws takes its own writes and effects with it, and no others', () => {
  const here = replica()
  const { tx, check, finish } = attemptOn(here)
  tx.set(x, 1)
  tx.create(cards.at('a'), { title: 'A' })
  tx.effect('kept')
  expect(tx.get(cards)).toEqual(['a'])
  expect(() =>
    tx.savepoint((inner) => {
      inner.set(x, 2)
      inner.set(y, 2)
      inner.effect('lost')
      inner.delete(cards.at('a'))
      inner.create(cards.at('b'), { title: 'B' })
      inner.savepoint((innermost) => innermost.set(x, 3))
      expect([inner.get(x), inner.get(cards)]).toEqual([3, ['b']])
      throw new Error('no')
    }),
  ).toThrow('no')
  expect([tx.get(x), tx.get(y), tx.get(cards)]).toEqual([1, 0, ['a']])
  tx.savepoint((inner) => {
    inner.set(y, 9)
    inner.create(cards.at('c'), {})
    inner.effect('kept too', { n: 1 })
  })
  expect([tx.get(y), tx.get(cards)]).toEqual([9, ['a', 'c']])
  finish()
  expect(check('serializable')).toMatchObject({
    kind: 'ready',
    effects: [
      { handler: 'kept', input: null },
      { handler: 'kept too', input: { n: 1 } },
    ],
  })
})

test('[TX27] an awaited savepoint is undone when its promise is rejected', async () => {
  const here = replica()
  const { tx } = attemptOn(here)
  const failing = tx.savepoint(async (inner) => {
    inner.set(x, 2)
    await Promise.resolve()
    inner.set(y, 2)
    throw new Error('later')
  })
  await expect(failing).rejects.toThrow('later')
  expect([tx.get(x), tx.get(y)]).toEqual([0, 0])
  const value = await tx.savepoint(async (inner) => {
    inner.set(x, 3)
    await Promise.resolve()
    return inner.get(x)
  })
  expect([value, tx.get(x)]).toEqual([3, 3])
})

test('[TX28] while a savepoint runs, the tx around it is refused, and one that is left behind prevents the commit', async () => {
  const here = replica()
  const { tx, check, finish } = attemptOn(here)
  tx.savepoint((inner) => {
    expect(thrownBy(() => tx.set(x, 1)).code).toBe('savepoint-open')
    expect(thrownBy(() => tx.savepoint(() => 0)).code).toBe('savepoint-open')
    inner.set(x, 2)
  })
  let leaked = tx
  tx.savepoint((inner) => void (leaked = inner))
  expect(thrownBy(() => leaked.get(x)).code).toBe('transaction-finished')
  const running = tx.savepoint(async (inner) => {
    await Promise.resolve()
    inner.set(y, 1)
  })
  finish()
  expect(thrownBy(() => check('serializable')).code).toBe('savepoint-open')
  await expect(running).rejects.toMatchObject({ code: 'transaction-finished' })
})

test('[TX29] orElse takes the right way on retry only, without what the left one did, and depends on what both read', () => {
  const here = replica()
  const attempt = attemptOn(here)
  const { tx } = attempt
  const way = tx.orElse(
    (left) => {
      left.set(y, 1)
      left.effect('left')
      return left.get(x) > 0 ? ('left' as const) : left.retry()
    },
    (right) => {
      right.add(votes, 1)
      return right.get(y) === 0 ? ('right' as const) : right.retry()
    },
  )
  expect([way, tx.get(y), tx.get(votes)]).toEqual(['right', 0, 1])
  expect(() =>
    tx.orElse(
      () => {
        throw new Error('an error is no retry')
      },
      () => 'right',
    ),
  ).toThrow('an error is no retry')
  expect(attempt.check('serializable')).toMatchObject({ kind: 'ready', effects: [] })
  here.transact((other) => other.set(x, 1))
  expect(verdict(attempt.check('serializable'))).toEqual(['rerun', x.key])
})

test('[TX29] ways that await, and ways within ways', async () => {
  const here = replica()
  const { tx, check, isRetrying } = attemptOn(here)
  const way = await tx.orElse(
    async (left) => {
      left.set(x, 1)
      await Promise.resolve()
      return left.orElse(
        (inner) => {
          inner.set(x, 2)
          return inner.retry()
        },
        (inner) => inner.retry(),
      )
    },
    async (right) => {
      await Promise.resolve()
      right.set(y, 3)
      return 'right'
    },
  )
  expect([way, tx.get(x), tx.get(y), isRetrying, check('serializable').kind]).toEqual(['right', 0, 3, false, 'ready'])
})

test('[TX30] who comes to retry is blocked on all that it read, unless that has moved already', () => {
  const here = replica()
  const attempt = attemptOn(here)
  expect(() =>
    attempt.tx.orElse(
      (left) => (left.get(x) === 0 ? left.retry() : 0),
      (right) => (right.get(votes) === 0 ? right.retry() : 0),
    ),
  ).toThrow('waits for what it has read')
  attempt.tx.peek(y)
  expect(verdict(attempt.check('snapshot'))).toEqual(['blocked', x.key, votes.key])
  here.transact((tx) => tx.set(y, 1))
  expect(verdict(attempt.check('snapshot'))).toEqual(['blocked', x.key, votes.key])
  here.transact((tx) => tx.add(votes, 1))
  expect(verdict(attempt.check('snapshot'))).toEqual(['rerun', votes.key])
})

test('[TX30] who waits for what merges on conflict is woken by it', () => {
  const here = replica()
  const m = merging('m')
  const attempt = attemptOn(here)
  expect(() => (attempt.tx.get(m) === 0 ? attempt.tx.retry() : 0)).toThrow('waits for what it has read')
  expect(verdict(attempt.check('serializable'))).toEqual(['blocked', m.key])
  here.transact((tx) => tx.set(m, 1))
  expect(verdict(attempt.check('serializable'))).toEqual(['rerun', m.key])
})

test('[TX30] a retry that is swallowed prevents the commit all the same, also in a savepoint', async () => {
  const here = replica()
  const swallow = (act: () => unknown): void => {
    try {
      act()
    } catch {
      // What is tested is who takes no notice.
    }
  }
  const attempt = attemptOn(here)
  attempt.tx.get(x)
  swallow(() => attempt.tx.retry())
  attempt.tx.set(y, 1)
  expect(verdict(attempt.check('serializable'))).toEqual(['blocked', x.key])

  const nested = attemptOn(here)
  swallow(() =>
    nested.tx.savepoint((inner) => {
      inner.get(x)
      swallow(() => inner.retry())
      throw new Error('and then another one')
    }),
  )
  expect(verdict(nested.check('serializable'))).toEqual(['blocked', x.key])

  const other = attemptOn(here)
  const way = other.tx.orElse(
    (left) => {
      swallow(() => left.retry())
      return 'left'
    },
    () => 'right',
  )
  expect([way, other.isRetrying]).toEqual(['right', false])
  const late = await other.tx.orElse(
    async (left) => {
      await Promise.resolve()
      swallow(() => left.retry())
      return 'left'
    },
    async () => 'right',
  )
  expect([late, other.isRetrying]).toEqual(['right', false])
})

test('[TX31] a ref that merges on conflict is not checked, and its write is one of two at the same time', () => {
  const here = replica()
  const m = merging('m')
  const attempt = attemptOn(here)
  attempt.tx.set(m, attempt.tx.get(m) + 5)
  here.transact((tx) => tx.set(m, 1))
  expect(verdict(attempt.check('serializable'))).toEqual(['ready'])
  apply(here, attempt)
  expect(here.memory.snapshot.get(m)).toBe(5)

  const careful = attemptOn(here)
  const ensured = merging('ensured')
  careful.tx.ensure(ensured)
  careful.tx.set(x, 1)
  here.transact((tx) => tx.set(ensured, 9))
  expect(verdict(careful.check('snapshot'))).toEqual(['rerun', ensured.key])

  // The live document has moved too, and a delta for the old one does not fit it.
  const { policy, spec } = note('live')
  const live: Ref<string, { insert: string }> = makeRef(policy, 'live', spec, { onConflict: 'merge' })
  const editing = attemptOn(here)
  editing.tx.insert(live, 0, 'mine')
  here.transact((tx) => tx.insert(live, 0, 'theirs'))
  expect(verdict(editing.check('serializable'))).toEqual(['rerun', live.key])
})

test('[TX32] what was done once is not done again in later runs, unless it failed', async () => {
  const here = replica()
  const once = new Map<string, unknown>()
  let calls = 0
  const ask = async (): Promise<number> => {
    calls += 1
    if (calls === 1) throw new Error('not yet')
    return calls
  }
  await expect(attemptOn(here, once).tx.once('ask', ask)).rejects.toThrow('not yet')
  expect(await attemptOn(here, once).tx.once('ask', ask)).toBe(2)
  expect(await attemptOn(here, once).tx.once('ask', ask)).toBe(2)
  expect(await attemptOn(here, once).tx.once('else', async () => 'other')).toBe('other')
  expect(thrownBy(() => attemptOn(here, once).tx.once('sync', () => JSON.parse('{'))).message).toMatch(/JSON/)
  expect(attemptOn(here, once).tx.once('sync', () => 7)).toBe(7)
})

test('[TX33] an effect is data: a copy, in the order of declaration', () => {
  const here = replica()
  const { tx, check } = attemptOn(here)
  const input = { to: ['ada'] }
  tx.effect('mail', input)
  input.to.push('grace')
  expect(thrownBy(() => tx.effect('mail', new Date())).message).toMatch('effect "mail" is an instance of Date')
  tx.effect('log')
  expect(check('serializable')).toMatchObject({
    effects: [
      { handler: 'mail', input: { to: ['ada'] } },
      { handler: 'log', input: null },
    ],
  })
})

test('[TX34] a transaction that comes to retry where nobody can wait says so, and leaves nothing', () => {
  const here = replica()
  const before = here.memory.snapshot
  expect(thrownBy(() => here.transact((tx) => (tx.set(x, 1), tx.retry()))).code).toBe('would-block')
  expect(
    thrownBy(() =>
      here.transact((tx) => {
        try {
          tx.retry()
        } catch {
          tx.set(x, 1)
        }
      }),
    ).code,
  ).toBe('would-block')
  expect(thrownBy(() => here.transact((tx) => void tx.savepoint(async () => 1))).code).toBe('async-body')
  expect(here.memory.snapshot).toBe(before)
  here.transact((tx) =>
    tx.set(
      x,
      tx.orElse(
        (left) => left.retry(),
        () => 4,
      ),
    ),
  )
  expect(here.memory.snapshot.get(x)).toBe(4)
})

test('[TX35] a transaction overtaken by one inside of it is refused, if it depends on what that wrote', () => {
  const here = replica()
  const inside = (touched: Ref<number, { set: number }>): void => {
    here.transact((tx) => {
      tx.set(x, tx.get(x) + 1)
      here.transact((inner) => inner.set(touched, 10))
    })
  }
  expect(thrownBy(() => inside(x))).toMatchObject({ code: 'overtaken', refs: [x.key] })
  expect(here.memory.snapshot.get(x)).toBe(10)
  inside(y)
  expect(here.memory.snapshot.get(x)).toBe(11)
})

test('[TX37] a body may build on a write that was refused, that changed nothing, or that was undone', () => {
  const after = (body: (tx: Tx) => void, meanwhile: (tx: Tx) => void): readonly string[] => {
    const here = replica()
    here.transact((tx) => tx.create(cards.at('here'), { title: 'A' }))
    const attempt = attemptOn(here)
    body(attempt.tx)
    attempt.tx.set(y, 1)
    here.transact(meanwhile)
    return verdict(attempt.check('serializable'))
  }
  const a = cards.at('a')
  const here = cards.at('here')
  const create = (tx: Tx): void => tx.create(a, { title: 'A' })
  const remove = (tx: Tx): void => tx.delete(here)

  // It asked whether they are there, and went on from the answer.
  expect(after((tx) => thrownBy(() => tx.create(here, { title: 'B' })), remove)).toEqual(['rerun', here.key])
  expect(after((tx) => thrownBy(() => tx.patch(a, { title: 'B' })), create)).toEqual(['rerun', a.key])
  expect(after((tx) => thrownBy(() => tx.move(a, todo)), create)).toEqual(['rerun', a.key])
  expect(after((tx) => thrownBy(() => tx.move(here, todo, 1)), remove)).toEqual(['rerun', here.key])
  // What changes nothing now would change something then.
  expect(
    after(
      (tx) => tx.set(x, 0),
      (tx) => tx.set(x, 7),
    ),
  ).toEqual(['rerun', x.key])
  expect(after((tx) => tx.delete(a), create)).toEqual(['rerun', a.key])
  const trying = (tx: Tx): void =>
    tx.orElse(
      (left) => {
        create(left)
        left.retry()
      },
      () => undefined,
    )
  expect(after(trying, create)).toEqual(['rerun', a.key])
  expect(
    after(
      (tx) => tx.set(x, 0),
      (tx) => tx.set(x, 0),
    ),
  ).toEqual(['ready'])

  const waiting = replica()
  const attempt = attemptOn(waiting)
  thrownBy(() =>
    attempt.tx.savepoint((inner) => {
      create(inner)
      inner.get(x)
      inner.retry()
    }),
  )
  expect(verdict(attempt.check('serializable'))).toEqual(['blocked', x.key])
})

test('[TX36] an attempt that wrote nothing may always end', () => {
  const here = replica()
  const attempt = attemptOn(here)
  attempt.tx.get(x)
  attempt.tx.ensure(y)
  attempt.tx.set(x, 0)
  here.transact((tx) => tx.set(x, 1))
  here.transact((tx) => tx.set(y, 1))
  expect(verdict(attempt.check('serializable'))).toEqual(['ready'])
})
