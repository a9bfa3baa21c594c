import { describe, expect, test } from 'vitest'
import { openLmdbStorage } from '../src/lmdb.ts'
import { createMemoryStorage, type LogStorage, type Relay } from '../src/index.ts'
import { temporaryFolder } from './folder.ts'
import { gatedStorage } from './gated.ts'
import { ann, bob, eve, join, record, told, until, world, writerId, type Client } from './kit.ts'

const client = 0xffff_ffff
const mine = { documents: [client] }
const from = (owner: string) => ({ documents: [client], inherited: [[client, owner] as const] })
const refused = { documents: [client], arbiter: 'browser' as const }

/** What somebody new is told of one record: its place in the log, or why it is refused. */
async function fate(relay: Relay, sent: Uint8Array): Promise<string> {
  const somebody = await join(relay, 'board')
  const before = somebody.last('basis').head
  somebody.send([sent])
  await until(() => somebody.all('refusal').length > 0 || told(somebody).length > before)
  somebody.drop()
  return somebody.all('refusal')[0]?.code ?? 'taken'
}

async function joined(relay: Relay, ...sent: Uint8Array[]): Promise<Client> {
  const one = await join(relay, 'board')
  one.send(sent)
  await until(() => told(one).length + one.all('refusal').length >= sent.length)
  return one
}

describe('whose a Yjs client is', () => {
  test('[RL49] of two who write under one, the first has it, also when both come in one batch', async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const [a, b] = [await join(relay, 'board'), await join(relay, 'board')]
    storage.hold()
    a.send([record(eve, 1)])
    await until(() => storage.waiting === 1)
    a.send([record(ann, 1, mine), record(ann, 2, mine)])
    b.send([record(bob, 1, { documents: [3] }), record(bob, 2, mine), record(bob, 3)])
    storage.open()
    await until(() => b.all('refusal').length > 0 && told(b).length === 4)
    expect(b.all('refusal')).toMatchObject([{ writer: bob, seq: 2, code: 'writer-clash' }])
    expect(b.last('refusal').message).toContain(ann)
    expect(a.all('refusal')).toEqual([])
    expect(told(a)).toEqual([`${eve}:1`, `${ann}:1`, `${ann}:2`, record(bob, 1, { documents: [3] })])
    expect(await fate(relay, record(writerId(1), 1, mine))).toBe('writer-clash')
    expect(await fate(relay, record(ann, 3, mine))).toBe('taken')
  })

  test('[RL49] it is handed on by a writer who has ended, and by nobody else', async () => {
    const { relay } = world()
    await joined(relay, record(ann, 1, mine))
    expect(await fate(relay, record(bob, 1, from(ann)))).toBe('writer-clash')
    expect(await fate(relay, record(ann, 2, refused))).toBe('malformed')
    expect(await fate(relay, record(writerId(1), 1, mine))).toBe('writer-clash')
    expect(await fate(relay, record(writerId(2), 1, from(eve)))).toBe('writer-clash')
    expect(await fate(relay, record(writerId(3), 1, from(ann)))).toBe('taken')
    // And on, always from the first.
    expect(await fate(relay, record(writerId(3), 2, refused))).toBe('malformed')
    expect(await fate(relay, record(writerId(4), 1, from(writerId(3))))).toBe('writer-clash')
    expect(await fate(relay, record(writerId(5), 1, from(ann)))).toBe('taken')
  })

  test('[RL49] what is refused, or was never used, is taken under the one who had it first', async () => {
    const { relay } = world()
    await joined(relay, record(ann, 1), record(ann, 2, refused))
    await joined(relay, record(eve, 1), record(eve, 2, refused))
    // Nobody has it yet; one who inherits it binds it to the first.
    expect(await fate(relay, record(bob, 1, from(ann)))).toBe('taken')
    expect(await fate(relay, record(writerId(1), 1, from(eve)))).toBe('writer-clash')
    expect(await fate(relay, record(bob, 2, mine))).toBe('writer-clash')
    expect(await fate(relay, record(writerId(2), 1, from(ann)))).toBe('taken')
  })

  test('[RL49] in another space it is another’s', async () => {
    const { relay } = world()
    await joined(relay, record(ann, 1, mine))
    const other = await join(relay, 'other')
    other.send([record(bob, 1, mine)])
    await until(() => told(other).length === 1)
    expect(other.all('refusal')).toEqual([])
  })

  test('[RL49] so many may be named, and not one more', async () => {
    const { relay } = world({ limits: { maxNamedClients: 4 } })
    expect(await fate(relay, record(ann, 1, { documents: [1, 2, 3, 4] }))).toBe('taken')
    expect(await fate(relay, record(bob, 1, { documents: [11, 12, 13, 14, 15] }))).toBe('too-large')
    expect(await fate(relay, record(eve, 1, { documents: [11, 12, 13, 14] }))).toBe('taken')
  })

  const storages: { readonly [name: string]: (open?: LogStorage) => Promise<LogStorage> } = {
    memory: (open) => Promise.resolve(open ?? createMemoryStorage()),
    LMDB: (() => {
      const folder = temporaryFolder()
      return async (open) => {
        await open?.close()
        return openLmdbStorage(folder)
      }
    })(),
  }
  for (const [name, make] of Object.entries(storages)) {
    test(`[RL49] it is so after a restart: ${name}`, async () => {
      const first = await make()
      const before = world({ storage: first })
      await joined(before.relay, record(ann, 1, mine), record(ann, 2, refused))
      await before.relay.close()
      const second = await make(first)
      const { relay } = world({ storage: second })
      expect(await fate(relay, record(bob, 1, mine))).toBe('writer-clash')
      expect(await fate(relay, record(eve, 1, from(ann)))).toBe('taken')
      await relay.close()
      await second.close()
    })
  }

  for (const outcome of ['failed', 'stored-but-failed'] as const) {
    test(`[RL49] [RL5] a batch that ${outcome} binds as much as it stores`, async () => {
      const storage = gatedStorage()
      const { relay } = world({ storage })
      const a = await join(relay, 'board')
      storage.hold()
      a.send([record(ann, 1, mine)])
      await until(() => storage.waiting === 1)
      storage.release(outcome)
      await until(() => a.closed !== undefined)
      storage.open()
      expect(await fate(relay, record(bob, 1, mine))).toBe(outcome === 'failed' ? 'taken' : 'writer-clash')
      const seq = outcome === 'failed' ? 1 : 2
      expect(await fate(relay, record(ann, seq, mine))).toBe(outcome === 'failed' ? 'writer-clash' : 'taken')
    })
  }

  test('[RL49] very many that come and go are forgotten, and known again', async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const a = await join(relay, 'board')
    const ids = (part: number): number[] => Array.from({ length: 1000 }, (_, i) => part * 1000 + i)
    for (let part = 0; part < 9; part++) a.send([record(ann, part + 1, { documents: ids(part) })])
    await until(() => told(a).length === 9)
    expect(await fate(relay, record(bob, 1, { documents: [3] }))).toBe('writer-clash')
    expect(await fate(relay, record(ann, 10, { documents: [3, 8999] }))).toBe('taken')
  })
})
