import { expect, test } from 'vitest'
import type { AuditEvent, ErrorContext, RelaySpan } from '../src/index.ts'
import { ann, bob, connect, join, record, startMs, told, turns, until, virtualClock, world } from './kit.ts'

test('[RL83] who looks on is told how long it took to store, to tell and to acknowledge each batch', async () => {
  const clock = virtualClock()
  let elapsed = 0
  const spans: RelaySpan[] = []
  const { relay } = world({
    clock: { ...clock, elapsedMs: () => (elapsed += 0.25) },
    onSpan: (span) => spans.push(span),
  })
  const a = await join(relay, 'board')
  a.send([record(ann, 1), record(ann, 2)])
  await until(() => told(a).length === 2)
  await relay.close()
  const attributes = { spaces: 1, changes: 2, bytes: record(ann, 1).length + record(ann, 2).length }
  expect(spans).toMatchObject([
    { name: 'commit', durationMs: 0.25, isOk: true, attributes },
    { name: 'fan-out', durationMs: 0.25, isOk: true, attributes },
    { name: 'acknowledgement', durationMs: 1.25, isOk: true, attributes },
  ])
  for (const span of spans) expect(Math.abs(span.startMs + span.durationMs - startMs)).toBeLessThan(1)
})

test('[RL83] a batch that could not be stored is told as such, and how long it took to find out who somebody is', async () => {
  const spans: RelaySpan[] = []
  const errors: (readonly [unknown, ErrorContext])[] = []
  const broken = new Error('The disk is gone.')
  const { relay, storage } = world({
    authenticate: async () => ({ principal: 'ann' }),
    onSpan: (span) => spans.push(span),
    onError: (error, context) => errors.push([error, context]),
  })
  const a = await join(relay, 'board')
  storage.append = () => Promise.reject(broken)
  a.send([record(ann, 1)])
  await until(() => a.all('failure').length > 0)
  await relay.close()
  expect(spans.map(({ name, isOk }) => [name, isOk])).toEqual([
    ['authentication', true],
    ['commit', false],
    ['fan-out', false],
    ['acknowledgement', false],
  ])
  expect(errors.map(([error, { space }]) => [error, space])).toEqual([[broken, 'board']])
})

test('[RL84] the books say who came, who was told no and why, and nothing of what spaces hold', async () => {
  const events: AuditEvent[] = []
  const { relay } = world({
    authenticate: (credential) => (credential.length === 0 ? { principal: 'ann' } : { denied: 'Not you.' }),
    refuse: ({ writer }) => (writer === bob ? { code: 'forbidden', message: 'Not here.' } : undefined),
    onAudit: (event) => events.push(event),
  })
  const stranger = connect(relay)
  stranger.say({ type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array([1]) })
  const a = await join(relay, 'board')
  a.send([record(ann, 1, { payload: 'what is secret' }), record(bob, 1)])
  await until(() => a.all('refusal').length === 1)
  a.open('\u0000', { channel: 2 })
  a.sayBytes(new Uint8Array([255, 255, 255]))
  await turns()
  await relay.close()
  expect(events.map(({ what, outcome, principal, space }) => [what, outcome, principal, space])).toEqual([
    ['login', 'unauthenticated', '', undefined],
    ['login', 'ok', 'ann', undefined],
    ['refusal', 'forbidden', 'ann', 'board'],
    ['refusal', 'malformed', 'ann', undefined],
    ['cut', 'malformed', 'ann', undefined],
  ])
  expect(events.every(({ atMs, session }) => atMs === startMs && session !== undefined)).toBe(true)
  expect(JSON.stringify(events)).not.toContain('secret')
})

test('[RL83] what those who look on throw is logged, and disturbs nobody', async () => {
  const logged: string[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void logged.push(message) }
  const fail = (): never => {
    throw new Error('I am not here.')
  }
  const { relay } = world({ log, onSpan: fail, onAudit: fail, onError: fail })
  const a = await join(relay, 'board')
  a.send([record(ann, 1)])
  await until(() => told(a).length === 1)
  await relay.close()
  expect(new Set(logged)).toEqual(new Set(['Who looks on at the relay has thrown.']))
})
