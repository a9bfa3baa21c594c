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
import { isNotLoaded } from '../ledger.ts'
import { readMark, type Mark, type Probe } from '../probes.ts'

/** One replica, and what it shows. */
export interface Replica {
  readonly party: string
  readonly snapshot: Snapshot
}

/** Says in which way two replicas differ that should not; undefined when they are the same. `alsoBrowser`: they share a browser. */
export type Comparison = (one: Replica, other: Replica, alsoBrowser: boolean) => string | undefined

/** Compares replicas of one app, each of which is read once. */
export function createComparison(app: SimulatedApp, probes: ReadonlyMap<string, Probe>): Comparison {
  const images = new Map<Replica, Image>()
  const refs = Object.entries(app.refs).map(([name, readable]) => ({
    name,
    readable,
    isBrowsers: arbiterOfReadable(readable) === 'browser',
  }))

  function imageOf(replica: Replica): Image {
    let image = images.get(replica)
    if (image === undefined) {
      const { snapshot } = replica
      const values = refs.map(({ readable }) => valueIn(snapshot, readable))
      const marks = new Map([...probes].map(([session, probe]) => [session, readMark(snapshot, probe)]))
      images.set(
        replica,
        (image = {
          values,
          bytes: values.map((value) => (value === undefined ? undefined : encodeValue(value))),
          marks,
        }),
      )
    }
    return image
  }

  return (one, other, alsoBrowser) => {
    if (one === other) return undefined
    // What a browser has decided about alone stands in its own bases, under writers that nobody else hears of.
    const comparable = (basis: Basis): Basis => (alsoBrowser ? basis : { ...basis, writers: new Map() })
    const [basis, itsBasis] = [wordsOf(comparable(one.snapshot.basis)), wordsOf(comparable(other.snapshot.basis))]
    if (basis !== itsBasis) return `${one.party} is at ${basis}, ${other.party} at ${itsBasis}`
    const [image, itsImage] = [imageOf(one), imageOf(other)]
    for (const [at, { name, isBrowsers }] of refs.entries()) {
      if (isBrowsers && !alsoBrowser) continue
      const [bytes, itsBytes] = [image.bytes[at], itsImage.bytes[at]]
      if (bytes === undefined || itsBytes === undefined || equalBytes(bytes, itsBytes)) continue
      const [value, itsValue] = [image.values[at], itsImage.values[at]]
      return `${one.party} reads ${name} = ${JSON.stringify(value)}, ${other.party} reads ${JSON.stringify(itsValue)}, both at ${basis}`
    }
    for (const session of probes.keys()) {
      const [mark, itsMark] = [image.marks.get(session)!, itsImage.marks.get(session)!]
      if (mark.count === itsMark.count && equalValues(mark.latest, itsMark.latest)) continue
      return `${one.party} sees of ${session} ${JSON.stringify(mark)}, ${other.party} ${JSON.stringify(itsMark)}, both at ${basis}`
    }
    return undefined
  }
}

/** What a replica shows. */
interface Image {
  /** Undefined where it is not in memory. */
  readonly values: readonly (Value | undefined)[]
  readonly bytes: readonly (Uint8Array | undefined)[]
  readonly marks: ReadonlyMap<string, Mark>
}

/** A basis, the same words for the same one. */
function wordsOf({ epoch, relaySeq, writers }: Basis): string {
  const pending = [...writers].map(([writer, seq]) => `${writer.slice(0, 8)}:${seq}`).sort()
  return `(${epoch?.slice(0, 8) ?? 'no relay'} ${relaySeq}${pending.length > 0 ? ` + ${pending.join(' ')}` : ''})`
}

function arbiterOfReadable(readable: Readable<unknown> | AnyCollection): Arbiter {
  return arbiterOf(readable)
}

/** What a replica reads; undefined when it is on demand and not in memory. */
function valueIn(snapshot: Snapshot, readable: Readable<unknown> | AnyCollection): Value | undefined {
  try {
    return readAll(snapshot, readable)
  } catch (error) {
    if (isNotLoaded(error)) return undefined
    throw error
  }
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
