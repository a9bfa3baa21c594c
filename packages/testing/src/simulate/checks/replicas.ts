import { encodeValue } from '@syncline/protocol'
import {
  arbiterOf,
  equalValues,
  type AnyCollection,
  type Arbiter,
  type Basis,
  type Readable,
  type Snapshot,
  type Value,
} from '@syncline/stm'
import type { SimulatedApp } from '../app.ts'
import { readMark, type Probe } from '../probes.ts'

/** One replica, and what it shows. */
export interface Replica {
  readonly party: string
  readonly snapshot: Snapshot
}

/** Says in which way two replicas differ that should not; undefined when they are the same. `alsoBrowser`: they share a browser. */
export function difference(
  app: SimulatedApp,
  probes: ReadonlyMap<string, Probe>,
  one: Replica,
  other: Replica,
  alsoBrowser: boolean,
): string | undefined {
  // What a browser has decided about alone stands in its own bases, under writers that nobody else hears of.
  const comparable = (basis: Basis): Basis => (alsoBrowser ? basis : { ...basis, writers: new Map() })
  const [basis, itsBasis] = [wordsOf(comparable(one.snapshot.basis)), wordsOf(comparable(other.snapshot.basis))]
  if (basis !== itsBasis) return `${one.party} is at ${basis}, ${other.party} at ${itsBasis}`
  for (const [name, readable] of Object.entries(app.refs)) {
    if (arbiterOfReadable(readable) === 'browser' && !alsoBrowser) continue
    const [value, itsValue] = [readAll(one.snapshot, readable), readAll(other.snapshot, readable)]
    if (!equalBytes(encodeValue(value), encodeValue(itsValue))) {
      return `${one.party} reads ${name} = ${JSON.stringify(value)}, ${other.party} reads ${JSON.stringify(itsValue)}, both at ${basis}`
    }
  }
  for (const [session, probe] of probes) {
    const [mark, itsMark] = [readMark(one.snapshot, probe), readMark(other.snapshot, probe)]
    if (!equalValues(mark, itsMark)) {
      return `${one.party} sees of ${session} ${JSON.stringify(mark)}, ${other.party} ${JSON.stringify(itsMark)}, both at ${basis}`
    }
  }
  return undefined
}

/** A basis, the same words for the same one. */
function wordsOf({ epoch, relaySeq, writers }: Basis): string {
  const pending = [...writers].map(([writer, seq]) => `${writer.slice(0, 8)}:${seq}`).sort()
  return `(${epoch?.slice(0, 8) ?? 'no relay'} ${relaySeq}${pending.length > 0 ? ` + ${pending.join(' ')}` : ''})`
}

function arbiterOfReadable(readable: Readable<unknown> | AnyCollection): Arbiter {
  return arbiterOf(readable)
}

/** A ref's value, a list's ids, a collection's members. */
function readAll(snapshot: Snapshot, readable: Readable<unknown> | AnyCollection): Value {
  const value =
    'spec' in readable && readable.kind === 'collection' ? [...snapshot.items(readable)] : snapshot.get(readable)
  // What a Snapshot shows is plain data, whatever the type of the ref says; undefined is a member that is not there.
  return (value ?? null) as Value
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
