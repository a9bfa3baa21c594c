import { expect, test } from 'vitest'
import {
  createMemory,
  draft,
  makeRef,
  sealLate,
  sealPure,
  sealSizeBytes,
  type List,
  type ListItem,
  type Policy,
  type Tx,
} from '../src/index.ts'
import { bindLive, cardsNamed, keysBetween, liveCalls, note, register, tally, type Card } from './policies.ts'
import { replica, thrownBy } from './replica.ts'

/** Something that a promise would take for a promise, or nearly. */
function withThen(object: object, then: unknown): object {
  // Such objects are what is tested here.
  // oxlint-disable-next-line unicorn/no-thenable
  return Object.assign(object, { then })
}

const context = { stamp: { at: 1, writer: 'w' }, seed: 'seed' }

test('[TX1] a body reads its own writes: refs, collections, lists and items', () => {
  const { memory, transact } = replica()
  const title = register('title', 'old')
  const votes = tally('votes')
  const cards = cardsNamed('cards')
  const todo = cards.list('todo')
  transact((tx) => tx.create(cards.at('b'), { title: 'B' }))
  const before = memory.snapshot
  const { ops } = transact((tx) => {
    tx.set(title, 'new')
    tx.update(title, (value) => `${value}er`)
    tx.add(votes, 2)
    tx.add(votes, 3)
    expect([tx.get(title), tx.get(votes)]).toEqual(['newer', 5])
    expect([tx.get(cards), tx.get(todo)]).toEqual([['b'], []])
    tx.create(cards.at('a'), { title: 'A' })
    expect(tx.get(cards)).toEqual(['a', 'b'])
    tx.move(cards.at('b'), todo)
    tx.move(cards.at('a'), todo)
    expect(tx.get(todo)).toEqual(['b', 'a'])
    tx.delete(cards.at('b'))
    expect([tx.get(cards), tx.get(todo), tx.get(cards.at('b'))]).toEqual([['a'], ['a'], undefined])
    expect([...tx.items(cards)]).toEqual([['a', tx.get(cards.at('a'))]])
    expect(before.get(cards)).toEqual(['b'])
  })
  expect(ops.map(({ tag, address }) => `${tag} ${address}`)).toEqual([
    title.key,
    votes.key,
    'card cards/a',
    'card cards/b',
  ])
  expect([memory.snapshot.get(title), memory.snapshot.get(votes), memory.snapshot.get(todo)]).toEqual([
    'newer',
    5,
    ['a'],
  ])
})

test('[TX1] members that are deleted while a collection is walked are left out', () => {
  const { transact } = replica()
  const cards = cardsNamed('cards')
  transact((tx) => {
    for (const id of ['a', 'b', 'c']) tx.create(cards.at(id), {})
    const walked: string[] = []
    for (const [id, card] of tx.items(cards)) {
      walked.push(id)
      expect(card.title).toBe('')
      if (id === 'a') tx.delete(cards.at('b'))
    }
    expect(walked).toEqual(['a', 'c'])
  })
})

test('[TX2] a body that throws leaves nothing: the very same snapshot, and its own error', () => {
  const { memory, transact } = replica()
  const title = register('title', '')
  const cards = cardsNamed('cards')
  transact((tx) => tx.set(title, 'kept'))
  const { snapshot } = memory
  const mistake = new Error('mine')
  const fail = (): unknown =>
    transact((tx) => {
      tx.set(title, 'lost')
      tx.create(cards.at('a'), {})
      tx.get(cards)
      throw mistake
    })
  expect(thrownBy(fail)).toBe(mistake)
  expect(memory.snapshot).toBe(snapshot)
  expect([snapshot.get(title), snapshot.get(cards), memory.state(cards.at('a').key)]).toEqual(['kept', [], undefined])
})

test('[TX3] writes that change nothing give no operation, there and back again too', () => {
  const { memory, transact } = replica()
  const title = register<{ readonly a: number }>('title', { a: 1 })
  const votes = tally('votes')
  const cards = cardsNamed('cards')
  transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  const { snapshot } = memory
  const { ops, changed } = transact((tx) => {
    tx.set(title, { a: 1 })
    tx.set(title, { a: 2 })
    tx.set(title, { a: 1 })
    tx.add(votes, 5)
    tx.add(votes, -5)
    tx.add(votes, 0)
    tx.patch(cards.at('a'), { title: 'A' })
    tx.delete(cards.at('not there'))
    tx.create(cards.at('b'), {})
    tx.delete(cards.at('b'))
  })
  expect([ops, changed.size]).toEqual([[], 0])
  expect(memory.snapshot).toBe(snapshot)
})

test('[TX4] one operation for each ref that was written, in the order of the first writes', () => {
  const { transact } = replica()
  const [one, two] = [register('one', 0), register('two', 0)]
  const { ops } = transact((tx) => {
    for (let i = 1; i <= 10; i++) for (const ref of [two, one]) tx.set(ref, i)
  })
  expect(ops.map(({ address, payload }) => [address, payload])).toEqual([
    ['two', [10]],
    ['one', [10]],
  ])
})

test('[TX1] [TX4] what is written may have getters that read and write: the body reads it all, and there is one operation for each ref', () => {
  const cards = cardsNamed('cards')
  const one = register('one', 0 as unknown)
  const { transact } = replica()
  const { ops } = transact((tx) => {
    tx.create(cards.at('a'), {
      get title() {
        return `card ${tx.get(cards).length}`
      },
    })
    expect(tx.get(cards)).toEqual(['a'])
    tx.set(one, {
      get inner() {
        tx.set(one, 'inner')
        tx.create(cards.at('b'), { title: 'B' })
        return 1
      },
    })
    expect([tx.get(one), tx.get(cards)]).toEqual([{ inner: 1 }, ['a', 'b']])
  })
  expect(ops.map(({ address, payload }) => [address, payload])).toEqual([
    ['cards/a', { exists: true, title: 'card 0' }],
    ['one', [{ inner: 1 }]],
    ['cards/b', { exists: true, title: 'B' }],
  ])
})

test('[TX4] a getter in the first write of a body may write the same ref', () => {
  const one = register('one', 0 as unknown)
  const { ops } = replica().transact((tx) =>
    tx.set(one, {
      get inner() {
        tx.set(one, 'inner')
        return 1
      },
    }),
  )
  expect(ops.map(({ payload }) => payload)).toEqual([[{ inner: 1 }]])
})

test('[TX5] a tx that is over can neither read nor write', () => {
  const { transact } = replica()
  const title = register('title', '')
  const cards = cardsNamed('cards')
  let kept: Tx | undefined
  let items: Iterable<unknown> = []
  transact((tx) => {
    kept = tx
    items = tx.items(cards)
  })
  const tx = kept!
  const uses = [
    () => tx.get(title),
    () => tx.get(cards),
    () => [...items],
    () => tx.set(title, 'x'),
    () => tx.update(title, (value) => value),
    () => tx.add(tally('votes'), 1),
    () => tx.create(cards.at('a'), {}),
    () => tx.delete(cards.at('a')),
    () => tx.move(cards.at('a'), cards.list('todo')),
    () => tx.moveAll([], cards.list('todo')),
  ]
  for (const use of uses) expect(thrownBy(use).code).toBe('transaction-finished')
  const failed = thrownBy(() =>
    transact((tx) => {
      kept = tx
      throw new Error('mine')
    }),
  )
  expect(failed.message).toBe('mine')
  expect(thrownBy(() => kept!.get(title)).code).toBe('transaction-finished')
})

test('[TX6] a body that returns a promise is refused, writes nothing, and its promise fails unheard', async () => {
  const { memory, transact } = replica()
  const title = register('title', '')
  const { snapshot } = memory
  const after: unknown[] = []
  const bodies: ((tx: Tx) => unknown)[] = [
    async (tx) => {
      tx.set(title, 'x')
      await Promise.resolve()
      after.push(thrownBy(() => tx.set(title, 'y')).code)
      throw new Error('unheard')
    },
    (tx) => {
      tx.set(title, 'x')
      return withThen({}, () => undefined)
    },
    () =>
      withThen(
        () => 1,
        () => undefined,
      ),
  ]
  for (const body of bodies) expect(thrownBy(() => transact(body)).code).toBe('async-body')
  await new Promise((resolve) => setImmediate(resolve))
  expect(after).toEqual(['transaction-finished'])
  expect(memory.snapshot).toBe(snapshot)
  const harmless = withThen({}, 1)
  expect(draft(memory, () => harmless, context).value).toBe(harmless)
})

test('[TX7] a write that throws is as if it had not been asked for, and the body may go on', () => {
  const { memory, transact } = replica()
  const title = register<unknown>('title', '')
  const cards = cardsNamed('cards')
  transact((tx) => {
    tx.set(title, 'good')
    expect(thrownBy(() => tx.set(title, new Date())).code).toBe('invalid-value')
    expect(thrownBy(() => tx.patch(cards.at('a'), { title: 'x' })).code).toBe('missing-member')
    expect(thrownBy(() => tx.add(title as never, 1)).code).toBe('invalid-write')
    tx.create(cards.at('a'), {})
    expect(thrownBy(() => tx.create(cards.at('a'), {})).code).toBe('member-exists')
    expect([tx.get(title), tx.get(cards)]).toEqual(['good', ['a']])
  })
  expect([memory.snapshot.get(title), memory.snapshot.get(cards)]).toEqual(['good', ['a']])
})

test('[TX8] live documents are changed by sealLate alone', () => {
  const memory = createMemory(bindLive)
  const text = note('text')
  liveCalls.length = 0
  const { writes } = draft(
    memory,
    (tx) => {
      tx.insert(text, 0, 'hello')
      tx.insert(text, 5, '!')
      tx.add(tally('votes'), 1)
      expect(tx.get(text)).toBe('hello!')
    },
    context,
  )
  const pure = sealPure(writes, context)
  expect(pure.map(({ tag }) => tag)).toEqual(['tally'])
  expect(sealSizeBytes(writes, pure)).toBeGreaterThanOrEqual('hello!'.length + 'text'.length + 'votes'.length)
  expect(liveCalls).toEqual([])
  expect(sealLate(writes, context)).toEqual([{ tag: 'note', address: 'text', arbiter: 'local', payload: 'hello!' }])
  expect(liveCalls).toEqual(['finish text'])
})

test('[TX9] the size of what was written is known before anything is sealed for good', () => {
  const memory = createMemory()
  const { writes } = draft(memory, (tx) => tx.set(register('title', ''), 'x'.repeat(1000)), context)
  const size = sealSizeBytes(writes, sealPure(writes, context))
  expect(size).toBeGreaterThanOrEqual(1000)
  expect(size).toBeLessThan(4000)
})

test('[TX10] update needs a value, move an existing member of this collection', () => {
  const { transact } = replica()
  const cards = cardsNamed('cards')
  const missing = makeRef<string | undefined, { set: string }>(cards.policy as Policy, 'cards/gone', null)
  transact((tx) => {
    tx.create(cards.at('a'), {})
    const codes = [
      () => tx.update(missing, (value) => value),
      () => tx.move(cards.at('gone'), cards.list('todo')),
      () => tx.move(cardsNamed('other').at('a'), cards.list('todo')),
      () => tx.moveAll([cards.at('a'), cards.at('a')], cards.list('todo')),
      ...[-1, 1, 0.5, NaN, Infinity].map((index) => () => tx.move(cards.at('a'), cards.list('todo'), index)),
    ].map((act) => thrownBy(act).code)
    expect(codes).toEqual([
      'missing-member',
      'missing-member',
      'invalid-write',
      'invalid-write',
      ...Array.from({ length: 5 }, () => 'invalid-value'),
    ])
    expect(tx.get(cards.list('todo'))).toEqual([])
  })
})

test('[CO5] an index counts the other items of the list', () => {
  const { memory, transact } = replica()
  const cards = cardsNamed('cards')
  const todo = cards.list('todo')
  transact((tx) => {
    for (const id of ['a', 'b', 'c', 'd']) tx.create(cards.at(id), {})
    tx.moveAll(
      ['a', 'b', 'c', 'd'].map((id) => cards.at(id)),
      todo,
    )
  })
  const order = (body: (tx: Tx) => void): string => {
    transact(body)
    return memory.snapshot.get(todo).join('')
  }
  expect(order((tx) => tx.move(cards.at('a'), todo, 2))).toBe('bcad')
  expect(order((tx) => tx.move(cards.at('d'), todo, 0))).toBe('dbca')
  expect(order((tx) => tx.move(cards.at('d'), todo, 0))).toBe('dbca')
  expect(order((tx) => tx.move(cards.at('b'), todo))).toBe('dcab')
  expect(order((tx) => tx.moveAll([cards.at('b'), cards.at('c')], todo, 1))).toBe('dbca')
  expect(order((tx) => tx.moveAll([], todo, 1))).toBe('dbca')
})

test('[CO2] a member stands in one list of a place field at most', () => {
  const { memory, transact } = replica()
  const cards = cardsNamed('cards')
  transact((tx) => {
    tx.create(cards.at('a'), {})
    tx.move(cards.at('a'), cards.list('todo'))
    tx.move(cards.at('a'), cards.list('pinned', 'pin'))
    tx.move(cards.at('a'), cards.list('done'))
  })
  const read = (list: List): readonly string[] => memory.snapshot.get(list)
  expect([cards.list('todo'), cards.list('done'), cards.list('pinned', 'pin')].map(read)).toEqual([[], ['a'], ['a']])
})

test('[CO6] a move that fails half-way moves nothing', () => {
  const { memory, transact } = replica()
  const cards = cardsNamed('cards', (entries, index, count) => ({
    ...keysBetween(entries, index, count),
    rekeyed: [{ id: 'gone', key: 'x' }],
  }))
  transact((tx) => {
    for (const id of ['a', 'b']) tx.create(cards.at(id), {})
    const move = (): void => tx.moveAll([cards.at('a'), cards.at('b')], cards.list('todo'))
    expect(thrownBy(move).code).toBe('missing-member')
    expect(tx.get(cards.list('todo'))).toEqual([])
  })
  expect(memory.snapshot.get(cards.list('todo'))).toEqual([])
})

test('[CO7] sort keys are made from up to 64 neighbours on each side, and neighbours that are given new keys move along', () => {
  const { memory, transact } = replica()
  const asked: {
    readonly entries: readonly ListItem[]
    readonly index: number
    readonly count: number
    readonly seed: string
  }[] = []
  const cards = cardsNamed('cards', (entries, index, count, seed) => {
    asked.push({ entries, index, count, seed })
    return keysBetween(entries, index, count)
  })
  const todo = cards.list('todo')
  const ids = Array.from({ length: 300 }, (_, i) => String(1000 + i))
  transact((tx) => {
    for (const id of ids) tx.create(cards.at(id), {})
    tx.moveAll(
      ids.map((id) => cards.at(id)),
      todo,
    )
    tx.create(cards.at('new'), {})
    tx.move(cards.at('new'), todo, 150)
    tx.move(cards.at('1299'), todo, 2)
  })
  expect(asked.map(({ entries, index, count }) => [entries.length, index, count])).toEqual([
    [0, 0, 300],
    [128, 64, 1],
    [66, 2, 1],
  ])
  expect(asked[1]!.entries.map(({ id }) => id)).toEqual(ids.slice(86, 214))
  expect(new Set(asked.map(({ seed }) => seed)).size).toBe(1)
  expect(memory.snapshot.get(todo)).toEqual([
    '1000',
    '1001',
    '1299',
    ...ids.slice(2, 150),
    'new',
    ...ids.slice(150, 299),
  ])
})

test('[CO7] where others left no room, all that is near is put in order anew', () => {
  const { memory, transact, receive } = replica()
  const cards = cardsNamed('cards')
  const todo = cards.list('todo')
  for (const id of ['a', 'b', 'c']) receive('card', `cards/${id}`, { exists: true, at: { parent: 'todo', key: 'm' } })
  expect(memory.snapshot.get(todo)).toEqual(['a', 'b', 'c'])
  const { ops } = transact((tx) => {
    tx.create(cards.at('new'), {})
    tx.move(cards.at('new'), todo, 2)
    expect(tx.get(todo)).toEqual(['a', 'b', 'new', 'c'])
  })
  expect(ops.length).toBe(4)
  expect(memory.snapshot.get(todo)).toEqual(['a', 'b', 'new', 'c'])
})

test('[CO4] members and places that nobody could make here harm nothing', () => {
  const { memory, transact, receive } = replica()
  const cards = cardsNamed('cards')
  const todo = cards.list('todo')
  const place = (key: string): { readonly parent: string; readonly key: string } => ({ parent: 'todo', key })
  for (const id of ['', '\u0000', 'a\u0000b', 'x'.repeat(600)])
    receive('card', `cards/${id}`, { exists: true, at: place('k') })
  for (const id of ['@x', '__proto__', 'a/b', ' '])
    receive('card', `cards/${id}`, { exists: true, at: place(`k\u0000${id}`) })
  expect(memory.snapshot.get(cards)).toEqual([' ', '@x', '__proto__', 'a/b'])
  expect(Array.from(memory.snapshot.items(cards), ([, card]: readonly [string, Card]) => card.title)).toEqual([
    '',
    '',
    '',
    '',
  ])
  expect(memory.snapshot.get(todo)).toEqual([' ', '@x', '__proto__', 'a/b'])
  transact((tx) => {
    tx.move(cards.at('__proto__'), todo, 0)
    expect(tx.get(todo)).toEqual(['__proto__', ' ', '@x', 'a/b'])
  })
  expect(memory.snapshot.get(todo)).toEqual(['__proto__', ' ', '@x', 'a/b'])
})
