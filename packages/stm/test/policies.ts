import { compareStamps } from '../src/change.ts'
import type { Stamp } from '../src/change.ts'
import { StmError } from '../src/errors.ts'
import type { BoundPolicy, Intent, Place, Policy, PolicyHost } from '../src/policy.ts'
import { checkMemberId, checkName, listKey, makeRef, membersKey } from '../src/ref.ts'
import { noOptions } from '../src/options.ts'
import type { Collection, List, ListItem, ListKeys, Ref } from '../src/ref.ts'
import { sorting } from '../src/sorting.ts'
import { equalValues, toValue } from '../src/value.ts'
import type { Value } from '../src/value.ts'

// The smallest policies that keep the laws: what stm is tested with, for it knows no other.

interface Register {
  readonly value: Value
  readonly stamp: Stamp
}

interface RegisterDraft {
  readonly before: Value
  readonly after: Value
}

const registers: Policy<Value, Register, RegisterDraft> = {
  tag: 'register',
  apply(state, payload, stamp) {
    if (!Array.isArray(payload) || payload.length !== 1) return state!
    if (state !== undefined && compareStamps(stamp, state.stamp) < 0) return state
    return { value: payload[0] as Value, stamp }
  },
  read: (state, ref) => (state === undefined ? (ref.spec as Value) : state.value),
  draft(state, ref) {
    const before = registers.read(state, ref)
    return { before, after: before }
  },
  edit(draft, intent, ref) {
    if (intent.kind !== 'set') throw noSuchWrite(ref.address, intent)
    const after = toValue(intent.value, `"${ref.address}"`)
    return equalValues(after, draft.after) ? draft : { before: draft.before, after }
  },
  readDraft: (draft) => draft.after,
  finish: ({ before, after }) => (equalValues(before, after) ? undefined : [after]),
}

/** A register: the latest stamp wins. */
export function register<T>(name: string, initial: T): Ref<T, { set: T }> {
  return makeRef<T, { set: T }>(registers as Policy, checkName(name), toValue(initial))
}

const tallies: Policy<number, number, { readonly base: number; readonly added: number }> = {
  tag: 'tally',
  apply: (state, payload) => (typeof payload === 'number' ? (state ?? 0) + payload : state!),
  read: (state) => state ?? 0,
  draft: (state) => ({ base: state ?? 0, added: 0 }),
  edit(draft, intent, ref) {
    if (intent.kind !== 'add') throw noSuchWrite(ref.address, intent)
    return intent.delta === 0 ? draft : { base: draft.base, added: draft.added + intent.delta }
  },
  readDraft: ({ base, added }) => base + added,
  finish: ({ added }) => (added === 0 ? undefined : added),
  reversal: {
    inverse: (_before, payload) => (typeof payload === 'number' ? payload : undefined),
    revert(_state, undone) {
      const added = undone.reduce((sum, { inverse }) => (typeof inverse === 'number' ? sum + inverse : sum), 0)
      return { payload: added === 0 ? undefined : -added, restored: null, superseded: [] }
    },
  },
}

/** A counter: additions sum up. */
export function tally(name: string): Ref<number, { add: true }> {
  return makeRef<number, { add: true }>(tallies as Policy, checkName(name), null)
}

/** What a card reads as: `title`, and the places it was given. */
export type Card = { readonly title: string } & { readonly [field: string]: Place | string }

/** The writes of a card. */
export interface CardWrites {
  readonly patch: Readonly<Record<string, unknown>>
  readonly create: { readonly title?: string }
  readonly delete: true
}

/** Of each field, `exists` included, the write with the latest stamp. */
type CardState = ReadonlyMap<string, Register>

interface CardDraft {
  readonly base: CardState | undefined
  readonly written: ReadonlyMap<string, Value>
}

const views = new WeakMap<CardState, Card | undefined>()

function viewOf(fields: ReadonlyMap<string, Value>): Card | undefined {
  if (fields.get('exists') !== true) return undefined
  const entries = [...fields].filter(([name]) => name !== 'exists')
  return Object.freeze({ title: '', ...(Object.fromEntries(entries) as Record<string, string>) })
}

function fieldsOf({ base, written }: CardDraft): ReadonlyMap<string, Value> {
  return new Map([...Array.from(base ?? [], ([name, { value }]) => [name, value] as const), ...written])
}

const cards: Policy<Card | undefined, CardState, CardDraft> = {
  tag: 'card',
  apply(state, payload, stamp) {
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return state!
    let next: Map<string, Register> | undefined
    for (const [name, value] of Object.entries(payload as Record<string, Value>)) {
      if (name !== 'exists' && name !== 'title' && !isPlace(value)) continue
      const before = state?.get(name)
      if (before !== undefined && compareStamps(stamp, before.stamp) < 0) continue
      next ??= new Map(state)
      next.set(name, { value, stamp })
    }
    return next ?? state!
  },
  read(state) {
    if (state === undefined) return undefined
    if (!views.has(state)) views.set(state, viewOf(new Map(Array.from(state, ([name, { value }]) => [name, value]))))
    return views.get(state)
  },
  draft: (base) => ({ base, written: new Map() }),
  edit(draft, intent, ref) {
    const exists = fieldsOf(draft).get('exists') === true
    switch (intent.kind) {
      case 'create':
        if (exists) throw new StmError('member-exists', `"${ref.address}" exists already.`)
        return wrote(draft, { exists: true, title: toValue(intent.value.title ?? '', `"${ref.address}".title`) })
      case 'delete':
        return exists ? wrote(draft, { exists: false }) : draft
      case 'patch':
        if (!exists) throw new StmError('missing-member', `"${ref.address}" does not exist.`)
        return wrote(draft, toValue(intent.fields, `"${ref.address}"`) as Record<string, Value>)
      default:
        throw noSuchWrite(ref.address, intent)
    }
  },
  readDraft: (draft) => viewOf(fieldsOf(draft)),
  finish(draft) {
    // Came and went within the transaction.
    if (!cards.exists!(draft.base) && draft.written.get('exists') === false) return undefined
    const changed = [...draft.written].filter(([name, value]) => !equalValues(draft.base?.get(name)?.value, value))
    return changed.length === 0 ? undefined : toValue(Object.fromEntries(changed))
  },
  exists: (state) => state?.get('exists')?.value === true,
  place(state, field) {
    const value = state?.get(field)?.value
    return isPlace(value) ? value : undefined
  },
}

function isPlace(value: unknown): value is Place {
  const { parent, key } = (value ?? {}) as { readonly parent?: unknown; readonly key?: unknown }
  return typeof parent === 'string' && typeof key === 'string'
}

function wrote(draft: CardDraft, fields: Readonly<Record<string, Value>>): CardDraft {
  const now = fieldsOf(draft)
  const news = Object.entries(fields).filter(([name, value]) => !equalValues(now.get(name), value))
  return news.length === 0 ? draft : { base: draft.base, written: new Map([...draft.written, ...news]) }
}

/** A family of cards, with lists by any field. */
export interface Cards extends Collection<Card, CardWrites> {
  list(parent: string, field?: string): List<Card, CardWrites>
}

/** A family of records with a title and places. `keysFor` may be replaced. */
export function cardsNamed(name: string, keys: List['keysFor'] = keysBetween): Cards {
  const self: Cards = {
    kind: 'collection',
    key: membersKey('card', name),
    name,
    policy: cards as Policy,
    spec: null,
    options: noOptions,
    sorting,
    at: (id) => makeRef<Card | undefined, CardWrites>(cards as Policy, `${name}/${checkMemberId(id)}`, null),
    list: (parent, field = 'at') => ({
      kind: 'list',
      key: listKey('card', name, field, parent),
      collection: self,
      field,
      parent,
      keysFor: keys,
    }),
  }
  return self
}

/** Keys of three letters, evenly between the neighbours; where there is no room, all neighbours get new ones. */
export function keysBetween(entries: readonly ListItem[], index: number, count: number): ListKeys {
  const low = numberOf(entries[index - 1]?.key) ?? 0
  const high = numberOf(entries[index]?.key) ?? SPACE
  const step = Math.floor((high - low) / (count + 1))
  if (step > 0) return { keys: Array.from({ length: count }, (_, i) => keyOf(low + step * (i + 1))), rekeyed: [] }
  const stepOfAll = Math.floor(SPACE / (entries.length + count + 1))
  const all = Array.from({ length: entries.length + count }, (_, i) => keyOf(stepOfAll * (i + 1)))
  const keys = all.splice(index, count)
  return { keys, rekeyed: entries.map(({ id }, i) => ({ id, key: all[i]! })) }
}

const SPACE = 26 ** 3

function keyOf(number: number): string {
  return [26 ** 2, 26, 1].map((unit) => String.fromCharCode(97 + (Math.floor(number / unit) % 26))).join('')
}

function numberOf(key: string | undefined): number | undefined {
  return key === undefined
    ? undefined
    : Array.from(key).reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 97, 0)
}

interface NoteDraft {
  readonly base: string
  readonly after: string
}

const notes: Policy<string, string, NoteDraft> = {
  tag: 'note',
  apply: (state, payload) => (typeof payload === 'string' ? payload : state!),
  read: (state) => state ?? '',
  draft: (state = '') => ({ base: state, after: state }),
  edit({ base, after }, intent, ref) {
    if (intent.kind !== 'insert') throw noSuchWrite(ref.address, intent)
    return { base, after: after.slice(0, intent.index) + String(intent.content) + after.slice(intent.index) }
  },
  readDraft: ({ after }) => after,
  finish: ({ base, after }) => (base === after ? undefined : after),
  reversal: 'none',
  bind: bindNotes,
}

/** Of each bound policy, what was done to its live documents. */
export const liveCalls: string[] = []

/** A policy whose documents live beside the memory: `finish` changes them. */
function bindNotes(_host: PolicyHost): BoundPolicy<string, string, NoteDraft> {
  return {
    ...notes,
    late: true,
    sizeBytes: ({ after }) => after.length,
    finishAside: notes.finish,
    finish(draft, ref, context) {
      liveCalls.push(`finish ${ref.address}`)
      return notes.finish(draft, ref, context)
    },
    settle: () => undefined,
    reset: () => undefined,
    flush: () => undefined,
    close: () => undefined,
  }
}

/** A text with a live document, once it is bound. */
export function note(name: string): Ref<string, { insert: string }> {
  return makeRef<string, { insert: string }>(notes as Policy, checkName(name), null)
}

/** What a store does for such policies. */
export function bindLive(policy: Policy): Policy {
  const host: PolicyHost = {
    state: () => undefined,
    commit: () => undefined,
    randomUint32: () => 4,
    later: (work) => work(),
    report: (error) => {
      throw error
    },
  }
  return policy.bind?.(host) ?? policy
}

function noSuchWrite(address: string, intent: Intent): StmError {
  return new StmError('invalid-write', `"${address}" has no ${intent.kind}.`)
}
