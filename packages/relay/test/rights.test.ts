import { encodeChange, markTree, rollId, type Frame } from '@syncline/protocol'
import { expect, test } from 'vitest'
import {
  createMemoryStorage,
  type Action,
  type Authorize,
  type Identity,
  type RelayLog,
  type RelayOptions,
  type Right,
} from '../src/index.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { temporaryFolder } from './folder.ts'
import {
  ann,
  bob,
  change,
  connect,
  record,
  startMs,
  told,
  turns,
  until,
  virtualClock,
  world,
  writerId,
  type Client,
  type World,
} from './kit.ts'

/** A credential is the name of a principal, and after a colon how long it is good. */
const authenticate: NonNullable<RelayOptions['authenticate']> = (credential) => {
  const [principal = '', forMs] = new TextDecoder().decode(credential).split(':')
  if (principal === 'nobody') return { denied: 'Sign in.' }
  return { principal, ...(forMs !== undefined && { untilMs: startMs + Number(forMs) }) }
}

const hello = (credential: string): Frame => ({
  type: 'hello',
  protocol: 3,
  oldest: 1,
  agent: 'test',
  schema: 1,
  credential: new TextEncoder().encode(credential),
})

const renewal = (credential: string): Frame => ({
  type: 'credential',
  credential: new TextEncoder().encode(credential),
})

/** What each may do. */
const allowed: { readonly [principal: string]: readonly Action[] } = {
  owner: ['read', 'write', 'presence', 'admin'],
  writer: ['read', 'write'],
  viewer: ['read', 'presence'],
  reader: ['read'],
  stranger: [],
}

const authorize: Authorize = ({ principal }, space, action) => {
  if (principal === 'clerk' && action === 'write') return ({ address }) => address.startsWith('cards/')
  const who = principal === 'clerk' ? 'writer' : principal
  return space === 'board' && (allowed[who] ?? []).includes(action)
}

function enter({ relay }: World, credential: string, space = 'board', writers: [string, number][] = []): Client {
  const client = connect(relay)
  client.say(hello(credential))
  client.open(space, { basis: { writers: new Map(writers) } })
  return client
}

/** What a client has heard since, as words. */
function said({ heard }: Client, since: number): string {
  return heard
    .slice(since)
    .map((frame) => (frame.type === 'refusal' || frame.type === 'failure' ? `${frame.type} ${frame.code}` : frame.type))
    .join(', ')
}

/** What a client is answered. */
async function answered(client: Client, frame: Frame): Promise<string> {
  const before = client.heard.length
  client.say(frame)
  await turns()
  return said(client, before)
}

const changes = (...records: Uint8Array[]): Frame => ({ type: 'changes', channel: 1, first: 0, records })
const shown: Frame = { type: 'presence', channel: 1, session: '0'.repeat(32), slot: 0, payload: Uint8Array.of(1) }
const another = (n: number): string => writerId(0x100 + n)

/** The frames that a client can say when it is known, but for those of a roll, and those that the relay says. */
const frames: { readonly [type: string]: () => Frame } = {
  changes: () => changes(record(another(1), 1)),
  'changes of cards': () => changes(record(another(2), 1, { address: 'cards/1' })),
  abort: () => ({ type: 'abort', channel: 1, writer: another(3), seq: 1 }),
  presence: () => shown,
  newcomer: () => ({ type: 'newcomer', channel: 9 }),
  ping: () => ({ type: 'ping', token: 1 }),
  pong: () => ({ type: 'pong', token: 1 }),
  leave: () => ({ type: 'leave', channel: 1 }),
}

const always = { newcomer: '', ping: 'sent, pong', pong: '', leave: '' }
const written = 'epoch, acknowledgement | changes'
const shownTo = ' | presence'

/** What each is answered, and what somebody else in the space is told by it. */
const answers: { readonly [principal: string]: object } = {
  owner: { open: 'basis', changes: written, 'changes of cards': written, abort: 'refusal aborted', presence: shownTo },
  writer: { open: 'basis', changes: written, 'changes of cards': written, abort: 'refusal aborted', presence: '' },
  clerk: {
    open: 'basis',
    changes: 'refusal forbidden',
    'changes of cards': written,
    abort: 'refusal aborted',
    presence: '',
  },
  viewer: {
    open: 'basis',
    changes: 'refusal read-only',
    'changes of cards': 'refusal read-only',
    abort: 'refusal read-only',
    presence: shownTo,
  },
  reader: {
    open: 'basis',
    changes: 'refusal read-only',
    'changes of cards': 'refusal read-only',
    abort: 'refusal read-only',
    presence: '',
  },
  stranger: { open: 'failure forbidden', changes: '', 'changes of cards': '', abort: '', presence: '' },
}

for (const isLater of [false, true]) {
  const ask: Authorize = isLater ? async (...args) => authorize(...args) : authorize

  test(`[RL90] [RL91] who may do what, by principal and frame, where that is known ${isLater ? 'later' : 'at once'}`, async () => {
    for (const [principal, expected] of Object.entries(answers)) {
      const got: { [type: string]: string } = {}
      for (const [type, frameOf] of Object.entries(frames)) {
        const one = world({ authenticate, authorize: ask })
        const other = enter(one, 'owner')
        const client = enter(one, principal)
        await turns()
        got.open = said(client, 2)
        const before = other.heard.length
        const answer = await answered(client, frameOf())
        // Of an epoch the other one is told too.
        got[type] = [
          answer,
          ...said(other, before)
            .split(', ')
            .filter((word) => word !== 'epoch' && word !== ''),
        ].join(' | ')
        expect(client.closed).toBeUndefined()
        await one.relay.close()
      }
      expect({ principal, ...got }).toEqual({ principal, ...always, ...expected })
    }
  })

  test(`[RL90] a roll with a space that one may not follow says nothing of it, known ${isLater ? 'later' : 'at once'}`, async () => {
    const one = world({ authenticate, authorize: ask, limits: { leastRoll: 1 } })
    for (const [names, answer] of [
      [['board', 'other'], 'singly'],
      [['board'], 'stand'],
    ] as const) {
      const client = connect(one.relay)
      client.say(hello('reader'))
      await turns()
      const roll: Frame = {
        type: 'roll',
        channel: 1,
        roll: rollId(names),
        count: names.length,
        root: markTree(new Uint8Array(8 * names.length)).at(-1)!,
      }
      expect(await answered(client, roll)).toBe('unnamed')
      expect(await answered(client, { type: 'names', channel: 1, names })).toBe(answer)
    }
  })
}

test('[RL91] who may write some collections only is refused the others, and goes on in those', async () => {
  const one = world({ authenticate, authorize })
  const clerk = enter(one, 'clerk')
  await turns()
  clerk.send([record(ann, 1, { address: 'cards/1' }), record(ann, 2, { address: 'admin/1' })])
  clerk.send([record(bob, 1, { address: 'cards/2' })])
  await turns()
  expect(clerk.all('refusal')).toMatchObject([{ writer: ann, seq: 2, code: 'forbidden' }])
  expect(clerk.last('refusal').message).toContain('"admin/1"')
  expect(told(clerk).length).toBe(2)
  // One of several refs is enough.
  const mixed = change(writerId(5), 1)
  const [op] = mixed.ops
  clerk.send([
    encodeChange({
      ...mixed,
      ops: [
        { ...op!, address: 'cards/1' },
        { ...op!, address: 'title' },
      ],
    }),
  ])
  await turns()
  expect(clerk.last('refusal')).toMatchObject({ writer: writerId(5), code: 'forbidden' })
})

test('[RL92] who may not follow a space is told of what they have for it that it will never stand there, also after a restart', async () => {
  const storage = createMemoryStorage()
  let isMember = true
  const options: Partial<RelayOptions> = { storage, authenticate, authorize: () => isMember }
  const one = world(options)
  const client = enter(one, 'ann')
  await turns()
  client.send([record(ann, 1), record(ann, 2)])
  await turns()
  isMember = false
  expect(one.relay.revoke('ann')).toBe(1)
  // ann has another Change, bob's tab in this browser has one, and somebody has taken eve's name.
  const back = enter(one, 'ann', 'board', [
    [ann, 3],
    [bob, 1],
  ])
  await turns()
  const isSaid = back.heard
    .slice(2)
    .map((frame) => [frame.type, 'code' in frame && frame.code, 'seq' in frame && frame.seq])
  expect(isSaid).toEqual([
    ['refusal', 'read-only', 3],
    ['refusal', 'read-only', 1],
    ['failure', 'forbidden', false],
  ])
  await one.relay.close()
  const states = await storage.writers('board', [ann, bob])
  expect([states.get(ann)?.ended?.seq, states.get(bob)]).toEqual([3, undefined])
  // What another principal names ends nothing.
  const again = world(options)
  const eve = enter(again, 'eve', 'board', [[ann, 9]])
  await turns()
  expect(eve.heard.slice(2).map(({ type }) => type)).toEqual(['failure'])
  isMember = true
  const home = enter(again, 'ann')
  await turns()
  home.send([record(ann, 3)])
  await until(() => home.all('refusal').length === 1)
  expect(home.last('refusal')).toMatchObject({ seq: 3, code: 'read-only' })
})

for (const [kind, open] of [
  ['memory', () => Promise.resolve(createMemoryStorage())],
  ['LMDB', () => openLmdbStorage(temporaryFolder())],
] as const) {
  test(`[RL93] a writer is its first principal's, also after a restart, in ${kind}`, async () => {
    const storage = await open()
    const one = world({ storage, authenticate })
    const first = enter(one, 'ann')
    await until(() => first.all('basis').length === 1)
    first.send([record(ann, 1)])
    await until(() => told(first).length === 1)
    await one.relay.close()

    const two = world({ storage, authenticate })
    const thief = enter(two, 'eve')
    await until(() => thief.all('basis').length === 1)
    // The next one, and another under a seq that is there.
    for (const stolen of [record(ann, 2), record(ann, 1, { payload: 'other' })]) {
      const client = enter(two, 'eve')
      await until(() => client.all('basis').length === 1)
      client.send([stolen])
      await until(() => client.all('refusal').length === 1)
      expect(client.last('refusal')).toMatchObject({ writer: ann, code: 'writer-clash' })
    }
    // Nor do they go on under the Yjs clients of others, who have written before.
    thief.send([record(writerId(7), 1, { documents: [5], inherited: [[5, ann]] })])
    await until(() => thief.all('refusal').length === 1)
    expect(thief.last('refusal')).toMatchObject({ writer: writerId(7), code: 'writer-clash' })
    // Nobody has noticed.
    const owner = enter(two, 'ann')
    await until(() => owner.all('basis').length === 1)
    owner.send([record(ann, 1), record(ann, 2)])
    await until(() => told(owner).length === 2)
    expect(owner.all('refusal')).toEqual([])
    await two.relay.close()
    await storage.close()
  })
}

test('[RL93] an envelope of somebody else is not called off, nor is one that is still to come', async () => {
  const one = world({ authenticate })
  const [owner, thief] = [enter(one, 'ann'), enter(one, 'eve')]
  await turns()
  owner.send([record(ann, 1, { payload: 'a' }), record(bob, 2)])
  await turns()
  // bob is ann's too since it was refused, and ended at 2; nothing that eve says moves that.
  thief.say({ type: 'abort', channel: 1, writer: bob, seq: 1 })
  await turns()
  expect(thief.last('refusal')).toMatchObject({ writer: bob, code: 'writer-clash' })
  owner.send([record(bob, 1)])
  await turns()
  expect(told(owner)).toEqual([`${ann}:1`, `${bob}:1`])
})

test('[RL94] a credential that ends is told when, is renewed on the same connection, and ends the connection when it is not', async () => {
  const clock = virtualClock()
  const one = world({ clock, authenticate, authorize })
  const [kept, lost] = [enter(one, 'writer:60000'), enter(one, 'writer:60000')]
  await turns()
  expect(kept.heard.slice(1, 3)).toMatchObject([{ type: 'welcome' }, { type: 'expires', inMs: 60_000 }])
  clock.advance(40_000)
  for (const client of [kept, lost]) client.say({ type: 'ping', token: 0 })
  expect(await answered(kept, renewal('writer:200000'))).toBe('expires')
  expect(kept.last('expires').inMs).toBe(160_000)
  clock.advance(19_999)
  expect([kept.closed, lost.closed]).toEqual([undefined, undefined])
  clock.advance(1)
  expect([kept.closed, lost.closed]).toEqual([undefined, { code: 4401, reason: 'unauthenticated' }])
  // Nothing was interrupted.
  kept.send([record(ann, 1)])
  await turns()
  expect(told(kept).length).toBe(1)
  for (let left = 140_000 / 35_000; left > 0; left--) {
    kept.say({ type: 'ping', token: left })
    clock.advance(35_000)
  }
  expect(kept.closed?.code).toBe(4401)
  // One that is over before it comes, and one beyond what a timer can wait for.
  expect(enter(one, 'writer:1').closed?.code).toBe(4401)
  const long = enter(one, `writer:${2 ** 40}`)
  await turns()
  expect([long.closed, long.last('expires').inMs]).toEqual([undefined, 2 ** 31 - 1])
})

test.each([
  ['of somebody else ends the connection', 'owner:9000', 4401, 1],
  ['of nobody ends the connection', 'nobody', 4401, 1],
  ['that cannot be looked at is asked for again', 'broken', undefined, 2],
])('[RL94] a new credential %s', async (_, credential, code, times) => {
  const one = world({
    authenticate(given, client) {
      if (new TextDecoder().decode(given) === 'broken') throw new Error('no directory')
      return authenticate(given, client)
    },
    authorize,
  })
  const client = enter(one, 'writer:60000')
  await turns()
  client.say(renewal(credential))
  await turns()
  expect(client.closed?.code).toBe(code)
  expect(client.all('expires').length).toBe(times)
})

test('[RL94] with a new credential go the rights that it does not have', async () => {
  let rights: readonly Action[] = ['read', 'write', 'presence']
  const one = world({ authenticate, authorize: async (_who, _space, action) => rights.includes(action) })
  const client = enter(one, 'ann:1000')
  const other = enter(one, 'bob')
  await turns()
  client.say(shown)
  await turns()
  rights = ['read']
  client.say(renewal('ann:2000'))
  await turns()
  // Who has shown themselves is gone.
  expect(other.all('presence').map(({ payload }) => payload.length)).toEqual([1, 0])
  expect(await answered(client, changes(record(ann, 1)))).toBe('refusal read-only')
  rights = []
  client.say(renewal('ann:3000'))
  await turns()
  expect(client.last('failure')).toMatchObject({ channel: 1, code: 'forbidden' })
  expect(client.closed).toBeUndefined()
})

test('[RL95] what was revoked is cut at once, and what was on its way is not taken', async () => {
  let isMember = true
  const one = world({ authenticate, authorize: (_, __, action) => isMember || action === 'read' })
  const [cut, other] = [enter(one, 'ann'), enter(one, 'bob')]
  await turns()
  isMember = false
  expect([one.relay.revoke('ann'), one.relay.revoke('carol')]).toEqual([1, 0])
  expect([cut.closed, other.closed]).toEqual([{ code: 4401, reason: 'unauthenticated' }, undefined])
  const back = enter(one, 'ann')
  await turns()
  expect(await answered(back, changes(record(ann, 1), record(ann, 2)))).toBe('refusal read-only')
})

test('[RL95] who is being looked at while somebody is revoked is looked at again', async () => {
  const waiting: ((identity: Identity) => void)[] = []
  let answer = 'first'
  const one = world({
    authenticate: () => new Promise((resolve) => waiting.push(() => resolve({ principal: answer }))),
  })
  const client = enter(one, 'ann')
  one.relay.revoke('first')
  waiting.shift()!({ principal: '' })
  await until(() => waiting.length === 1)
  expect(client.heard).toEqual([])
  answer = 'second'
  waiting.shift()!({ principal: '' })
  await until(() => client.all('basis').length === 1)
  expect(one.relay.revoke('second')).toBe(1)
})

test('[RL90] what a client may do is waited for in order, and asked once for all that the credential is good for', async () => {
  const asked: string[] = []
  let answer: ((right: Right) => void) | undefined
  const one = world({
    authenticate,
    authorize: (_, space, action) => {
      asked.push(`${action} ${space}`)
      return new Promise((resolve) => (answer = resolve))
    },
  })
  const client = enter(one, 'ann')
  client.send([record(ann, 1)])
  client.say({ type: 'ping', token: 3 })
  await turns()
  expect([client.heard.map(({ type }) => type), client.isRead]).toEqual([['rolls', 'welcome'], false])
  answer!(true)
  await turns()
  expect(asked).toEqual(['read board', 'write board'])
  answer!(true)
  await until(() => client.all('acknowledgement').length === 1)
  expect([client.all('pong').length, client.isRead]).toEqual([1, true])
  client.send([record(ann, 2)])
  await until(() => told(client).length === 2)
  expect(asked.length).toBe(2)
})

test('[RL90] what cannot be found out ends the connection for now', async () => {
  for (const broken of [
    () => Promise.reject(new Error('no directory')),
    () => {
      throw new Error('no directory')
    },
    () => new Promise<Right>(() => {}),
  ]) {
    const clock = virtualClock()
    const one = world({ clock, authenticate, authorize: broken })
    const client = enter(one, 'ann')
    await turns()
    clock.advance(10_000)
    expect(client.closed).toEqual({ code: 1013, reason: 'too-busy' })
    expect(client.last('failure').retryAfterMs).toBe(1000)
  }
})

test('[RL96] a credential is in nothing that the relay logs or says', async () => {
  const canary = 'c4n4ry'
  const lines: string[] = []
  const note = (fields: object, message: string): void => {
    lines.push(
      message,
      JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? `${value.stack}` : value)),
    )
  }
  const log: RelayLog = { debug: note, info: note, warn: note, error: note }
  const one = world({
    log,
    authenticate(credential, client) {
      const text = new TextDecoder().decode(credential)
      if (text.includes('throws')) throw new Error('no directory')
      if (text.includes('denied')) return { denied: 'Sign in.' }
      return authenticate(credential, client)
    },
    authorize,
  })
  const heard: string[] = []
  for (const credential of [`writer:1${canary}`, `${canary} throws`, `${canary} denied`, `writer:${canary}`]) {
    const client = enter(one, credential)
    await turns()
    client.say(renewal(`${canary} throws`), renewal(`${canary} denied`))
    client.say(hello(canary))
    client.sayBytes(new TextEncoder().encode(canary))
    await turns()
    heard.push(
      ...client.messages.map((message) => Buffer.from(message).toString('latin1')),
      client.closed?.reason ?? '',
    )
  }
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.concat(heard).filter((line) => line.includes(canary))).toEqual([])
})

test('[RL10] no counter is jumped: neither the seq of a writer nor its time', async () => {
  const one = world({ authenticate })
  const client = enter(one, 'ann')
  await turns()
  client.send([record(ann, 2)])
  client.send([record(bob, 1, { at: (startMs + 60_000) * 1000 })])
  client.send([record(writerId(3), 1, { at: (startMs + 60_001) * 1000 + 10_001 })])
  client.send([record(writerId(4), 2 ** 52)])
  await turns()
  expect(client.all('refusal').map(({ code }) => code)).toEqual([
    'missing-dependency',
    'clock-ahead',
    'missing-dependency',
  ])
  expect(told(client)).toEqual([`${bob}:1`])
})
