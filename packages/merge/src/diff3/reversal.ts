import type { Past, Reversal, Stamp, Value } from '@syncline/stm'
import { Malformed, unlessMalformed } from '../origins.ts'
import type { History } from './history.ts'
import { CLEARED, HOLDS, payloadOf, taken, versionsIn } from './payload.ts'
import {
  byGeneration,
  FORGOTTEN,
  makeVersion,
  versionOf,
  type Parent,
  type Version,
  type VersionId,
} from './version.ts'

/**
 * Takes back versions as long as nobody has written on top of them: by versions on top that hold what was there before. Values are whole, so that
 * needs neither the way they are merged nor what the ref starts with.
 *
 * What puts a version back *stands for* it, so that earlier edits are taken back after it: `restored` has pairs of the new version and the one
 * that it stands for.
 */
export const diff3Reversal: Reversal<History> = {
  inverse(before, payload, past) {
    const versions = versionsIn(payload)
    return versions && writeInverse(inverseOf(before, versions, originsIn(past)))
  },

  revert(state, undone, past) {
    const origins = originsIn(past)
    const bench = createBench(state, origins, undone[0]?.stamp)
    let superseded = false
    for (const { inverse: data } of undone) {
      const inverse = unlessMalformed(() => readInverse(data))
      if (inverse === undefined) continue
      const tips = inverse.tips.map((id) => bench.standing(origins.get(id) ?? id))
      if (tips.length === 0 || tips.includes(undefined)) superseded = true
      else bench.put(tips as readonly Version[], inverse.versions)
    }
    return { ...bench.finish(), superseded: superseded ? [''] : [] }
  },
}

const NOBODY: Stamp = { at: 0, writer: '' }

/** A version to be made again. */
interface Again {
  /** Undefined when it was cleared. */
  readonly value: Value | undefined
  /** Places among the tips and, behind them, these versions; or ids of versions that nobody has, with `generation` said. */
  readonly parents: readonly (number | VersionId)[]
  readonly generation: number
  /** What it stands for: the id of a version, `''` for what was there before anybody wrote, undefined for itself. */
  readonly origin: VersionId | undefined
}

/** What takes an operation back: where its versions end, and what is to be made on top of that. */
interface Inverse {
  readonly tips: readonly VersionId[]
  readonly versions: readonly Again[]
}

function inverseOf(before: History | undefined, made: readonly Version[], origins: Origins): Inverse | undefined {
  const own = new Map(made.map((version) => [version.id, version]))
  const known = (id: VersionId): Version | undefined => own.get(id) ?? before?.versions.get(id)
  const named = new Set(made.flatMap(({ parents }) => parents))
  const tips = made.filter(({ id }) => !named.has(id))
  /** The same value again as what stands in its place. */
  const again = (id: VersionId | undefined, parents: Again['parents']): Again | undefined => {
    if (id === undefined) return { value: undefined, parents, generation: 0, origin: '' }
    const version = known(id)
    return (
      version && {
        value: version.value,
        parents,
        generation: 0,
        origin: own.has(id) ? undefined : (origins.get(id) ?? id),
      }
    )
  }
  const complete = (versions: readonly (Again | undefined)[]): Inverse | undefined =>
    versions.includes(undefined)
      ? undefined
      : { tips: tips.map(({ id }) => id), versions: versions as readonly Again[] }

  const [tip] = tips
  if (tip === undefined) return undefined
  if (tip.parents.length > 1 && tips.length === 1) return complete(apartAgain(tip, known, own, again))
  const places = (some: readonly Version[]): readonly number[] => some.map((each) => tips.indexOf(each))
  const copies = tips.filter(({ parents }) => parents.includes(FORGOTTEN))
  const sides = tips.filter((each) => !copies.includes(each))
  // Sides of a dispute that this operation began, or took up again.
  const fork = sides.map(({ parents }) => own.get(parents[0] ?? '')).find((parent) => isSharedBy(sides, parent))
  if (fork === undefined) {
    if (copies.length === 0) return complete(tips.map(({ parents }, i) => again(parents[0], [i])))
    return sides.length === 1 ? complete([again(sides[0]!.parents[0], [...tips.keys()])]) : undefined
  }
  // Settled as people settle: by the sides, so that it can be taken back again.
  const first = tips.length + 1
  const settled = [...sides.map((_, i) => first + i), ...places(copies)]
  return complete([
    again(fork.id, places(sides)),
    ...sides.map(({ id }) => again(id, [tips.length])),
    again(fork.parents[0], settled),
  ])
}

function isSharedBy(tips: readonly Version[], parent: Version | undefined): boolean {
  return parent !== undefined && tips.filter(({ parents }) => parents.includes(parent.id)).length > 1
}

/** What one version has settled: the sides of a dispute with what was shown of it, or one value; and the copies. */
function apartAgain(
  { parents }: Version,
  known: (id: VersionId) => Version | undefined,
  own: ReadonlyMap<VersionId, Version>,
  again: (id: VersionId | undefined, parents: Again['parents']) => Again | undefined,
): readonly (Again | undefined)[] {
  const sides = parents.filter((id) => own.has(id))
  const others = parents.filter((id) => !own.has(id)).map((id) => known(id))
  if (others.includes(undefined)) return [undefined]
  const copies = (others as Version[]).sort(byGeneration)
  const versions: (Again | undefined)[] = []
  if (sides.length > 1) {
    const shown = again(own.get(sides[0]!)!.parents[0], [0])
    versions.push(shown, ...sides.map((id) => again(id, [1])))
  } else {
    // A single side that no version had to be made for is the latest of them.
    const [side = copies.shift()?.id] = sides
    versions.push(again(side, [0]))
  }
  // Who settled a copy has joined it to the rest; only as something new is it without a base again.
  for (const { value, generation } of copies) {
    versions.push({ value, parents: [FORGOTTEN], generation: Math.max(generation, 2), origin: undefined })
  }
  return versions
}

/** A version that was made here, and what it was made on top of. */
interface Made {
  readonly version: Version
  readonly over: readonly Parent[]
  readonly origin: VersionId | undefined
}

/** Where versions are made that take others back. */
function createBench(state: History | undefined, origins: Origins, stamp: Stamp = NOBODY) {
  const seed = `undo ${stamp.at} ${stamp.writer}`
  /** By what they stand for. */
  const heads = new Map<VersionId, Version>()
  for (const id of state?.heads ?? []) {
    heads.set(origins.get(id) ?? id, state!.versions.get(id)!)
  }
  let made: readonly Made[] = []

  function makeAgain({ value, parents, generation, origin }: Again, places: readonly (readonly Parent[])[]): Made {
    if (generation > 0) {
      const forgotten = parents.filter((parent) => typeof parent === 'string')
      return { version: versionOf({ generation, parents: forgotten, value, seed }), over: [], origin }
    }
    const over = parents.flatMap((place) => places[place as number] ?? [])
    return { version: makeVersion(value, over, seed), over, origin }
  }

  return {
    /** The head that is a version, or stands for it. */
    standing: (origin: VersionId): Version | undefined => heads.get(origin),

    put(tips: readonly Version[], versions: readonly Again[]): void {
      // What was only made to be taken back here need not be made at all: what it is on top of takes its place.
      const places: (readonly Parent[])[] = tips.map(
        (tip) => made.find(({ version }) => version === tip)?.over ?? [tip],
      )
      const kept = made.filter(({ version }) => !tips.includes(version))
      const added: Made[] = []
      for (const [origin, version] of heads) if (tips.includes(version)) heads.delete(origin)
      const covered = new Set(versions.flatMap(({ parents }) => parents))
      for (const [i, again] of versions.entries()) {
        const one = makeAgain(again, places)
        places.push([one.version])
        added.push(one)
        if (!covered.has(tips.length + i)) heads.set(one.origin ?? one.version.id, one.version)
      }
      made = [...kept, ...added]
    },

    finish(): { readonly payload: Value | undefined; readonly restored: Value } {
      const versions = made.map(({ version }) => version)
      return {
        payload: versions.length === 0 ? undefined : payloadOf(versions, seed),
        restored: made.flatMap(({ version, origin }) => (origin === undefined ? [] : [version.id, origin])),
      }
    },
  }
}

/** What versions that put others back stand for. */
type Origins = ReadonlyMap<VersionId, VersionId>

function originsIn(past: Past): Origins {
  const origins = new Map<VersionId, VersionId>()
  for (const data of past.restorations()) {
    if (!Array.isArray(data)) continue
    for (let i = 0; i + 1 < data.length; i += 2) {
      const [id, origin] = [data[i] as unknown, data[i + 1] as unknown]
      if (typeof id === 'string' && typeof origin === 'string') origins.set(id, origin)
    }
  }
  return origins
}

/** As data: `[[id, …], [kind, value, parents, generation, origin, …]]`, with null for no origin. */
function writeInverse(inverse: Inverse | undefined): Value | undefined {
  if (inverse === undefined) return undefined
  const versions = inverse.versions.flatMap(({ value, parents, generation, origin }): Value[] => {
    const held = value === undefined ? [CLEARED, null] : [HOLDS, value]
    return [...held, parents, generation, origin ?? null]
  })
  return [inverse.tips, versions]
}

function readInverse(data: Value): Inverse {
  if (!Array.isArray(data) || !Array.isArray(data[0]) || !Array.isArray(data[1])) throw new Malformed()
  const [first, second] = data as readonly (readonly Value[])[]
  const tips = first!.map((id) => {
    if (typeof id !== 'string') throw new Malformed()
    return id
  })
  const versions: Again[] = []
  for (let i = 0; i < second!.length; i += 5) {
    const [kind, value, parents, generation, origin] = second!.slice(i, i + 5)
    const held = kind === HOLDS && value !== undefined ? taken(value) : undefined
    if (kind === HOLDS ? held === undefined : kind !== CLEARED) throw new Malformed()
    if (!isCount(generation) || !Array.isArray(parents)) throw new Malformed()
    if (origin !== null && typeof origin !== 'string') throw new Malformed()
    const places = parents as readonly unknown[]
    const isForgotten = generation > 0
    const room = tips.length + versions.length
    const fits = places.every((place) => (isForgotten ? typeof place === 'string' : isCount(place) && place < room))
    if (!fits || (!isForgotten && places.length === 0)) throw new Malformed()
    versions.push({
      value: held,
      parents: places as Again['parents'],
      generation,
      origin: origin ?? undefined,
    })
  }
  return { tips, versions }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
