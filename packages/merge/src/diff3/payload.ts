import { toValue, type Value } from '@syncline/stm'
import { versionOf, type Version } from './version.ts'

/** Operations: `[VERSIONS, seed, …versions]`, each version as four items: `kind, generation, parents, value`. */
const VERSIONS = 0

/** A version that holds a value, and one that was cleared, whose value is null here. */
export const HOLDS = 0
export const CLEARED = 1

/** The operation that brings versions, each after its parents. */
export function payloadOf(versions: readonly Version[], seed: string): Value {
  const entries = versions.flatMap(({ generation, parents, value }): Value[] => {
    return value === undefined ? [CLEARED, generation, parents, null] : [HOLDS, generation, parents, value]
  })
  return [VERSIONS, seed, ...entries]
}

/** The versions in an operation; undefined when it makes no sense. */
export function versionsIn(payload: Value | undefined): readonly Version[] | undefined {
  if (!Array.isArray(payload) || payload.length < 6 || payload.length % 4 !== 2) return undefined
  const [kind, seed, ...entries] = payload as readonly Value[]
  if (kind !== VERSIONS || typeof seed !== 'string') return undefined
  const versions: Version[] = []
  for (let i = 0; i < entries.length; i += 4) {
    const [holds, generation, parents, value] = entries.slice(i, i + 4)
    if (holds === HOLDS ? value === undefined : holds !== CLEARED || value !== null) return undefined
    if (!isGeneration(generation) || !areIds(parents)) return undefined
    // Who has seen nothing is the first.
    if ((generation === 1) !== (parents.length === 0)) return undefined
    const content = holds === HOLDS ? taken(value!) : undefined
    if (content === undefined && holds === HOLDS) return undefined
    versions.push(versionOf({ generation, parents: Object.freeze([...parents]), value: content, seed }))
  }
  return versions
}

/** A value that others sent, if it is one that could have been written here: it is merged like one. */
export function taken(value: Value): Value | undefined {
  try {
    return toValue(value)
  } catch {
    // Deeper than values are, or with half of a surrogate pair.
    return undefined
  }
}

function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

/** Ids of versions, ascending, none twice. */
function areIds(value: unknown): value is readonly string[] {
  if (!Array.isArray(value)) return false
  return value.every((id, i) => typeof id === 'string' && ID.test(id) && (i === 0 || (value[i - 1] as string) < id))
}

const ID = /^[0-9a-f]{32}$/
