import { describe, expect, test } from 'vitest'
import type { LogStorage, SpaceAppend, WriterState } from '../src/index.ts'
import { ann, bob } from './kit.ts'

const epoch = 'e'.repeat(32)
const [other, third] = ['0'.repeat(31) + '1', 'f'.repeat(32)]
const fromStart = [{ epoch, first: 1 }]

function add(space: string, first: number, records: readonly string[], more: Partial<SpaceAppend> = {}): SpaceAppend {
  const [writers, documents] = [new Map(), new Map()]
  return {
    space,
    epoch,
    follows: first === 1 ? null : epoch,
    first,
    records: records.map((text) => Buffer.from(text)),
    latestAt: 0,
    writers,
    documents,
    ...more,
  }
}

function texts(records: readonly Uint8Array[]): string[] {
  return records.map((record) => Buffer.from(record).toString())
}

/** What every {@link LogStorage} keeps. `reopen` closes it and opens it again, as after a restart. */
export function logStorageContract(
  name: string,
  make: () => Promise<{ readonly storage: LogStorage; reopen(): Promise<LogStorage> }>,
): void {
  describe(`LogStorage: ${name}`, () => {
    test('[RL31] a space that nobody has made is absent, and empty to read', async () => {
      const { storage } = await make()
      expect(await storage.space('a')).toBeUndefined()
      expect(await storage.read('a', 0, 10, 1000)).toEqual([])
      expect(await storage.writers('a', [ann])).toEqual(new Map())
      expect(await storage.documents('a', [7])).toEqual(new Map())
      await storage.close()
    })

    test('[RL31] what was appended is there, in order, also after it was opened again', async () => {
      const { storage, reopen } = await make()
      const state: WriterState = {
        lastSeq: 3,
        recent: [1, 0xffff_ffff, 3],
        ended: { seq: 5, code: 'forbidden', message: 'Nein – é' },
      }
      await storage.append([add('a', 1, ['one', 'two']), add('b', 1, [])])
      const greatest = Number.MAX_SAFE_INTEGER
      const documents = new Map([
        [0, ann],
        [0xffff_ffff, bob],
        [greatest, ann],
      ])
      await storage.append([
        add('a', 3, ['three'], { writers: new Map([[ann, state]]), documents, latestAt: greatest }),
      ])
      const check = async (opened: LogStorage): Promise<void> => {
        expect(await opened.space('a')).toEqual({ stretches: fromStart, head: 3, latestAt: greatest })
        expect(await opened.space('b')).toEqual({ stretches: [], head: 0, latestAt: 0 })
        expect(texts(await opened.read('a', 0, 3, 1000))).toEqual(['one', 'two', 'three'])
        expect(texts(await opened.read('a', 1, 2, 1000))).toEqual(['two'])
        expect(await opened.writers('a', [bob, ann])).toEqual(new Map([[ann, state]]))
        expect(await opened.writers('b', [ann])).toEqual(new Map())
        expect(await opened.documents('a', [greatest, 1, 0xffff_ffff, 0])).toEqual(documents)
        expect(await opened.documents('b', [0])).toEqual(new Map())
      }
      await check(storage)
      const opened = await reopen()
      await check(opened)
      await opened.close()
    })

    test('[RL31] where a join ends, and where something was adopted, is there, also after others were appended and after it was opened again', async () => {
      const { storage, reopen } = await make()
      await storage.append([add('a', 1, ['one', 'two', 'three'], { joinedAt: 3 }), add('b', 1, ['one'])])
      await storage.append([add('a', 4, ['four'])])
      const check = async (opened: LogStorage, joinedAt: number, adoptedAt?: number): Promise<void> => {
        expect(await opened.space('a')).toMatchObject({ joinedAt, ...(adoptedAt !== undefined && { adoptedAt }) })
        expect((await opened.space('a'))!.adoptedAt).toBe(adoptedAt)
        expect(await opened.space('b')).not.toHaveProperty('joinedAt')
        expect(await opened.space('b')).not.toHaveProperty('adoptedAt')
      }
      await check(storage, 3)
      await storage.append([add('a', 5, ['five', 'six'], { joinedAt: 6 })])
      await check(storage, 6)
      await storage.append([add('a', 7, ['seven'], { adoptedAt: 7 })])
      await storage.append([add('a', 8, ['eight'])])
      await check(storage, 6, 7)
      const opened = await reopen()
      await check(opened, 6, 7)
      await opened.close()
    })

    test('[RL3] [RL32] nothing of a batch is there before it is stored', async () => {
      const { storage } = await make()
      await storage.append([add('a', 1, ['one'])])
      const state: WriterState = { lastSeq: 1, recent: [1], ended: null }
      const of = { writers: new Map([[ann, state]]), documents: new Map([[7, ann]]) }
      const record = Buffer.from('two')
      const appended = storage.append([add('a', 2, [], { records: [record], ...of }), add('b', 1, ['one'], of)])
      const read = Promise.all([
        storage.space('a'),
        storage.space('b'),
        storage.heads(['a', 'b']),
        storage.read('a', 0, 9, 99).then(texts),
        storage.read('b', 0, 9, 99),
        storage.writers('a', [ann]),
        storage.documents('b', [7]),
      ])
      const before = { stretches: fromStart, head: 1, latestAt: 0 }
      const heads = [
        { epoch, relaySeq: 1 },
        { epoch: null, relaySeq: 0 },
      ]
      expect(await read).toEqual([before, undefined, heads, ['one'], [], new Map(), new Map()])
      await appended
      expect(texts(await storage.read('a', 0, 9, 99))).toEqual(['one', 'two'])
      expect(await storage.writers('a', [ann])).toEqual(new Map([[ann, state]]))
      await storage.close()
    })

    test('[RL31] a read gives what fits, and at least one record', async () => {
      const { storage } = await make()
      await storage.append([add('a', 1, ['aaaa', 'bbbb', 'cccc'])])
      expect(texts(await storage.read('a', 0, 3, 1))).toEqual(['aaaa'])
      expect(texts(await storage.read('a', 0, 3, 8))).toEqual(['aaaa', 'bbbb'])
      expect(texts(await storage.read('a', 2, 3, 8))).toEqual(['cccc'])
      expect(texts(await storage.read('a', 3, 3, 8))).toEqual([])
      expect(texts(await storage.read('a', 0, 9, 99))).toEqual(['aaaa', 'bbbb', 'cccc'])
      await storage.close()
    })

    test('[RL32] a batch is stored whole or not at all, over all its spaces', async () => {
      const { storage } = await make()
      await storage.append([add('a', 1, ['one'])])
      const faults = [
        add('a', 1, ['again']),
        add('a', 1, ['again'], { follows: epoch }),
        add('a', 3, ['gap']),
        add('a', 2, ['after another'], { follows: third }),
        add('a', 2, ['after nothing'], { follows: null }),
        add('b', 1, ['after something'], { follows: epoch }),
      ]
      for (const fault of faults) {
        const writers = new Map([[ann, { lastSeq: 1, recent: [1], ended: null }]])
        await expect(
          storage.append([add('new', 1, ['x'], { writers, documents: new Map([[7, ann]]) }), fault]),
        ).rejects.toMatchObject({
          code: 'fenced',
        })
        expect(await storage.space('new')).toBeUndefined()
        expect(await storage.writers('new', [ann])).toEqual(new Map())
        expect(await storage.documents('new', [7])).toEqual(new Map())
      }
      expect(await storage.space('a')).toEqual({ stretches: fromStart, head: 1, latestAt: 0 })
      await storage.append([add('a', 2, ['two'])])
      expect(texts(await storage.read('a', 0, 2, 99))).toEqual(['one', 'two'])
      await storage.close()
    })

    test('[RL31] [RL51] it knows in which epoch each part of a log was written, and that survives', async () => {
      const { storage, reopen } = await make()
      const batches = [
        add('a', 1, [], { epoch: other }),
        add('a', 1, ['one', 'two'], { epoch: other }),
        add('b', 1, ['one']),
        add('a', 3, ['three'], { follows: other }),
        add('a', 4, [], { epoch: third }),
        add('a', 4, ['four']),
        add('a', 5, ['five'], { epoch: third }),
      ]
      for (const batch of batches) await storage.append([batch])
      const stretches = [
        { epoch: other, first: 1 },
        { epoch, first: 3 },
        { epoch: third, first: 5 },
      ]
      const check = async (opened: LogStorage): Promise<void> => {
        expect(await opened.space('a')).toEqual({ stretches, head: 5, latestAt: 0 })
        expect((await opened.space('b'))!.stretches).toEqual(fromStart)
      }
      await check(storage)
      const opened = await reopen()
      await check(opened)
      const fault = add('a', 6, ['six'], { epoch: other, follows: other })
      await expect(opened.append([fault])).rejects.toMatchObject({ code: 'fenced' })
      await check(opened)
      await opened.close()
    })

    test('[RL31] arguments are copied and results are the caller’s own', async () => {
      const { storage } = await make()
      const record = Buffer.from('mine')
      const batch = [add('a', 1, [], { records: [record] })]
      await storage.append(batch)
      record.fill(0)
      const [read] = await storage.read('a', 0, 1, 99)
      expect(texts([read!])).toEqual(['mine'])
      read!.fill(0)
      expect(texts(await storage.read('a', 0, 1, 99))).toEqual(['mine'])
      expect(read!.buffer.byteLength).toBe(4)
      await storage.close()
    })

    test('[RL33] names that differ in a code unit are different spaces', async () => {
      const { storage } = await make()
      const names = [
        'a',
        'A',
        'a ',
        'ä',
        'a\u0308',
        '../a',
        '/etc/passwd',
        '😀',
        'x'.repeat(200),
        '\u{10ffff}'.repeat(100),
      ]
      for (const [i, space] of names.entries()) await storage.append([add(space, 1, [`${i}`])])
      for (const [i, space] of names.entries()) expect(texts(await storage.read(space, 0, 1, 99))).toEqual([`${i}`])
      await storage.close()
    })

    test('[RL31] one batch may hold 2,000 records and one of 8 MiB', async () => {
      const { storage, reopen } = await make()
      const big = Buffer.alloc(8 * 1024 * 1024, 7)
      const many = Array.from({ length: 2000 }, (_, i) => Buffer.from(`record ${i}`))
      await storage.append([add('a', 1, [], { records: [...many, big] })])
      const opened = await reopen()
      expect(await opened.space('a')).toEqual({ stretches: fromStart, head: 2001, latestAt: 0 })
      expect((await opened.read('a', 0, 2000, 1e9)).length).toBe(2000)
      expect(Buffer.compare((await opened.read('a', 2000, 2001, 1))[0]!, big)).toBe(0)
      await opened.close()
    })
  })
}
